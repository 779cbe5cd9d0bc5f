// An agent in JavaScript, with the SDK in sdk/typescript. It counts to data.to, one number every
// data.every_ms milliseconds (100), and reports its progress. A mission that another agent began goes
// on where that one was. With data.ask_at, it stops at that number until a person answers with the
// signal go_on. The signal to, a number, changes how far it counts.
//
//   (cd ../../sdk/typescript && npm install) && npm install && node agent.mjs [ID]
//
// NATS_URL is the broker's URL, or several, separated by commas; or, over HTTP, SUPERVISOR_URL is the
// supervisor's, with SUPERVISOR_TOKEN. On SIGTERM and Ctrl-C, the agent gives running missions
// DRAIN_SECONDS (10) to finish, hands back the rest, and leaves.

import { setTimeout as pause } from "node:timers/promises";
import { Agent, park, PermanentError } from "missioncontrol";

const agent = new Agent({
  id: process.argv[2] ?? `js-${process.pid}`,
  name: "counts in JavaScript",
  capacity: 2,
  drainSeconds: Number(process.env.DRAIN_SECONDS ?? 10),
});

agent.handle("count", async (task) => {
  let { to, every_ms = 100, ask_at } = task.data;
  if (!Number.isSafeInteger(to) || to < 1) throw new PermanentError("data.to is not a whole number above 0"); // a retry cannot help
  let { counted = 0, answer } = task.restore() ?? {};
  console.log(`began ${task.id}, attempt ${task.attempt}`);
  await task.log(counted ? `counting from ${counted} on to ${to}` : `counting to ${to}`);
  for (;;) {
    for (const { name, data } of await task.takeSignals()) {
      if (name === "to") to = data;
      if (name === "go_on") answer = data;
    }
    if (counted >= to || answer === "no") return { counted };
    if (counted === ask_at && !answer) {
      const after = [{ signal: "go_on", prompt: `Count on from ${counted}?`, choices: ["yes", "no"] }];
      return park({ after, seconds: 86_400, checkpoint: { counted } });
    }
    await pause(every_ms, undefined, { signal: task.signal }); // the work; it stops when the mission is to stop
    counted++;
    task.usage("numbers", 1);
    await task.progress(Math.min(100, (100 * counted) / to), `${counted} of ${to}`);
    await task.checkpoint({ counted, answer }); // whoever goes on from here need not ask again
  }
});

await agent.run();
