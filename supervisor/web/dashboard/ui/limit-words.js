// What a limit says, in words and meters.

import { aging, h } from "./dom.js";
import { to } from "./router.js";
import { ago, count, duration, figure, moment, now, short, when } from "./format.js";
import { badge, meter } from "./parts.js";
import { allTypes } from "./limiting.js";

const busiest = 10; // keys of which a limit says how many missions run

export const appliesTo = ({ type }) => (!type ? "missions that name it" : type === allTypes ? "all missions" : "missions of the type " + type);

const states = {
  "": ["ok", "Open"], paused: ["firing", "Paused"], total: ["draining", "Full: total"], rate: ["draining", "Full: rate"],
  budget: ["draining", "Full: budget"], blocked: ["draining", "Told to wait"],
};

export const stateBadge = ({ full }) => badge(...(states[full] ?? ["draining", "Full: " + full]));

export const stateName = ({ full }) => states[full]?.[1] ?? full;

// why says in a sentence why no mission starts.
export const why = ({ full, blocked_until: until }) => ({
  "": "Missions start.", paused: "Paused: no mission starts.", total: "As many run as may.", rate: "As many have started as may for now.",
  budget: "The budget of this window is spent.", blocked: "An agent was told to wait until " + moment(until) + ".",
})[full] ?? full;

// ofKey is what a limit says of a key, and how many of its missions run; null if that is not known.
export function ofKey(l, key) {
  const { per_key: bound = l.per_key, weight = 1, paused = false } = Object.hasOwn(l.keys, key) ? l.keys[key] : {};
  const busy = l.busiest.find((each) => each.key === key)?.running;
  return { key, bound: bound ?? null, weight, paused, running: busy ?? (l.busiest.length < busiest ? 0 : null) };
}

// holds says in a sentence why a limit lets a mission not start; "" if it lets it, as far as that is known.
export function holds(l, m) {
  if (l.type !== allTypes && l.type !== m.type && !m.limits?.includes(l.name)) return "";
  if (l.full) return why(l);
  if (!m.key) return "";
  const { bound, paused, running } = ofKey(l, m.key);
  return paused ? "Its key “" + m.key + "” is paused." : bound !== null && running !== null && running >= bound ? "As many run of its key “" + m.key + "” as may." : "";
}

const share = (n, of) => (of > 0 ? n / of : 1); // of nothing, anything is all

// against shows how many of as many as there may be, or how many if that has no bound.
export function against(n, of) {
  if (of === undefined || of === null) return h("span", { class: "number" }, count(n));
  return meter(share(n, of), count(n) + " / " + count(of), n >= of ? "cancelled" : "running");
}

// windowEnds is when the window of a budget ends. Windows are counted from the Unix epoch.
export const windowEnds = ({ per_seconds: per }) => (Math.floor(now() / per) + 1) * per;

const amount = (n) => (n < 10_000 ? figure(n) : short(n));

export function spentOf({ spent, budget }) {
  const part = share(spent, budget.amount);
  return [meter(part, amount(spent) + " / " + amount(budget.amount) + " " + budget.unit, part >= 1 ? "failed" : part >= 0.8 ? "cancelled" : "running"),
    aging({ class: "cell-sub" }, () => "until " + when(windowEnds(budget)))];
}

export const rateText = ({ count: n, per_seconds: per }) => short(n) + " in " + duration(per);
export const budgetText = ({ unit, amount, per_seconds: per }) => figure(amount) + " " + unit + " in " + duration(per);

export const opensAt = ({ opens_at: at }) => aging({ title: moment(at) }, () => (at < now() + 2 ? "now" : ago(at)));

// waitingOf is how many missions wait, and the list of them where there is one: it does not filter by a limit's name.
export function waitingOf({ type, full, waiting }) {
  if (!type || !waiting) return count(waiting);
  return h("a", { href: to("missions", "", { ...(full ? { waiting: "limit" } : { status: "PENDING" }), type: type === allTypes ? "" : type }) }, count(waiting));
}
