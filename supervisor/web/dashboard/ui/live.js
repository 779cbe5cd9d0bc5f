// What the supervisor sends by itself. A page that nobody sees takes nothing; when it is
// seen again it goes on behind the last event that it had.

const firstWait = 500;
const longestWait = 10000;

class Connection {
  constructor(path, handlers) {
    this.path = path;
    this.handlers = handlers;
    this.last = "";
    this.wait = firstWait;
    this.closed = false;
    this.seen = () => (document.hidden ? this.rest() : this.open());
    document.addEventListener("visibilitychange", this.seen);
    if (!document.hidden) this.open();
  }

  open() {
    if (this.source || this.closed) return;
    clearTimeout(this.retry);
    const url = new URL(this.path, location.origin);
    if (this.last) {
      url.searchParams.delete("since");
      url.searchParams.set("after", this.last);
    }
    const source = new EventSource(url);
    this.source = source;
    const alive = () => {
      this.wait = firstWait;
      this.handlers.open?.();
    };
    source.onopen = alive;
    source.onerror = () => this.again();
    for (const [name, handle] of Object.entries(this.handlers.events)) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) this.last = event.lastEventId;
        handle(JSON.parse(event.data), event.lastEventId);
      });
    }
  }

  // again connects anew, ever more patiently. The browser's own way would ask for the same
  // address for ever, also when it is refused.
  again() {
    this.rest();
    if (this.closed || document.hidden) return;
    this.handlers.lost?.();
    this.retry = setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, longestWait);
  }

  rest() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  close() {
    this.closed = true;
    this.rest();
    document.removeEventListener("visibilitychange", this.seen);
  }
}

// connect opens a stream of server-sent events until a signal is aborted.
export function connect(path, handlers, signal) {
  const connection = new Connection(path, handlers);
  signal?.addEventListener("abort", () => connection.close());
  return connection;
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
