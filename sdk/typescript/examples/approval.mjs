// An agent that asks a person before it deploys. While the mission waits, it costs nothing, and whichever agent
// claims it afterwards goes on from the checkpoint.
//
//   npm install && node examples/approval.mjs
//
//   supervisor missions create deploy --id deploy-1 --type deploy --data '{"service":"shop"}'
//   supervisor missions signal deploy-1 approved yes     # or in the dashboard, or: supervisor missions inbox

import { Agent, park } from "missioncontrol";

const agent = new Agent({ id: `deployer-${process.pid}` });

agent.handle("deploy", async (task) => {
  const { service } = task.data;
  let { build } = task.restore() ?? {};
  const answer = (await task.takeSignals()).find(({ name }) => name === "approved");

  if (task.timedOut) return { deployed: false, why: "nobody answered within a day" };
  if (!answer) {
    build ??= `${service}-${Date.now()}`; // the work before the question; it is not done again afterwards
    await task.log(`built ${build}`);
    const after = [{ signal: "approved", prompt: `Deploy ${build}?`, choices: ["yes", "no"] }];
    return park({ after, seconds: 86_400, checkpoint: { build } });
  }
  if (answer.data !== "yes") return { deployed: false, why: `${answer.by || "somebody"} said no` };
  await task.progress(90, `deploying ${build}`);
  return { deployed: true, build };
});

await agent.run();
