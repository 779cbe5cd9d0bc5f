// Needs you: what waits for a person.

import { age, h, put } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { count } from "./format.js";
import { empty, head } from "./parts.js";
import { pageKeys } from "./keys.js";
import { cards, shortcuts } from "./asked.js";

export function page(root, { signal, onChange }) {
  const list = h("div");
  const note = h("div", { class: "pager" });
  let known = null;
  const asked = cards("Questions", { left: () => show() });
  put(root, head("Needs you", "Missions that wait for a person, those that have waited longest first."), h("div", { class: "panel" }, list, note));
  if (api.mayChange()) pageKeys(shortcuts);

  function show() {
    asked.show(known.questions);
    if (asked.element.children.length) {
      if (list.firstChild !== asked.element) put(list, asked.element);
    } else put(list, empty("Nothing waits for you", "When a mission waits for a signal, its question is asked here, and in the page's title."));
    put(note, known.more && "Of the first " + count(known.questions.length) + ".");
  }

  onChange((what, all) => {
    if (what !== "questions") return;
    known = all.questions;
    show();
  });
  repeat(5000, async () => age(asked.element), signal);
}

// above is the panel of the overview: the first questions, as long as there are any.
export function above(signal, onChange) {
  const most = 3;
  const note = h("span");
  let known = null;
  const asked = cards("Questions", { left: () => show() });
  const panel = h("section", { class: "panel asks", hidden: true, "aria-label": "Needs you" },
    h("div", { class: "panel-head" }, h("h2", null, "Needs you"), note), asked.element);

  function show() {
    asked.show(known.questions.slice(0, most));
    const more = known.questions.length - most;
    panel.hidden = asked.element.children.length === 0;
    put(note, more > 0 && h("a", { href: "#/inbox" }, count(more) + (known.more ? "+" : "") + " more"));
  }

  onChange((what, all) => {
    if (what !== "questions") return;
    known = all.questions;
    show();
  });
  repeat(5000, async () => age(asked.element), signal);
  return panel;
}
