// A durable consumer in JavaScript. It prints every status change of a mission, with its
// sequence in the stream EVENTS.
//
//   npm install && node consumer.mjs [NAME]
//
// The broker remembers its position under NAME (status-changes). If you kill it and start it
// again, it continues there and misses nothing. It gets the change that it was handling
// again, with the same sequence. NATS_URL is the broker's URL.

import { setTimeout as pause } from "node:timers/promises";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";

const name = process.argv[2] ?? "status-changes";
const nc = await connect({
  servers: (process.env.NATS_URL || "127.0.0.1:4222").split(","),
  name: `consumer:${name}`,
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  pingInterval: 5_000,
});

// open creates the consumer, or finds the existing one.
async function open() {
  const manager = await jetstreamManager(nc);
  await manager.consumers.add("EVENTS", {
    durable_name: name,
    filter_subject: "events.mission.status_changed",
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(5_000), // a message that is not acknowledged by then is delivered again
    max_ack_pending: 1, // one at a time, so that redeliveries stay in order
  });
  return jetstream(nc).consumers.get("EVENTS", name);
}

// handle does the consumer's work. The event is acknowledged after it returns.
function handle(event, sequence) {
  const { mission_id, old_status, new_status, reason } = event.payload;
  console.log(`${sequence} ${mission_id} ${old_status} → ${new_status}: ${reason}`);
}

let consumer;
while (!consumer) {
  consumer = await open().catch((error) => {
    console.error(`no consumer yet: ${error.message}`); // the stream may not exist yet
    return pause(1000);
  });
}
const messages = await consumer.consume();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => messages.close());
for await (const message of messages) {
  handle(message.json(), message.seq);
  message.ack();
}
// Send the last acknowledgement. If the broker is unavailable, the change is delivered again.
await nc.drain().catch(() => nc.close());
