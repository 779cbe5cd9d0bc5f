import { aborted, now, pause } from "./async.js";
import { hasCode, Stopped, text } from "./errors.js";
import { perform, type Handler } from "./outcome.js";
import type { AgentTransport, Command } from "./transport.js";
import type { Mission } from "./wire.js";
import { Work, type Host, type Logger, type Terms } from "./work.js";

/** How a {@link Runner} works. */
export interface RunnerOptions {
  id: string;
  registration: object;
  handlers: ReadonlyMap<string, Handler>;
  capacity: number;
  drainSeconds: number;
  logger: Logger;
}

interface HeartbeatReply {
  cancel: string[];
  lost: string[];
  signals?: { mission_id: string; seq: number }[];
}

/**
 * The least time between two heartbeats, in milliseconds. Two in a row without a mission end its lease, and the reply to
 * the claim that got it may still be on its way.
 */
const leastBetweenBeats = 100;

/** For how long claims wait for the connection that tells the supervisor that we live, in milliseconds. */
const longestOpening = 5000;

/** Runner is a running agent. */
export class Runner implements Host {
  terms: Terms = { heartbeat_seconds: 3, lease_seconds: 10 };
  readonly id: string;
  readonly logger: Logger;
  readonly #transport: AgentTransport;
  readonly #options: RunnerOptions;
  readonly #held = new Map<Work, Promise<void>>();
  readonly #claims = new AbortController(); // ends claims that are in progress
  readonly #load = new Load();
  #draining = false;
  #freed: () => void = () => {}; // a slot is free, or claims are to end
  #interrupt: () => void = () => {}; // the claim in progress may never be answered
  #registering: Promise<void> | undefined;
  #heart: NodeJS.Timeout | undefined;
  #current: Promise<void> = Promise.resolve(); // the heartbeat in progress
  #next: Promise<void> | undefined; // the one behind it
  #began = -Infinity; // the latest one
  #troubled = false; // the supervisor does not answer, and that was said

  constructor(transport: AgentTransport, options: RunnerOptions) {
    this.#transport = transport;
    this.#options = options;
    this.id = options.id;
    this.logger = options.logger;
  }

  /** Works until stop is aborted, and drains. */
  async run(stop: AbortSignal): Promise<void> {
    const stopped = aborted(stop);
    void stopped.then(() => {
      this.#draining = true;
      this.#freed();
      this.#interrupt();
    });
    try {
      await this.#transport.open({
        command: (command) => this.#command(command),
        connected: (claimsLost) => {
          if (claimsLost) this.#interrupt();
          void this.beat();
        },
        unknown: () => this.#registerAgain(),
        info: (message) => this.logger.info(message),
      });
      await Promise.race([this.#register(stop, true), stopped]);
      if (stop.aborted) return;
      await this.#work(stop);
    } finally {
      clearTimeout(this.#heart);
      this.#claims.abort();
      await this.#transport.close();
    }
  }

  async #work(stop: AbortSignal): Promise<void> {
    this.#beatLater();
    // Claims wait for the connection, so that the end of this process is noticed at once.
    await Promise.race([this.#transport.listen(), pause(longestOpening, stop)]);
    this.logger.info(`agent ${this.id} is waiting for missions of ${[...this.#options.handlers.keys()].join(", ")}`);
    const claiming = this.#claimAll(stop);
    const closed = await Promise.race([claiming, this.#transport.closed]);
    if (closed instanceof Error) {
      for (const work of this.#held.keys()) work.isOver(new Stopped("lost", closed.message));
      throw closed;
    }
    await this.#drain();
  }

  /** Registers, however long that takes. It rejects if the supervisor refuses the agent. */
  #register(stop: AbortSignal, first = false): Promise<void> {
    this.#registering ??= this.#registerOnce(stop, first).finally(() => (this.#registering = undefined));
    return this.#registering;
  }

  async #registerOnce(stop: AbortSignal, first: boolean): Promise<void> {
    for (; !(first && stop.aborted); await pause(500, first ? stop : undefined)) {
      try {
        const terms = (await this.#transport.request("register", this.#options.registration, { seconds: 5, urgent: true })) as Terms;
        this.terms = terms;
        this.#answered();
        return;
      } catch (error) {
        // Once we are known, credentials are refused only while they are being reloaded.
        const refused = hasCode(error, "invalid_request", "too_large") || (first && hasCode(error, "unauthorized", "forbidden", "not_found", "method_not_allowed"));
        if (refused) throw error;
        this.#trouble("cannot register", error);
        if (this.#draining && !first) return;
      }
    }
  }

  request(verb: string, body: object, options: { seconds: number; signal?: AbortSignal }): Promise<any> {
    return this.#transport.request(verb, body, options);
  }

  #beatLater(): void {
    const { heartbeat_seconds, lease_seconds } = this.terms;
    const due = now() + heartbeat_seconds * 1000;
    this.#heart = setTimeout(() => {
      const late = (now() - due) / 1000;
      if (late > lease_seconds / 3) this.logger.warn(`a heartbeat is ${late.toFixed(1)} s late: a handler computes without an await, or the machine is overloaded`);
      void this.beat();
      this.#beatLater();
    }, heartbeat_seconds * 1000);
  }

  beat(): Promise<void> {
    this.#next ??= this.#current.then(async () => {
      await pause(Math.max(0, this.#began + leastBetweenBeats - now()));
      this.#next = undefined;
      this.#began = now();
      this.#current = this.#beatOnce();
      return this.#current;
    });
    return this.#next;
  }

  /** Sends a heartbeat, which renews the leases of what we hold, and does what the reply says. */
  async #beatOnce(): Promise<void> {
    const listed = [...this.#held.keys()].filter((work) => !work.over).map((work) => ({ work, seen: work.inbox.seen() }));
    const running = listed.map(({ work, seen }) => ({ ...work.ref, seen }));
    const asked = now();
    const { heartbeat_seconds, lease_seconds } = this.terms;
    let reply: HeartbeatReply;
    try {
      reply = (await this.#transport.request(
        "heartbeat",
        { running, draining: this.#draining, receiving: this.#transport.receiving(), ...this.#load.measure() },
        { seconds: Math.max(heartbeat_seconds, lease_seconds / 3), urgent: true },
      )) as HeartbeatReply;
    } catch (error) {
      return this.#unanswered(error);
    }
    this.#answered();
    for (const { work, seen } of listed) {
      const id = work.mission.id;
      work.inbox.acknowledge(seen);
      if (reply.cancel.includes(id)) work.isOver(new Stopped("cancelled", "the mission was cancelled"));
      else if (reply.lost.includes(id)) work.isOver(new Stopped("lost", "the lease is lost"));
      else if (this.#held.has(work)) work.renewed(asked);
      for (const { mission_id, seq } of reply.signals ?? []) if (mission_id === id) work.inbox.tell(seq);
    }
  }

  async #unanswered(error: unknown): Promise<void> {
    if (!hasCode(error, "not_found")) return this.#trouble("a heartbeat was not answered", error);
    this.logger.info("the supervisor no longer knows this agent; registering again");
    await this.#registerAgain();
    void this.beat();
  }

  #registerAgain(): Promise<void> {
    return this.#register(this.#claims.signal).catch((refused: unknown) => this.#trouble("cannot register", refused));
  }

  /** Commands are hints: the next heartbeat's reply says the same. */
  #command(command: Command): void {
    if (command.command === "cancel") void this.beat(); // it does not say which lease it is for
    if (command.command !== "signal" || !("seq" in command)) return;
    for (const work of this.#held.keys()) if (work.mission.id === command.mission_id) work.inbox.tell(command.seq);
  }

  /** Keeps one claim parked while there are free slots, until stop is aborted. */
  async #claimAll(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const free = this.#options.capacity - this.#held.size;
      await new Promise<void>((resolve) => {
        if (free <= 0) {
          this.#freed = resolve;
          return;
        }
        this.#interrupt = resolve;
        void this.#claimOnce(free).then(resolve);
      });
    }
  }

  async #claimOnce(free: number): Promise<void> {
    const { signal } = this.#claims;
    const seconds = this.#transport.claimSeconds;
    try {
      const { missions } = (await this.#transport.claim({ max: free, wait_seconds: seconds }, seconds, signal)) as { missions: Mission[] };
      this.#answered();
      for (const mission of missions) this.#begin(mission);
    } catch (error) {
      if (signal.aborted || this.#draining) return;
      if (hasCode(error, "not_found", "conflict")) {
        this.logger.info("the supervisor no longer knows this agent; registering again");
        return this.#registerAgain();
      }
      this.#trouble("cannot claim missions", error);
      await pause(500, signal);
    }
  }

  #begin(mission: Mission): void {
    const work = new Work(this, mission);
    for (const other of this.#held.keys()) {
      if (other.mission.id === mission.id) other.isOver(new Stopped("lost", "the mission was claimed again"));
    }
    // A claim that was given up may be answered late.
    if (this.#draining || this.#held.size >= this.#options.capacity) work.stop(new Stopped("stopping", "there is no slot for it"));
    const handler: Handler = work.signal.aborted ? () => {} : (this.#options.handlers.get(mission.type) ?? noHandler);
    const done = perform(work, handler).finally(() => {
      work.close();
      this.#held.delete(work);
      this.#freed();
    });
    this.#held.set(work, done);
  }

  /** Finishes what we hold, hands back what takes too long, and leaves. */
  async #drain(): Promise<void> {
    await this.beat(); // reports that we drain, which ends parked claims
    const patience = setTimeout(() => {
      for (const work of this.#held.keys()) work.stop(new Stopped("stopping", "the agent is stopping"));
    }, Math.min(this.#options.drainSeconds * 1000, 2 ** 31 - 1));
    while (this.#held.size > 0) await Promise.all(this.#held.values());
    clearTimeout(patience);
    clearTimeout(this.#heart);
    await this.#current; // a heartbeat after we have left would be refused
    await this.#transport.request("leave", {}, { seconds: 2, urgent: true }).catch((error: unknown) => {
      this.logger.warn(`cannot leave; the supervisor will notice that the agent is gone: ${text(error)}`);
    });
  }

  #trouble(what: string, error: unknown): void {
    if (!this.#troubled) this.logger.warn(`${what}; trying again: ${text(error)}`);
    this.#troubled = true;
  }

  #answered(): void {
    if (this.#troubled) this.logger.info("the supervisor answers again");
    this.#troubled = false;
  }
}

function noHandler(): never {
  throw new Error("the agent has no handler for this type");
}

/** Load measures what the process uses, for people. */
class Load {
  #at = now();
  #used = process.cpuUsage();

  measure(): { cpu: number; memory_bytes: number } {
    const elapsed = Math.max(now() - this.#at, 1);
    const { user, system } = process.cpuUsage(this.#used);
    this.#at = now();
    this.#used = process.cpuUsage();
    return { cpu: (user + system) / 1000 / elapsed, memory_bytes: process.memoryUsage.rss() };
  }
}
