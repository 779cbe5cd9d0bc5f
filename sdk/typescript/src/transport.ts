import type { ConnectionOptions } from "@nats-io/nats-core";

import type { Codec } from "./json.js";
import type { Operation } from "./operations.js";
import type { Event } from "./wire.js";

/**
 * Endpoint is where the supervisor is: `servers` of NATS, or the `url` of its HTTP address. With
 * neither, it is what the environment says: SUPERVISOR_URL, with SUPERVISOR_TOKEN, or else NATS_URL,
 * several separated by commas, or else 127.0.0.1:4222.
 */
export interface Endpoint {
  /** NATS: the brokers' URLs. */
  servers?: string | string[];
  /** NATS: further options of the connection, such as user and pass, an authenticator, or tls. */
  nats?: ConnectionOptions;

  /** HTTP: such as http://127.0.0.1:8080. */
  url?: string;
  /** HTTP: the token, sent as `Authorization: Bearer`. Default: SUPERVISOR_TOKEN. */
  token?: string;
  /** HTTP: in place of the global fetch, for example one that uses a proxy. */
  fetch?: typeof fetch;

  /** How JSON is read and written. */
  json?: Codec;
}

/** Which transport an {@link Endpoint} means, with its defaults. */
export type Address =
  | { kind: "nats"; servers: string[]; nats: ConnectionOptions }
  | { kind: "http"; url: string; token: string; fetch: typeof fetch };

/** address reads an endpoint and the environment. It throws a TypeError that names the field that is wrong. */
export function address(endpoint: Endpoint): Address {
  const { servers, url } = endpoint;
  if (servers !== undefined && url !== undefined) throw new TypeError("servers and url exclude each other: the one is for NATS, the other for HTTP");
  const environment = servers === undefined && endpoint.nats === undefined ? process.env["SUPERVISOR_URL"] : undefined;
  const base = url ?? (environment || undefined);
  if (base === undefined) {
    const listed = servers ?? (process.env["NATS_URL"] || "127.0.0.1:4222");
    const all = (Array.isArray(listed) ? listed : listed.split(",")).map((one) => one.trim()).filter((one) => one !== "");
    if (all.length === 0) throw new TypeError("servers names no server");
    return { kind: "nats", servers: all, nats: endpoint.nats ?? {} };
  }
  if (!/^https?:\/\//.test(base) || !URL.canParse(base)) throw new TypeError(`url must be an http:// or https:// URL, and is ${base}`);
  const token = endpoint.token ?? process.env["SUPERVISOR_TOKEN"] ?? "";
  return { kind: "http", url: base.replace(/\/+$/, ""), token, fetch: endpoint.fetch ?? fetch };
}

/** How long a request may take, and what ends it early. */
export interface RequestOptions {
  seconds: number;
  signal?: AbortSignal;
}

/** What {@link ClientTransport.events} selects. */
export interface EventsQuery {
  /** Event types, with NATS wildcards: `mission.>`. Default: all. */
  types?: string[];
  missionId?: string;
  agentId?: string;
  /** Start with events stored at that time, in Unix seconds. Default: now. */
  since?: number;
  /** Start after this sequence of the stream. */
  after?: number;
}

/** An event and its sequence in the stream. */
export type SequencedEvent = Event & { sequence: number };

/**
 * ClientTransport carries the requests of a {@link Client}. A request rejects with a
 * {@link MissionControlError}.
 */
export interface ClientTransport {
  request(operation: Operation, body: object, options: RequestOptions): Promise<any>;
  /** Yields events until signal is aborted, across lost connections. */
  events(query: EventsQuery, signal: AbortSignal): AsyncGenerator<SequencedEvent>;
  close(): Promise<void>;
}

/** What the supervisor pushes to an agent. Others are to be ignored. */
export type Command = { command: "cancel"; mission_id: string } | { command: "signal"; mission_id: string; seq: number } | { command: string };

/** What an {@link AgentTransport} tells of. */
export interface AgentListener {
  command(command: Command): void;
  /** The connection works, after it was opened or lost. Replies to claims from before may never arrive if claimsLost. */
  connected(claimsLost: boolean): void;
  /** The supervisor does not know the agent, which must register. The transport tries again afterwards. */
  unknown(): Promise<void>;
  /** Something that people may want to know. */
  info(message: string): void;
}

/**
 * AgentTransport carries the requests of one agent, and what is pushed to it. As long as it is
 * open, the supervisor knows that the agent lives.
 */
export interface AgentTransport {
  /** Connects. It waits for a broker that is unavailable, and rejects if that refuses the agent. */
  open(listener: AgentListener): Promise<void>;
  /** Hears commands, and resolves once it does. The agent has registered. */
  listen(): Promise<void>;
  /** Sends a request. What is urgent does not wait behind the others. */
  request(verb: string, body: object, options: RequestOptions & { urgent?: boolean }): Promise<any>;
  /** Claims missions, and waits as long as the reply may be arriving. */
  claim(body: object, waitSeconds: number, signal: AbortSignal): Promise<any>;
  /** For how long one claim is to be parked, in seconds. */
  readonly claimSeconds: number;
  /** Whether a claim's reply is arriving, for some time already. */
  receiving(): boolean;
  /** Resolves with the reason if the connection is closed for good. */
  readonly closed: Promise<Error>;
  close(): Promise<void>;
}
