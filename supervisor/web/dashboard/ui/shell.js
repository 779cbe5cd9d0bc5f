// The frame: navigation, what is away, who we are. It listens to the supervisor and tells
// the page when something has changed.

import { h, icon, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { connect, repeat, watchEvents } from "./live.js";
import * as theme from "./theme.js";
import { findKeys, help } from "./keys.js";
import { short } from "./format.js";
import { to } from "./router.js";
import { button } from "./parts.js";
import { palette } from "./palette.js";
import { countOf, readQuestions } from "./questions.js";
import { waits } from "./title.js";
import { aboutOf, measured, typesOf } from "./alert.js";
import { readLimits } from "./limiting.js";
import { banner as stopBanner } from "./stop.js";

// sentence begins with a capital, as what the supervisor says of a part does not.
const sentence = (text) => text && text[0].toUpperCase() + text.slice(1) + ".";

const pages = [["overview", "Overview"], ["inbox", "Needs you"], ["missions", "Missions"], ["queue", "Queue"], ["schedules", "Schedules"], ["limits", "Limits"], ["agents", "Agents"], ["events", "Events"], ["alerts", "Alerts"], ["queries", "Queries"]];
const patience = 8000; // ms that a request may take before the page says so
const firstPatience = 3000; // ms that the first page waits for what stands above it
const unseenEvery = 60000; // ms between looks at what the title says, while nobody sees the page
const named = 3; // alerts in the line above the page
const themeNames = { auto: "as the system", light: "light", dark: "dark" };
const themeIcons = { auto: "auto", light: "sun", dark: "moon" };

async function signOut() {
  await api.signOut();
  location.reload();
}

export function shell() {
  const links = Object.fromEntries(pages.map(([name, label]) => {
    const count = h("span", { class: "count" });
    const link = h("a", { href: "#/" + name }, icon(name), label, count);
    return [name, { link, count }];
  }));
  const state = h("span", null, "Connecting");
  const pulse = h("div", { class: "pulse", role: "status" }, h("span", { class: "dot" }), state);
  const banner = h("div", { class: "banner", role: "alert", hidden: true });
  const alarm = h("section", { class: "banner firing", "data-state": "error", "aria-label": "Firing alerts", hidden: true });
  const version = h("div", { class: "version" });
  const themeButton = h("button", { type: "button", class: "button quiet", onclick: () => nextTheme() });
  const main = h("main", { id: "content", tabindex: "-1" });

  const nextTheme = () => showTheme(theme.next());
  const find = () => palette(nextTheme);
  const showTheme = (choice) => {
    put(themeButton, icon(themeIcons[choice]));
    themeButton.setAttribute("aria-label", "Theme: " + themeNames[choice]);
    themeButton.title = "Theme: " + themeNames[choice];
  };
  showTheme(theme.theme());

  const element = h("div", { class: "shell" },
    h("a", { class: "skip", href: "#content", onclick: (e) => { e.preventDefault(); main.focus(); } }, "Skip to the page"),
    h("header", { class: "side" },
      h("a", { class: "brand", href: "#/overview" }, h("img", { src: "ui/mark.svg", alt: "" }), "Mission Control"),
      h("button", { type: "button", class: "find", onclick: find }, icon("queries"), "Find", h("kbd", { "aria-hidden": "true" }, findKeys)),
      h("nav", { class: "nav", "aria-label": "Pages" }, pages.map(([name]) => links[name].link)),
      h("div", { class: "side-foot" },
        h("div", { class: "row" }, pulse,
          h("div", { class: "row" }, h("button", { type: "button", class: "button quiet only-narrow", "aria-label": "Find", title: "Find", onclick: find }, icon("queries")), themeButton, h("button", { type: "button", class: "button quiet", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts", onclick: help }, "?"))),
        version)),
    h("div", { class: "content" }, stopBanner(), banner, alarm, main));

  // What is known of how things stand, and who wants to know.
  const known = { status: null, questions: null, reachable: null, store: "", stream: "" };
  const listeners = new Set();
  const tell = (what) => listeners.forEach((call) => call(what, known));

  let said = "";
  const say = (kind, short, title, text) => {
    const words = [kind, short, title, text].join("\n");
    if (words === said) return; // a screen reader would read it again
    said = words;
    pulse.dataset.state = kind;
    put(state, short);
    banner.hidden = kind === "ok";
    banner.dataset.state = kind;
    if (kind !== "ok") put(banner, h("strong", null, title), h("span", null, text));
  };
  const sum = () => {
    if (known.reachable && api.stuckFor() > patience) say("error", "Not answering", "Requests are not answered", "What is shown is from before. Too many windows of this browser may be waiting for this supervisor, or a proxy does not pass requests on.");
    else if (known.reachable === null) return; // it is on its way
    else if (!known.reachable) say("error", "Unreachable", "The supervisor does not answer", "What is shown is from before. This page connects again by itself.");
    else if (known.store) say("error", "Store away", "The store is away", "Missions can be neither read nor changed until it is back. " + sentence(known.store));
    else if (!known.status) return; // it is on its way
    else if (known.status.status !== "ok") say("degraded", "Degraded", "The broker is away", "Missions can be read and changed here; agents may not reach the supervisor, and events wait until the stream is back. " + sentence(known.stream));
    else say("ok", "Connected");
  };

  const reason = async () => {
    try {
      const health = await api.get("api/supervisor/health");
      known.stream = health.checks.event_stream.message;
      put(version, "Version " + health.version, api.me().name ? " · " + api.me().name : "", api.me().role === "viewer" ? " · view only" : "");
      if (api.me().authentication) version.append(" ", button("Sign out", signOut, "quiet"));
    } catch {
      known.stream = "";
    }
    sum();
  };
  const alerts = async () => {
    const firing = (await api.get("api/alerts")).alerts.filter((a) => a.state === "firing").sort((a, b) => b.raised_at - a.raised_at);
    const n = firing.length;
    links.alerts.count.className = "count" + (n ? " alarm" : "");
    put(links.alerts.count, n || "", n > 0 && h("span", { class: "visually-hidden" }, " firing"));
    alarm.hidden = n === 0;
    putNew(alarm, firing.map((a) => [a.rule, typesOf(a), measured(a.metric, a.value)]), () => [
      h("strong", null, n === 1 ? "Alert" : n + " alerts"),
      h("span", null, firing.slice(0, named).map((a, i) => [i > 0 && " · ", h("a", { href: aboutOf(a).href, title: aboutOf(a).text }, a.rule), ": " + [measured(a.metric, a.value), ...typesOf(a)].join(", ")]),
        n > named && " · " + (n - named) + " more"),
      h("a", { href: to("alerts") }, "What to do")]);
  };
  setInterval(() => { if (!document.hidden) sum(); }, 2000);
  const always = new AbortController().signal;
  const questions = async () => {
    known.questions = await readQuestions();
    const n = countOf(known.questions);
    links.inbox.count.className = "count" + (n ? " due" : "");
    put(links.inbox.count, n, n && h("span", { class: "visually-hidden" }, " waiting for an answer"));
    waits(n);
    tell("questions");
  };
  // A page is shown once it is known what is above it: alerts, questions, and whether everything is paused.
  let askSoon = () => {};
  let limitsSoon = () => {};
  const ready = new Promise((done) => {
    setTimeout(done, firstPatience);
    const all = [new Promise((one) => { repeat(20000, () => alerts().finally(one), always); }),
      new Promise((one) => { askSoon = repeat(20000, () => questions().finally(one), always); }),
      new Promise((one) => { limitsSoon = repeat(20000, () => readLimits().finally(one), always); })];
    Promise.all(all).then(done);
  });
  watchEvents({ type: "limit.changed" }, { message: () => limitsSoon(), connected: () => limitsSoon(), gap: () => limitsSoon() }, always);
  watchEvents({ type: "mission.waiting,mission.ready,mission.signalled" }, {
    message: (text) => { if (known.questions?.questions.length || text.includes('"signal":')) askSoon(); },
    connected: askSoon, gap: askSoon,
  }, always);
  // The title says what it does also while the page is not seen: it is for those who look elsewhere.
  setInterval(() => { if (document.hidden) for (const look of [questions, readLimits]) look().catch(() => {}); }, unseenEvery);

  connect({
    open: () => { known.reachable = true; reason(); limitsSoon(); }, // it may be another supervisor
    lost: () => { known.reachable = false; sum(); tell("lost"); },
    events: {
      status: (text) => {
        const status = JSON.parse(text);
        known.reachable = true;
        const changed = known.status && status.status !== known.status.status;
        known.store = "";
        known.status = status;
        if (changed) reason();
        put(links.missions.count, short(status.total_missions));
        put(links.agents.count, short(status.agent_count));
        sum();
        if (known.questions?.questions.length || status.status !== "ok") askSoon(); // a wait may have ended, or its event waits
        tell("status");
      },
      unavailable: (text) => { const { error } = JSON.parse(text); known.reachable = true; known.store = error.message; sum(); tell("unavailable"); },
    },
  });

  return {
    element, main, nextTheme, find, ready,
    current: (name) => {
      element.dataset.page = name;
      for (const [each, { link }] of Object.entries(links)) {
        if (each === name || (name === "mission" && each === "missions")) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
    },
    // onChange calls a page when how things stand has changed, and now if that is known.
    onChange: (call, signal) => {
      listeners.add(call);
      signal.addEventListener("abort", () => listeners.delete(call));
      if (known.questions) call("questions", known);
      if (known.status) call("status", known);
    },
  };
}
