// What an event says, in a line.

const alert = (p) => p.rule + ": " + p.metric + " is " + p.value + ", the threshold " + p.threshold;
const agent = (p) => [p.agent_id, p.reason].filter(Boolean).join(": ");

const gists = {
  "mission.created": (p) => p.name + " (" + p.type + ", " + p.priority + ")",
  "mission.status_changed": (p) => p.old_status + " → " + p.new_status + (p.reason ? ": " + p.reason : ""),
  "mission.log_appended": (p) => "[" + p.log_level + "] " + p.message,
  "mission.progressed": (p) => p.percent + " % " + p.message,
  "agent.online": agent,
  "agent.offline": agent,
  "supervisor.alert_raised": alert,
  "supervisor.alert_resolved": alert,
  "supervisor.health_checked": (p) => p.status,
  "supervisor.status_queried": (p) => p.total_missions + " missions, " + p.agent_count + " agents",
  "supervisor.agents_listed": (p) => p.agent_count + " agents",
};

export function gist(event) {
  try {
    return gists[event.type]?.(event.payload) ?? JSON.stringify(event.payload);
  } catch {
    return JSON.stringify(event.payload);
  }
}

const tones = { COMPLETED: "completed", FAILED: "failed", CANCELLED: "cancelled", RUNNING: "running" };

export function tone({ type, payload }) {
  if (type === "mission.status_changed") return tones[payload.new_status] ?? "pending";
  return { "supervisor.alert_raised": "failed", "supervisor.alert_resolved": "completed", "agent.online": "completed", "agent.offline": "cancelled", "mission.progressed": "running" }[type] ?? "pending";
}
