import { pause } from "./async.js";
import { passing } from "./errors.js";
import type { Http } from "./http.js";
import type { Codec } from "./json.js";
import type { Operation } from "./operations.js";
import type { ClientTransport, EventsQuery, RequestOptions, SequencedEvent } from "./transport.js";
import type { Event } from "./wire.js";

/** HttpClient is a {@link ClientTransport} over HTTP. */
export class HttpClient implements ClientTransport {
  readonly #http: Http;
  readonly #codec: Codec;

  constructor(http: Http, codec: Codec) {
    this.#http = http;
    this.#codec = codec;
  }

  request(operation: Operation, body: object, options: RequestOptions): Promise<any> {
    return this.#http.operation(operation, body, options);
  }

  async *events(query: EventsQuery, signal: AbortSignal): AsyncGenerator<SequencedEvent> {
    let after = query.after;
    let since = query.since ?? (after === undefined ? Date.now() / 1000 : undefined);
    while (!signal.aborted) {
      try {
        for await (const { event, data, id } of this.#http.stream(path(query, since, after), signal)) {
          if (event !== "message" || id === undefined) continue;
          after = Number(id);
          since = undefined;
          yield { ...(this.#codec.parse(data) as Event), sequence: after };
        }
      } catch (error) {
        if (!passing(error)) throw error;
      }
      await pause(250, signal);
    }
  }

  async close(): Promise<void> {}
}

function path({ types, missionId, agentId }: EventsQuery, since?: number, after?: number): string {
  const query = new URLSearchParams();
  if (types?.length) query.set("type", types.join(","));
  if (missionId !== undefined) query.set("mission_id", missionId);
  if (agentId !== undefined) query.set("agent_id", agentId);
  if (after !== undefined) query.set("after", String(after));
  else if (since !== undefined) query.set("since", String(since));
  return `/api/events?${query}`;
}
