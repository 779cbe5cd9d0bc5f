// One schedule: its last and next runs, what it says, and what can be done with it.

import { age, aging, h, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { go, to } from "./router.js";
import { ago, count, duration, moment, now, when } from "./format.js";
import { badge, button, empty, facts, head, panel, statusName, tones } from "./parts.js";
import { code } from "./code.js";
import { pageKeys } from "./keys.js";
import { edit } from "./schedule-form.js";
import { legend, missedWords, strip } from "./strip.js";
import { isDue, occurrenceID, removeSchedule, rhythm, runNow, schedulePath, setPaused, stateBadge, watchMissed } from "./scheduling.js";

const shown = 10; // runs before now
const ahead = 5;

export function one(root, { id, signal }) {
  const missed = new Map();
  const top = h("div");
  const axis = h("div");
  const runs = h("ul", { class: "runs", "aria-label": "Runs" });
  const about = h("div");
  const data = h("div");
  const body = h("div", { class: "grid", hidden: true },
    panel("Runs", [axis, runs], { span: 8, aside: legend() }), h("div", { class: "span-4" }, panel("About", about), panel("Data of its missions", data)));
  put(root, top, body);
  put(top, head(id));
  let known; // the schedule, the times before now, and what became of them

  function show() {
    const { schedule: s, past } = known;
    body.hidden = false;
    putNew(top, [id, s.paused, s.next_at === null, s.changed_at], () => [head([id, " ", stateBadge(s)], rhythm(s), ...(api.mayChange() ? [
      button("Run now", () => runNow(id, soon), "", { title: "r" }), button(s.paused ? "Resume" : "Pause", () => setPaused(id, !s.paused, soon), "", { title: "p" }),
      button("Change", () => edit(s, soon)), button("Delete", () => removeSchedule(id, () => go(to("schedules"))), "danger")] : []))]);
    const ranges = missed.get(id) ?? [];
    const next = s.next_times ?? [];
    put(axis, h("div", { class: "strip-holder" }, strip({ runs: past.filter((run) => run.mission).map(ran), missed: ranges, next }, "The last and next times of " + id + ", which the list has in words")));
    axis.querySelector(".strip").classList.add("large");
    putNew(runs, [past, ranges, next], () => [
      next.slice().reverse().map((at) => h("li", null, h("span", { class: "number" }, moment(at)), aging({ class: "muted" }, () => ago(at)))),
      past.slice().reverse().map((run) => h("li", null, h("span", { class: "number" }, moment(run.at)), outcome(run, ranges)))]);
    putNew(about, [s], () => [facts([
      ["Mission", s.mission.name], ["Type", s.mission.type ?? "default"], ["Missed", count(s.missed) + (s.missed_at ? ", the last one found " + when(s.missed_at) : "")], ["Why", s.last_error],
      ["Catches up", s.catch_up === "none" ? "nothing" : s.catch_up + ", within " + duration(s.catch_up_seconds)], ["Overlap", "unique" in s.mission ? "yes" : "no"],
      ["Jitter", s.jitter_seconds && duration(s.jitter_seconds)], ["Starts", s.starts_at && moment(s.starts_at)], ["Ends", s.ends_at && moment(s.ends_at)],
      ["Changed", moment(s.changed_at) + (s.by ? " by " + s.by + (s.by_proven ? "" : " (unproven)") : "")], ["Created", moment(s.created_at)]])]);
    putNew(data, [s.mission.data], () => [s.mission.data ? code(s.mission.data.text, id + "-data") : h("span", { class: "muted" }, "None.")]);
  }

  // pastOf returns the times before now, and the mission of each if there is one.
  async function pastOf(s) {
    const times = { cron: s.cron, time_zone: s.time_zone, every_seconds: s.every_seconds, offset_seconds: s.offset_seconds };
    const { times: next } = await api.get("api/schedules/preview", { ...times, count: ahead }, { signal });
    if (next.length < 2) return [];
    const period = (next.at(-1) - next[0]) / (next.length - 1);
    const since = Math.max(s.created_at, now() - (shown + 2) * period);
    const { times: past } = await api.get("api/schedules/preview", { ...times, from: since, count: 100 }, { signal });
    return Promise.all(past.filter((at) => at <= now()).slice(-shown).map(async (at) => ({ at, mission: await missionAt(at) })));
  }

  async function missionAt(at) {
    try {
      const { id: mission, status, finished_at: finished, error } = (await api.get(api.missionPath(occurrenceID(id, at)), {}, { signal })).mission;
      return { id: mission, status, finished, error };
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  const load = async () => {
    try {
      const schedule = await api.get(schedulePath(id), {}, { signal });
      known = { schedule, past: await pastOf(schedule) };
      show();
    } catch (error) {
      if (error.status !== 404) throw error;
      body.hidden = true;
      put(top, head(id), empty("There is no such schedule", "It may have been deleted. Its missions stay."));
    }
  };
  const soon = repeat(10000, load, signal);
  repeat(1000, async () => {
    age(runs);
    if (known && isDue(known.schedule)) soon();
  }, signal);
  watchMissed(missed, signal, () => soon());
  if (api.mayChange()) {
    pageKeys({ r: ["Run now", () => runNow(id, soon)], p: ["Pause, or resume", () => known && setPaused(id, !known.schedule.paused, soon)] });
  }
}

const ran = ({ at, mission }) => ({ at, tone: tones[mission.status], what: statusName(mission.status) });

// outcome says what became of a time.
function outcome({ at, mission }, ranges) {
  if (mission) return h("span", null, h("a", { href: to("mission", mission.id) }, badge(mission.status)), " ", mission.error && h("span", { class: "muted" }, mission.error));
  const range = ranges.find(({ from, to: until }) => at >= from && at <= until);
  return h("span", { class: "muted" }, range ? missedWords({ ...range, from: at, to: at, count: 1 }) : "No mission");
}
