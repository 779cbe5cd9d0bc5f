// How everything stands, and how it went in the last hour.

import { h, keyed, put } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { to } from "./router.js";
import { count, duration, percent, short } from "./format.js";
import { button, commandLine, empty, head, meter, panel, segments, stat, statuses, statusName, table, tones } from "./parts.js";
import { lines, sparkline } from "./charts.js";
import { failures } from "./failures.js";
import { above } from "./inbox.js";
import { shortcuts } from "./asked.js";
import { pageKeys } from "./keys.js";
import { everythingPaused, pauseAll } from "./stop.js";
import { runTimes } from "./runtimes.js";
import { showSpend, spendOf } from "./spend.js";

const spans = [["5m", "5 min"], ["1h", "1 h"], ["24h", "24 h"], ["all", "All"]];
let span = "1h";

export function page(root, { params, signal, onChange }) {
  const tiles = Object.fromEntries(statuses.map((status) => {
    const figure = h("div", { class: "figure" }, "–");
    const spark = h("div", { class: "spark" });
    const element = h("a", { class: "tile", "data-tone": tones[status], href: to("missions", "", { status }) },
      h("div", { class: "name" }, statusName(status)), figure, spark);
    return [status, { element, figure, spark }];
  }));
  const chart = lines("Missions a minute in the last hour", [], []);
  const load = lines("Missions pending and running in the last hour", [], []);
  const figures = h("div", { class: "stats" });
  const times = h("div");
  const types = h("div");
  const typeTable = table("Missions by type", [{ label: "Type" }, { label: "Missions", class: "right narrow-col" }, { label: "Share", class: "meter-cell" }]);
  const slots = h("div");
  const stream = h("div", { class: "stats" });
  const failed = failures(signal);
  const first = h("section", { class: "panel span-12", hidden: true });
  const spend = h("div");
  const spent = panel("Usage", spend, { span: 4, flush: true });
  spent.hidden = true; // while nothing was used
  const choose = segments("Window", spans, span, (value) => { span = value; show(); });
  const timesPanel = panel("How long it takes", times, { span: 6, aside: choose, flush: true });
  const ran = runTimes(params, signal);
  const streamPanel = panel("Event stream", stream, { span: 6 });
  let grid; // hidden until it is known what there is to show

  const stop = button("Pause everything", () => pauseAll());
  everythingPaused((yes) => { stop.hidden = yes; }, signal);

  put(root,
    head("Overview", "Missions and agents, live.", ...(api.mayChange() ? [stop] : [])),
    above(signal, onChange),
    h("div", { class: "panel tiles" }, statuses.map((status) => tiles[status].element)),
    grid = h("div", { class: "grid dense", hidden: true },
      first,
      panel("Throughput, a minute", chart, { span: 8, aside: h("span", { class: "muted" }, "Last hour") }),
      panel("Right now", figures, { span: 4 }),
      panel("Latest failures", failed.element, { span: 8, flush: true, aside: failed.note }),
      spent,
      panel("Queue and running", load, { span: 8, aside: h("span", { class: "muted" }, "Last hour") }),
      panel("Utilization", slots, { span: 4 }),
      panel("By type", types, { span: 4, flush: true }),
      timesPanel, streamPanel, ran.element));
  if (api.mayChange()) pageKeys(shortcuts);

  let stats, status, health;

  function show() {
    if (status) {
      for (const each of statuses) put(tiles[each].figure, short(status[each.toLowerCase() + "_missions"]));
      put(slots, status.utilization === null
        ? empty("No agents online", "Slots in use are shown while agents are online.")
        : h("div", { class: "stats" }, stat("Slots in use", percent(status.utilization, 0)), stat("Running", count(status.running_missions)), stat("Agents", count(status.agent_count))),
      status.utilization === null ? "" : h("p", { class: "bar-line" }, meter(status.utilization, "", status.utilization > 0.9 ? "cancelled" : "running")));
    }
    if (!stats) return;
    const of = stats.windows[span] ?? stats;
    put(figures,
      stat("Created a minute", count(stats.per_minute.created)),
      stat("Completed a minute", count(stats.per_minute.completed)),
      stat("Failed a minute", count(stats.per_minute.failed)),
      stat("Success rate", percent(stats.windows["1h"].success_rate), "in the last hour"),
      stat("Oldest pending", duration(stats.oldest_pending_seconds)),
      stat("Average run", duration(stats.duration_seconds.average)));
    showTimes(of);
    showTypes(stats);
    showSpent(spendOf(stats));
  }

  // showSpent makes room for what was used, if anything was.
  function showSpent(rows) {
    spent.hidden = rows.length === 0;
    for (const [each, span] of [[timesPanel, "span-8"], [streamPanel, "span-12"]]) {
      each.classList.toggle("span-6", spent.hidden);
      each.classList.toggle(span, !spent.hidden);
    }
    showSpend(spend, rows);
  }

  function showTimes(of) {
    const t = table("Percentiles", [{ label: "" }, { label: "Average", class: "right" }, { label: "p50", class: "right" }, { label: "p95", class: "right" }, { label: "p99", class: "right" }]);
    for (const [name, d] of [["In the queue", of.queue_seconds], ["Running", of.duration_seconds]]) {
      t.body.append(t.row({}, [h("span", { class: "cell-main" }, name), duration(d.average), duration(d.p50), duration(d.p95), duration(d.p99)]));
    }
    t.body.append(t.row({}, [h("span", { class: "cell-main" }, "Success rate"), percent(of.success_rate), "", "", ""]));
    put(times, t.element);
  }

  function showTypes({ by_type: byType, total }) {
    const all = Object.entries(byType).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    ran.types(all.map(([type]) => type));
    if (all.length === 0) {
      put(types, empty("No missions yet", "Their types are listed here."));
      return;
    }
    const rows = all.slice(0, 6).map(([type, n]) => ({ type, n, share: n / total }));
    if (all.length > 6) rows.push({ more: all.length - 6 });
    keyed(typeTable.body, rows, (row) => row.type ?? "", ({ type, n, share, more }) => typeTable.row({}, more
      ? [h("span", { class: "muted" }, count(more) + " more types"), "", ""]
      : [h("a", { href: to("missions", "", { type }) }, type), count(n), meter(share, percent(share, 0))]));
    if (types.firstChild !== typeTable.element) put(types, typeTable.element);
  }

  // showFirst shows what makes something happen, and leaves it there until the page is left:
  // its commands are tried one after the other.
  function showFirst() {
    if (!first.hidden || stats.total > 0 || !api.mayChange()) return;
    const steps = ["Run an agent", "Create a mission", "Follow the events"];
    put(first, h("div", { class: "panel-head" }, h("h2", null, "Get started"), h("span", { class: "muted" }, "In terminals on the supervisor's machine")),
      h("ol", { class: "panel-body steps" }, api.firstCommands().map((command, i) => h("li", null, h("span", { class: "label" }, steps[i]), commandLine(command)))));
    first.hidden = false;
  }

  function showStream() {
    const check = health.checks.event_stream;
    put(stream,
      stat("State", check.status === "ok" ? "Connected" : "Degraded", check.message),
      stat("Waiting to be sent", count(check.waiting), "durable events in the outbox"),
      stat("Published", count(check.published), "since the supervisor started"),
      stat("Telemetry dropped", count(check.dropped), "while the stream was away"),
      stat("Up for", duration(Math.floor(health.uptime_seconds)), "version " + health.version));
  }

  async function readHistory() {
    const rows = (await api.get("api/missions/history", { minutes: 60 }, { signal })).minutes;
    const at = rows.map((row) => row.at);
    const of = (key) => rows.map((row) => row[key]);
    chart.update(at, [
      { name: "Created", tone: "pending", values: of("created") },
      { name: "Completed", tone: "completed", values: of("completed"), filled: true },
      { name: "Failed", tone: "failed", values: of("failed") },
    ]);
    load.update(at, [
      { name: "Pending", tone: "pending", values: of("pending"), filled: true },
      { name: "Running", tone: "running", values: of("running") },
    ]);
    for (const each of statuses) put(tiles[each].spark, sparkline(of(each.toLowerCase()), tones[each]));
  }

  const read = async () => {
    [stats, health] = await Promise.all([
      api.get("api/missions/stats", {}, { signal }).then((reply) => reply.stats),
      api.get("api/supervisor/health", {}, { signal }),
    ]);
    show();
    showFirst();
    showStream();
  };
  const soon = repeat(15000, () => read().finally(() => { grid.hidden = false; }), signal, 2000);
  repeat(15000, readHistory, signal);
  let failuresSoon;
  const readFailures = () => failed.read(status.failed_missions);
  onChange((what, known) => {
    if (what !== "status") return;
    status = known.status;
    show();
    soon();
    if (failuresSoon) failuresSoon();
    else failuresSoon = repeat(15000, readFailures, signal, 2000);
  });
}
