// An agent in JavaScript that uses only docs/PROTOCOL.md. It counts to data.to, one number
// every data.every_ms milliseconds (100), and reports its progress. A mission that another
// agent began goes on where that one was. With data.ask_at, it stops at that number until a
// person answers with the signal go_on. The signal to, a number, changes how far it counts.
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
// if the report gets lost. inbox returns the signals that have come since the last call.
async function count({ data, checkpoint }, signal, say, inbox) {
  let { to, every_ms = 100, ask_at } = data;
  if (!Number.isSafeInteger(to) || to < 1) throw new Hopeless("data.to is not a whole number above 0");
  let { counted = 0, answer } = checkpoint ?? {};
  await say("log", { message: counted ? `counting from ${counted} on to ${to}` : `counting to ${to}` });
  for (const begun = counted; ; ) {
    for (const { name, data } of inbox()) {
      if (name === "to") to = data;
      if (name === "go_on") answer = data;
    }
    if (counted >= to || answer === "no") return { counted };
    if (counted === ask_at && !answer) {
      const after = [{ signal: "go_on", prompt: `Count on from ${counted}?`, choices: ["yes", "no"] }];
      throw new Parked({ after, after_timeout_seconds: 86_400, checkpoint: { counted } });
    }
    // Do CPU-bound work in a worker thread: in this one, it would delay heartbeats until the
    // leases expire.
    await pause(every_ms, undefined, { signal });
    counted++;
    await say("progress", {
      percent: Math.min(100, (100 * counted) / to),
      message: `${counted} of ${to}`,
      checkpoint: { counted, answer }, // whoever goes on from here need not ask again
      usage: { numbers: counted - begun }, // of this turn so far
    });
  }
}

// Parked hands a mission back until something has happened.
class Parked extends Error {
  constructor(wait) {
    super("parked");
    this.wait = wait;
  }
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
    const { signals = [], trimmed = [] } = mission; // those that no agent has seen
    this.signals = trimmed.includes("signals") ? [] : signals; // read, and not taken yet
    this.read = this.signals.at(-1)?.seq ?? (signals[0]?.seq ?? 1) - 1; // up to this one
    this.renewed(Date.now());
  }

  // inbox takes the signals that have come. The next heartbeat says that they were seen.
  inbox() {
    const taken = this.signals.splice(0);
    if (taken.length) this.seen = taken.at(-1).seq;
    return taken;
  }

  // fetch reads the signals up to a number, unless they were read.
  async fetch(seq) {
    if (seq <= this.read) return;
    const { signals } = await ask("signals", { ...this.ref, after: this.read });
    for (const one of signals.filter(({ seq, seen_at }) => seq > this.read && !seen_at)) this.signals.push(one);
    this.read = Math.max(this.read, signals.at(-1)?.seq ?? 0);
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
// the reply lists, and reads the signals that it tells of.
async function beatOnce() {
  const tasks = [...held];
  const asked = Date.now();
  const running = tasks.map(({ ref, seen }) => ({ ...ref, seen }));
  const { cancel, lost, signals = [] } = await askAsKnown("heartbeat", { running, draining });
  for (const task of tasks) {
    const news = signals.find(({ mission_id }) => mission_id === task.mission.id);
    if (cancel.includes(task.mission.id)) task.isOver("it was cancelled");
    else if (lost.includes(task.mission.id)) task.isOver("the lease is lost");
    else if (held.has(task)) task.renewed(asked);
    if (news && !task.over) await task.fetch(news.seq).catch((error) => console.log(`no signals: ${error.message}`));
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
    await finish(task, "complete", { result: await count(mission, signal, say, () => task.inbox()) });
  } catch (error) {
    if (task.over) console.log(`stopped ${mission.id}: ${task.over}`);
    else if (error instanceof Parked) await finish(task, "release", error.wait);
    else if (signal.aborted) await finish(task, "release");
    else await finish(task, "fail", { error: error.message, retryable: !(error instanceof Hopeless) });
  }
}

// acknowledge reports the signals that were taken as seen: after the mission's end, nobody can.
async function acknowledge(task) {
  if (!task.seen || task.over) return;
  await beating; // it may have been sent before
  await beat();
}

// finish reports the end until there is a reply or the lease expires. It is safe to report an
// end again: it changes nothing.
async function finish(task, verb, body) {
  await acknowledge(task);
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
