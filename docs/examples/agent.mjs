// An agent in JavaScript that uses only docs/PROTOCOL.md. It counts to data.to, one number
// every data.every_ms milliseconds (100), and reports its progress.
//
//   npm install && node agent.mjs [ID]
//
// NATS_URL is the broker's URL, or several, separated by commas. On SIGTERM and Ctrl-C, the
// agent gives running missions DRAIN_SECONDS (10) to finish, releases the rest, and leaves.

import { setTimeout as pause } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";

const id = process.argv[2] ?? `js-${process.pid}`;
const capacity = 2;

// The work. It stops when signal is aborted. say reports progress and logs; it does not fail
// if the report gets lost.
async function count({ to, every_ms = 100 }, signal, say) {
  if (!Number.isSafeInteger(to) || to < 1) throw new Hopeless("data.to is not a whole number above 0");
  await say("log", { message: `counting to ${to}` });
  for (let n = 1; n <= to; n++) {
    // Do CPU-bound work in a worker thread: in this one, it would delay heartbeats until the
    // leases expire.
    await pause(every_ms, undefined, { signal });
    await say("progress", { percent: (100 * n) / to, message: `${n} of ${to}` });
  }
  return { counted: to };
}

// Hopeless is a failure that a retry cannot fix.
class Hopeless extends Error {}

// Refused is an error reply; its code shows what to do. See "Errors" in the protocol.
class Refused extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

const nc = await connect({
  servers: (process.env.NATS_URL || "127.0.0.1:4222").split(","),
  name: `agent:${id}`, // the supervisor recognizes our connection by this name
  inboxPrefix: `_INBOX.${id}`, // a broker with roles allows this agent only this inbox
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

// askAsKnown registers again if the supervisor no longer knows us.
async function askAsKnown(verb, body, seconds) {
  try {
    return await ask(verb, body, seconds);
  } catch (error) {
    if (error.code !== "not_found" && error.code !== "conflict") throw error;
    await register();
    return ask(verb, body, seconds);
  }
}

// The missions that we hold, from the claim until their end is reported. A Task stops early
// if we lose the mission, or if we release it.
const held = new Set();

class Task {
  constructor(mission) {
    this.mission = mission;
    this.ref = { mission_id: mission.id, lease: mission.lease };
    this.stopper = new AbortController();
    this.signal = this.stopper.signal;
    this.renewed(Date.now());
  }

  // renewed counts the lease from the time of the request. Once it has expired, another
  // agent may have started the mission.
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

let beating; // the heartbeat in progress

function beat() {
  beating ??= beatOnce()
    .catch((error) => console.log(`no heartbeat: ${error.message}`)) // the next one may get through
    .finally(() => (beating = undefined));
  return beating;
}

// beatOnce lists the missions that we hold, which renews their leases, and stops those that
// the reply lists.
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

// claim parks one request after another while there are free slots.
async function claim() {
  while (!draining) {
    if (held.size >= capacity) {
      await Promise.race([...held].map((task) => task.done));
      continue;
    }
    // The reply to a claim from before a reconnect may never arrive.
    await Promise.race([claimOnce(), new Promise((resolve) => (onReconnect = resolve))]);
  }
}

async function claimOnce() {
  try {
    const { missions } = await askAsKnown("claim", { max: capacity - held.size, wait_seconds: 10 }, 13);
    for (const mission of missions) {
      const task = new Task(mission);
      held.add(task);
      if (draining || held.size > capacity) task.handBack(); // the reply to a claim that we gave up on arrived late
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

// finish reports the end until there is a reply or the lease expires. It is safe to report an
// end again: it changes nothing.
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
  await beat(); // reports that we drain, which ends a parked claim
  const finished = claiming.then(() => Promise.all([...held].map((task) => task.done)));
  const patience = pause(1000 * (process.env.DRAIN_SECONDS ?? 10), undefined, { ref: false });
  await Promise.race([finished, patience]);
  for (const task of held) task.handBack();
  await Promise.all([...held].map((task) => task.done));
  clearInterval(heart);
  await beating; // a heartbeat after our leave would be refused
  await ask("leave").catch((error) => console.log(`no leave: ${error.message}`));
  await nc.close(); // nothing else keeps the process running
}

while (!terms) {
  await register().catch((error) => {
    console.log(`not registered yet: ${error.message}`);
    return pause(1000);
  });
}
// A command is a hint: the heartbeat's reply has the same.
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
