import { DeliverPolicy, jetstream, jetstreamManager, type OrderedConsumerOptions } from "@nats-io/jetstream";
import type { ConnectionOptions } from "@nats-io/nats-core";

import { pause } from "./async.js";
import type { Codec } from "./json.js";
import { dial, Link } from "./nats.js";
import type { Operation } from "./operations.js";
import type { ClientTransport, EventsQuery, RequestOptions, SequencedEvent } from "./transport.js";
import type { Event } from "./wire.js";

const stream = "EVENTS";

/** NatsClient is a {@link ClientTransport} over NATS. It connects with the first request. */
export class NatsClient implements ClientTransport {
  readonly #connect: () => Promise<Link>;
  readonly #codec: Codec;
  #connection: Promise<Link> | undefined;

  constructor(servers: string[], options: ConnectionOptions, codec: Codec) {
    this.#connect = async () => new Link(await dial(servers, options, "missioncontrol-client"));
    this.#codec = codec;
  }

  #open(): Promise<Link> {
    this.#connection ??= this.#connect().catch((error: unknown) => {
      this.#connection = undefined; // the next request tries again
      throw error;
    });
    return this.#connection;
  }

  async request(operation: Operation, body: object, options: RequestOptions): Promise<any> {
    return (await this.#open()).request(this.#codec, operation.subject, body, options);
  }

  async *events(query: EventsQuery, signal: AbortSignal): AsyncGenerator<SequencedEvent> {
    const { nc } = await this.#open();
    const manager = await jetstreamManager(nc);
    let after = query.after;
    if (after === undefined && query.since === undefined) after = (await manager.streams.info(stream)).state.last_seq;
    while (!signal.aborted) {
      const consumer = await jetstream(nc).consumers.get(stream, selection(query, after));
      const messages = await consumer.consume();
      const stop = () => messages.stop();
      signal.addEventListener("abort", stop);
      try {
        for await (const message of messages) {
          after = message.seq;
          const event = this.#codec.parse(message.string()) as Event;
          if (concerns(event, query)) yield { ...event, sequence: message.seq };
        }
      } finally {
        signal.removeEventListener("abort", stop);
        messages.stop();
      }
      await pause(250, signal);
    }
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.nc.close();
  }
}

function selection(query: EventsQuery, after: number | undefined): Partial<OrderedConsumerOptions> {
  const types = query.types?.length ? query.types : [">"];
  const filter_subjects = types.map((type) => `events.${type}`);
  if (after !== undefined) return { filter_subjects, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 };
  return { filter_subjects, deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date((query.since ?? 0) * 1000).toISOString() };
}

function concerns({ payload }: Event, { missionId, agentId }: EventsQuery): boolean {
  return (missionId === undefined || payload["mission_id"] === missionId) && (agentId === undefined || payload["agent_id"] === agentId);
}
