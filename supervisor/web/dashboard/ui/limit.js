// One limit: what it counts, what it says, its keys, and what can be done with it.

import { age, h, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { go, to } from "./router.js";
import { count, moment } from "./format.js";
import { button, empty, facts, head, panel } from "./parts.js";
import { pageKeys } from "./keys.js";
import { byWhom, onLimits, readLimit } from "./limiting.js";
import { against, appliesTo, budgetText, opensAt, rateText, spentOf, stateBadge, waitingOf, why } from "./limit-words.js";
import { edit } from "./limit-form.js";
import { keysOf, setKey } from "./limit-keys.js";
import { removeLimit, setPaused } from "./stop.js";

export function one(root, { id, signal }) {
  const top = h("div");
  const state = h("span");
  const figures = ["State", "Running", "Waiting", "Budget spent", "Opens", "Keys full"].map((label) => [label, h("div", { class: "count-value" })]);
  const cells = Object.fromEntries(figures);
  const about = h("div");
  const keys = keysOf(id, () => known, () => soon());
  const body = h("div", { class: "grid", hidden: true },
    panel("Now", h("dl", { class: "counts-list" }, figures.map(([label, cell]) => h("div", null, h("dt", null, label), h("dd", null, cell)))), { span: 8 }),
    panel("Settings", about, { span: 4 }),
    panel("Keys", keys.element, { span: 12, flush: true, aside: api.mayChange() && button("Set a key", () => known && setKey(known, "", () => soon()), "small") }));
  put(root, top, body);
  put(top, head(id));
  let known = null;

  const toggle = () => known && setPaused(known, !known.paused, () => soon());

  function show(l) {
    known = l;
    body.hidden = !l;
    if (!l) {
      putNew(top, null, () => [head(id), empty("There is no such limit", "It may have been deleted. Missions that name it run without it."),
        api.mayChange() && h("p", { class: "centred" }, button("Add limit " + id, () => edit(null, () => soon(), id)))]);
      return;
    }
    putNew(top, [l.paused, l.type, l.note], () => [head([id, " ", state], "Applies to " + appliesTo(l) + "." + (l.note ? " " + l.note : ""), ...(api.mayChange() ? [
      button(l.paused ? "Resume" : "Pause", toggle, "", { title: "p" }),
      button("Change", () => edit(known, () => soon())), button("Delete", () => removeLimit(known, () => go(to("limits"))), "danger")] : []))]);
    putNew(state, l.full, () => stateBadge(l));
    putNew(cells.State, l.full, () => why(l));
    putNew(cells.Running, [l.running, l.total], () => against(l.running, l.total));
    putNew(cells.Waiting, [l.waiting, l.type, l.full], () => waitingOf(l));
    putNew(cells["Budget spent"], [l.spent, l.budget], () => (l.budget ? spentOf(l) : "no bound"));
    putNew(cells.Opens, [l.opens_at, l.full], () => (l.opens_at ? opensAt(l) : l.full ? "not by itself" : h("span", { class: "muted" }, "–")));
    putNew(cells["Keys full"], l.keys_full, () => count(l.keys_full));
    putNew(about, { ...l, running: 0, waiting: 0, spent: 0, full: "", opens_at: 0, busiest: [] }, () => facts([
      ["Total", bound(l.total)], ["Per key", bound(l.per_key)], ["Rate", l.rate ? rateText(l.rate) : "no bound"], ["Budget", l.budget ? budgetText(l.budget) : "no bound"],
      ["Pending per key", bound(l.max_pending_per_key)], ["Changed", [moment(l.changed_at), byWhom(l)].join(" ")], ["Created", moment(l.created_at)]]));
    keys.show(l);
  }

  onLimits((limits) => show(limits.find((l) => l.name === id) ?? null), signal);
  const soon = repeat(3000, () => readLimit(id, { signal }), signal);
  repeat(1000, async () => age(body), signal);
  if (api.mayChange()) pageKeys({ p: ["Pause, or resume", toggle], n: ["Set a key", () => known && setKey(known, "", () => soon())] });
}

const bound = (n) => (n === undefined || n === null ? "no bound" : count(n));
