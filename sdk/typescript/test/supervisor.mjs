// A supervisor for tests, which runs the program SUPERVISOR_PROGRAM on free ports.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Agent, Client } from "missioncontrol";

const program = process.env.SUPERVISOR_PROGRAM ?? new URL("../../../bin/supervisor", import.meta.url).pathname;
for (const name of ["NATS_URL", "NATS_CONTEXT", "SUPERVISOR_URL", "SUPERVISOR_TOKEN"]) delete process.env[name];

/** The transports that every test of agents is run over. */
export const transports = ["NATS", "HTTP"];

/** Starts a supervisor, which ends with the test t. Leases outlast a busy machine, unless args say otherwise. */
export async function start(t, ...args) {
  if (!args.includes("--lease")) args.push("--lease", "60s");
  const supervisor = new Supervisor(await mkdtemp(join(tmpdir(), "missioncontrol-")), await freePort(), await freePort(), args);
  t.after(async () => {
    for (const close of supervisor.users.reverse()) await close();
    await supervisor.kill();
    await rm(supervisor.dir, { recursive: true, force: true });
  });
  await supervisor.start();
  return supervisor;
}

class Supervisor {
  constructor(dir, natsPort, httpPort, args) {
    Object.assign(this, { users: [], dir, args, servers: `127.0.0.1:${natsPort}`, url: `http://127.0.0.1:${httpPort}` });
  }

  /** Starts it, again at the same addresses. */
  async start() {
    const args = ["serve", "--data-dir", this.dir, "--listen", this.servers, "--http", this.url.slice("http://".length), ...this.args];
    this.process = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.exited = new Promise((resolve) => this.process.once("exit", resolve));
    let printed = "";
    const output = createInterface({ input: this.process.stdout });
    this.process.stderr.on("data", (text) => (printed += text));
    await new Promise((resolve, reject) => {
      output.on("line", (line) => {
        printed += `${line}\n`;
        if (line.includes("Ctrl-C")) resolve();
      });
      this.process.once("error", reject);
      this.process.once("exit", (code) => reject(new Error(`the supervisor ended with ${code}:\n${printed}`)));
    });
  }

  async kill(signal = "SIGKILL") {
    this.process.kill(signal);
    if (signal === "SIGKILL") await this.exited;
  }

  /** Where a client or an agent finds it. */
  at(transport) {
    return transport === "HTTP" ? { url: this.url } : { servers: this.servers };
  }

  /** A client that is closed when the test ends. */
  client(transport = "HTTP", options = {}) {
    const client = new Client({ ...this.at(transport), ...options });
    this.users.push(() => client.close());
    return client;
  }

  /** Runs an agent until the test ends, unless the test stops it. Its `running` is what run returns. */
  agent(transport, options) {
    const agent = new Agent({ ...this.at(transport), id: "a1", drainSeconds: 0, logger: quiet, ...options });
    agent.running = agent.run({ handleSignals: false });
    this.users.push(async () => {
      agent.stop();
      await agent.running.catch(() => {});
    });
    return agent;
  }
}

/** A logger for agents whose words nobody needs. */
export const quiet = { info() {}, warn() {} };

/** Resolves to what f returns as soon as that is true. */
export async function eventually(f) {
  for (;;) {
    const got = await f();
    if (got) return got;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Returns all that an iterator yields. */
export async function all(iterator) {
  const got = [];
  for await (const one of iterator) got.push(one);
  return got;
}

/** A promise, with what resolves it. */
export function promise() {
  let resolve;
  const made = new Promise((r) => (resolve = r));
  return Object.assign(made, { resolve });
}

/** A port that nothing listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
