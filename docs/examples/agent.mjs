// An agent in JavaScript, written from docs/PROTOCOL.md alone: it counts to data.to,
// one number every data.every_ms milliseconds (100), and says how far it is.
//
//   npm install && node agent.mjs [ID]
//
// NATS_URL says where the broker is, or several with commas. SIGTERM and Ctrl-C let
// missions under way finish for DRAIN_SECONDS (10), hand back the rest, and leave.

import { setTimeout as pause } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";

const id = process.argv[2] ?? `js-${process.pid}`;
const capacity = 2;

// The work. It ends when signal is aborted; say tells of it while it goes on, and fails
// nothing when nobody hears it.
async function count({ to, every_ms = 100 }, signal, say) {
  if (!Number.isSafeInteger(to) || to < 1) throw new Hopeless("data.to is not a whole number above 0");
  await say("log", { message: `counting to ${to}` });
  for (let n = 1; n <= to; n++) {
    // Work that keeps the processor busy belongs into a worker thread: in this one it
    // would hold up the heartbeat until the leases are over.
    await pause(every_ms, undefined, { signal });
    await say("progress", { percent: (100 * n) / to, message: `${n} of ${to}` });
  }
  return { counted: to };
}

// Hopeless is a failure that trying again would not help.
class Hopeless extends Error {}

// Refused is an error reply; its code says what to do. See "Errors" in the protocol.
class Refused extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

const nc = await connect({
  servers: (process.env.NATS_URL || "127.0.0.1:4222").split(","),
  name: `agent:${id}`, // by this name a broken connection is known to be ours
  inboxPrefix: `_INBOX.${id}`, // where a broker that knows roles lets this agent listen
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  pingInterval: 5_000,
});

async function ask(verb, body = {}, seconds = 3) {
  const reply = await nc.request(`supervisor.agent.${id}.${verb}`, JSON.stringify(body), { timeout: seconds * 1000 });
  const answer = reply.json();
  if (answer.error) throw new Refused(answer.error);
  return answer;
}

let terms; // heartbeat_seconds and lease_seconds

async function register() {
  terms = await ask("register", { name: "counts in JavaScript", types: ["count"], capacity });
}

// askAsKnown registers again when the supervisor no longer knows us.
async function askAsKnown(verb, body, seconds) {
  try {
    return await ask(verb, body, seconds);
  } catch (error) {
    if (error.code !== "not_found" && error.code !== "conflict") throw error;
    await register();
    return ask(verb, body, seconds);
  }
}

// What we hold, from the claim until the end of it has been said. A Task stops early
// when it is over (we no longer hold it) or is handed back (we still do).
const held = new Set();

class Task {
  constructor(mission) {
    this.mission = mission;
    this.ref = { mission_id: mission.id, lease: mission.lease };
    this.stopper = new AbortController();
    this.signal = this.stopper.signal;
    this.renewed(Date.now());
  }

  // renewed counts the lease from when its renewal was asked for. Once it is over,
  // somebody else may have begun.
  renewed(asked) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.isOver("the lease is over"), asked + terms.lease_seconds * 1000 - Date.now());
  }

  isOver(why) {
    this.over = why;
    this.stopper.abort(why);
  }

  handBack() {
    this.stopper.abort();
  }
}

let beating; // the heartbeat under way

function beat() {
  beating ??= beatOnce()
    .catch((error) => console.log(`no heartbeat: ${error.message}`)) // the next one may get through
    .finally(() => (beating = undefined));
  return beating;
}

// beatOnce lists all that we hold, which renews it, and stops what the reply says.
async function beatOnce() {
  const tasks = [...held];
  const asked = Date.now();
  const { cancel, lost } = await askAsKnown("heartbeat", { running: tasks.map((task) => task.ref), draining });
  for (const task of tasks) {
    if (cancel.includes(task.mission.id)) task.isOver("it was cancelled");
    else if (lost.includes(task.mission.id)) task.isOver("the lease is lost");
    else if (held.has(task)) task.renewed(asked);
  }
}

let draining = false;
let onReconnect = () => {};

// claim parks one request after the other while there are free slots.
async function claim() {
  while (!draining) {
    if (held.size >= capacity) {
      await Promise.race([...held].map((task) => task.done));
      continue;
    }
    // The reply to a claim from before a reconnect may never come.
    await Promise.race([claimOnce(), new Promise((resolve) => (onReconnect = resolve))]);
  }
}

async function claimOnce() {
  try {
    const { missions } = await askAsKnown("claim", { max: capacity - held.size, wait_seconds: 10 }, 13);
    for (const mission of missions) {
      const task = new Task(mission);
      held.add(task);
      if (draining || held.size > capacity) task.handBack(); // a claim that we gave up came through late
      task.done = work(task).finally(() => {
        clearTimeout(task.timer);
        held.delete(task);
      });
    }
  } catch (error) {
    console.log(`no claim: ${error.message}`);
    await pause(500);
  }
}

async function work(task) {
  const { mission, signal } = task;
  const say = (verb, body) =>
    ask(verb, { ...task.ref, ...body }).catch((error) => {
      if (error.code === "lease_lost") task.isOver(error.message);
    });
  try {
    signal.throwIfAborted();
    console.log(`began ${mission.id}, attempt ${mission.attempt} of ${mission.max_attempts}`);
    await finish(task, "complete", { result: await count(mission.data, signal, say) });
  } catch (error) {
    if (task.over) console.log(`stopped ${mission.id}: ${task.over}`);
    else if (signal.aborted) await finish(task, "release");
    else await finish(task, "fail", { error: error.message, retryable: !(error instanceof Hopeless) });
  }
}

// finish says how it ended until there is a reply or the lease is over: an end that was
// carried out already changes nothing when it is said again.
async function finish(task, verb, body) {
  while (!task.over) {
    try {
      await ask(verb, { ...task.ref, ...body });
      console.log(`${verb} ${task.mission.id}`);
      return;
    } catch (error) {
      console.log(`no ${verb} of ${task.mission.id}: ${error.message}`);
      if (verb === "complete" && error.code === "too_large") throw new Hopeless(error.message);
      if (error instanceof Refused && !["unavailable", "overloaded", "internal"].includes(error.code)) return;
      await pause(500);
    }
  }
}

async function drain() {
  draining = true;
  await beating;
  await beat(); // says that we drain, which ends a claim that is parked
  const finished = claiming.then(() => Promise.all([...held].map((task) => task.done)));
  const patience = pause(1000 * (process.env.DRAIN_SECONDS ?? 10), undefined, { ref: false });
  await Promise.race([finished, patience]);
  for (const task of held) task.handBack();
  await Promise.all([...held].map((task) => task.done));
  clearInterval(heart);
  await beating; // one that came after our leave would be that of a stranger
  await ask("leave").catch((error) => console.log(`no leave: ${error.message}`));
  await nc.close(); // nothing is left that would keep us running
}

while (!terms) {
  await register().catch((error) => {
    console.log(`not registered yet: ${error.message}`);
    return pause(1000);
  });
}
// What is pushed here is a hint: the heartbeat's reply has it, too.
nc.subscribe(`supervisor.agent.${id}.commands`, { callback: () => beat() });
const heart = setInterval(beat, terms.heartbeat_seconds * 1000);
const claiming = claim();
console.log(`agent ${id} is waiting for missions of type count`);
for (const name of ["SIGTERM", "SIGINT"]) process.once(name, drain);

for await (const { type } of nc.status()) {
  if (type === "disconnect" || type === "reconnect") console.log(`broker: ${type}`);
  if (type === "reconnect") {
    onReconnect();
    beat();
  }
}
if (!draining) {
  console.log(`the connection is closed: ${await nc.closed()}`);
  process.exit(1);
}
