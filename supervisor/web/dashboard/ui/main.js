// The beginning: who is asking, the frame, and a page for each address.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { place } from "./router.js";
import { shell } from "./shell.js";
import { listen, pageKeys } from "./keys.js";
import { signIn } from "./signin.js";
import { empty, head } from "./parts.js";

const pages = {
  overview: () => import("./overview.js"),
  missions: () => import("./missions.js"),
  mission: () => import("./mission.js"),
  agents: () => import("./agents.js"),
  events: () => import("./events.js"),
  alerts: () => import("./alerts.js"),
  queries: () => import("./queries.js"),
};

const app = document.getElementById("app");
let frame;
let leaving = new AbortController();

// show puts the page of the address into the frame. A page gets a signal that is aborted
// when it is left, and what tells it of changes.
async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const here = place();
  frame.current(here.name);
  pageKeys({});
  const load = pages[here.name];
  if (!load) {
    put(frame.main, head("Not here"), empty("There is no such page", "The address may have been cut off."));
    return;
  }
  const { page } = await load();
  if (signal.aborted) return;
  const root = h("div");
  put(frame.main, root);
  page(root, { ...here, signal, onChange: (call) => frame.onChange(call, signal) });
  const title = root.querySelector("h1")?.textContent;
  document.title = (title ? title + " · " : "") + "Mission Control";
  window.scrollTo(0, 0);
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
  frame = shell();
  put(app, frame.element);
  listen(frame);
  window.addEventListener("hashchange", () => {
    show();
    frame.main.focus({ preventScroll: true });
  });
  await show();
}

start();
