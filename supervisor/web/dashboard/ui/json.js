// JSON without a change. JSON.parse turns 9007199254740993 into …992, 1e400 into null and
// 1.0 into 1, and keeps neither the order of all names nor repeated ones. What programs
// wrote is therefore kept as its source.

// Source is the source text of a value.
export class Source {
  constructor(text) {
    this.text = text;
  }

  // JSON.stringify calls it for comparisons; encode writes the source itself.
  toJSON() {
    return this.text;
  }

  get empty() {
    return /^\s*\{\s*\}\s*$/.test(this.text);
  }
}

// The members of the protocol that hold what programs wrote.
const written = new Set(["data", "result", "checkpoint"]);

const space = /[ \t\n\r]*/y;
const scalar = /[^ \t\n\r{}[\],:"]+/y;

// tokens cuts valid JSON into its tokens, and calls back with each and where it ends.
function* tokens(text, at = 0) {
  for (;;) {
    space.lastIndex = at;
    space.test(text);
    at = space.lastIndex;
    if (at >= text.length) return;
    const from = at;
    if (text[from] === '"') at = endOfString(text, from);
    else if ("{}[],:".includes(text[from])) at++;
    else {
      scalar.lastIndex = from;
      if (!scalar.test(text)) return;
      at = scalar.lastIndex;
    }
    yield { token: text.slice(from, at), from, to: at };
  }
}

// endOfString is behind the closing quote of the string that begins at a position.
function endOfString(text, from) {
  for (let quote = text.indexOf('"', from + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

// parse is JSON.parse, but keeps members of some names as Source. One that is null stays
// null.
export function parse(text, kept = written) {
  const plain = JSON.parse(text); // and it says what is wrong
  if (![...kept].some((name) => text.includes('"' + name + '"'))) return plain;
  const stream = tokens(text);
  let next = stream.next().value;
  const take = () => {
    const taken = next;
    next = stream.next().value;
    return taken;
  };
  const skip = () => {
    const first = take();
    let { to } = first;
    let depth = "{[".includes(first.token) ? 1 : 0;
    while (depth > 0) {
      const taken = take();
      if ("{[".includes(taken.token)) depth++;
      else if ("}]".includes(taken.token)) depth--;
      to = taken.to;
    }
    return text.slice(first.from, to);
  };
  const value = () => {
    if (next.token === "{") return object();
    if (next.token === "[") return list();
    return JSON.parse(take().token);
  };
  const list = () => {
    const items = [];
    for (take(); next.token !== "]";) {
      items.push(value());
      if (next.token === ",") take();
    }
    take();
    return items;
  };
  const object = () => {
    const members = {};
    for (take(); next.token !== "}";) {
      const name = JSON.parse(take().token);
      take(); // the colon
      const keep = kept.has(name) && next.token !== "null";
      Object.defineProperty(members, name, { value: keep ? new Source(skip()) : value(), enumerable: true, configurable: true, writable: true });
      if (next.token === ",") take();
    }
    take();
    return members;
  };
  return value();
}

// encode is JSON.stringify of an object, with the source of the members that are Source, also
// of objects within.
export function encode(members) {
  const parts = Object.entries(members).filter(([, value]) => value !== undefined).map(([name, value]) => JSON.stringify(name) + ":" + encoded(value));
  return "{" + parts.join(",") + "}";
}

function encoded(value) {
  if (value instanceof Source) return value.text;
  return value?.constructor === Object ? encode(value) : JSON.stringify(value);
}

// indent lays out valid JSON in lines; each scalar and string stays as it is.
export function indent(text) {
  const out = [];
  let depth = 0;
  let before = "";
  const line = () => "\n" + "  ".repeat(depth);
  for (const { token } of tokens(text)) {
    if (token === "}" || token === "]") {
      depth--;
      if (before !== "{" && before !== "[") out.push(line());
    } else if (before === "{" || before === "[" || before === ",") out.push(line());
    out.push(token === ":" ? ": " : token);
    if (token === "{" || token === "[") depth++;
    before = token;
  }
  return out.join("");
}
