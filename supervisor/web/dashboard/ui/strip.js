// A schedule's times on an axis: those that ran, those that were missed, and those to come.

import { h } from "./dom.js";
import { ago, count, now, when } from "./format.js";

// strip draws {runs: [{at, tone, what}], missed: [{from, to, count}], next: [at]}. A list says the same in words where
// there is room for one.
export function strip({ runs = [], missed = [], next = [] }, label) {
  const at = now();
  const times = [at, ...runs.map((run) => run.at), ...missed.flatMap(({ from, to }) => [from, to]), ...next];
  const first = Math.min(...times);
  const length = Math.max(1, Math.max(...times) - first);
  const share = (time) => ((time - first) / length) * 100;
  const left = (time) => ({ left: share(time) + "%" });
  return h("div", { class: "strip", role: "img", "aria-label": label },
    h("i", { class: "past", style: { width: share(at) + "%" } }),
    missed.map(({ from, to, count: n }) => h("i", { class: "missed", style: { ...left(from), width: share(to) - share(from) + "%" }, title: missedWords({ from, to, count: n }) })),
    next.map((time) => h("i", { class: "next", style: left(time), title: "Due " + when(time) + ", " + ago(time) })),
    runs.map(({ at: time, tone, what }) => h("i", { class: "run", "data-tone": tone, style: left(time), title: when(time) + ": " + what })),
    h("i", { class: "now", style: left(at), title: "Now" }));
}

// missedWords says which times were missed.
export const missedWords = ({ from, to, count: n }) => (n === 1 ? "Missed: " + when(from) : count(n) + " times missed, from " + when(from) + " to " + when(to));

// legend says what the marks mean.
export const legend = () => h("div", { class: "legend" },
  [["run", "completed", "Ran"], ["missed", "failed", "Missed"], ["next", "running", "To come"]].map(([kind, tone, name]) => h("span", { class: "swatch strip-" + kind, "data-tone": tone }, name)));
