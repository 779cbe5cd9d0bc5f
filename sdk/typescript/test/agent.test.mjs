// Agents, over each transport, with a real supervisor.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { hasCode, park, PermanentError, RetryAfterError, Stopped } from "missioncontrol";

import { all, eventually, promise, start, transports } from "./supervisor.mjs";

for (const transport of transports) {
  const on = (what, f) => test(`${what}, over ${transport}`, f);

  on("missions are worked on, and end as their handlers do", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    supervisor.agent(transport, {
      capacity: 3,
      handlers: {
        double: async (task) => {
          await task.progress(50, "half of it");
          await task.log("doubling", { level: "debug", data: { x: task.data.x } });
          return { doubled: 2 * task.data.x, attempt: task.attempt, turn: task.turn };
        },
        hopeless: () => {
          throw new PermanentError("no retry helps");
        },
        again: (task) => {
          if (task.attempt === 1) throw new RetryAfterError("not yet", 0.01);
          return task.attempt;
        },
        nothing: () => {},
        large: () => "x".repeat(600 << 10),
        nan: () => ({ ratio: 0 / 0 }),
      },
    });
    const ended = async (type, data = {}) => client.wait((await client.create({ name: type, type, data })).id);
    const doubled = await ended("double", { x: 21 });
    assert.deepEqual(doubled.result, { doubled: 42, attempt: 1, turn: 1 });
    assert.deepEqual(doubled.progress, { percent: 50, message: "half of it" });
    const log = await all(client.log(doubled.id));
    assert.ok(log.some(({ level, message, data }) => level === "debug" && message === "doubling" && data.x === 21));
    const hopeless = await ended("hopeless");
    assert.deepEqual([hopeless.status, hopeless.error, hopeless.attempt], ["FAILED", "no retry helps", 1]);
    assert.equal((await ended("again")).result, 2);
    assert.equal((await ended("nothing")).result, null);
    const large = await ended("large");
    assert.deepEqual([large.status, large.attempt], ["FAILED", 1]);
    assert.match(large.error, /the result was refused: result/);
    assert.match((await ended("nan")).error, /ratio is NaN, which JSON has no number for/);
  });

  on("a mission asks, is answered, and goes on where it was", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    supervisor.agent(transport, {
      handlers: {
        deploy: async (task) => {
          const answer = (await task.takeSignals()).find(({ name }) => name === "approved")?.data;
          if (answer === undefined) {
            return park({ after: [{ signal: "approved", prompt: "Deploy?", choices: ["yes", "no"] }], seconds: 3600, checkpoint: { built: true } });
          }
          return { answer, turn: task.turn, ...task.restore() };
        },
      },
    });
    const { id } = await client.create({ name: "deploy", type: "deploy" });
    const waiting = await eventually(async () => {
      const mission = await client.get(id);
      return mission.waiting_for && mission;
    });
    assert.equal(waiting.waiting_for[0].prompt, "Deploy?");
    await client.signal(id, "approved", "yes");
    const { result, attempt, signals } = await client.wait(id);
    assert.deepEqual(result, { answer: "yes", turn: 2, built: true });
    assert.equal(attempt, 1);
    assert.equal(signals[0].seen_by, "a1");
  });

  on("a cancelled mission stops, and its slot is free", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    const [begun, stopped] = [promise(), promise()];
    supervisor.agent(transport, {
      handlers: {
        endless: async (task) => {
          begun.resolve();
          await once(task.signal, "abort");
          stopped.resolve(task.signal.reason);
          assert.ok(await task.progress(1).then(() => false, (error) => error instanceof Stopped));
        },
        short: () => "done",
      },
    });
    const { id } = await client.create({ name: "endless", type: "endless" });
    await begun;
    await client.cancel(id);
    const reason = await stopped;
    assert.ok(reason instanceof Stopped);
    assert.equal(reason.reason, "cancelled");
    const next = await client.create({ name: "short", type: "short" });
    assert.equal((await client.wait(next.id)).result, "done");
  });

  on("a mission is steered while it runs, and its signals are seen", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    const begun = promise();
    supervisor.agent(transport, {
      handlers: {
        steered: async (task) => {
          const got = [];
          begun.resolve();
          for await (const { name, data } of task.signals()) {
            got.push(`${name} ${data}`);
            if (name === "end") break;
          }
          return got;
        },
      },
    });
    const { id } = await client.create({ name: "steered", type: "steered" });
    await client.signal(id, "go", 0); // perhaps before it is claimed
    await begun;
    await client.signal(id, "go", 1);
    const seen = eventually(async () => (await client.get(id)).signals.filter(({ seen_by }) => seen_by === "a1").length >= 2);
    await seen; // while it runs
    await client.signal(id, "end", 2);
    const { result, signals } = await client.wait(id);
    assert.deepEqual(result, ["go 0", "go 1", "end 2"]);
    assert.deepEqual(signals.map(({ seen_by }) => seen_by), ["a1", "a1", "a1"]);
  });

  on("a mission waits for its children, and has what they return", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    supervisor.agent(transport, {
      handlers: {
        square: ({ data }) => data.x ** 2,
        sum: async (task) => {
          if (task.turn > 1) {
            const squares = await Promise.all(Object.keys(task.inputs).map((id) => task.input(id)));
            return squares.reduce((sum, { result }) => sum + result, 0);
          }
          const specs = [1, 2, 3].map((x) => ({ id: `${task.id}-${x}`, name: `square ${x}`, type: "square", data: { x } }));
          const children = await task.create(...specs);
          return park({ after: children.map(({ id }) => ({ mission: id })) });
        },
        orphan: async (task) => {
          await assert.rejects(task.create({ name: "" }), (error) => hasCode(error, "invalid_request"));
        },
      },
    });
    const { id } = await client.create({ name: "sum", type: "sum" });
    assert.equal((await client.wait(id)).result, 14);
    assert.equal((await client.get(`${id}-1`)).parent_id, id);
    const orphan = await client.create({ name: "orphan", type: "orphan" });
    assert.equal((await client.wait(orphan.id)).status, "COMPLETED");
  });

  on("what a mission uses is counted, and bounded", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    supervisor.agent(transport, {
      handlers: {
        spend: async (task) => {
          task.usage("usd", 0.25);
          task.usage("usd", 0.25);
          assert.throws(() => task.usage("US$", 1), /a unit is 1 to 32/);
          assert.throws(() => task.usage("usd", NaN), /an amount is/);
          if (task.data.wait) await once(task.signal, "abort"); // it is reported by itself
        },
      },
    });
    const spent = await client.create({ name: "spend", type: "spend" });
    assert.deepEqual((await client.wait(spent.id)).usage, { usd: 0.5 });
    const bounded = await client.create({ name: "spend", type: "spend", data: { wait: true }, max_usage: { usd: 0.3 } });
    const { status, usage } = await client.wait(bounded.id);
    assert.deepEqual([status, usage], ["FAILED", { usd: 0.5 }]);
  });

  on("a drained agent finishes what it has time for, hands back the rest, and leaves", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    const [begun, finish] = [promise(), promise()];
    const patient = supervisor.agent(transport, {
      id: "patient",
      drainSeconds: 3600,
      handlers: {
        short: async () => {
          begun.resolve();
          await finish;
          return "finished";
        },
      },
    });
    const short = await client.create({ name: "short", type: "short" });
    await begun;
    patient.stop();
    finish.resolve();
    await patient.running;
    assert.equal((await client.get(short.id)).result, "finished");

    const stopping = promise();
    const hasty = supervisor.agent(transport, {
      id: "hasty",
      drainSeconds: 0,
      handlers: {
        endless: async (task) => {
          hasty.stop();
          await once(task.signal, "abort");
          stopping.resolve(task.signal.reason.reason);
        },
      },
    });
    const endless = await client.create({ name: "endless", type: "endless" });
    await hasty.running;
    assert.equal(await stopping, "stopping");
    const { status, attempt } = await client.get(endless.id);
    assert.deepEqual([status, attempt], ["PENDING", 0]);
    assert.deepEqual((await all(client.agents())).map(({ state }) => state), ["offline", "offline"]);
  });

  on("an agent that the supervisor no longer knows registers again", async (t) => {
    const supervisor = await start(t, "--heartbeat", "200ms", "--lease", "2s");
    const client = supervisor.client();
    const agent = supervisor.agent(transport, { handlers: { echo: (task) => task.data } });
    const echo = async (n) => (await client.wait((await client.create({ name: "echo", type: "echo", data: { n } })).id)).result;
    assert.deepEqual(await echo(1), { n: 1 });
    await leave(supervisor, agent.id);
    assert.deepEqual(await echo(2), { n: 2 });
  });

  on("work stops when its lease ends without an answer, and the agent goes on afterwards", async (t) => {
    const supervisor = await start(t, "--heartbeat", "300ms", "--lease", "1s");
    const client = supervisor.client();
    const [begun, stopped] = [promise(), promise()];
    supervisor.agent(transport, {
      handlers: {
        endless: async (task) => {
          if (task.attempt > 1) return "the second attempt";
          begun.resolve();
          await once(task.signal, "abort");
          stopped.resolve(task.signal.reason.reason);
          return "the first attempt";
        },
      },
    });
    const { id } = await client.create({ name: "endless", type: "endless" });
    await begun;
    await supervisor.kill("SIGSTOP");
    assert.equal(await stopped, "lost");
    await supervisor.kill("SIGCONT");
    const { result } = await client.wait(id);
    assert.equal(result, "the second attempt");
  });

  on("a report outlasts a restart of the supervisor", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client();
    const [begun, finish] = [promise(), promise()];
    supervisor.agent(transport, {
      handlers: {
        work: async (task) => {
          begun.resolve();
          await finish;
          await task.checkpoint({ stored: true });
          return "reported";
        },
      },
    });
    const { id } = await client.create({ name: "work", type: "work" });
    await begun;
    await supervisor.kill();
    finish.resolve();
    await supervisor.start();
    const { result, attempt } = await client.wait(id);
    assert.deepEqual([result, attempt], ["reported", 1]);
  });

  on("the supervisor refuses an agent with a clear error", async (t) => {
    const supervisor = await start(t);
    const agent = supervisor.agent(transport, { handlers: { "two words": () => {} } });
    await assert.rejects(agent.running, (error) => hasCode(error, "invalid_request") && /types/.test(error.message));
  });
}

/** Has the agent leave without its knowledge. */
async function leave(supervisor, id) {
  const { connect } = await import("@nats-io/transport-node");
  const nc = await connect({ servers: supervisor.servers });
  const reply = await nc.request(`supervisor.agent.${id}.leave`, "", { timeout: 10_000 });
  assert.deepEqual(reply.json(), {});
  await nc.close();
}
