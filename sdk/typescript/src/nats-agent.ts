import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";

import { handled, pause } from "./async.js";
import { hasCode, MissionControlError, text } from "./errors.js";
import type { Codec } from "./json.js";
import { dial, Link } from "./nats.js";
import type { AgentListener, AgentTransport, Command, RequestOptions } from "./transport.js";

/** For how long after its time a claim's reply may still be arriving, in seconds. */
const longestArrival = 60;

/**
 * NatsAgent is an {@link AgentTransport} over NATS. The supervisor knows the agent by the name of
 * its connection. Heartbeats have a connection of their own, so that they do not wait behind a large
 * result on a slow link; while that one does not work, they take the other.
 */
export class NatsAgent implements AgentTransport {
  readonly claimSeconds = 5; // claims that are parked at a supervisor that is killed are lost
  readonly closed: Promise<Error>;
  readonly #id: string;
  readonly #dial: (name: string) => Promise<NatsConnection>;
  readonly #codec: Codec;
  #close: (reason: Error) => void = () => {};
  #work!: Link;
  #beats: Link | undefined;
  #detour = false;
  #listener!: AgentListener;
  #claims = 0;
  #pinging = false;
  #over = false;

  constructor(id: string, servers: string[], options: ConnectionOptions, codec: Codec) {
    this.#id = id;
    // A broker with roles allows this agent only this inbox.
    this.#dial = (name) => dial(servers, options, name, { inboxPrefix: `_INBOX.${id}` });
    this.#codec = codec;
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  async open(listener: AgentListener): Promise<void> {
    this.#listener = listener;
    this.#work = new Link(await this.#dial(`agent:${this.#id}`), {
      connected: () => {
        listener.info("the broker is back");
        listener.connected(true);
      },
      disconnected: () => listener.info("the broker is unavailable; waiting for it"),
    });
    void this.#work.nc.closed().then((error) => {
      if (!this.#over) this.#close(error instanceof Error ? error : new Error("the connection to the broker is closed for good"));
    });
    // Its name is another one: the end of a connection that is named after the agent counts as the agent's death.
    try {
      this.#beats = new Link(await this.#dial(`agent-heartbeats:${this.#id}`), {
        // The broker does not answer, and the other connection may not know it yet.
        stale: () => void this.#work.nc.reconnect().catch(() => {}), // fails only on a closed connection
      });
    } catch (error) {
      listener.info(`heartbeats have no connection of their own, and wait behind large results: ${text(error)}`);
    }
  }

  async listen(): Promise<void> {
    this.#work.nc.subscribe(`supervisor.agent.${this.#id}.commands`, {
      callback: (error, message) => {
        // With a reply subject, it is a stream that delivers here, and not the supervisor.
        if (error || message.reply) return;
        try {
          this.#listener.command(this.#codec.parse(message.string()) as Command);
        } catch {
          // What cannot be read is no command that we know.
        }
      },
    });
    await this.#work.nc.flush().catch(() => {}); // the subscription is renewed with the connection
  }

  async request(verb: string, body: object, options: RequestOptions & { urgent?: boolean; evenLate?: boolean }): Promise<any> {
    const { urgent = false } = options;
    const link = urgent && this.#beats?.connected && !this.#detour ? this.#beats : this.#work;
    try {
      return await link.request(this.#codec, `supervisor.agent.${this.#id}.${verb}`, body, options);
    } catch (error) {
      if (urgent && hasCode(error, "unreachable")) this.#detour = !this.#detour;
      throw error;
    }
  }

  async claim(body: object, waitSeconds: number, signal: AbortSignal): Promise<any> {
    const stop = new AbortController();
    this.#claims++;
    try {
      const reply = handled(this.request("claim", body, { seconds: waitSeconds + longestArrival, signal, evenLate: true }));
      return await Promise.race([reply, this.#late(waitSeconds + 3, stop.signal)]);
    } finally {
      this.#claims--;
      stop.abort();
    }
  }

  /** Rejects once a claim's reply is late, and nothing that the broker has sent before is still on its way. */
  async #late(seconds: number, stop: AbortSignal): Promise<never> {
    await pause(seconds * 1000, stop);
    await this.#work.nc.flush().catch(() => {});
    await pause(1000, stop);
    throw new MissionControlError("unreachable", "the claim was not answered");
  }

  /** A ping is answered behind what the broker has sent before. */
  receiving(): boolean {
    if (this.#claims === 0) return false;
    if (this.#pinging) return true;
    this.#pinging = true;
    void this.#work.nc
      .flush()
      .catch(() => {}) // nothing more arrives
      .finally(() => (this.#pinging = false));
    return false;
  }

  async close(): Promise<void> {
    this.#over = true;
    await Promise.all([this.#beats?.nc.close(), this.#work.nc.close()]);
  }
}
