// The run times of missions as a panel: of all types or of one, in the last hour or day. What
// was chosen stands in the address.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { amend } from "./router.js";
import { empty, panel, segments } from "./parts.js";
import { heatmap } from "./heatmap.js";

const periods = { "1h": { name: "Last hour", words: "the last hour", minutes: 60, every: 0 }, "24h": { name: "Last day", words: "the last day", minutes: 1440, every: 55000 } };
const mostTypes = 200; // in the choice

// runTimes is {element, types}: types takes the types that there are to choose from.
export function runTimes(params, signal) {
  const chosen = { type: params.get("type") ?? "", period: params.get("period") in periods ? params.get("period") : "1h" };
  const map = heatmap();
  const body = h("div", { class: "heat-body" });
  const list = h("select", { class: "small", "aria-label": "Type of the run times", onchange: () => choose({ type: list.value }) });
  const period = segments("Period of the run times", Object.entries(periods).map(([value, { name }]) => [value, name]), chosen.period, (value) => choose({ period: value }));
  let known = [];
  let read = 0; // when it was read last

  function choose(change) {
    Object.assign(chosen, change);
    amend({ type: chosen.type, period: chosen.period === "1h" ? "" : chosen.period });
    read = 0;
    soon();
  }

  function types(names) {
    const all = [...new Set([...names.slice(0, mostTypes), ...(chosen.type ? [chosen.type] : [])])];
    if (list.options.length && all.join("\n") === known.join("\n")) return;
    known = all;
    put(list, h("option", { value: "" }, "All types"), all.map((type) => h("option", { value: type }, type)));
    list.value = chosen.type;
  }

  function show(samples, { type, period }) {
    const { words, minutes } = periods[period];
    map.show(samples, minutes * 60, (type ? "Type " + type : "All types") + ", in " + words);
    if (!samples.some((sample) => sample.buckets.length)) {
      put(map.legend);
      put(body, empty("No mission" + (type ? " of the type " + type : "") + " completed in " + words, "The run times of those that complete are shown here."));
    } else if (body.firstChild !== map.element) put(body, map.element);
  }

  const soon = repeat(15000, async () => {
    const wanted = { ...chosen };
    if (Date.now() - read < periods[wanted.period].every) return; // a day changes little in a minute
    try {
      const reply = await api.get("api/missions/history", { type: wanted.type, minutes: periods[wanted.period].minutes, run_times: true }, { signal });
      if (wanted.type !== chosen.type || wanted.period !== chosen.period) return; // it is read next
      read = Date.now();
      show(reply.run_times, wanted);
    } catch (error) {
      if (error.name !== "AbortError" && (!body.children.length || read === 0)) {
        put(map.legend);
        put(body, empty("This cannot be shown", error.message));
      }
    }
  }, signal, 300);
  types([]);

  return { element: panel("Run times", [map.legend, body], { span: 12, aside: h("div", { class: "heat-choice" }, list, period) }), types };
}
