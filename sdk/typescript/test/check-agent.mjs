// The agent that `supervisor agent check -- node test/check-agent.mjs` checks, also with --http.
//
// It does what each mission's data say: {"work_seconds":S,"result":V,"fail":"text","permanent":bool}.

import { Agent, PermanentError } from "missioncontrol";

const { CHECK_NATS_URL: servers, CHECK_HTTP_URL: url, CHECK_AGENT_ID: id, CHECK_TOKEN: token = "" } = process.env;
const agent = new Agent({ id, capacity: 2, ...(url ? { url, token } : { servers }) });

agent.handle("check", async (task) => {
  const { work_seconds = 0, result, fail, permanent } = task.data;
  const end = performance.now() + work_seconds * 1000;
  const reading = (async () => {
    for await (const { name } of task.signals()) console.error(`${task.id}: signal ${name}`);
  })();
  while (performance.now() < end && !task.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20));
  void reading; // it ends with the handler
  if (fail !== undefined) throw permanent ? new PermanentError(fail) : new Error(fail);
  return result;
});

await agent.run();
