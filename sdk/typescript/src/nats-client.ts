import { DeliverPolicy, jetstream, jetstreamManager, type OrderedConsumerOptions } from "@nats-io/jetstream";
import type { ConnectionOptions } from "@nats-io/nats-core";

import { pause } from "./async.js";
import { MissionControlError, text } from "./errors.js";
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
    const link = await this.#open();
    let after = query.after;
    for (let begun = false; !signal.aborted; await pause(250, signal)) {
      try {
        if (after === undefined && query.since === undefined) after = await this.#last(link);
        for await (const event of this.#follow(link, query, after, signal)) {
          after = event.sequence;
          if (concerns(event, query)) yield event;
        }
        begun = true;
      } catch (error) {
        if (!begun || link.nc.isClosed()) throw new MissionControlError("unreachable", `the stream ${stream} cannot be read: ${text(error)}`, { cause: error });
      }
    }
  }

  async #last({ nc }: Link): Promise<number> {
    return (await (await jetstreamManager(nc)).streams.info(stream)).state.last_seq;
  }

  /** Yields events until the connection is lost or signal is aborted. */
  async *#follow(link: Link, query: EventsQuery, after: number | undefined, signal: AbortSignal): AsyncGenerator<SequencedEvent> {
    const { lost } = link;
    const consumer = await jetstream(link.nc).consumers.get(stream, selection(query, after));
    const messages = await consumer.consume();
    const stop = () => messages.stop();
    for (const end of [lost, signal]) {
      end.addEventListener("abort", stop);
      if (end.aborted) stop();
    }
    try {
      for await (const message of messages) yield { ...(this.#codec.parse(message.string()) as Event), sequence: message.seq };
    } finally {
      for (const end of [lost, signal]) end.removeEventListener("abort", stop);
      stop();
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
