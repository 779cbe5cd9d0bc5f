// The one connection over which the supervisor sends by itself, shared by all windows of a
// browser: a browser allows few connections to a host, and windows that each keep some would
// block each other. It runs in a shared worker or, where there is none, in the page.

const firstWait = 500;
const longestWait = 10000;
const together = 30; // ms: wishes within it are one
const silence = 40000; // ms without a word, of which the supervisor sends one each 15 s
const forgotten = 90000; // ms without a word of a window, which sends one each 20 s

// Stream is the connection to one address, for the status and any number of watches.
class Stream {
  // tell is called with the key of a watch ("" for none), a name, the data and the id.
  constructor(address, tell) {
    this.address = address;
    this.tell = tell;
    this.watches = new Map(); // {fields, last} by key
    this.wanted = false; // whether anybody takes the status
    this.wait = firstWait;
    this.heard = 0;
    this.time = 0; // what the supervisor's clock said last
  }

  // plan opens the connection anew soon, for the watches that there are by then.
  plan(wait = together) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait);
  }

  url() {
    const asked = [...this.watches.values()].map(({ fields, last, began }) => {
      const { since, ...others } = fields;
      if (last) return { ...others, after: last };
      return since || began ? { ...others, since: since ? Number(since) : began } : others;
    });
    const url = new URL(this.address);
    if (asked.length) url.searchParams.set("events", JSON.stringify(asked));
    return url;
  }

  open() {
    this.rest();
    if (!this.wanted) return;
    const keys = [...this.watches.keys()];
    const source = new EventSource(this.url());
    this.source = source;
    this.word();
    const take = (key, name, event) => {
      this.word();
      const watch = this.watches.get(key);
      if (key && !watch) return; // it was given up meanwhile
      if (name === "message") watch.last = event.lastEventId;
      if (name === "connected") watch.began ??= this.time;
      this.tell(key, name, event.data, event.lastEventId);
    };
    source.onopen = () => {
      this.wait = firstWait;
      this.tell("", "open");
    };
    source.onerror = () => this.again();
    source.addEventListener("idle", () => this.word());
    source.addEventListener("status", (event) => {
      this.time = JSON.parse(event.data).timestamp;
      for (const watch of this.watches.values()) if (watch.began === 0) watch.began = this.time;
      take("", "status", event);
    });
    source.addEventListener("unavailable", (event) => take("", "unavailable", event));
    keys.forEach((key, i) => {
      for (const name of ["message", "connected", "degraded", "gap", "refused"]) source.addEventListener(i + "." + name, (event) => take(key, name, event));
    });
  }

  // word says that the supervisor has been heard. A connection can be dead without an end,
  // for which a browser does not look.
  word() {
    this.heard = Date.now();
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.again(), silence);
  }

  // again connects anew, ever more patiently. The browser's own way would ask for the same
  // address for ever, also when it is refused.
  again() {
    this.rest();
    this.tell("", "lost");
    this.plan(this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, longestWait);
  }

  rest() {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.source?.close();
    this.source = null;
  }
}

// Hub gives windows, which are ports, what they watch.
export class Hub {
  constructor(address) {
    this.windows = new Map(); // {number, port, heard} of those that are seen, by port
    this.count = 0;
    this.state = {}; // the last word on how things stand, by name
    this.stream = new Stream(address, (key, name, data, id) => this.told(key, name, data, id));
    setInterval(() => this.sweep(), forgotten / 3);
  }

  join(port) {
    const number = ++this.count;
    port.onmessage = ({ data }) => this.take(port, number, data);
    port.start?.();
    port.postMessage({ name: "joined" });
  }

  // take does what a window asks for. Each message is of one that is seen, but for rest.
  take(port, number, { act, watch, fields, last }) {
    const key = number + "/" + watch;
    if (act === "rest") {
      this.forget(port);
      return;
    }
    const known = this.windows.get(port);
    if (known) known.heard = Date.now();
    if (act === "show" && !known) {
      this.windows.set(port, { number, port, heard: Date.now() });
      this.stream.wanted = true;
      if (this.stream.source) for (const [name, data] of Object.entries(this.state)) port.postMessage({ watch: "", name, data });
      else this.stream.plan();
    } else if (act === "watch" && known) {
      this.stream.watches.set(key, { fields, last });
      this.stream.plan();
    } else if (act === "leave") {
      if (this.stream.watches.delete(key)) this.stream.plan();
    } else if (!known) port.postMessage({ name: "unknown" });
  }

  forget(port) {
    const window = this.windows.get(port);
    if (!window) return;
    this.windows.delete(port);
    for (const key of [...this.stream.watches.keys()]) if (key.startsWith(window.number + "/")) this.stream.watches.delete(key);
    this.stream.wanted = this.windows.size > 0;
    this.stream.plan();
  }

  // sweep forgets the windows that have ended without a word.
  sweep() {
    for (const { port, heard } of [...this.windows.values()]) if (Date.now() - heard > forgotten) this.forget(port);
  }

  told(key, name, data, id) {
    if (key) {
      const [number, watch] = key.split("/");
      for (const window of this.windows.values()) if (window.number === Number(number)) window.port.postMessage({ watch, name, data, id });
      return;
    }
    this.state = { open: { open: data }, lost: { lost: data } }[name] ?? { open: undefined, [name]: data };
    for (const { port } of this.windows.values()) port.postMessage({ watch: "", name, data, id });
  }
}
