export { Agent, type AgentOptions } from "./agent.js";
export { Client, type ClientOptions, type RequestName, type WaitOptions } from "./client.js";
export { hasCode, MissionControlError, PermanentError, RetryAfterError, Stopped, type Code } from "./errors.js";
export { strictJSON, type Codec } from "./json.js";
export type { Handler } from "./outcome.js";
export { park, type Park, type ParkOptions } from "./park.js";
export type { Task } from "./task.js";
export type { Endpoint, EventsQuery, SequencedEvent } from "./transport.js";
export type { Logger } from "./work.js";
export type {
  AgentInfo, Batch, Condition, Created, Event, Filter, Input, LogEntry, Mission, MissionSpec, Priority, Signal, Status, SupervisorStatus, Unique, Usage, Wait,
} from "./wire.js";
