/** Operation is a request of the protocol: where it goes, over NATS and over HTTP. */
export interface Operation {
  /** Over NATS. */
  readonly subject: string;
  /** Over HTTP. {id} and {name} are fields of the request; with GET, the others are in the query. */
  readonly http: string;
  /** It only reads, or does nothing when it is sent a second time. */
  readonly repeatable?: boolean;
}

const read = (subject: string, path: string): Operation => ({ subject: `supervisor.${subject}`, http: `GET ${path}`, repeatable: true });
const change = (subject: string, http: string): Operation => ({ subject: `supervisor.${subject}`, http });
const set = (subject: string, http: string): Operation => ({ subject: `supervisor.${subject}`, http, repeatable: true });

/** The requests that a {@link Client} sends. */
export const operations = {
  health: read("health", "/api/supervisor/health"),
  status: read("status", "/api/supervisor/status"),
  agents: read("agents", "/api/supervisor/agents"),
  alerts: read("alerts", "/api/alerts"),

  create: change("missions.create", "POST /api/missions"),
  get: read("missions.get", "/api/missions/{id}"),
  list: read("missions.list", "/api/missions"),
  log: read("missions.log", "/api/missions/{id}/log"),
  wait: read("missions.wait", "/api/missions/{id}/wait"),
  waitMany: set("missions.wait_many", "POST /api/missions/wait"),
  stats: read("missions.stats", "/api/missions/stats"),
  queues: read("missions.queues", "/api/missions/queues"),
  graph: read("missions.graph", "/api/missions/{id}/graph"),
  cancel: change("missions.cancel", "POST /api/missions/{id}/cancel"),
  retry: change("missions.retry", "POST /api/missions/{id}/retry"),
  delete: change("missions.delete", "DELETE /api/missions/{id}"),
  signal: change("missions.signal", "POST /api/missions/{id}/signal"),
  bulk: change("missions.bulk", "POST /api/missions/bulk"),

  batch: read("batches.get", "/api/batches/{id}"),
  batches: read("batches.list", "/api/batches"),
  closeBatch: set("batches.close", "POST /api/batches/{id}/close"),

  limit: read("limits.get", "/api/limits/{name}"),
  limits: read("limits.list", "/api/limits"),
  setLimit: set("limits.set", "PUT /api/limits/{name}"),
  deleteLimit: change("limits.delete", "DELETE /api/limits/{name}"),

  schedule: read("schedules.get", "/api/schedules/{id}"),
  schedules: read("schedules.list", "/api/schedules"),
  setSchedule: set("schedules.set", "PUT /api/schedules/{id}"),
  deleteSchedule: change("schedules.delete", "DELETE /api/schedules/{id}"),
  trigger: change("schedules.trigger", "POST /api/schedules/{id}/trigger"),
} satisfies Record<string, Operation>;
