// Requests about limits. Whoever reads them tells all who listen, so that the frame and a page show the same.

import * as api from "./api.js";
import { Source } from "./json.js";
import { when } from "./format.js";

export const limitPath = (name) => "api/limits/" + encodeURIComponent(name);

export const allTypes = "*"; // the type of a limit that applies to all missions
const most = 1000; // as many as there can be

// limitOf is a limit whose keys can have any name, also one whose value a reply keeps as source.
const limitOf = (l) => ({ ...l, keys: Object.fromEntries(Object.entries(l.keys ?? {}).map(([key, value]) => [key, value instanceof Source ? JSON.parse(value.text) : value])) });

const listeners = new Set();
let known = null; // all limits as they were read last
let asked = 0;
let newest = 0; // the question about all limits that was answered
let changes = 0; // that were made here

function tell(limits) {
  known = limits;
  listeners.forEach((call) => call(known));
}

// onLimits calls back with all limits when they have been read, and now if that is so, until a signal is aborted.
export function onLimits(call, signal) {
  listeners.add(call);
  signal.addEventListener("abort", () => listeners.delete(call));
  if (known) call(known);
}

// readLimits returns all limits. What was asked before an answer that is there, or before a change, is not told.
export async function readLimits(options) {
  for (;;) {
    const mine = ++asked;
    const before = changes;
    const limits = (await api.get("api/limits", { limit: most }, options)).limits.map(limitOf);
    if (before !== changes) continue;
    if (mine > newest) {
      newest = mine;
      tell(limits);
    }
    return limits;
  }
}

// readLimit returns one limit, null if there is none.
export async function readLimit(name, options) {
  const mine = ++asked;
  const before = changes;
  const limit = await api.get(limitPath(name), {}, options).then(limitOf, (error) => {
    if (error.status === 404) return null;
    throw error;
  });
  if (before === changes && mine > newest) merge(name, limit);
  return limit;
}

function merge(name, limit) {
  if (!known) return;
  const others = known.filter((l) => l.name !== name);
  tell(limit ? [...others, limit].sort((a, b) => (a.name < b.name ? -1 : 1)) : others);
}

function changed(name, limit) {
  changes++;
  merge(name, limit);
}

export async function setLimit(name, spec) {
  const limit = limitOf(await api.put(limitPath(name), spec));
  changed(name, limit);
  return limit;
}

export async function deleteLimit(name) {
  await api.remove(limitPath(name));
  changed(name, null);
}

// specOf is what a limit says, without what the supervisor adds.
const fields = ["type", "total", "per_key", "rate", "budget", "max_pending_per_key", "paused", "keys", "note"];
export const specOf = (l) => Object.fromEntries(fields.filter((name) => l[name] !== undefined && l[name] !== null).map((name) => [name, l[name]]));

const tries = 4; // of a change that others overtake

// amendLimit changes a part of what a limit says. What somebody changes meanwhile is not lost.
export async function amendLimit(name, change) {
  for (let n = 1; ; n++) {
    const l = limitOf(await api.get(limitPath(name)));
    try {
      return await setLimit(name, { ...change(specOf(l)), if_changed_at: l.changed_at });
    } catch (error) {
      if (error.status !== 409 || n === tries) throw error;
    }
  }
}

// byWhom says who has changed a limit last.
export const byWhom = ({ by, by_proven: proven }) => (by ? "by " + by + (proven ? "" : " (unproven)") : "");

// overtaken is the error of a change that was not made because somebody else's came before it.
export async function overtaken(error, name) {
  if (error.status !== 409) return error;
  const l = await readLimit(name).catch(() => null);
  const who = l ? [" It was changed", byWhom(l), "at " + when(l.changed_at) + "."].filter(Boolean).join(" ") : "";
  return new Error("Nothing is saved: " + error.message + "." + who + " Open the form again to see what it says now.");
}
