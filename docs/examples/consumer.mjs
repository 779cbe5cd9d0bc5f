// A durable consumer in JavaScript: it prints every change of a mission's status, with
// its sequence in the stream EVENTS.
//
//   npm install && node consumer.mjs [NAME]
//
// The broker remembers under NAME (status-changes) how far it came. Kill it and start it
// again: it goes on there, and nothing is missed. A change that was being handled at that
// moment comes once more; its sequence tells. NATS_URL says where the broker is.

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

// open makes the consumer, or finds the one that is there.
async function open() {
  const manager = await jetstreamManager(nc);
  await manager.consumers.add("EVENTS", {
    durable_name: name,
    filter_subject: "events.mission.status_changed",
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(5_000), // what was not acknowledged by then comes again
    max_ack_pending: 1, // one at a time: even what comes again comes in order
  });
  return jetstream(nc).consumers.get("EVENTS", name);
}

// handle does what this consumer is for. Only when it is done is the event acknowledged.
function handle(event, sequence) {
  const { mission_id, old_status, new_status, reason } = event.payload;
  console.log(`${sequence} ${mission_id} ${old_status} → ${new_status}: ${reason}`);
}

let consumer;
while (!consumer) {
  consumer = await open().catch((error) => {
    console.error(`no consumer yet: ${error.message}`); // the stream may still be on its way
    return pause(1000);
  });
}
const messages = await consumer.consume();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => messages.close());
for await (const message of messages) {
  handle(message.json(), message.seq);
  message.ack();
}
// The last acknowledgement goes out; while the broker is away it cannot, and the change
// comes once more.
await nc.drain().catch(() => nc.close());
