// The table of limits, and the page of each.

import { age, h, icon, keyed, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { to } from "./router.js";
import { count } from "./format.js";
import { button, empty, head, table } from "./parts.js";
import { pageKeys } from "./keys.js";
import { onLimits, readLimits } from "./limiting.js";
import { against, appliesTo, opensAt, rateText, spentOf, stateBadge, waitingOf } from "./limit-words.js";
import { edit } from "./limit-form.js";
import { one } from "./limit.js";
import { everythingPaused, pauseAll, setPaused } from "./stop.js";

export const page = (root, context) => (context.id ? one(root, context) : all(root, context));

const command = "supervisor limits set anthropic --total 25 --per-key 3 --rate 60/1m";

function all(root, { signal }) {
  let known = null;
  const list = h("div");
  const pager = h("div", { class: "pager" });
  const t = table("Limits", [{ label: "State", class: "narrow-col state-col" }, { label: "Limit", class: "wide limit-col" }, { label: "Running", class: "meter-cell" }, { label: "Waiting", class: "right narrow-col" },
    { label: "Rate", class: "narrow-col" }, { label: "Budget spent", class: "meter-cell" }, ...(api.mayChange() ? [{ label: "", class: "narrow-col" }] : [])]);
  const add = () => edit(null, () => soon());
  const stop = button("Pause everything", () => pauseAll({ after: () => soon() }), "danger");
  put(root, head("Limits", "How many missions run, start and spend, by name.", ...(api.mayChange() ? [stop, button([icon("plus"), "New limit"], add, "primary", { title: "n" })] : [])),
    h("div", { class: "panel" }, list, pager));
  everythingPaused((yes) => { stop.hidden = yes; }, signal);
  const toggle = (l) => setPaused(l, !l.paused, () => soon());
  if (api.mayChange()) {
    pageKeys({
      n: ["New limit", add],
      p: ["Pause the row, or resume it", () => {
        const name = document.activeElement.closest?.("tr")?.dataset.key;
        const l = known?.find((each) => each.name === name);
        if (l) toggle(l);
      }],
    });
  }

  // row makes a row once; what is counted changes within it, so that nothing goes away under a finger.
  function row({ name, type, note, paused }) {
    const cells = Object.fromEntries(["state", "running", "waiting", "rate", "spent"].map((cell) => [cell, h("div")]));
    const tr = t.row({}, [
      cells.state,
      [h("a", { class: "cell-main", href: to("limits", name), "data-row": true }, name), h("div", { class: "cell-sub" }, appliesTo({ type })), note && h("div", { class: "muted" }, note)],
      cells.running, cells.waiting, cells.rate, cells.spent,
      ...(api.mayChange() ? [button(paused ? "Resume" : "Pause", () => toggle(known.find((l) => l.name === name)), "small", { "aria-label": (paused ? "Resume " : "Pause ") + name })] : []),
    ]);
    tr.parts = cells;
    return tr;
  }

  const none = () => h("span", { class: "muted" }, "–");

  function fill({ parts: cells }, l) {
    putNew(cells.state, [l.full, l.opens_at, l.keys_full], () => [stateBadge(l), l.opens_at && h("div", { class: "cell-sub" }, "opens ", opensAt(l)), l.keys_full > 0 && h("div", { class: "cell-sub" }, count(l.keys_full) + (l.keys_full === 1 ? " key full" : " keys full"))]);
    putNew(cells.running, [l.running, l.total], () => against(l.running, l.total));
    putNew(cells.waiting, [l.waiting, l.type, l.full], () => waitingOf(l));
    putNew(cells.rate, [l.rate], () => (l.rate ? rateText(l.rate) : none()));
    putNew(cells.spent, [l.spent, l.budget], () => (l.budget ? spentOf(l) : none()));
  }

  function show(limits) {
    known = limits;
    if (!limits.length) {
      put(list, empty("No limits yet", "A limit says how many missions run at once, how many start and how much they spend in some time, for all of them and for each key, such as a tenant. Add the first one here or in a terminal:", command));
      put(pager);
      return;
    }
    keyed(t.body, limits.map(({ name, type, note, paused }) => ({ name, type, note, paused })), (l) => l.name, row);
    limits.forEach((l, i) => fill(t.body.children[i], l));
    if (list.firstChild !== t.element) put(list, t.element);
    putNew(pager, limits.length, () => h("span", { class: "number" }, count(limits.length) + (limits.length === 1 ? " limit" : " limits")));
  }

  onLimits(show, signal);
  const soon = repeat(5000, () => readLimits({ signal }), signal);
  repeat(1000, async () => age(t.body), signal);
}
