// Shortcuts. They are off while somebody types, and while a dialog is open.

import { h } from "./dom.js";
import { dialog } from "./parts.js";
import { go } from "./router.js";

export const pages = { o: ["overview", "Overview"], i: ["inbox", "Needs you"], m: ["missions", "Missions"], u: ["queue", "Queue"], s: ["schedules", "Schedules"], c: ["limits", "Limits"], a: ["agents", "Agents"], e: ["events", "Events"], l: ["alerts", "Alerts"], q: ["queries", "Queries"] };

export const findKeys = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘ K" : "Ctrl K";

let pending = "";
let timer;
let own = {}; // of the page that is shown: {key: [what, function]}

// pageKeys sets the shortcuts of a page, until the next page is shown.
export const pageKeys = (keys) => { own = keys; };

const typing = (target) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && target.type !== "checkbox");

export function help() {
  const row = (keys, what) => [h("dt", null, keys.split(" ").map((key) => [h("kbd", null, key), " "])), h("dd", null, what)];
  dialog({
    title: "Keyboard", action: "Done", closes: false,
    body: h("dl", { class: "facts" },
      Object.entries(pages).map(([key, [, name]]) => row("g " + key, "Go to " + name)),
      row("?", "This list"), row(findKeys, "Find a page, mission, agent, limit, schedule or action"), row("t", "Light, dark, or as the system"), row("j", "Next row"), row("k", "Row before"),
      Object.entries(own).map(([key, [what]]) => row(key, what))),
  });
}

// rows moves the focus among the rows of a list.
function rows(step) {
  const all = [...document.querySelectorAll("main [data-row]")];
  if (all.length === 0) return;
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? all[0] : all[Math.max(0, Math.min(all.length - 1, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

export function listen(shell) {
  document.addEventListener("keydown", (event) => {
    if (event.key?.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && !document.querySelector("dialog[open]:not(.palette)")) {
      event.preventDefault(); // also while somebody types
      shell.find();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key;
    if (pending === "g" && pages[key]) {
      event.preventDefault();
      pending = "";
      go("#/" + pages[key][0]);
      return;
    }
    pending = "";
    const done = {
      g: () => { pending = "g"; clearTimeout(timer); timer = setTimeout(() => { pending = ""; }, 1500); },
      "?": help, t: shell.nextTheme, j: () => rows(1), k: () => rows(-1), ...Object.fromEntries(Object.entries(own).map(([k, [, act]]) => [k, act])),
    }[key];
    if (!done) return;
    event.preventDefault();
    done();
  });
}
