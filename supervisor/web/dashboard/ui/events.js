// Events as the stream stores them, and each one in full.

import { h, put } from "./dom.js";
import { watchEvents } from "./live.js";
import { amend, to } from "./router.js";
import { clock, count, moment, now } from "./format.js";
import { button, empty, facts, field, head, segments } from "./parts.js";
import { code } from "./code.js";
import { summary, tone } from "./summary.js";
import { pageKeys } from "./keys.js";

const kinds = [["mission.>,agent.>,limit.>,schedule.>,supervisor.alert_raised,supervisor.alert_resolved", "Changes"], ["mission.>", "Missions"], ["agent.>", "Agents"],
  ["supervisor.alert_raised,supervisor.alert_resolved", "Alerts"], [">", "Everything"]];
const backs = [["", "From now on"], ["900", "The last 15 min"], ["3600", "The last hour"], ["86400", "The last day"]];
const most = 500; // rows that are kept
const pauseOfPast = 250; // ms without an event in which the past is taken to have arrived
const longestGathering = 2000; // ms
const everyFrame = 50; // rows that are added at once; of a flood the newest are shown

export function page(root, { params, signal, onChange, memory }) {
  let type = params.get("type") ?? kinds[0][0];
  let paused = false;
  let held = [];
  let seen = 0;
  let connection;
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  const list = h("div", { class: "feed", "aria-label": "Events" });
  const detail = h("div", { class: "panel sticky" });
  const note = h("span", { class: "muted number", "aria-live": "off" });
  const pause = button("Pause", () => { paused = !paused; put(pause, paused ? "Go on" : "Pause"); pause.setAttribute("aria-pressed", String(paused)); flush(); }, "", { "aria-pressed": "false" });
  const input = (name, placeholder) => h("input", { type: "text", name, placeholder, value: params.get(name) ?? "", autocomplete: "off", spellcheck: "false",
    oninput: () => { clearTimeout(timer); timer = setTimeout(open, 300); } });
  const mission = input("mission_id", "any");
  const agent = input("agent_id", "any");
  const types = h("input", { type: "text", name: "type", value: type, autocomplete: "off", spellcheck: "false", oninput: () => { clearTimeout(timer); timer = setTimeout(() => { type = types.value.trim(); choice.choose(type); open(); }, 300); } });
  const back = h("select", { name: "back", onchange: () => open() }, backs.map(([value, label]) => h("option", { value, selected: value === (params.get("back") ?? "3600") }, label)));
  const choice = segments("Kind", kinds, type, (value) => { type = value; types.value = value; open(); });

  // Rows that somebody points at, has chosen with the keyboard or has scrolled to do not
  // move: new ones wait above them.
  const used = () => list.querySelector(".feed-row") && (holder.matches(":hover") || list.contains(document.activeElement) || list.scrollTop > 0);
  const fresh = button("", () => { list.scrollTop = 0; flush(true); }, "primary small", { hidden: true });
  const freshBar = h("div", { class: "feed-new", "aria-live": "off" }, fresh);
  const holder = h("div", { class: "feed-holder" }, freshBar, list);
  holder.addEventListener("pointerleave", () => soon());
  for (const name of ["focusout", "scroll"]) list.addEventListener(name, () => soon());

  put(root,
    head("Events", "The events in the stream, live.", pause),
    h("div", { class: "split" },
      h("div", { class: "panel" },
        h("div", { class: "toolbar" }, field("Types", types), field("Mission", mission), field("Agent", agent), field("Begin with", back)),
        h("div", { class: "toolbar-status" }, choice, note),
        holder),
      detail));
  put(detail, empty("No event is chosen", "Choose one to see its envelope."));
  pageKeys({ p: ["Pause, or go on", () => pause.click()] });

  const tally = () => put(note, count(seen) + (seen === 1 ? " event" : " events") + (paused && held.length ? ", " + count(held.length) + " held back" : ""));

  function hold(element) {
    held.push(element);
    if (held.length > most) held.shift();
    if (!list.querySelector(".feed-row")) gather();
    else soon();
  }

  // soon flushes before the next picture.
  let planned = false;
  function soon(asked = false) {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      flush(asked);
    });
  }

  // gather waits for the end of the past, so that it comes into view at once.
  let began = 0;
  let gathering;
  function gather() {
    began ||= performance.now();
    clearTimeout(gathering);
    if (performance.now() - began < longestGathering) gathering = setTimeout(() => flush(true), pauseOfPast);
    else flush(true);
  }
  signal.addEventListener("abort", () => clearTimeout(gathering));

  function flush(asked = false) {
    tally();
    const waits = held.length > 0 && (paused || (!asked && used()));
    fresh.hidden = !waits || paused;
    if (waits) put(fresh, count(held.length) + " new");
    if (waits || held.length === 0) return;
    list.querySelector(".empty")?.remove();
    const first = !list.querySelector(".feed-row");
    for (const each of held.splice(0, first ? most : everyFrame)) list.prepend(each);
    while (list.children.length > most) list.lastChild.remove();
    if (held.length) soon(asked);
  }

  function row(event, source, seq) {
    const element = h("button", { type: "button", class: "feed-row", "data-row": true, "data-tone": tone(event), "aria-pressed": "false" },
      h("time", null, clock(event.timestamp, true)), h("span", { class: "type" }, event.type), h("span", { class: "summary" }, summary(event, source), about(event) && h("span", { class: "about" }, about(event))));
    const chooseIt = () => {
      memory.chosen = seq;
      for (const each of list.querySelectorAll('[aria-pressed="true"]')) each.setAttribute("aria-pressed", "false");
      element.setAttribute("aria-pressed", "true");
      detailOf(event, source, seq);
    };
    element.addEventListener("click", () => {
      chooseIt();
      if (matchMedia("(max-width: 860px)").matches) detail.scrollIntoView({ block: "start" });
    });
    if (memory.chosen === seq) chooseIt();
    return element;
  }

  // about is the mission or agent that an event tells of, unless only that one is shown.
  function about({ payload }) {
    return mission.value ? "" : payload.mission_id ?? payload.agent_id ?? "";
  }

  function detailOf(event, source, seq) {
    const { mission_id: missionID, agent_id: agentID } = event.payload;
    put(detail, h("div", { class: "panel-head" }, h("h2", { class: "mono" }, event.type)),
      h("div", { class: "panel-body" },
        facts([["Stored as", "number " + seq], ["When", moment(event.timestamp)], ["Source", event.source],
          ["Mission", missionID && h("a", { href: to("mission", missionID) }, missionID)], ["Agent", agentID && h("a", { href: to("missions", "", { agent_id: agentID }) }, agentID)]]),
        h("div", { class: "envelope" }, code(source, "event-" + seq))));
  }

  function open() {
    connection?.close();
    held = [];
    seen = 0;
    began = 0;
    put(list, empty("Nothing yet", "Events appear here as they happen."));
    put(note, "");
    amend({ type: type === kinds[0][0] ? "" : type, mission_id: mission.value.trim(), agent_id: agent.value.trim(), back: back.value === "3600" ? "" : back.value });
    const since = back.value ? Math.floor(now() - Number(back.value)) : "";
    connection = watchEvents({ type, mission_id: mission.value.trim(), agent_id: agent.value.trim(), since }, {
      message: (source, seq) => { seen++; hold(row(JSON.parse(source), source, seq)); },
      degraded: (text) => put(note, "No events arrive: " + JSON.parse(text).reason),
      connected: tally,
      gap: (text) => hold(h("div", { class: "feed-gap" }, count(JSON.parse(text).missed) + " events were left out here")),
      refused: (text) => { put(list, empty("This cannot be shown", JSON.parse(text).error.message)); put(note, ""); },
    }, signal);
  }
  onChange((what) => { if (what === "lost") put(note, "connecting"); });
  open();
}
