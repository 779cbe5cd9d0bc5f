// What missions wait for, in words.

import { h } from "./dom.js";
import { to } from "./router.js";
import { count } from "./format.js";
import { statusName } from "./parts.js";

export const open = (wait) => !wait.met && !wait.status;

// conditionText says what a condition waits for.
export function conditionText({ mission, batch, signal, when }) {
  if (signal) return "signal " + signal;
  return (when === "ended" ? "the end of " : "") + (mission ? "mission " + mission : "batch " + batch);
}

// condition is conditionText with a link to what has a page.
export function condition(wait) {
  const text = conditionText(wait);
  if (wait.mission) return h("a", { href: to("mission", wait.mission) }, text);
  if (wait.batch) return h("a", { href: to("missions", "", { batch: wait.batch }) }, text);
  return text;
}

// conditions is the list of what a mission waits for, with what has become of each.
export const conditions = (waits) => h("ol", { class: "waits-list" }, waits.map((wait) => {
  const failed = wait.status && !wait.met;
  return h("li", { "data-tone": wait.met ? "completed" : failed ? "failed" : "pending" }, h("span", { class: "tick", "aria-hidden": "true" }, wait.met ? "✓" : failed ? "✗" : "○"),
    h("span", null, condition(wait), wait.prompt && h("span", { class: "muted why" }, wait.prompt)),
    h("span", { class: "muted" }, wait.status ? statusName(wait.status).toLowerCase() : wait.met ? "has come" : "not yet"));
}));

// waitsFor says in a line what a mission waits for: the first condition that is open, and how
// many others are.
export function waitsFor(m) {
  const left = (m.waiting_for ?? []).filter(open);
  if (!left.length) return "waits for a time";
  const more = left.length - 1;
  return "waits for " + conditionText(left[0]) + (more ? " and " + count(more) + (more === 1 ? " other" : " others") : "");
}
