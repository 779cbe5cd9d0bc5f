import { setMaxListeners } from "node:events";

import { now, pause } from "./async.js";
import { hasCode, MissionControlError, passing, Stopped, text } from "./errors.js";
import { Inbox } from "./inbox.js";
import type { Mission } from "./wire.js";
import { Spending } from "./usage.js";

/** What an agent says, for people. console is one. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

/** What the supervisor tells an agent when it registers. */
export interface Terms {
  heartbeat_seconds: number;
  lease_seconds: number;
}

/** Host is what a piece of work needs of its agent. */
export interface Host {
  readonly id: string;
  readonly logger: Logger;
  readonly terms: Terms;
  request(verb: string, body: object, options: { seconds: number; signal?: AbortSignal }): Promise<any>;
  /** Resolves when a heartbeat that began after the call was answered, or was not. */
  beat(): Promise<void>;
}

/** The longest that a timer can wait. */
const longestTimer = 2 ** 31 - 1;

/**
 * Work is a mission that an agent holds, from the claim until its end is reported: its lease, and the
 * requests about it.
 */
export class Work {
  readonly mission: Mission;
  readonly lease: number;
  readonly spending = new Spending();
  readonly inbox: Inbox;
  /** Why the mission is no longer ours. */
  over: Stopped | undefined;
  readonly #host: Host;
  readonly #stop = new AbortController();
  readonly #gone = new AbortController();
  #ends = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(host: Host, mission: Mission) {
    this.#host = host;
    this.mission = mission;
    this.lease = mission.lease ?? 0;
    const fetch = (after: number) => this.insist("signals", { after });
    this.inbox = new Inbox(mission, fetch, () => void host.beat());
    setMaxListeners(0, this.#stop.signal, this.#gone.signal);
    this.renewed(now());
  }

  /** Is aborted, with a {@link Stopped}, when the handler is to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get logger(): Logger {
    return this.#host.logger;
  }

  get agent(): string {
    return this.#host.id;
  }

  beat(): Promise<void> {
    return this.#host.beat();
  }

  get ref(): { mission_id: string; lease: number } {
    return { mission_id: this.mission.id, lease: this.lease };
  }

  /** The lease counts from the time of a request. When it ends, another agent may have begun the mission. */
  renewed(asked: number): void {
    this.#ends = Math.max(this.#ends, asked + this.#host.terms.lease_seconds * 1000);
    clearTimeout(this.#timer);
    const left = this.#ends - now();
    this.#timer = setTimeout(() => this.#expire(), Math.min(Math.max(left, 0), longestTimer));
  }

  #expire(): void {
    if (now() < this.#ends) return this.renewed(this.#ends - this.#host.terms.lease_seconds * 1000);
    this.isOver(new Stopped("lost", "the lease ended without an answer from the supervisor"));
  }

  /** The mission is no longer ours. The first reason counts. */
  isOver(reason: Stopped): void {
    this.over ??= reason;
    this.#gone.abort(this.over);
    this.stop(this.over);
  }

  /** Ends the handler. */
  stop(reason: Stopped): void {
    this.#stop.abort(reason);
    this.inbox.close();
  }

  /** The end has been reported, or never will be. */
  close(): void {
    clearTimeout(this.#timer);
    this.inbox.close();
  }

  /** Sends a request once. It rejects with a {@link Stopped} if the mission is no longer ours. */
  async send(verb: string, body: object): Promise<any> {
    if (this.over) throw this.over;
    const seconds = Math.min(10, Math.max(1, this.#host.terms.lease_seconds));
    try {
      return await this.#withUsage(verb, body, { seconds, signal: this.#gone.signal });
    } catch (error) {
      if (hasCode(error, "lease_lost")) {
        await this.#host.beat(); // the reply says whether it was cancelled
        this.isOver(new Stopped("lost", error.message));
      }
      throw this.over ?? error;
    }
  }

  /** Sends a request until it is answered, or the mission is no longer ours. It must be harmless to send it twice. */
  async insist(verb: string, body: object): Promise<any> {
    for (let wait = 100; ; wait = Math.min(2 * wait, 1000)) {
      try {
        return await this.send(verb, body);
      } catch (error) {
        // Credentials are refused while they are being reloaded.
        if (!passing(error) && !hasCode(error, "unauthorized", "forbidden")) throw error;
        if (wait === 100) this.logger.warn(`mission ${this.mission.id}: ${verb} was not answered, and is sent again: ${text(error)}`);
      }
      await pause(wait, this.#gone.signal);
    }
  }

  /** Reports take along what was used. Usage that is refused does not spoil the report. */
  async #withUsage(verb: string, body: object, options: { seconds: number; signal: AbortSignal }): Promise<any> {
    const usage = reports.has(verb) ? this.spending.untold() : undefined;
    const request = { ...this.ref, ...body };
    if (usage === undefined) return this.#host.request(verb, request, options);
    try {
      const reply = await this.#host.request(verb, { ...request, usage }, options);
      this.spending.tell(usage);
      return reply;
    } catch (error) {
      if (!(error instanceof MissionControlError && error.field?.includes("usage"))) throw error;
      this.logger.warn(`mission ${this.mission.id}: its usage is refused: ${error.message}`);
      this.spending.refuse();
      return this.#host.request(verb, request, options);
    }
  }
}

/** The requests that may report usage. */
const reports = new Set(["progress", "complete", "fail", "release"]);
