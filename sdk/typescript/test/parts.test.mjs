// The parts that need no supervisor.

import assert from "node:assert/strict";
import { test } from "node:test";

import { newID } from "../dist/id.js";
import { Inbox } from "../dist/inbox.js";
import { messages } from "../dist/sse.js";
import { all } from "./supervisor.mjs";

test("server-sent events are read however they are cut", async () => {
  const text = ': still here\n\nevent: ready\ndata: {}\n\nid: 7\ndata: {"a":"ü"}\r\n\r\nevent: x\ndata: 1\ndata: 2\n\nevent: cut\ndata: off';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    let alive = 0;
    const body = ReadableStream.from((function* () {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
    })());
    const got = await all(messages(body, () => alive++));
    assert.deepEqual(got, [{ event: "ready", data: "{}" }, { event: "message", data: '{"a":"ü"}', id: "7" }, { event: "x", data: "1\n2" }]);
    assert.equal(alive, Math.ceil(bytes.length / size));
  }
});

test("ids are UUIDv7, in the order of time", async () => {
  const first = newID();
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  while (Date.now() <= parseInt(first.replaceAll("-", "").slice(0, 12), 16));
  assert.ok(newID() > first);
});

test("signals whose data the claim had no room for are read, once", async () => {
  const stored = [1, 2, 3].map((seq) => ({ seq, name: "s", data: seq, ...(seq === 2 ? { seen_at: 1 } : {}) }));
  const asked = [];
  const inbox = new Inbox(
    { signals: [{ seq: 1, name: "s", data_left_out: true }], trimmed: ["signals"] },
    async (after) => {
      asked.push(after);
      const rest = stored.filter(({ seq }) => seq > after);
      return { signals: rest.slice(0, 1), more: rest.length > 1 };
    },
    () => {},
  );
  inbox.tell(3);
  assert.deepEqual((await inbox.take()).map(({ data }) => data), [1, 3]); // the second one was seen before
  assert.deepEqual(asked, [0, 1, 2]);
  assert.equal(inbox.seen(), 3);
  inbox.acknowledge(3);
  assert.equal(inbox.seen(), undefined);
  inbox.close();
  assert.equal(await inbox.next(), undefined);
});
