// The command palette: one field that finds pages, missions, agents, limits, schedules and actions.

import { h, icon, put } from "./dom.js";
import { count } from "./format.js";
import { commands, inMissions, lists, missions } from "./finding.js";

const pause = 200; // ms without a key until missions are asked for
const shown = 6; // items of a group, while something is typed
const groups = ["Pages", "Actions", "Missions", "Agents", "Limits", "Schedules", "Search"];

const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

// matching are the items with all words, those that begin with the first one before the others.
function matching(items, words) {
  const fit = items.filter(({ label, sub = "" }) => words.every((word) => (label + " " + sub).toLowerCase().includes(word)));
  const begins = ({ label }) => label.toLowerCase().startsWith(words[0] ?? "");
  return [...fit.filter(begins), ...fit.filter((item) => !begins(item))];
}

let box = null; // while it is open

// palette opens it or, if it is open, closes it.
export function palette(nextTheme) {
  if (box) {
    box.close();
    return;
  }
  const ends = new AbortController();
  const always = commands(nextTheme);
  let listed = null; // items of the lists, once something is typed
  let found = []; // missions for what is typed
  let asking = new AbortController();
  let timer;
  let failure = "";
  let items = [];
  let at = 0;
  let moved = false; // whether somebody has chosen, and not the order

  const input = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list", "aria-label": "Find a page, mission, agent, limit, schedule or action",
    placeholder: "Find a page, a mission, an action…", autocomplete: "off", autocapitalize: "none", spellcheck: "false", autofocus: true, oninput: () => typed(), onkeydown: (event) => press(event) });
  const list = h("div", { class: "palette-list", role: "listbox", id: "palette-list", "aria-label": "Found" });
  const note = h("p", { class: "palette-note", role: "status" });
  box = h("dialog", { class: "palette", "aria-label": "Find", onclose: () => { ends.abort(); clearTimeout(timer); box.remove(); box = null; }, onclick: (event) => { if (event.target === box) box.close(); } },
    input, list, note);

  const text = () => input.value.trim();

  // show lists what fits, and leaves the choice where somebody has put it, if that is still there.
  function show() {
    const words = wordsOf(text());
    const before = moved && items[at];
    const fit = matching([...always, ...(listed ?? [])], words);
    const some = [...fit, ...(words.length ? [...found, inMissions(text())] : [])];
    const byGroup = groups.map((group) => [group, some.filter((item) => item.group === group).slice(0, words.length ? shown : undefined)]).filter(([, all]) => all.length);
    items = byGroup.flatMap(([, all]) => all);
    at = Math.max(0, before ? items.findIndex((item) => same(item, before)) : 0);
    let n = 0;
    put(list, byGroup.map(([group, all]) => h("div", { role: "group", "aria-label": group }, h("div", { class: "palette-group", "aria-hidden": "true" }, group), all.map((item) => option(item, n++)))));
    put(note, failure || count(items.length) + (items.length === 1 ? " result" : " results"));
    note.classList.toggle("form-error", Boolean(failure));
    choose(at);
  }

  const same = (a, b) => a.group === b.group && a.label === b.label && a.key === b.key;

  const option = ({ icon: name, label, sub, hint }, n) => h("div", { role: "option", id: "palette-" + n, class: "palette-item", onclick: () => run(n), onpointermove: (event) => { if (n !== at && (event.movementX || event.movementY)) move(n); } },
    icon(name), h("span", { class: "palette-label" }, label), sub && h("span", { class: "palette-sub" }, sub), hint && h("span", { class: "palette-hint", "aria-hidden": "true" }, hint.split(" ").map((key) => h("kbd", null, key))));

  function choose(n) {
    at = n;
    for (const each of list.querySelectorAll("[role=option]")) each.setAttribute("aria-selected", String(each.id === "palette-" + n));
    const chosen = list.querySelector("#palette-" + n);
    input.setAttribute("aria-activedescendant", chosen ? chosen.id : "");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  function move(n) {
    moved = true;
    choose(n);
  }

  function run(n) {
    const item = items[n];
    if (!item) return;
    box.close();
    item.act();
  }

  function press(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && items.length) move((at + step + items.length) % items.length);
    else if (event.key === "Enter" && !event.isComposing) run(at);
    else return;
    event.preventDefault();
  }

  function typed() {
    clearTimeout(timer);
    asking.abort();
    failure = "";
    moved = false;
    found = matching(found, wordsOf(text())); // those of before that still fit
    show();
    if (!text()) return;
    if (!listed) readLists();
    timer = setTimeout(search, pause);
  }

  const failed = (error) => {
    if (ends.signal.aborted || error.name === "AbortError") return;
    failure = error.message;
    show();
  };

  function readLists() {
    listed = [];
    for (const read of lists) {
      read({ signal: ends.signal }).then((more) => {
        if (ends.signal.aborted) return;
        listed.push(...more);
        show();
      }).catch(failed);
    }
  }

  // search asks for missions. What it answers to an older text is dropped.
  async function search() {
    const mine = new AbortController();
    asking = mine;
    try {
      const answer = await missions(text(), { signal: AbortSignal.any([mine.signal, ends.signal]) });
      if (mine.signal.aborted || ends.signal.aborted) return;
      found = answer;
      show();
    } catch (error) {
      if (!mine.signal.aborted) failed(error);
    }
  }

  document.body.append(box);
  show();
  box.showModal();
}
