// JSON as it is shown: laid out, its parts told apart, and with what one does with much of
// it. What is copied and downloaded is the source itself.

import { h, put } from "./dom.js";
import { escapeJSON } from "./clean.js";
import { indent } from "./json.js";
import { button, copy, download } from "./parts.js";
import { count } from "./format.js";

const manyLines = 24; // above which there is something to search and to expand
const limit = 200000; // characters that are shown before somebody expands it
const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d[\d.eE+-]*)/g;

function coloured(text) {
  const out = [];
  let at = 0;
  for (const match of text.matchAll(token)) {
    out.push(text.slice(at, match.index));
    const [whole, string, colon, word] = match;
    out.push(h("span", { class: string ? (colon ? "k" : "s") : word ? "z" : "n" }, string ?? whole), colon ?? "");
    at = match.index + whole.length;
  }
  return [...out, text.slice(at)];
}

// found cuts a text at a wanted one, whatever the case of its letters.
function found(text, wanted) {
  const out = [];
  const low = text.toLowerCase();
  if (low.length !== text.length) return [text]; // of letters whose cases differ in length
  let at = 0;
  for (let next = low.indexOf(wanted); next >= 0; next = low.indexOf(wanted, at)) {
    out.push(text.slice(at, next), h("mark", null, text.slice(next, next + wanted.length)));
    at = next + wanted.length;
  }
  return [...out, text.slice(at)];
}

// code shows the source of JSON; name is that of the file when it is downloaded.
export function code(source, name) {
  const text = escapeJSON(indent(source));
  const pre = h("pre", { class: "code", tabindex: "0", role: "region", "aria-label": "JSON" });
  const lines = text.split("\n").length;
  const large = lines > manyLines || text.length > 4000;
  let whole = text.length <= limit;
  const show = () => put(pre, whole ? coloured(text) : [coloured(text.slice(0, limit)), "\n… " + count(text.length - limit) + " more characters"]);
  show();
  const expand = button("Expand", () => {
    const open = pre.classList.toggle("whole");
    put(expand, open ? "Collapse" : "Expand");
    expand.setAttribute("aria-expanded", String(open));
    if (open && !whole) {
      whole = true;
      show();
    }
  }, "quiet small", { "aria-expanded": "false" });
  return h("div", null, h("div", { class: "code-bar" },
    large && search(pre, text, show),
    h("span", { class: "grow" }),
    large && expand,
    button("Copy", () => copy(source, "JSON"), "quiet small"),
    button("Download", () => download(name + ".json", source), "quiet small")), pre);
}

// search marks what is typed, and goes from one to the next with Enter.
function search(pre, text, show) {
  const note = h("span", { class: "muted number", role: "status" });
  let marks = [];
  let at = -1;
  const go = (step) => {
    if (!marks.length) return;
    marks[at]?.classList.remove("here");
    at = (at + step + marks.length) % marks.length;
    marks[at].classList.add("here");
    pre.scrollTop = marks[at].offsetTop - pre.offsetTop - pre.clientHeight / 2;
    put(note, count(at + 1) + " of " + count(marks.length));
  };
  const find = () => {
    const wanted = input.value.trim().toLowerCase();
    at = -1;
    if (wanted.length < 2) {
      marks = [];
      put(note, "");
      show();
      return;
    }
    put(pre, found(text, wanted));
    marks = [...pre.querySelectorAll("mark")];
    put(note, marks.length ? "" : "not found");
    go(1);
  };
  let timer;
  const input = h("input", { type: "search", class: "small", "aria-label": "Search in the JSON", placeholder: "Search", autocomplete: "off", spellcheck: "false",
    oninput: () => { clearTimeout(timer); timer = setTimeout(find, 200); },
    onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); } } });
  return [input, note];
}
