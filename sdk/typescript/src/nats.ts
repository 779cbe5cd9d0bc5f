import { setMaxListeners } from "node:events";

import { connect } from "@nats-io/transport-node";
import { AuthorizationError, headers, type ConnectionOptions, type NatsConnection } from "@nats-io/nats-core";

import { MissionControlError, refusal, text } from "./errors.js";
import type { Codec } from "./json.js";
import type { RequestOptions } from "./transport.js";

/** What is added to the time of a request for each byte: a link may carry no more than 8 KiB a second. */
const millisecondsPerByte = 1000 / 8192;

/** Mostly for tests and operators: which program asks. See "Identifying your client" in docs/PROTOCOL.md. */
export const clientName = "missioncontrol-typescript";

/**
 * dial connects and reconnects for ever. If the broker is unavailable at first, it waits for it; if
 * that refuses the credentials at first, dial rejects.
 */
export async function dial(servers: string[], options: ConnectionOptions, name: string, more: ConnectionOptions = {}): Promise<NatsConnection> {
  const all: ConnectionOptions = {
    name,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true, // credentials are refused while users are reloaded, too
    reconnectTimeWait: 150, // within the grace time
    reconnectJitter: 100,
    reconnectJitterTLS: 100,
    pingInterval: 5_000,
    ...more,
    ...options,
    servers,
  };
  try {
    return await connect(all);
  } catch (error) {
    if (refusesAgent(error)) throw new MissionControlError("unauthorized", `the broker refuses the credentials: ${text(error)}`, { cause: error });
    return connect({ ...all, waitOnFirstConnect: true });
  }
}

function refusesAgent(error: unknown): boolean {
  return error instanceof AuthorizationError || (error instanceof Error && error.cause instanceof AuthorizationError);
}

/** What a {@link Link} tells of. */
export interface LinkListener {
  connected?(): void;
  disconnected?(): void;
  /** The broker does not answer pings. */
  stale?(): void;
}

/** Link is a connection that knows whether it is connected. */
export class Link {
  readonly nc: NatsConnection;
  #connected = true;
  #lost = new AbortController(); // of the present connection

  constructor(nc: NatsConnection, listener: LinkListener = {}) {
    this.nc = nc;
    setMaxListeners(0, this.#lost.signal);
    void this.#watch(listener);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Is aborted when the present connection is lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async #watch(listener: LinkListener): Promise<void> {
    for await (const { type } of this.nc.status()) {
      if (type === "reconnect") {
        this.#connected = true;
        listener.connected?.();
      } else if (type === "disconnect") {
        this.#connected = false;
        this.#lost.abort();
        this.#lost = new AbortController();
        setMaxListeners(0, this.#lost.signal);
        listener.disconnected?.();
      } else if (type === "staleConnection") {
        listener.stale?.();
      }
    }
  }

  /**
   * Sends a request and returns its reply. It rejects with a {@link MissionControlError}: at once if there is no
   * connection, and when that is lost, unless a reply that comes after that is of use.
   */
  async request(codec: Codec, subject: string, body: object, options: RequestOptions & { evenLate?: boolean }): Promise<any> {
    if (!this.#connected) throw new MissionControlError("unreachable", `the broker is unavailable, so ${subject} was not sent`);
    return requestOver(this.nc, codec, subject, body, options, options.evenLate ? undefined : this.#lost.signal);
  }
}

async function requestOver(nc: NatsConnection, codec: Codec, subject: string, body: object, { seconds, signal }: RequestOptions, lost?: AbortSignal): Promise<any> {
  const payload = new TextEncoder().encode(codec.stringify(body));
  const most = nc.info?.max_payload;
  if (most !== undefined && payload.length > most) {
    throw new MissionControlError("too_large", `the request has ${payload.length} bytes, and the broker takes ${most}`);
  }
  const header = headers();
  header.set("Mission-Control-Client", clientName);
  const timeout = seconds * 1000 + payload.length * millisecondsPerByte;
  const reply = await answer(nc.request(subject, payload, { timeout, headers: header }), subject, [signal, lost]);
  if (reply.startsWith('{"stream":')) {
    throw new MissionControlError("unreachable", "a stream that covers supervisor.> answered instead of the supervisor; remove that subject from the stream");
  }
  const parsed = codec.parse(reply);
  const refused = refusal(parsed);
  if (refused) throw refused;
  return parsed;
}

async function answer(reply: ReturnType<NatsConnection["request"]>, subject: string, ends: (AbortSignal | undefined)[]): Promise<string> {
  let abort = () => {};
  const ended = new Promise<never>((_, reject) => {
    abort = () => reject(new MissionControlError("unreachable", `the connection was lost before ${subject} was answered, or the request was given up`));
  });
  reply.catch(() => {}); // after it was given up
  for (const end of ends) {
    end?.addEventListener("abort", abort);
    if (end?.aborted) abort();
  }
  try {
    return (await Promise.race([reply, ended])).string();
  } catch (error) {
    if (error instanceof MissionControlError) throw error;
    throw new MissionControlError("unreachable", `no answer to ${subject}: ${text(error)}`, { cause: error });
  } finally {
    for (const end of ends) end?.removeEventListener("abort", abort);
  }
}
