// The table of schedules, and the page of each.

import { age, aging, h, icon, keyed, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { to } from "./router.js";
import { ago, count, moment, when } from "./format.js";
import { button, empty, head, table } from "./parts.js";
import { pageKeys } from "./keys.js";
import { edit } from "./schedule-form.js";
import { one } from "./schedule.js";
import { legend, strip } from "./strip.js";
import { isDue, occurrenceID, rhythm, runNow, setPaused, stateBadge, watchMissed } from "./scheduling.js";

const pageSize = 50;

export const page = (root, context) => (context.id ? one(root, context) : all(root, context));

function all(root, { params, signal }) {
  const missed = new Map(); // of the last day, by schedule
  let known = null;
  const list = h("div");
  const pager = h("div", { class: "pager" });
  const t = table("Schedules", [{ label: "State", class: "narrow-col" }, { label: "Schedule", class: "wide" }, { label: "Runs" }, { label: "Last", class: "narrow-col" },
    { label: "Next", class: "narrow-col" }, { label: "Missed", class: "right narrow-col" }, ...(api.mayChange() ? [{ label: "", class: "narrow-col" }] : [])]);
  const add = () => edit(null, () => soon());
  put(root, head("Schedules", "What creates missions at times, by id.", api.mayChange() && button([icon("plus"), "New schedule"], add, "primary", { title: "n" })),
    h("div", { class: "panel" }, h("div", { class: "toolbar-status" }, legend()), list, pager));
  if (api.mayChange()) pageKeys({ n: ["New schedule", add] });

  function row(s) {
    const { next_times: next = [], last_at: last } = s;
    const words = (last ? "last " + when(last) + ", " : "") + (s.next_at ? "next " + when(s.next_at) : "never due") + (s.missedTimes.length ? ", missed some within a day" : "");
    return t.row({}, [
      stateBadge(s),
      [h("a", { class: "cell-main", href: to("schedules", s.id), "data-row": true }, s.id), h("div", { class: "cell-sub" }, rhythm(s)), h("div", { class: "muted" }, s.mission.name)],
      strip({ runs: last ? [{ at: last, tone: "completed", what: "has a mission" }] : [], missed: s.missedTimes, next }, "Runs of " + s.id + ": " + words),
      last ? h("a", { href: to("mission", occurrenceID(s.id, last)), title: moment(last) }, aging({}, () => ago(last))) : h("span", { class: "muted" }, "–"),
      s.next_at ? aging({ title: moment(s.next_at) }, () => ago(s.next_at)) : h("span", { class: "muted" }, "–"),
      [count(s.missed), s.last_error && h("div", { class: "error-line", title: s.last_error }, s.last_error)],
      ...(api.mayChange() ? [h("div", { class: "actions" },
        button("Run now", () => runNow(s.id, soon), "small", { "aria-label": "Run now " + s.id }),
        button(s.paused ? "Resume" : "Pause", () => setPaused(s.id, !s.paused, soon), "small", { "aria-label": (s.paused ? "Resume " : "Pause ") + s.id }))] : []),
    ]);
  }

  function show() {
    if (!known) return;
    const { schedules, total, next_cursor: next } = known;
    if (schedules.length) {
      keyed(t.body, schedules.map((s) => ({ ...s, missedTimes: missed.get(s.id) ?? [] })), (s) => s.id, row);
      if (list.firstChild !== t.element) put(list, t.element);
    } else put(list, empty("No schedules yet", "A schedule creates missions at times. Add the first one here or in a terminal:", "supervisor schedules set nightly \"report\" --cron \"0 2 * * *\""));
    putNew(pager, [total, schedules.length, next, params.get("cursor")], () => [
      h("span", { class: "number" }, count(total) + (total === 1 ? " schedule" : " schedules")),
      h("div", { class: "actions" },
        params.get("cursor") && h("a", { class: "button", href: to("schedules") }, "First"),
        next && h("a", { class: "button", href: to("schedules", "", { cursor: next }) }, "More"))]);
  }

  const load = async () => {
    known = await api.get("api/schedules", { limit: pageSize, times: true, cursor: params.get("cursor") }, { signal });
    show();
  };
  const soon = repeat(30000, load, signal);
  repeat(1000, async () => {
    age(t.body);
    if (known?.schedules.some(isDue)) soon();
  }, signal);
  watchMissed(missed, signal, () => { show(); soon(); });
}
