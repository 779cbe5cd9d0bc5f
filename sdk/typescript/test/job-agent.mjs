// An agent for the tests of faults: it works on missions of type job as their data say, {"seconds":S,"fail":"text"}.
//
//   node test/job-agent.mjs ID

import { setTimeout as pause } from "node:timers/promises";
import { Agent, PermanentError } from "missioncontrol";

const agent = new Agent({ id: process.argv[2], capacity: 10 });

agent.handle("job", async (task) => {
  await pause(task.data.seconds * 1000, undefined, { signal: task.signal });
  await task.progress(100);
  if (task.data.fail) throw new PermanentError(task.data.fail);
  return { done: task.id };
});

await agent.run();
