// Who asks for the status, and how often.

import { h, keyed, put } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { ago, count, moment, percent } from "./format.js";
import { empty, head, meter, panel, table } from "./parts.js";
import { lines, sparkline } from "./charts.js";

export function page(root, { signal }) {
  const chart = lines("Requests for the status, a minute", [], []);
  const list = h("div");
  const t = table("Clients", [{ label: "Client", class: "wide" }, { label: "Requests", class: "right narrow-col" }, { label: "Share", class: "meter-cell" }, { label: "Last hour" }, { label: "Last request", class: "right narrow-col" }]);
  const note = h("span", { class: "muted number" });
  put(root, head("Queries", "Which clients request the status, and how often. Taken from the events supervisor.status_queried."),
    h("div", { class: "grid" },
      panel("Requests a minute", chart, { span: 12, aside: note }),
      panel("Clients", list, { span: 12, flush: true })));

  const row = (c) => t.row({}, [
    c.name ? h("span", { class: "cell-main", tabindex: "0", "data-row": true }, c.name) : h("span", { class: "cell-main", tabindex: "0", "data-row": true }, "Unnamed", h("div", { class: "cell-sub" }, "clients that send no name")),
    count(c.queries), meter(c.queries / c.total, percent(c.queries / c.total, 0)),
    h("div", { class: "spark-cell" }, sparkline(c.per_minute, "running")), h("span", { title: moment(c.last_at) }, c.asked)]);

  async function read() {
    const reply = await api.get("api/queries", {}, { signal });
    const { minutes, callers, total } = reply;
    chart.update(minutes.map((m) => m.at), [{ name: "Requests", tone: "running", values: minutes.map((m) => m.queries), filled: true }]);
    put(note, reply.state === "connected" ? count(total) + " in the last hour" : "What is shown is from before: " + reply.reason);
    if (!callers.length) {
      put(list, empty("Nobody has asked in the last hour", "Ask once, from a terminal:", "supervisor status"));
      return;
    }
    keyed(t.body, callers.map((c) => ({ ...c, total, asked: ago(c.last_at) })), (c) => c.name, row);
    if (list.firstChild !== t.element) put(list, t.element);
  }

  repeat(5000, async () => {
    try {
      await read();
    } catch (error) {
      if (error.name !== "AbortError") put(list, empty("This cannot be shown", error.message));
    }
  }, signal);
}
