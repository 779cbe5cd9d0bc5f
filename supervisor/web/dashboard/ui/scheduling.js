// What can be done with a schedule, and what it says in words.

import * as api from "./api.js";
import { watchEvents } from "./live.js";
import { duration, now } from "./format.js";
import { badge, dialog, toast } from "./parts.js";

export const schedulePath = (id) => "api/schedules/" + encodeURIComponent(id);

// occurrenceID is the id of the mission of a time.
export const occurrenceID = (id, at) => id + "-" + Math.floor(at);

// isDue tells whether something has happened to a schedule since it was read.
export const isDue = (s) => s.next_at && s.next_at < now();

// rhythm says when a schedule is due.
export const rhythm = (s) => (s.cron ? s.cron + " " + s.time_zone : "every " + duration(s.every_seconds) + (s.offset_seconds ? " + " + duration(s.offset_seconds) : ""));

export const stateBadge = (s) => (s.paused ? badge("draining", "Paused") : s.next_at ? badge("ok", "On") : badge("offline", "Ended"));

// specOf is what a schedule says, without what the supervisor adds.
const fields = ["cron", "time_zone", "every_seconds", "offset_seconds", "mission", "catch_up", "catch_up_seconds", "jitter_seconds", "starts_at", "ends_at", "paused"];
export const specOf = (s) => Object.fromEntries(fields.filter((name) => s[name] !== undefined && s[name] !== null).map((name) => [name, s[name]]));

const tries = 4; // of a change that others overtake

// setPaused pauses a schedule or lets it go on. What somebody changes meanwhile is not lost.
export async function setPaused(id, paused, after) {
  for (let n = 1; ; n++) {
    try {
      const s = await api.get(schedulePath(id));
      await api.put(schedulePath(id), { ...specOf(s), paused, if_changed_at: s.changed_at });
      toast(paused ? "Paused. It creates no missions until it goes on." : "It goes on. What it did not do meanwhile is not caught up.");
      break;
    } catch (error) {
      if (error.status === 409 && n < tries) continue;
      toast(error.message, "bad");
      break;
    }
  }
  after();
}

// runNow creates a mission of a schedule.
export async function runNow(id, after) {
  try {
    const reply = await api.post(schedulePath(id) + "/trigger");
    if (reply.created) toast("Mission " + reply.mission.id + " created.");
    else toast("Its mission " + reply.mission.id + " has not ended, so no other was created.", "bad");
  } catch (error) {
    toast(error.message, "bad");
  }
  after();
}

// removeSchedule asks whether it is meant, and deletes a schedule.
export function removeSchedule(id, after) {
  dialog({
    title: "Delete “" + id + "”?", text: "The schedule is deleted permanently. Its missions stay.", action: "Delete schedule", danger: true,
    submit: async () => {
      await api.remove(schedulePath(id));
      toast("Schedule deleted.");
      after();
    },
  });
}

const day = 86400;
const most = 50; // missed ranges that are kept of a schedule

// watchMissed keeps what schedules have missed within the last day, and calls back when a schedule has changed or
// missed a time.
export function watchMissed(missed, signal, call) {
  watchEvents({ type: "schedule.>", since: Math.floor(now()) - day }, {
    message: (text) => {
      const { type, payload } = JSON.parse(text);
      if (type === "schedule.missed") missed.set(payload.schedule_id, [...(missed.get(payload.schedule_id) ?? []), { from: payload.from, to: payload.to, count: payload.count }].slice(-most));
      call();
    },
    gap: call, connected: call,
  }, signal);
}
