// The beginning: who is asking, the frame, and a page for each address. All pages are there
// from the beginning, so that each can be gone to while the supervisor is away.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { place } from "./router.js";
import { shell } from "./shell.js";
import { listen, pageKeys } from "./keys.js";
import { signIn } from "./signin.js";
import { empty, head } from "./parts.js";
import { page as overview } from "./overview.js";
import { page as missions } from "./missions.js";
import { page as mission } from "./mission.js";
import { page as agents } from "./agents.js";
import { page as events } from "./events.js";
import { page as alerts } from "./alerts.js";
import { page as queries } from "./queries.js";

const pages = { overview, missions, mission, agents, events, alerts, queries };

const app = document.getElementById("app");
let frame;
let leaving = new AbortController();

// show puts the page of the address into the frame. A page gets a signal that is aborted
// when it is left, and what tells it of changes.
function show() {
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
  show();
}

start();
