// What each agent worked on in the last hour, as a panel of lanes.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { count, now } from "./format.js";
import { empty, panel, segments } from "./parts.js";
import { beginOf, groups, lanesOf, sorted, typesOf } from "./lanes.js";
import { noteOf, swimlanes } from "./swimlanes.js";

const hour = 3600;
const patience = 1000; // ms that the page waits for the first turns
const named = 5; // agents in the words for screen readers
let order = "look";

const keyOf = (turn) => [turn.mission_id, turn.agent_id, turn.started_at].join("\n");

// activity is {element, agents, soon}: agents takes those that there are and the missions that are
// RUNNING, soon reads what has changed, and ready ends when it is known what there is to draw.
export function activity(signal) {
  const chart = swimlanes();
  const body = h("div", { class: "lanes-body" });
  const note = h("p", { class: "muted lanes-note" });
  const choose = segments("Order of the agents", [["look", "Needs a look"], ["busy", "Busiest"], ["name", "Name"]], order, (value) => { order = value; show(); });
  const turns = new Map();
  let known = null; // agents
  let running = [];
  let reply = { state: "connected", from: 0, to: 0 };
  let changes = [];
  let cursor = "";

  async function read() {
    const got = await api.get("api/agents/activity", { after: cursor }, { signal });
    if (got.all) {
      turns.clear();
      changes = [];
    }
    for (const turn of got.turns) turns.set(keyOf(turn), turn);
    for (const [key, turn] of turns) if (turn.ended_at !== null && turn.ended_at < got.from) turns.delete(key);
    changes = [...changes, ...got.agents].filter((change) => change.at >= got.to - hour);
    cursor = got.cursor;
    reply = { ...got, turns: null };
    show();
  }

  // all are the turns of the stream, and of missions that began before it tells.
  function all() {
    const list = [...turns.values()];
    const later = new Map(); // since when a mission's last turn runs
    for (const turn of list) later.set(turn.mission_id, Math.max(later.get(turn.mission_id) ?? 0, turn.started_at ?? turn.ended_at));
    for (const m of running) {
      if (m.agent_id && m.started_at && !(later.get(m.id) >= m.started_at - 0.001)) list.push({ mission_id: m.id, name: m.name, type: m.type, agent_id: m.agent_id, attempt: m.attempt, started_at: m.started_at, ended_at: null });
    }
    return list;
  }

  function show() {
    if (!known) return;
    if (!known.length) {
      put(body, empty("No agents", "What agents work on is shown here."));
      put(chart.legend);
      put(note);
      return;
    }
    const to = reply.to || now();
    const from = reply.from || to - hour;
    const list = all();
    const shown = { agents: known, turns: list, changes, p95: reply.p95_seconds ?? {}, from, to };
    const begin = beginOf(shown);
    const lanes = sorted(lanesOf({ ...shown, from: begin }), order);
    const sums = groups.map((group) => [group, lanes.filter((lane) => lane.group === group)]).filter(([, some]) => some.length);
    const words = sums.map(([group, some]) => count(some.length) + " " + (group === "stuck" ? "stuck?" : group)).join(", ");
    const stuck = lanes.filter((lane) => lane.group === "stuck").slice(0, named).map((lane) => lane.name + " " + noteOf(lane, to)).join(", ");
    if (body.firstChild !== chart.element) put(body, chart.element);
    const left = chart.show({ lanes, colours: typesOf(list, to), p95: shown.p95, from: begin, to }, "What agents worked on. " + words + "." + (stuck ? " " + stuck + "." : ""));
    put(note, [words + ".", to - from < hour - 60 && "Only the last " + lasting(to - from) + ": there are too many missions to show more.", left,
      reply.state !== "connected" && "The event stream cannot be read, and what is shown is from before: " + reply.reason].filter(Boolean).join(" "));
  }

  let soon;
  const ready = new Promise((done) => {
    setTimeout(done, patience);
    soon = repeat(5000, async () => {
      try {
        await read();
      } catch (error) {
        if (error.name !== "AbortError" && !reply.to) put(note, "This cannot be shown: " + error.message);
      }
      done();
    }, signal, 1500);
  });

  return {
    element: h("div", { class: "lanes-panel" }, panel("The last hour", [chart.legend, body, note], { aside: choose })),
    agents: (list, missions) => {
      known = list;
      running = missions;
      show();
    },
    soon: () => soon(),
    ready,
  };
}

const lasting = (seconds) => (seconds < 90 ? Math.round(seconds) + " s" : Math.round(seconds / 60) + " min");
