import { now, pause } from "./async.js";
import { hasCode, text } from "./errors.js";
import type { Http } from "./http.js";
import type { Codec } from "./json.js";
import type { AgentListener, AgentTransport, Command, RequestOptions } from "./transport.js";

/** For how long after its time a claim's reply may still be arriving, in seconds. */
const longestArrival = 60;

/**
 * HttpAgent is an {@link AgentTransport} over HTTP. The supervisor knows that the agent lives by a
 * stream of commands that stays open. Each request in progress has a connection of its own, so
 * that heartbeats wait for nothing.
 */
export class HttpAgent implements AgentTransport {
  readonly claimSeconds = 20;
  readonly closed: Promise<Error> = new Promise(() => {}); // HTTP has nothing that closes for good
  readonly #path: string;
  readonly #http: Http;
  readonly #codec: Codec;
  readonly #over = new AbortController();
  #listener!: AgentListener;
  #listening: Promise<void> | undefined;
  #opened: () => void = () => {};
  #arriving = 0; // replies to claims

  constructor(id: string, http: Http, codec: Codec) {
    this.#path = `/api/agents/${encodeURIComponent(id)}`;
    this.#http = http;
    this.#codec = codec;
  }

  async open(listener: AgentListener): Promise<void> {
    this.#listener = listener;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#opened = resolve;
      this.#listening = this.#listen();
    });
  }

  /** Keeps the stream open for as long as the agent lives, and opens it again at once when it ends. */
  async #listen(): Promise<void> {
    const { signal } = this.#over;
    for (let troubled = false; !signal.aborted; ) {
      const begun = now();
      const { opened, error } = await this.#follow();
      if (signal.aborted) return;
      if (!opened && !troubled) this.#listener.info(`the supervisor is unavailable; waiting for it: ${text(error)}`);
      troubled = !opened;
      if (!opened || now() - begun < 1000) await pause(100 + 150 * Math.random(), signal); // within the grace time
    }
  }

  /** Reads one stream to its end. Returns whether it was opened, and why it has ended. */
  async #follow(): Promise<{ opened: boolean; error?: unknown }> {
    let opened = false;
    try {
      for await (const { event, data } of this.#http.stream(`${this.#path}/commands`, this.#over.signal)) {
        if (event === "ready") {
          opened = true;
          this.#opened();
          this.#listener.connected(false);
        } else if (event === "command") {
          this.#listener.command(this.#codec.parse(data) as Command);
        }
      }
      return { opened };
    } catch (error) {
      if (hasCode(error, "not_found")) await this.#listener.unknown();
      return { opened, error };
    }
  }

  request(verb: string, body: object, options: RequestOptions & { onAnswer?: () => void }): Promise<any> {
    return this.#http.send("POST", `${this.#path}/${verb}`, body, options);
  }

  async claim(body: object, waitSeconds: number, signal: AbortSignal): Promise<any> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    const late = setTimeout(abort, (waitSeconds + 10) * 1000);
    let arriving = 0;
    const onAnswer = () => {
      clearTimeout(late);
      this.#arriving += arriving = 1;
    };
    signal.addEventListener("abort", abort);
    try {
      return await this.request("claim", body, { seconds: waitSeconds + longestArrival, signal: stop.signal, onAnswer });
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
      this.#arriving -= arriving;
    }
  }

  receiving(): boolean {
    return this.#arriving > 0;
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#listening;
  }
}
