// What the supervisor sends by itself. A page that nobody sees takes nothing; when it is
// seen again it goes on behind the last event that it had.

import { Hub } from "./hub.js";

const address = () => new URL("api/supervisor/live", document.baseURI).href;
const stillHere = 20000; // ms between words to the hub

// The worker's address is the only one that a policy of trusted types lets through.
const workerAddress = () => {
  const url = new URL("ui/worker.js", document.baseURI).href;
  return globalThis.trustedTypes?.createPolicy("worker", { createScriptURL: () => url }).createScriptURL("") ?? url;
};

const watches = new Map(); // {fields, handlers, last} by number; "" is the status
let count = 0;
let port;
let joined = false; // whether the hub has answered

const send = (message) => port?.postMessage(message);
const watch = (number, { fields, last }) => send({ act: "watch", watch: number, fields, last });

function take({ watch: number, name, data, id }) {
  if (name === "joined" || name === "unknown") {
    joined = true;
    if (!document.hidden) show();
    return;
  }
  const known = watches.get(String(number));
  if (!known) return;
  if (number && name === "message") known.last = id;
  const { handlers } = known;
  if (name === "open" || name === "lost") handlers[name]?.();
  else handlers.events[name]?.(data, id);
}

function show() {
  send({ act: "show" });
  for (const [number, each] of watches) if (number) watch(number, each);
}

function join(newPort) {
  port = newPort;
  port.onmessage = ({ data }) => take(data);
  port.start?.();
}

// own keeps the connection in this page, where no worker can.
function own() {
  const { port1, port2 } = new MessageChannel();
  join(port2);
  new Hub(address()).join(port1);
}

function start() {
  document.addEventListener("visibilitychange", () => (document.hidden ? send({ act: "rest" }) : show()));
  addEventListener("pagehide", () => send({ act: "rest" }));
  addEventListener("pageshow", ({ persisted }) => { if (persisted) show(); });
  setInterval(() => { if (!document.hidden) send({ act: "here" }); }, stillHere);
  try {
    // The name is of what the windows and the worker say to each other: those of another
    // version have a worker of their own.
    const worker = new SharedWorker(workerAddress(), { type: "module", name: "missioncontrol-1" });
    worker.onerror = () => { if (!joined) own(); };
    join(worker.port);
  } catch {
    own();
  }
}

function add(number, handlers, fields) {
  if (!port) start();
  watches.set(number, { fields, handlers, last: "" });
  return number;
}

// connect calls handlers with the status whenever it changes: open, lost, and events by name.
export function connect(handlers) {
  add("", handlers, null);
}

// watchEvents calls handlers with events as the stream stores them, until a signal is
// aborted or close is called. Handlers get the source of each and its number in the stream.
export function watchEvents(fields, handlers, signal) {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value));
  const number = add(String(++count), { events: handlers }, given);
  if (!document.hidden) watch(number, watches.get(number));
  const close = () => { if (watches.delete(number)) send({ act: "leave", watch: number }); };
  signal.addEventListener("abort", close);
  return { close };
}

// repeat calls a function now, then every so often while the page is seen, and when it is
// seen again, until a signal is aborted. What it returns is a way to have it called soon:
// many wishes within a moment are one.
export function repeat(every, call, signal, least = 1000) {
  let timer;
  let running = false;
  let again = false;
  let last = 0;
  const plan = (wait) => {
    clearTimeout(timer);
    if (!signal.aborted && !document.hidden) timer = setTimeout(run, wait);
  };
  const run = async () => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    again = false;
    last = Date.now();
    try {
      await call();
    } catch (error) {
      if (error.name !== "AbortError") console.debug(error);
    }
    running = false;
    plan(again ? least : every);
  };
  const seen = () => (document.hidden ? clearTimeout(timer) : run());
  document.addEventListener("visibilitychange", seen);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  });
  run();
  return () => {
    if (running) again = true;
    else plan(Math.max(0, least - (Date.now() - last)));
  };
}
