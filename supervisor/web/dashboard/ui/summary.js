// What an event says, in a line.

import { limit, measured } from "./alert.js";
import { parse } from "./json.js";
import { conditionText } from "./conditions.js";
import { moment } from "./format.js";

const alert = (p) => p.rule + ": " + p.metric + " is " + measured(p.metric, p.value) + ", the threshold " + limit(p.metric, p.threshold);
const agent = (p) => [p.agent_id, p.reason].filter(Boolean).join(": ");

const summaries = {
  "mission.created": (p) => p.name + " (" + p.type + ", " + p.priority + ")",
  "mission.status_changed": (p) => p.old_status + " → " + p.new_status + (p.reason ? ": " + p.reason : ""),
  "mission.log_appended": (p) => "[" + p.log_level + "] " + p.message,
  "mission.progressed": (p) => Math.round(p.percent) + " % " + p.message,
  "mission.waiting": (p) => (p.conditions?.length ? p.conditions.map(conditionText).join(", ") : "a time") + (p.until ? ", until " + moment(p.until) : ""),
  "mission.ready": (p) => p.reason,
  "mission.signalled": (p) => p.name + ", number " + p.seq + (p.by ? ", by " + p.by : ""),
  "mission.signal_seen": (p) => "number " + p.seq + ", by " + p.agent_id,
  "limit.changed": (p) => p.name + (p.by ? ", by " + p.by : ""),
  "schedule.changed": (p) => p.schedule_id + (p.by ? ", by " + p.by : ""),
  "schedule.missed": (p) => p.schedule_id + ": " + (p.count === 1 ? moment(p.from) : p.count + " times from " + moment(p.from) + " to " + moment(p.to)),
  "agent.online": agent,
  "agent.offline": agent,
  "supervisor.alert_raised": alert,
  "supervisor.alert_resolved": alert,
  "supervisor.health_checked": (p) => p.status,
  "supervisor.status_queried": (p) => p.total_missions + " missions, " + p.agent_count + " agents",
  "supervisor.agents_listed": (p) => p.agent_count + " agents",
};

// summary says what an event is about. Of a type that is not known here, it returns the payload
// as it is in the event's source.
export function summary(event, source) {
  try {
    return summaries[event.type]?.(event.payload) ?? payload(source);
  } catch {
    return payload(source);
  }
}

const payload = (source) => String(parse(source, new Set(["payload"])).payload?.text);

const tones = { COMPLETED: "completed", FAILED: "failed", CANCELLED: "cancelled", RUNNING: "running" };

export function tone({ type, payload }) {
  if (type === "mission.status_changed") return tones[payload.new_status] ?? "pending";
  return { "supervisor.alert_raised": "failed", "supervisor.alert_resolved": "completed", "agent.online": "completed", "agent.offline": "cancelled", "mission.progressed": "running", "mission.waiting": "cancelled", "mission.signalled": "running" }[type] ?? "pending";
}
