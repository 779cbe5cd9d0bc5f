import { now, pause } from "./async.js";
import { hasCode, MissionControlError, passing } from "./errors.js";
import { HttpClient } from "./http-client.js";
import { Http } from "./http.js";
import { newID } from "./id.js";
import { strictJSON } from "./json.js";
import { NatsClient } from "./nats-client.js";
import { operations, type Operation } from "./operations.js";
import { address, type ClientTransport, type Endpoint, type EventsQuery, type SequencedEvent } from "./transport.js";
import type { AgentInfo, Batch, Created, Filter, LogEntry, Mission, MissionSpec, SupervisorStatus } from "./wire.js";

/** Where the supervisor is, and for how long to try. */
export interface ClientOptions extends Endpoint {
  /** How long a request may take, in seconds. Default: 10. */
  timeoutSeconds?: number;
}

/** How long {@link Client.wait} waits. */
export interface WaitOptions {
  /** Default: for ever. */
  timeoutSeconds?: number;
  /** Ends the wait, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** For how long one request of a wait is parked, in seconds: proxies end those that take a minute. */
const longestPoll = 45;

/** Missions in one request: in one that creates, and in one that waits. */
const most = 1000;
const mostWaits = 100;

/**
 * Client hands missions to a supervisor, controls them and asks about them, over NATS or HTTP.
 *
 * Its methods reject with a MissionControlError. A request that does no harm when it is sent twice
 * is sent again until timeoutSeconds have passed: all that only read, create, signal, and closing a batch.
 */
export class Client {
  readonly #transport: ClientTransport;
  readonly #seconds: number;

  /** Throws a TypeError or RangeError that names the option that is wrong. It connects with the first request. */
  constructor(options: ClientOptions = {}) {
    const { timeoutSeconds = 10, json = strictJSON } = options;
    if (!(timeoutSeconds > 0)) throw new RangeError(`timeoutSeconds must be a number above 0, and is ${timeoutSeconds}`);
    this.#seconds = timeoutSeconds;
    const at = address(options);
    this.#transport = at.kind === "nats" ? new NatsClient(at.servers, at.nats, json) : new HttpClient(new Http(at.url, at.token, at.fetch, json), json);
  }

  /** Creates a mission, and returns it; or the mission that exists with this id and the same content, or that holds its unique key. */
  async create(spec: MissionSpec): Promise<Mission> {
    const { mission } = (await this.#again(operations.create, { id: newID(), ...spec })) as { mission: Mission };
    return mission;
  }

  /**
   * Creates missions, a thousand with a request. It returns what became of each, in order: the mission, or the error
   * that it has. With closeBatch, the last request closes the batches that its missions name.
   */
  async createMany(specs: MissionSpec[], { closeBatch = false }: { closeBatch?: boolean } = {}): Promise<Created[]> {
    const all: Created[] = [];
    for (let from = 0; from < specs.length; from += most) {
      const missions = specs.slice(from, from + most).map((spec) => ({ id: newID(), ...spec }));
      const last = from + most >= specs.length;
      const reply = (await this.#again(operations.create, { missions, ...(last && closeBatch ? { close_batch: true } : {}) })) as { results: Created[] };
      all.push(...reply.results);
    }
    return all;
  }

  /** Gets a mission. */
  get(id: string): Promise<Mission> {
    return this.#mission(operations.get, { id });
  }

  /** Waits until a mission has ended, and returns it. After timeoutSeconds, it rejects with the code `timeout`. */
  async wait(id: string, options: WaitOptions = {}): Promise<Mission> {
    const { mission } = (await this.#poll(operations.wait, { id }, options)) as { mission: Mission };
    return mission;
  }

  /**
   * Waits until all missions have ended, or with `until: "any"` one of them, and returns them in order, as they are
   * then. After timeoutSeconds, it rejects with the code `timeout`. With `any`, there can be up to 100.
   * Missions that are too large for one reply together lack the fields that {@link Mission.trimmed} names.
   */
  async waitMany(ids: string[], { until = "all", timeoutSeconds = Infinity, signal }: WaitOptions & { until?: "all" | "any" } = {}): Promise<Mission[]> {
    if (until === "any" && ids.length > mostWaits) throw new RangeError(`a wait for any of several missions is for up to ${mostWaits}, and these are ${ids.length}`);
    const end = now() + timeoutSeconds * 1000;
    const all: Mission[] = [];
    for (let from = 0; from < ids.length; from += mostWaits) {
      const request = { ids: ids.slice(from, from + mostWaits), until };
      const options = { timeoutSeconds: Math.max(0, (end - now()) / 1000), ...(signal ? { signal } : {}) };
      const { missions } = (await this.#poll(operations.waitMany, request, options)) as { missions: Mission[] };
      all.push(...missions);
    }
    return all;
  }

  /** Sends a request that waits until it is done, again and again. */
  async #poll(operation: Operation, request: object, { timeoutSeconds = Infinity, signal }: WaitOptions): Promise<any> {
    const end = now() + timeoutSeconds * 1000;
    for (;;) {
      signal?.throwIfAborted();
      const seconds = Math.min(longestPoll, Math.max((end - now()) / 1000, 0.001));
      try {
        const reply = await this.#transport.request(operation, { ...request, timeout_seconds: seconds }, { seconds: seconds + 10, ...(signal ? { signal } : {}) });
        if ((reply as { done?: boolean }).done ?? true) return reply;
        if (now() >= end) throw new MissionControlError("timeout", `not all missions have ended within ${timeoutSeconds} s`);
      } catch (error) {
        signal?.throwIfAborted();
        if (!passing(error) || now() >= end) throw error;
        if (!hasCode(error, "timeout")) await pause(250, signal);
      }
    }
  }

  /** Lists missions, newest first, a page at a time as they are read. */
  async *list(filter: Filter = {}): AsyncGenerator<Mission, void, undefined> {
    for (let cursor: unknown; ; ) {
      const page = (await this.#again(operations.list, { ...filter, cursor })) as { missions: Mission[]; next_cursor?: string };
      yield* page.missions;
      cursor = page.next_cursor;
      if (cursor === undefined) return;
    }
  }

  /** Reads a mission's log, oldest entry first, a page at a time as it is read. */
  async *log(id: string): AsyncGenerator<LogEntry, void, undefined> {
    for (let after: unknown; ; ) {
      const page = (await this.#again(operations.log, { id, after })) as { log: LogEntry[]; next_cursor?: string };
      yield* page.log;
      after = page.next_cursor;
      if (after === undefined) return;
    }
  }

  /** Cancels a mission. */
  cancel(id: string, reason?: string): Promise<Mission> {
    return this.#mission(operations.cancel, { id, reason });
  }

  /** Puts a mission that is FAILED or CANCELLED back into the queue; fresh: without its checkpoint; dependents: with those that were cancelled because of it. */
  retry(id: string, options: { fresh?: boolean; dependents?: boolean } = {}): Promise<Mission> {
    return this.#mission(operations.retry, { id, ...options });
  }

  /** Deletes a mission that is not RUNNING, and returns it. */
  delete(id: string): Promise<Mission> {
    return this.#mission(operations.delete, { id });
  }

  /** Sends a signal to a mission: an approval, an answer, or what steers it. data is any JSON of up to 64 KiB. */
  signal(id: string, name: string, data?: unknown, { signalId = newID() }: { signalId?: string } = {}): Promise<{ seq: number; delivered: "waiting" | "running" | "stored" }> {
    return this.#again(operations.signal, { id, name, data, signal_id: signalId });
  }

  /** Gets a batch. */
  batch(id: string): Promise<Batch> {
    return this.#again(operations.batch, { id });
  }

  /** Closes a batch, and creates it if it does not exist. */
  closeBatch(id: string): Promise<Batch> {
    return this.#again(operations.closeBatch, { id });
  }

  /** Counts missions and agents. */
  status(): Promise<SupervisorStatus> {
    return this.#again(operations.status, {});
  }

  /** Lists agents, a page at a time as they are read. */
  async *agents(filter: { state?: AgentInfo["state"]; type?: string } = {}): AsyncGenerator<AgentInfo, void, undefined> {
    for (let cursor: unknown; ; ) {
      const page = (await this.#again(operations.agents, { ...filter, cursor })) as { agents: AgentInfo[]; next_cursor?: string };
      yield* page.agents;
      cursor = page.next_cursor;
      if (cursor === undefined) return;
    }
  }

  /**
   * Yields events as they are stored, from now on unless the query says otherwise, across lost connections, without gaps
   * or duplicates. It goes on until you leave the loop or signal is aborted.
   */
  async *events(query: EventsQuery & { signal?: AbortSignal } = {}): AsyncGenerator<SequencedEvent, void, undefined> {
    const { signal, ...rest } = query;
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    try {
      yield* this.#transport.events(rest, stop.signal);
    } finally {
      signal?.removeEventListener("abort", abort);
      abort();
    }
  }

  /** Sends any request of docs/PROTOCOL.md by its name here, such as `setLimit` or `trigger`, and returns its reply. */
  request(name: keyof typeof operations, body: object = {}): Promise<any> {
    return this.#send(operations[name], body);
  }

  /** Closes the connection. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** What `await using` calls. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #mission(operation: Operation, body: object): Promise<Mission> {
    return ((await this.#send(operation, body)) as { mission: Mission }).mission;
  }

  #send(operation: Operation, body: object): Promise<any> {
    return operation.repeatable ? this.#again(operation, body) : this.#transport.request(operation, body, { seconds: this.#seconds });
  }

  /** Sends a request that may be sent twice. */
  async #again(operation: Operation, body: object): Promise<any> {
    const until = now() + this.#seconds * 1000;
    for (let wait = 100; ; wait = Math.min(2 * wait, 1000)) {
      try {
        return await this.#transport.request(operation, body, { seconds: Math.max((until - now()) / 1000, 0.1) });
      } catch (error) {
        if (!passing(error) || now() + wait >= until) throw error;
      }
      await pause(wait);
    }
  }
}

/** The names that {@link Client.request} takes. */
export type RequestName = keyof typeof operations;
