// A list of questions that is answered with the keyboard.

import { age, h, keyed, put } from "./dom.js";
import { question } from "./question.js";
import * as api from "./api.js";

const linger = 2500; // ms for which an answered question says so
const answered = new Map(); // {said, over} by key, of all lists

// cards is {element, show}: show takes the questions that are open. left is called when an
// answered one goes away.
export function cards(label, { home = false, left = () => {} } = {}) {
  const element = h("ol", { class: "questions", "aria-label": label, onkeydown: (event) => press(event, element) });
  let open = [];

  const card = (q) => {
    const li = h("li", { tabindex: "0", "data-row": true });
    const done = (said) => {
      const had = li.contains(document.activeElement);
      answered.set(q.key, { said, over: false });
      put(li, thanks(q, said));
      if (had) li.focus({ preventScroll: true });
      setTimeout(() => leave(li, q.key), linger);
    };
    put(li, answered.has(q.key) ? thanks(q, answered.get(q.key).said) : question(q, done, home));
    return li;
  };

  const thanks = (q, said) => h("p", { class: "answered", role: "status" }, h("strong", null, q.prompt || q.signal), h("span", null, "answered: " + said));

  // leave takes an answered question away, and gives the focus to its neighbour.
  function leave(li, key) {
    answered.get(key).over = true;
    const next = li.contains(document.activeElement) && (li.nextElementSibling ?? li.previousElementSibling);
    show(open);
    if (next) next.focus({ preventScroll: true });
    left();
  }

  function show(questions) {
    const present = new Set(questions.map((q) => q.key));
    const staying = open.filter((q) => !present.has(q.key) && answered.get(q.key)?.over === false);
    for (const [key, { over }] of answered) if (over && !present.has(key) && questions !== open) answered.delete(key);
    open = [...questions, ...staying].sort((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1));
    keyed(element, open.filter((q) => !answered.get(q.key)?.over), (q) => q.key, card);
    age(element);
  }

  return { element, show };
}

const typing = (target) => /^(INPUT|TEXTAREA)$/.test(target.tagName);

// press is what a key does to the question that has the focus.
function press(event, list) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const li = event.target.closest("li");
  if (typing(event.target)) {
    if (event.key === "Escape") li.focus();
    return;
  }
  const act = {
    Enter: event.target === li && (() => enter(li)), Escape: () => li.focus(),
    ArrowDown: () => move(list, li, 1), ArrowUp: () => move(list, li, -1),
  }[event.key] ?? (/^[1-9]$/.test(event.key) && (() => li.querySelector(`[data-choice="${event.key}"]`)?.click()));
  if (!act) return;
  event.preventDefault();
  act();
}

// enter goes to what answers a question or, where one may not, to its mission.
function enter(li) {
  const target = api.mayChange() && li.querySelector(".answers :is(button, input, textarea):enabled");
  if (target) target.focus();
  else li.querySelector(".who a")?.click();
}

function move(list, li, step) {
  const all = [...list.children];
  const next = all[all.indexOf(li) + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

// shortcuts are for the list of them: cards take these keys themselves.
export const shortcuts = { "1 … 9": ["Answer the question of the row with that choice", null], Enter: ["Go to the answer of the row", null] };
