// An agent that works on missions of type resize, two at once, over NATS or HTTP.
//
//   npm install && node work.mjs [ID]
//
// Hand it a mission: supervisor missions create cat --type resize --data '{"width":80}' --wait

import { setTimeout as pause } from "node:timers/promises";
import { Agent, PermanentError } from "missioncontrol";

const agent = new Agent({ id: process.argv[2] ?? `resizer-${process.pid}`, capacity: 2 });

agent.handle("resize", async (task) => {
  const { width } = task.data;
  if (!Number.isSafeInteger(width) || width < 1) throw new PermanentError("data.width is not a whole number above 0"); // no retry helps
  await task.log(`resizing to ${width} px`);
  for (let percent = 0; percent < 100; percent += 10) {
    await pause(50, undefined, { signal: task.signal }); // the work; it stops when the mission is cancelled
    await task.progress(percent, `${percent} %`);
  }
  return { width, bytes: width * 42 };
});

await agent.run();
