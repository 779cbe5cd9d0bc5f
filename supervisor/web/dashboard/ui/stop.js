// The kill switch: a limit that applies to all missions is paused, and nothing starts. The banner says so on every page.

import { h, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { to } from "./router.js";
import { count, moment, when } from "./format.js";
import { button, dialog, field, toast } from "./parts.js";
import { allTypes, amendLimit, byWhom, deleteLimit, onLimits, readLimits, setLimit } from "./limiting.js";
import { stopped } from "./title.js";

const newName = "everything"; // of the limit that is added if there is none of all missions
const word = "pause"; // what is typed so that it is not done by accident

const ofAll = (l) => l.type === allTypes;
const always = new AbortController().signal;
let pausing = []; // the limits by which everything is paused
let limits = [];

// isPaused tells whether everything is paused, and resume lets it go on.
export const isPaused = () => pausing.length > 0;
export const resume = () => resumeAll(pausing);

// everythingPaused calls back with whether everything is paused, now and when that changes.
export const everythingPaused = (call, signal) => onLimits((all) => call(all.some((l) => ofAll(l) && l.paused)), signal);

const names = (list) => list.map(({ name }) => "“" + name + "”").join(" and ");

// banner says that everything is paused, as long as it is.
export function banner() {
  const element = h("section", { class: "banner stopped", "data-state": "error", "aria-label": "Everything is paused", role: "alert", hidden: true });
  onLimits((all) => {
    limits = all;
    pausing = all.filter((l) => ofAll(l) && l.paused);
    element.hidden = pausing.length === 0;
    stopped(pausing.length > 0);
    putNew(element, pausing.map((l) => [l.name, l.by, l.by_proven, l.changed_at]), () => pausing.length > 0 && [
      h("strong", null, "Everything is paused: no mission starts."),
      h("span", null, pausing.map((l, i) => [i > 0 && " ", h("span", { title: moment(l.changed_at) }, said(l)), " ", pausing.length > 1 || l.name !== newName ? h("a", { href: to("limits", l.name) }, "Limit " + l.name) : ""])),
      api.mayChange() && button("Resume", () => resumeAll(pausing), "small")]);
  }, always);
  return element;
}

function said(l) {
  const text = [byWhom(l), "since " + when(l.changed_at)].filter(Boolean).join(", ") + ".";
  return text[0].toUpperCase() + text.slice(1);
}

// chosen is the limit of all missions that is paused, by the name that was asked for, the usual one, or the first one.
function chosen(all, name) {
  const fit = all.filter(ofAll);
  return fit.find((l) => l.name === name) ?? fit.find((l) => l.name === newName) ?? fit[0];
}

// freeName is one that no limit has.
function freeName(all) {
  for (let n = 1; ; n++) {
    const name = n === 1 ? newName : newName + "-" + n;
    if (!all.some((l) => l.name === name)) return name;
  }
}

async function pause(name) {
  const all = await readLimits();
  const l = chosen(all, name);
  if (!l) return setLimit(freeName(all), { type: allTypes, paused: true, note: "Pauses everything." });
  return amendLimit(l.name, (spec) => {
    if (spec.type !== allTypes) throw new Error("Limit “" + l.name + "” has changed meanwhile: it does not apply to all missions any more.");
    return { ...spec, paused: true };
  });
}

// pauseAll asks for a word, and pauses everything: by a limit of that name, or else by one that is found or added.
export function pauseAll({ name, after = () => {} } = {}) {
  const about = h("ul", { class: "consequences" });
  const typed = h("input", { type: "text", name: "word", autocomplete: "off", autocapitalize: "none", spellcheck: "false", autofocus: true });
  const box = dialog({
    title: "Pause everything?", action: "Pause everything", danger: true,
    body: [about, field("Type “" + word + "” to confirm", typed)],
    submit: async () => {
      if (!fits()) throw new Error("Type “" + word + "” to confirm.");
      await pause(name);
      toast("Everything is paused.");
      after();
    },
  });
  const go = box.querySelector("[type=submit]");
  const fits = () => typed.value.trim().toLowerCase() === word;
  const check = () => { go.disabled = !fits(); };
  typed.addEventListener("input", check);
  check();
  const show = (stats) => {
    const all = limits.filter(ofAll);
    const l = chosen(limits, name);
    put(about, h("li", null, "No mission starts, of any type, until somebody resumes. " + (stats ? count(stats.pending) + (stats.pending === 1 ? " waits." : " wait.") : "")),
      h("li", null, "What runs goes on" + (stats ? ": " + count(stats.running) + (stats.running === 1 ? " mission." : " missions.") : ".") + " Missions can be created."),
      h("li", null, l ? "Limit “" + l.name + "”" + (all.length > 1 ? ", one of " + count(all.length) + " that apply to all missions," : "") + " is paused, and keeps its other settings." : "A limit named “" + freeName(limits) + "” is added, which applies to all missions."));
  };
  show(null);
  figures().then(show, () => {}); // it can be done without them
}

const figures = async () => {
  const { by_status: by } = (await api.get("api/missions/stats")).stats;
  return { pending: by.PENDING ?? 0, running: by.RUNNING ?? 0 };
};

// resumeAll asks whether it is meant, and lets missions start again that some limits hold back.
export function resumeAll(which, after = () => {}) {
  const others = pausing.filter((l) => !which.some(({ name }) => name === l.name));
  dialog({
    title: "Resume everything?", action: "Resume",
    text: others.length ? "Limit " + names(which) + " is resumed. Everything stays paused by " + names(others) + "." : "Missions start again at once, as far as other limits let them. Limit " + names(which) + " keeps its other settings.",
    submit: async () => {
      for (const { name } of which) await amendLimit(name, (spec) => ({ ...spec, paused: false }));
      toast(others.length ? "Resumed." : "Missions start again.");
      after();
    },
  });
}

// setPaused pauses a limit or lets it go on. One that applies to all missions asks first.
export async function setPaused(l, paused, after) {
  if (ofAll(l)) {
    paused ? pauseAll({ name: l.name, after }) : resumeAll([l], after);
    return;
  }
  try {
    await amendLimit(l.name, (spec) => ({ ...spec, paused }));
    toast(paused ? "Paused: no mission starts that it applies to. What runs goes on." : "Resumed.");
  } catch (error) {
    toast(error.message, "bad");
  }
  after();
}

// removeLimit asks whether it is meant, and deletes a limit.
export function removeLimit(l, after) {
  dialog({
    title: "Delete “" + l.name + "”?", action: "Delete limit", danger: true,
    text: (ofAll(l) && l.paused ? "Everything is paused by this limit: missions start again at once. " : "Missions that it applies to start without it. ") + "Its settings are deleted permanently.",
    submit: async () => {
      await deleteLimit(l.name);
      toast("Limit deleted.");
      after();
    },
  });
}
