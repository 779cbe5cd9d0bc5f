import { hostname } from "node:os";

import { strictJSON } from "./json.js";
import { Http } from "./http.js";
import { HttpAgent } from "./http-agent.js";
import { NatsAgent } from "./nats-agent.js";
import type { Handler } from "./outcome.js";
import { Runner } from "./runner.js";
import { address, type AgentTransport, type Endpoint } from "./transport.js";
import type { Logger } from "./work.js";

/** How an {@link Agent} is known and works, and where the supervisor is. */
export interface AgentOptions extends Endpoint {
  /** 1 to 64 of A-Z a-z 0-9 _ -. Give every process its own. Default: a new one. */
  id?: string;
  /** For display. Default: the id. */
  name?: string;
  /** How many missions it works on at once, 1 to 10,000. Default: 1. */
  capacity?: number;
  /** Handlers by the types of missions; see {@link Agent.handle}. */
  handlers?: Record<string, Handler>;
  /** For display. */
  role?: string;
  /** The agent's own version, for display. */
  version?: string;
  /** For display. Default: the machine's name. */
  host?: string;
  /** What missions may require of an agent. */
  labels?: Record<string, string>;
  /** How long running missions may go on when the agent drains; then they go back to the queue. Default: 30. */
  drainSeconds?: number;
  /** What the agent says, for people. Default: console. */
  logger?: Logger;
}

/**
 * Agent works on missions: it registers, sends heartbeats, claims missions, runs handlers, reports how they ended, and
 * drains when it is stopped.
 *
 *     const agent = new Agent({ id: "resizer-1", capacity: 4 });
 *     agent.handle("resize", async (task) => ({ bytes: await resize(task.data, task.signal) }));
 *     await agent.run();
 */
export class Agent {
  readonly id: string;
  readonly #options: AgentOptions;
  readonly #handlers = new Map<string, Handler>();
  readonly #transport: () => AgentTransport;
  readonly #stop = new AbortController();
  #running = false;

  /** Throws a TypeError or RangeError that names the option that is wrong. */
  constructor(options: AgentOptions = {}) {
    this.#options = options;
    this.id = options.id ?? `agent-${crypto.randomUUID().slice(0, 8)}`;
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(this.id)) throw new TypeError(`id must be 1 to 64 of A-Z a-z 0-9 _ -, and is ${JSON.stringify(this.id)}`);
    const { capacity = 1, drainSeconds = 30 } = options;
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 10_000) throw new RangeError(`capacity must be a whole number from 1 to 10000, and is ${capacity}`);
    if (!(drainSeconds >= 0)) throw new RangeError(`drainSeconds must be a number from 0 on, and is ${drainSeconds}`);
    for (const [type, handler] of Object.entries(options.handlers ?? {})) this.handle(type, handler);
    const codec = options.json ?? strictJSON;
    const at = address(options);
    this.#transport = () =>
      at.kind === "nats" ? new NatsAgent(this.id, at.servers, at.nats, codec) : new HttpAgent(this.id, new Http(at.url, at.token, at.fetch, codec), codec);
  }

  /** Sets the handler for missions of a type, before {@link run}. */
  handle<Data = any>(type: string, handler: Handler<Data>): this {
    if (this.#running) throw new Error("handlers are set before the agent runs");
    if (typeof handler !== "function") throw new TypeError(`the handler of type ${type} must be a function`);
    this.#handlers.set(type, handler as Handler);
    return this;
  }

  /**
   * Works until {@link stop} is called or the process gets SIGTERM or SIGINT, and then drains; a second such signal ends the
   * process at once. With `handleSignals: false`, it leaves the process's signals alone. It waits for a supervisor that is unavailable.
   *
   * It rejects with a {@link MissionControlError} if the supervisor refuses the agent, and with an error if the connection to
   * the broker is closed for good. An agent runs once.
   */
  async run({ handleSignals = true }: { handleSignals?: boolean } = {}): Promise<void> {
    if (this.#running) throw new Error("an agent runs once");
    if (this.#handlers.size === 0) throw new Error("an agent needs a handler: call handle, or set handlers");
    this.#running = true;
    const { name, capacity = 1, role, version, host = hostname(), labels, drainSeconds = 30, logger = console } = this.#options;
    const runner = new Runner(this.#transport(), {
      id: this.id,
      registration: { name: name ?? this.id, types: [...this.#handlers.keys()], capacity, role, version, host, labels },
      handlers: this.#handlers,
      capacity,
      drainSeconds,
      logger,
    });
    const onSignal = () => (this.#stop.signal.aborted ? process.exit(1) : this.stop());
    if (handleSignals) process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
    try {
      await runner.run(this.#stop.signal);
    } finally {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
    }
  }

  /** Drains the agent: it finishes what it holds, for at most drainSeconds, and {@link run} resolves. */
  stop(): void {
    this.#stop.abort();
  }
}
