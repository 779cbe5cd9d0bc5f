// One mission: what it is, how it went, and its log as it is written.

import { h, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { repeat, watchEvents } from "./live.js";
import { go, to } from "./router.js";
import { ago, clock, count, duration, moment, now, percent, when } from "./format.js";
import { badge, button, empty, facts, head, idOf, meter, panel, statusName, tones } from "./parts.js";
import { titled } from "./title.js";
import { code } from "./code.js";
import { cards, shortcuts } from "./asked.js";
import { questionsOf } from "./questions.js";
import { bars } from "./bars.js";
import { conditions, open } from "./conditions.js";
import { spansOf } from "./spans.js";
import { graphView, readGraph } from "./graph.js";
import { relatedPart, sendSignal, signalPart, usagePart, waitPart } from "./flow.js";
import { logView } from "./log.js";
import { whyItWaits } from "./waiting.js";
import { allowed, change, create } from "./changes.js";
import { pageKeys } from "./keys.js";

const logPage = 1000;
const mostSteps = 200; // of the timeline, of which the last are listed
const onConflict = { keep: "keeps the other mission", replace_pending: "replaces a pending one", replace: "replaces the other mission" };
const graphPatience = 1500; // ms that the page waits for its graph

export function page(root, { id, signal, onChange }) {
  const top = h("div");
  const progress = h("div");
  const about = h("div");
  const timeline = h("div", { class: "timeline-box", tabindex: "0", role: "region", "aria-label": "Timeline" });
  const error = h("div");
  const data = h("div");
  const result = h("div");
  const waits = h("div");
  const log = logView(id);
  const asked = cards("Questions", { home: true, left: () => { questions.hidden = !asked.element.children.length; } });
  const questions = h("section", { class: "panel asks", hidden: true, "aria-label": "Needs you" }, h("div", { class: "panel-head" }, h("h2", null, "Needs you")), asked.element);
  const turns = bars();
  const graph = graphView(id);
  const checkpoint = h("div");
  const kept = panel("Checkpoint", checkpoint);
  const waitedFor = waitPart();
  const usage = usagePart();
  const signals = signalPart(() => sendSignal(mission, soon));
  const related = relatedPart(signal);
  const body = h("div", null,
    questions, progress, waits, error,
    h("div", { class: "grid" },
      panel("Turns and waits", turns.element, { span: 12, aside: turns.legend }),
      panel("Log", log.element, { span: 8, flush: true, aside: log.note }),
      panel("Timeline", timeline, { span: 4 }),
      graph.element),
    h("div", { class: "pool" }, waitedFor.element, usage.element, signals.element, related.element, kept,
      panel("Data", data), panel("Result", result), panel("About", about)));
  body.hidden = true; // until it is known how large its parts are
  put(root, top, body);
  put(top, head("Mission", id));

  let mission;
  const steps = []; // the log's entries that record a change of status

  function show() {
    const m = mission;
    titled(m.name);
    asked.show(questionsOf(m));
    questions.hidden = !asked.element.children.length;
    waitedFor.show(m);
    usage.show(m);
    signals.show(m);
    kept.hidden = !m.checkpoint;
    putNew(checkpoint, [m.checkpoint], () => [m.checkpoint && code(m.checkpoint.text, m.id + "-checkpoint")]);
    putNew(top, [m.name, m.status, m.description], () => {
      const act = (verb, label, kind) => allowed[verb](m) && button(label, () => change(verb, [m], () => (verb === "delete" ? go(to("missions")) : soon())), kind);
      return head([m.name, " ", badge(m.status)], m.description || null,
        ...(api.mayChange() ? [act("cancel", "Cancel", "danger"), act("retry", "Retry"), act("delete", "Delete", "danger"), !m.finished_at && button("Send signal", () => sendSignal(m, soon)), button("Copy as new", () => create(m))] : []));
    });
    putNew(progress, [m.progress, m.status], () => [m.progress && m.status === "RUNNING" && h("div", { class: "panel progress-line" },
      meter(m.progress.percent / 100, percent(m.progress.percent / 100, 0), "running"), h("span", { class: "muted" }, m.progress.message))]);
    putNew(error, [m.error, m.status], () => [m.error && h("section", { class: "panel error-panel", "aria-label": "Error" },
      h("div", { class: "panel-head" }, h("h2", null, m.status === "FAILED" ? "Why it failed" : "Why its latest attempt failed")), h("div", { class: "panel-body" }, h("p", { class: "error-text" }, m.error)))]);
    putNew(data, [m.data], () => (m.data && !m.data.empty ? code(m.data.text, m.id + "-data") : h("p", { class: "muted" }, "No data")));
    putNew(result, [m.result, m.status], () => (m.result !== null ? code(m.result.text, m.id + "-result") : h("p", { class: "muted" }, m.finished_at ? "No result" : "No result yet")));
    const took = m.started_at ? (m.finished_at ?? now()) - m.started_at : null;
    putNew(about, [{ ...m, data: null, result: null, checkpoint: null, signals: null }, ago(m.lease_expires_at), ago(m.next_attempt_at), Math.floor(took ?? 0)], () => facts([
      ["Id", idOf(m.id)],
      ["Type", h("a", { href: to("missions", "", { type: m.type }) }, m.type)],
      ["Priority", m.priority],
      ["Attempt", m.attempt + " of " + m.max_attempts],
      ["Turn", m.turn && count(m.turn)],
      ["Agent", m.agent_id && h("a", { href: to("missions", "", { agent_id: m.agent_id }) }, m.agent_id)],
      ["Created", m.created_at && moment(m.created_at)],
      ["Started", m.started_at && moment(m.started_at)],
      ["Finished", m.finished_at && moment(m.finished_at)],
      ["Took", took === null ? null : duration(took)],
      ["In the queue", m.started_at && m.attempt === 1 ? duration(m.started_at - m.created_at) : null],
      ["Lease ends", m.lease_expires_at && ago(m.lease_expires_at)],
      ["Next attempt", m.next_attempt_at && ago(m.next_attempt_at)],
      ["Not before", m.not_before && moment(m.not_before)],
      ["Waits since", m.waiting_since && moment(m.waiting_since)],
      ["Waits until", m.waiting_until && moment(m.waiting_until)],
      ["Deadline", m.deadline && moment(m.deadline)],
      ["Timeout", m.timeout_seconds && duration(m.timeout_seconds)],
      ["Stalls after", m.stall_seconds && duration(m.stall_seconds)],
      ["Tags", m.tags.length > 0 && m.tags.map((tag) => [h("a", { class: "tag", href: to("missions", "", { tag }) }, tag), " "])],
      ["Parent", m.parent_id && h("a", { href: to("mission", m.parent_id) }, m.parent_id)],
      ["Batch", m.batch && h("a", { href: to("missions", "", { batch: m.batch }) }, m.batch)],
      ["Key", m.key && h("a", { href: to("missions", "", { key: m.key }) }, m.key)],
      ["Limits", m.limits?.map((name) => [h("a", { class: "tag", href: to("limits", name) }, name), " "])],
      ["Requires", m.requires && Object.entries(m.requires).map(([label, value]) => [h("span", { class: "tag" }, label + "=" + value), " "])],
      ["Prefers", m.prefer_agent && "agent " + m.prefer_agent + ", for " + duration(m.prefer_seconds)],
      ["Unique key", m.unique?.key],
      ["If it is held", m.unique && onConflict[m.unique.on_conflict]],
      ["Held at least", m.unique?.for_seconds && duration(m.unique.for_seconds)],
      ["If unmet", m.on_unmet],
      ["If exceeded", m.on_exceeded],
      ["Correlation", m.correlation_id && idOf(m.correlation_id)],
      ["Trace", m.traceparent && idOf(m.traceparent.split("-")[1])],
    ].map(([name, value]) => [name, value || null])));
  }

  const afterwards = (seconds) => (seconds < 0.001 ? "at once" : "after " + duration(seconds));

  // The supervisor's own entries say which change of status they record. What a message
  // says is the agent's business and changes nothing here.
  function showTimeline() {
    const first = Math.max(0, steps.length - mostSteps);
    put(timeline, first > 0 && h("p", { class: "muted timeline-note" }, "The last " + count(mostSteps) + " of " + count(steps.length) + " steps"), h("ol", { class: "timeline", start: first + 1 }, steps.slice(first).map((step, at) => [step, first + at]).map(([step, i]) => h("li", { "data-tone": tones[step.new_status] },
      h("div", null, h("strong", null, step.old_status ? statusName(step.new_status) : "Created"), " ", h("span", { class: "when", title: moment(step.timestamp) }, new Date(step.timestamp * 1000).toDateString() === new Date().toDateString() ? clock(step.timestamp, true) : when(step.timestamp))),
      step.reason && h("div", { class: "why" }, step.reason),
      i > 0 && h("div", { class: "when" }, afterwards(step.timestamp - steps[i - 1].timestamp))))));
  }

  // The last page of a log has no cursor: it is read again, and what is known is passed
  // over.
  const read = { after: undefined, known: 0 };

  async function readLog() {
    const entries = [];
    for (;;) {
      const reply = await api.get(api.missionPath(id) + "/log", { after: read.after, limit: logPage }, { signal });
      const fresh = reply.log.slice(read.known);
      steps.push(...fresh.filter((entry) => entry.by === "supervisor" && entry.new_status));
      entries.push(...fresh);
      read.known = reply.log.length;
      if (!reply.next_cursor) break;
      read.after = reply.next_cursor;
      read.known = 0;
    }
    if (!entries.length) return;
    log.add(entries);
    showTimeline();
  }

  async function explain() {
    const asked = mission.waiting_for?.every((wait) => wait.signal && open(wait)); // the questions above say it all
    const why = mission.status === "PENDING" && !asked ? await whyItWaits(mission, signal) : null;
    putNew(waits, why, () => why && h("section", { class: "panel waits", "aria-label": "Why it waits" }, h("strong", null, why.title), h("span", { class: "muted" }, why.text), why.limits?.map((name) => h("a", { href: to("limits", name) }, "Limit " + name)), why.waits?.length > 0 && conditions(why.waits)));
  }

  async function refresh() {
    try {
      mission = (await api.get(api.missionPath(id), {}, { signal })).mission;
      show();
      const first = body.hidden ? Promise.race([seeAround(), new Promise((done) => { setTimeout(done, graphPatience); })]) : null;
      await Promise.all([readLog(), explain(), first]).finally(() => { body.hidden = false; });
      turns.show(spansOf(steps, now()));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status === 404 || error.status === 400) {
        put(root, head("Mission"), h("div", { class: "panel" }, empty("There is no such mission", "It was deleted, or its retention time is over.")));
        pageKeys({});
        stop();
      } else if (!mission) {
        put(top, head("Mission", error.message));
      }
    }
  }

  // The graph and what the mission belongs to are read less often than the mission: they may be
  // large.
  let around = null;
  async function seeAround() {
    try {
      around = await readGraph(id, controller.signal);
      graph.show(around);
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    await related.read(mission, around);
  }

  const controller = new AbortController();
  const stop = () => controller.abort();
  signal.addEventListener("abort", stop);
  const soon = repeat(8000, refresh, controller.signal, 250);
  let seen = false;
  const aroundSoon = repeat(30000, async () => {
    if (seen) await seeAround();
    seen = true; // the first time, refresh does it
  }, controller.signal, 3000);
  watchEvents({ type: "mission.>", mission_id: id }, { message: (text) => { soon(); if (/"mission\.(status_changed|waiting|ready)"/.test(text)) aroundSoon(); }, connected: soon, gap: soon }, controller.signal);
  onChange((what) => { if (what === "status" && !controller.signal.aborted && mission && !mission.finished_at) soon(); });
  if (api.mayChange()) {
    const live = () => mission && !mission.finished_at && sendSignal(mission, soon);
    const key = (verb) => () => mission && allowed[verb](mission) && change(verb, [mission], () => (verb === "delete" ? go(to("missions")) : soon()));
    pageKeys({ s: ["Send a signal", live], ...shortcuts, c: ["Cancel", key("cancel")], r: ["Retry", key("retry")], d: ["Delete", key("delete")] });
  }
}
