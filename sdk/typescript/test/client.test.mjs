// Clients, over each transport, with a real supervisor.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, Client, hasCode, MissionControlError } from "missioncontrol";

import { all, freePort, start, transports } from "./supervisor.mjs";

for (const transport of transports) {
  const on = (what, f) => test(`${what}, over ${transport}`, f);

  on("missions are created, listed, controlled and deleted", async (t) => {
    const client = (await start(t)).client(transport);
    const cat = await client.create({ id: "cat", name: "resize the cat", type: "resize", data: { width: 80 }, tags: ["animals"] });
    assert.deepEqual([cat.status, cat.data, cat.tags], ["PENDING", { width: 80 }, ["animals"]]);
    assert.equal((await client.create({ id: "cat", name: "resize the cat", type: "resize", data: { width: 80 }, tags: ["animals"] })).created_at, cat.created_at);
    await assert.rejects(client.create({ id: "cat", name: "another" }), (error) => hasCode(error, "conflict"));
    await assert.rejects(client.create({ name: "" }), (error) => hasCode(error, "invalid_request") && error.field === "name");
    await assert.rejects(client.get("nobody"), (error) => error instanceof MissionControlError && error.code === "not_found");
    const many = await client.createMany([{ name: "a", batch: "b1" }, { name: "" }, { name: "c", batch: "b1" }], { closeBatch: false });
    assert.deepEqual(many.map(({ created, error }) => created ?? error.field), [true, "name", true]);
    const names = (await all(client.list({ batch: "b1" }))).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ["a", "c"]);
    assert.equal((await client.closeBatch("b1")).open, false);
    assert.equal((await client.batch("b1")).total, 2);
    assert.equal((await client.cancel("cat", "not needed")).status, "CANCELLED");
    assert.equal((await client.retry("cat")).status, "PENDING");
    const { seq, delivered } = await client.signal("cat", "hurry", { by: 9 }, { signalId: "one" });
    assert.deepEqual([seq, delivered], [1, "stored"]);
    assert.equal((await client.signal("cat", "hurry", { by: 9 }, { signalId: "one" })).seq, 1);
    assert.equal((await client.delete("cat")).id, "cat");
    assert.equal((await client.status()).total_missions, 2);
    const limit = await client.request("setLimit", { name: "gpu", total: 2 });
    assert.equal(limit.total, 2);
    assert.deepEqual((await client.request("limits", { limit: 10 })).limits.map(({ name }) => name), ["gpu"]);
  });

  on("more missions than a page or a request has", async (t) => {
    const client = (await start(t)).client(transport);
    const created = await client.createMany(Array.from({ length: 1001 }, (_, i) => ({ id: `m${i}`, name: `mission ${i}` })));
    assert.equal(created.filter(({ created }) => created).length, 1001);
    const ids = new Set((await all(client.list())).map(({ id }) => id));
    assert.equal(ids.size, 1001);
  });

  on("a wait ends with the mission, or in time", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client(transport);
    await client.createMany([{ id: "a", name: "a", type: "echo" }, { id: "b", name: "b", type: "nobody" }]);
    await assert.rejects(client.wait("a", { timeoutSeconds: 0.05 }), (error) => hasCode(error, "timeout"));
    await assert.rejects(client.waitMany(["a", "b"], { timeoutSeconds: 0.05 }), (error) => hasCode(error, "timeout"));
    const both = client.waitMany(["a", "b"]);
    const any = client.waitMany(["b", "a"], { until: "any" });
    supervisor.agent("NATS", { handlers: { echo: () => "echo" } });
    assert.deepEqual((await any).map(({ status }) => status), ["PENDING", "COMPLETED"]);
    await client.cancel("b");
    assert.deepEqual((await both).map(({ status }) => status), ["COMPLETED", "CANCELLED"]);
  });

  on("events are followed across a restart, without gaps or duplicates", async (t) => {
    const supervisor = await start(t);
    const client = supervisor.client(transport);
    const seen = [];
    const following = (async () => {
      for await (const { type, payload, sequence } of client.events({ types: ["mission.created"], since: 1 })) {
        seen.push(`${payload.mission_id} ${type} ${sequence > 0}`);
        if (seen.length === 2) {
          await supervisor.kill();
          await supervisor.start();
          await client.create({ id: "third", name: "third" });
        }
        if (payload.mission_id === "third") return;
      }
    })();
    await client.create({ id: "first", name: "first" });
    await client.create({ id: "second", name: "second" });
    await following;
    assert.deepEqual(seen, ["first", "second", "third"].map((id) => `${id} mission.created true`));
  });

  on("a codec keeps integers that a double does not hold", async (t) => {
    const codec = {
      parse: (text) => JSON.parse(text.replace(/:(\d{16,})(?=[,}\]])/g, ':"big $1"'), (_, value) => (/^big \d+$/.test(value) ? BigInt(value.slice(4)) : value)),
      stringify: (value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `big ${v}` : v))?.replace(/"big (\d+)"/g, "$1"),
    };
    const supervisor = await start(t);
    const client = supervisor.client(transport, { json: codec });
    supervisor.agent(transport, { json: codec, handlers: { echo: ({ data }) => ({ next: data.n + 1n }) } });
    const { id } = await client.create({ name: "echo", type: "echo", data: { n: 9007199254740993n } });
    assert.deepEqual((await client.wait(id)).result, { next: 9007199254740994n });
  });
}

test("options that are wrong are named", () => {
  assert.throws(() => new Client({ url: "ftp://x" }), /url must be an http/);
  assert.throws(() => new Client({ url: "http://x", servers: "y" }), /servers and url exclude each other/);
  assert.throws(() => new Client({ servers: [] }), /servers names no server/);
  assert.throws(() => new Client({ timeoutSeconds: 0 }), /timeoutSeconds/);
  assert.throws(() => new Agent({ id: "a b" }), /id must be 1 to 64/);
  assert.throws(() => new Agent({ capacity: 0 }), /capacity/);
  assert.throws(() => new Agent({ drainSeconds: -1 }), /drainSeconds/);
  assert.throws(() => new Agent().handle("x", "y"), /handler of type x/);
});

test("an agent without handlers does not run", async () => {
  await assert.rejects(new Agent().run(), /needs a handler/);
});

test("a supervisor that is not there is unreachable", async () => {
  const client = new Client({ url: `http://127.0.0.1:${await freePort()}`, timeoutSeconds: 0.3 });
  await assert.rejects(client.status(), (error) => hasCode(error, "unreachable") && /ECONNREFUSED/.test(error.message));
});

test("a value that JSON cannot hold is refused before it is sent", async () => {
  const client = new Client({ url: "http://127.0.0.1:1" });
  await assert.rejects(client.create({ name: "x", data: { at: Infinity } }), /at is Infinity, which JSON has no number for/);
});
