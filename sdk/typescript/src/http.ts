import { MissionControlError, refusal, text, type Code } from "./errors.js";
import type { Codec } from "./json.js";
import { clientName } from "./nats.js";
import type { Operation } from "./operations.js";
import { messages, type Message } from "./sse.js";
import type { RequestOptions } from "./transport.js";

/** For how long a stream of server-sent events may be silent, in seconds. It has a comment every 15. */
const longestSilence = 45;

/** What is added to the time of a request for each byte: the supervisor accepts no less than 16 KiB a second. */
const millisecondsPerByte = 1000 / 16_384;

/** Http sends requests over HTTP. They reject with a {@link MissionControlError}. */
export class Http {
  readonly #url: string;
  readonly #token: string;
  readonly #fetch: typeof fetch;
  readonly #codec: Codec;

  constructor(url: string, token: string, fetcher: typeof fetch, codec: Codec) {
    this.#url = url;
    this.#token = token;
    this.#fetch = fetcher;
    this.#codec = codec;
  }

  /** operation sends a request to the path of an operation. */
  operation(operation: Operation, body: object, options: RequestOptions): Promise<any> {
    const [method = "", pattern = ""] = operation.http.split(" ");
    const fields = Object.entries(body).filter(([, value]) => value !== undefined);
    const inPath = (name: string) => pattern.includes(`{${name}}`);
    const path = pattern.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(fields.find(([field]) => field === name)?.[1] ?? "")));
    const rest = fields.filter(([name]) => !inPath(name));
    if (method !== "GET") return this.send(method, path, rest.length > 0 ? Object.fromEntries(rest) : undefined, options);
    const query = new URLSearchParams(rest.map(([name, value]): [string, string] => [name, String(value)]));
    return this.send(method, query.size > 0 ? `${path}?${query}` : path, undefined, options);
  }

  /** send sends a request and returns its reply. onAnswer is called when that begins to arrive. */
  async send(method: string, path: string, body: object | undefined, { seconds, signal, onAnswer }: RequestOptions & { onAnswer?: () => void }): Promise<any> {
    const payload = body === undefined ? null : (this.#codec.stringify(body) ?? null);
    const timeout = seconds * 1000 + (payload?.length ?? 0) * millisecondsPerByte;
    return within(timeout, signal, async (ended) => {
      const reply = await this.#fetch(this.#url + path, { method, body: payload, headers: this.#headers(payload !== null), signal: ended });
      onAnswer?.();
      return this.#read(reply);
    });
  }

  /** stream opens a stream of server-sent events and yields its messages until it ends or signal is aborted. */
  async *stream(path: string, signal: AbortSignal, more: Record<string, string> = {}): AsyncGenerator<Message> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    let silence = setTimeout(abort, longestSilence * 1000);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    try {
      const reply = await this.#fetch(this.#url + path, { headers: { ...this.#headers(false), Accept: "text/event-stream", ...more }, signal: stop.signal });
      if (!reply.ok || reply.body === null) {
        await this.#read(reply);
        return;
      }
      yield* messages(reply.body as ReadableStream<Uint8Array>, () => {
        clearTimeout(silence);
        silence = setTimeout(abort, longestSilence * 1000);
      });
    } catch (error) {
      if (error instanceof MissionControlError) throw error;
      throw new MissionControlError("unreachable", `the stream of ${path} has ended: ${reason(error)}`, { cause: error });
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", abort);
      abort();
    }
  }

  #headers(json: boolean): Record<string, string> {
    return {
      "Mission-Control-Client": clientName,
      ...(json ? { "Content-Type": "application/json" } : {}),
      ...(this.#token === "" ? {} : { Authorization: `Bearer ${this.#token}` }),
    };
  }

  async #read(reply: Response): Promise<any> {
    const body = await reply.text();
    let parsed: unknown;
    try {
      parsed = body === "" ? {} : this.#codec.parse(body);
    } catch {
      parsed = undefined; // of a proxy
    }
    const refused = refusal(parsed);
    if (refused) throw refused;
    if (!reply.ok || parsed === undefined) throw new MissionControlError(codeOf(reply.status), `${reply.url} answered ${reply.status} ${reply.statusText} without an error of the protocol`);
    return parsed;
  }
}

/** The code of a reply that is not the supervisor's own. */
function codeOf(status: number): Code {
  const codes: Record<number, Code> = { 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 429: "overloaded" };
  return codes[status] ?? "unreachable";
}

/** within runs f with a signal that is aborted after some milliseconds, or when signal is. */
async function within<T>(milliseconds: number, signal: AbortSignal | undefined, f: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const abort = () => stop.abort(signal?.reason);
  const timer = setTimeout(() => stop.abort(new Error(`no answer within ${Math.round(milliseconds)} ms`)), milliseconds);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    return await f(stop.signal);
  } catch (error) {
    if (error instanceof MissionControlError) throw error;
    throw new MissionControlError("unreachable", `no answer: ${reason(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** fetch says "fetch failed", and the cause says why. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `${text(error)}: ${text(cause)}` : text(error);
}
