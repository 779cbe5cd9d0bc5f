// The objects of the protocol, with their names as they are on the wire. docs/PROTOCOL.md says what
// each field means and which values it takes. Times are Unix seconds.

/** Status of a mission. */
export type Status = "PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED";

/** Priority of a mission. */
export type Priority = "LOW" | "NORMAL" | "HIGH" | "CRITICAL";

/** Usage has amounts by unit, such as `{ usd: 0.42 }`. */
export type Usage = Record<string, number>;

/** What a mission waits for: another mission, a batch, or a signal. */
export type Condition =
  | { mission: string; when?: "completed" | "ended" }
  | { batch: string; when?: "completed" | "ended" }
  | { signal: string; prompt?: string; choices?: string[] };

/** A {@link Condition} of a mission that waits or waited. */
export type Wait = Condition & { met: boolean; status?: string };

/** A key that one mission at a time holds. */
export interface Unique {
  key: string;
  on_conflict?: "keep" | "replace_pending" | "replace";
  for_seconds?: number;
}

/** What a mission is created with. Only `name` is required. */
export interface MissionSpec {
  id?: string;
  name: string;
  description?: string;
  type?: string;
  data?: object;
  priority?: Priority;
  tags?: string[];
  max_attempts?: number;
  timeout_seconds?: number;
  stall_seconds?: number;
  not_before?: number;
  deadline?: number;
  correlation_id?: string;
  after?: Condition[];
  after_timeout_seconds?: number;
  on_unmet?: "cancel" | "fail" | "run";
  max_usage?: Usage;
  on_exceeded?: "fail" | "ask";
  retry_policy?: { first_seconds?: number; factor?: number; max_seconds?: number; jitter?: number };
  parent_id?: string;
  detached?: boolean;
  batch?: string;
  key?: string;
  limits?: string[];
  requires?: Record<string, string>;
  prefer_agent?: string;
  prefer_seconds?: number;
  unique?: Unique;
}

/** A signal to a mission. */
export interface Signal {
  /** Its number among the mission's signals, from 1. */
  seq: number;
  name: string;
  data?: any;
  by?: string;
  by_proven: boolean;
  at: number;
  seen_at?: number;
  seen_by?: string;
  data_left_out?: boolean;
}

/** How a mission or a batch that was waited for has ended. */
export interface Input {
  status: string;
  result: any;
}

/** A mission, as the supervisor has it. */
export interface Mission<Data = any> {
  id: string;
  name: string;
  description: string;
  type: string;
  data: Data;
  priority: Priority;
  status: Status;
  tags: string[];
  max_attempts: number;
  timeout_seconds?: number;
  stall_seconds?: number;
  not_before?: number;
  deadline?: number;
  correlation_id?: string;
  traceparent?: string;
  /** How many attempts have started, the running one included. */
  attempt: number;
  agent_id: string | null;
  lease_expires_at: number | null;
  progress: { percent: number; message: string } | null;
  result: any;
  error: string | null;
  created_at: number;
  updated_at: number;
  started_at: number | null;
  finished_at: number | null;
  next_attempt_at?: number;
  /** The fencing token; only for the agent that has claimed the mission. */
  lease?: number;
  /** How often it was claimed. */
  turn?: number;
  checkpoint?: any;
  after_timeout_seconds?: number;
  on_unmet?: "cancel" | "fail" | "run";
  max_usage?: Usage;
  on_exceeded?: "fail" | "ask";
  retry_policy?: NonNullable<MissionSpec["retry_policy"]>;
  parent_id?: string;
  detached?: boolean;
  batch?: string;
  unique?: Unique;
  key?: string;
  limits?: string[];
  requires?: Record<string, string>;
  prefer_agent?: string;
  prefer_seconds?: number;
  prefer_until?: number;
  schedule_id?: string;
  scheduled_for?: number;
  usage?: Usage;
  waiting_for?: Wait[];
  waiting_since?: number;
  waiting_until?: number;
  waited_for?: Wait[];
  timed_out?: boolean;
  signals?: Signal[];
  inputs?: Record<string, Input>;
  /** The fields that the reply had no room for. */
  trimmed?: string[];
}

/** The reply about one mission of a create. */
export type Created = { mission: Mission; created: boolean; error?: never } | { error: { code: string; message: string; field?: string }; mission?: never; created?: never };

/** An entry of a mission's log. */
export interface LogEntry {
  timestamp: number;
  level: string;
  message: string;
  data: any;
  by: "supervisor" | "agent";
  old_status?: Status;
  new_status?: Status;
  reason?: string;
}

/** An agent, as the supervisor lists it. */
export interface AgentInfo {
  id: string;
  name: string;
  role: string;
  state: "online" | "draining" | "offline";
  last_heartbeat: number;
  missions_running: number;
  capacity: number;
  types: string[];
  version: string;
  host: string;
  labels?: Record<string, string>;
  cpu: number | null;
  memory_bytes: number | null;
}

/** A batch of missions. */
export interface Batch {
  id: string;
  open: boolean;
  total: number;
  by_status: Partial<Record<Status, number>>;
  created_at: number;
  ended_at: number | null;
}

/** Counts of missions and agents. */
export interface SupervisorStatus {
  status: string;
  timestamp: number;
  total_missions: number;
  running_missions: number;
  pending_missions: number;
  completed_missions: number;
  failed_missions: number;
  cancelled_missions: number;
  agent_count: number;
  success_rate: number | null;
  average_duration_seconds: number | null;
  utilization: number | null;
}

/** A charter event: see charter/EVENTS.md for the payload of each type. */
export interface Event {
  id: string;
  type: string;
  source: string;
  target: string | null;
  timestamp: number;
  payload: Record<string, any>;
  meta: Record<string, any>;
}

/** What a mission's filter has: see `list` in docs/PROTOCOL.md. */
export interface Filter {
  status?: Status;
  type?: string;
  agent_id?: string;
  tag?: string;
  text?: string;
  created_after?: number;
  created_before?: number;
  waiting?: "mission" | "batch" | "signal" | "time" | "limit";
  parent_id?: string;
  batch?: string;
  key?: string;
}
