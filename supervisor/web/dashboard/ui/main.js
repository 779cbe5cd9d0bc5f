// The beginning: who is asking, the frame, and a page for each address. All pages are there
// from the beginning, so that each can be gone to while the supervisor is away.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { place } from "./router.js";
import { shell } from "./shell.js";
import { listen, pageKeys } from "./keys.js";
import { signIn } from "./signin.js";
import { empty, head } from "./parts.js";
import { titled } from "./title.js";
import { page as overview } from "./overview.js";
import { page as inbox } from "./inbox.js";
import { page as schedules } from "./schedules.js";
import { page as missions } from "./missions.js";
import { page as mission } from "./mission.js";
import { page as queue } from "./queue.js";
import { page as limits } from "./limits.js";
import { page as agents } from "./agents.js";
import { page as events } from "./events.js";
import { page as alerts } from "./alerts.js";
import { page as queries } from "./queries.js";

const pages = { overview, inbox, missions, mission, queue, schedules, limits, agents, events, alerts, queries };

// What a page of the history looked like when it was left, by its entry: gone back to, it is
// where it was. Entries of the page's own beginning are known by a number in their state.
const memories = new Map();
let memory = {};

function remember() {
  memory.scroll = window.scrollY;
  memory.focus = document.activeElement?.closest?.("[data-key]")?.dataset.key;
}

function recall() {
  let entry = history.state?.entry;
  if (!memories.has(entry)) {
    entry = crypto.getRandomValues(new Uint32Array(2)).join("-");
    memories.set(entry, {});
    history.replaceState({ entry }, "");
  }
  memory = memories.get(entry);
  return memory;
}

const patience = 5000; // ms in which a page gets what it had

// restore scrolls to where the page was, and puts the focus back, as soon as there is as
// much of it as there was, unless somebody does something else first.
function restore(root, { scroll = 0, focus }, signal) {
  window.scrollTo(0, scroll);
  if (!scroll && !focus) return;
  const done = new AbortController();
  const stop = () => done.abort();
  const look = () => {
    if (done.signal.aborted) return;
    window.scrollTo(0, scroll);
    const row = focus && [...root.querySelectorAll("[data-key]")].find((each) => each.dataset.key === focus);
    row?.querySelector("[data-row]")?.focus({ preventScroll: true });
    if (Math.abs(window.scrollY - scroll) < 2 && (row || !focus)) stop();
  };
  const sizes = new ResizeObserver(look);
  sizes.observe(root);
  done.signal.addEventListener("abort", () => sizes.disconnect());
  for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) window.addEventListener(name, stop, { signal: done.signal, passive: true });
  signal.addEventListener("abort", stop);
  setTimeout(stop, patience);
}

const app = document.getElementById("app");
let frame;
let leaving = new AbortController();

// show puts the page of the address into the frame. A page gets a signal that is aborted
// when it is left, and what tells it of changes.
function show() {
  remember();
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const here = place();
  frame.current(here.name);
  pageKeys({});
  const page = pages[here.name];
  if (!page) {
    put(frame.main, head("Not here"), empty("There is no such page", "The address may have been cut off."));
    return;
  }
  const root = h("div");
  put(frame.main, root);
  const recalled = recall();
  page(root, { ...here, signal, memory: recalled, onChange: (call) => frame.onChange(call, signal) });
  titled(root.querySelector("h1")?.textContent ?? "");
  restore(root, recalled, signal);
}

async function start() {
  try {
    await api.whoAmI(() => location.reload());
  } catch {
    // the frame says so, and the page comes when the supervisor does
  }
  if (api.signedOut()) {
    put(app, signIn());
    return;
  }
  history.scrollRestoration = "manual";
  frame = shell();
  put(app, frame.element);
  listen(frame);
  window.addEventListener("hashchange", () => {
    show();
    frame.main.focus({ preventScroll: true });
  });
  await frame.ready;
  show();
}

start();
