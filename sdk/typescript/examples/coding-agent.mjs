// A coding agent: it works in steps with a model, counts what they cost, keeps a checkpoint after each, can be
// steered while it works, and asks a person when it does not know what to do.
//
//   npm install && node examples/coding-agent.mjs
//
//   supervisor missions create fix --id fix-1 --type code --data '{"task":"make the tests pass"}' --max-usage usd=1
//   supervisor missions signal fix-1 steer "leave the parser alone"
//   supervisor missions signal fix-1 answer "the new one"       # when it has asked

import { setTimeout as pause } from "node:timers/promises";
import { Agent, park } from "missioncontrol";

const agent = new Agent({ id: `coder-${process.pid}`, capacity: 2 });

agent.handle("code", async (task) => {
  // What was said so far. After a crash, the next turn goes on from here.
  const { messages = [{ role: "user", content: task.data.task }] } = task.restore() ?? {};
  for (;;) {
    for (const { name, data } of await task.takeSignals()) messages.push({ role: "user", content: `${name}: ${data}` });

    const reply = await think(messages, task.signal);
    task.usage("usd", reply.usd); // beyond the mission's max_usage, it is stopped
    messages.push({ role: "assistant", content: reply.text });
    await task.checkpoint({ messages });
    await task.progress(reply.percent, reply.text);

    if (reply.done) return { answer: reply.text, steps: messages.length };
    if (reply.question) return park({ after: [{ signal: "answer", prompt: reply.question }], seconds: 86_400 });
  }
});

/** Stands for a model: call yours here, and hand it the signal, so that a cancelled mission stops. */
async function think(messages, signal) {
  await pause(200, undefined, { signal });
  const steps = messages.filter(({ role }) => role === "assistant").length + 1;
  const answered = messages.some(({ content }) => content.startsWith("answer: "));
  const question = steps >= 3 && !answered ? "There are two parsers. Which one is to stay?" : undefined;
  return { text: question ?? `step ${steps}`, percent: Math.min(100, steps * 20), usd: 0.01, question, done: steps >= 5 };
}

await agent.run();
