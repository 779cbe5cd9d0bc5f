// The log of a mission as it is written: searched, by level, and as a file.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { clock, count, moment } from "./format.js";
import { button, download, toast } from "./parts.js";

const shown = 5000; // lines that are kept on the page; the file has all
const pageSize = 1000;
const ranks = { trace: 0, debug: 0, info: 1, notice: 1, warn: 2, warning: 2, error: 3, fatal: 3 };
const levels = [["", "All levels"], ["1", "Info and above"], ["2", "Warnings and errors"], ["3", "Errors"]];

const dataOf = (entry) => (entry.data ? " " + entry.data.text : "");

// logView is {element, note, add}: add takes further entries.
export function logView(id) {
  const lines = h("ol");
  const list = h("div", { class: "log", tabindex: "0", "aria-label": "Log", role: "log" }, lines);
  const note = h("span", { class: "muted number" });
  let total = 0;
  let timer;
  const search = h("input", { type: "search", class: "small", "aria-label": "Search in the log", placeholder: "Search", autocomplete: "off", spellcheck: "false",
    oninput: () => { clearTimeout(timer); timer = setTimeout(filter, 200); } });
  const level = h("select", { class: "small", "aria-label": "Level", onchange: () => filter() }, levels.map(([value, label]) => h("option", { value }, label)));

  const wanted = (li) => (li.rank ?? 1) >= Number(level.value || -1) && li.textContent.toLowerCase().includes(search.value.trim().toLowerCase());

  function tally() {
    const seen = search.value.trim() || level.value ? [...lines.children].filter((li) => !li.hidden).length : null;
    put(note, (seen === null ? "" : count(seen) + " of ") + count(total) + (total === 1 ? " line" : " lines") + (total > shown ? ", the last " + count(shown) + " are shown" : ""));
  }

  function filter() {
    for (const li of lines.children) li.hidden = !wanted(li);
    tally();
  }

  function line(entry) {
    const li = h("li", { "data-level": entry.level, "data-by": entry.by },
      h("time", { title: moment(entry.timestamp) }, clock(entry.timestamp, true)), h("span", { class: "level" }, entry.level),
      h("span", { class: "text" }, entry.message, entry.data && h("span", { class: "muted" }, dataOf(entry))));
    li.rank = ranks[entry.level?.toLowerCase()];
    li.hidden = !wanted(li);
    return li;
  }

  async function save() {
    try {
      const text = [];
      let after;
      do {
        const reply = await api.get(api.missionPath(id) + "/log", { after, limit: pageSize });
        for (const entry of reply.log) text.push(new Date(entry.timestamp * 1000).toISOString() + " " + entry.level.toUpperCase() + " " + entry.message + dataOf(entry) + "\n");
        after = reply.next_cursor;
      } while (after);
      download(id + ".log", text.join(""), "text/plain;charset=utf-8");
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  return {
    note,
    element: h("div", null, h("div", { class: "code-bar inset" }, search, level, h("span", { class: "grow" }), button("Download", save, "quiet small", { "aria-label": "Download the log" })), list),
    add: (entries) => {
      const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 24;
      total += entries.length;
      lines.append(...entries.slice(-shown).map(line));
      while (lines.children.length > shown) lines.firstChild.remove();
      tally();
      if (atEnd) list.scrollTop = list.scrollHeight;
    },
  };
}
