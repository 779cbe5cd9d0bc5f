// Rules, which of them hold, and what was raised and resolved.

import { age, aging, h, keyed, put } from "./dom.js";
import * as api from "./api.js";
import { repeat, watchEvents } from "./live.js";
import { duration, moment, now, when } from "./format.js";
import { badge, empty, head, panel, table } from "./parts.js";
import { aboutOf, limit, measured, subject, typesOf } from "./alert.js";

const stateNames = { firing: "Firing", pending: "Pending", ok: "OK" };
const held = (since) => (now() - since < 1 ? "just now" : duration(now() - since));
const order = ["firing", "pending", "ok"];

export function page(root, { signal }) {
  const list = h("div");
  const past = h("div");
  let grid; // hidden until it is known how large its parts are
  put(root, head("Alerts", "Rules over the figures, and which of them hold."),
    grid = h("div", { class: "grid", hidden: true }, panel("Rules", list, { span: 12, flush: true }), panel("Raised and resolved", past, { span: 12, flush: true, aside: h("span", { class: "muted" }, "In the last day") })));
  put(past, empty("Nothing was raised", "That is how it should be."));

  const rules = table("Alert rules", [{ label: "State", class: "narrow-col" }, { label: "Rule", class: "wide" }, { label: "Holds when", class: "wide condition" }, { label: "Now", class: "right narrow-col" }, { label: "For", class: "right narrow-col" }, { label: "Since", class: "right narrow-col" }]);

  const row = (a) => {
    const { href, text } = aboutOf(a);
    return rules.row({}, [
      badge(a.state, stateNames[a.state]),
      [h("a", { class: "cell-main", href, title: text, "data-row": true }, a.rule),
        typesOf(a).map((type) => [" ", h("a", { class: "tag", href: subject(a.metric, type).href }, type)]),
        a.state !== "ok" && h("div", { class: "cell-sub advice" }, a.advice, " ", h("a", { class: "nowrap", href }, text))],
      h("span", { class: "mono" }, a.metric + " ", h("span", { class: "nowrap" }, a.comparison + " " + limit(a.metric, a.threshold))),
      measured(a.metric, a.value), duration(a.for_seconds), a.since ? aging({ title: moment(a.since) }, () => held(a.since)) : "–"]);
  };

  async function read() {
    const reply = await api.get("api/alerts", {}, { signal });
    const alerts = reply.alerts.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.rule.localeCompare(b.rule));
    if (!alerts.length) {
      put(list, empty("There are no rules", "Rules are in the supervisor's configuration file."));
      return;
    }
    keyed(rules.body, alerts, (a) => a.rule, row);
    age(rules.body);
    if (list.firstChild !== rules.element) put(list, rules.element);
  }

  const events = [];
  const soon = repeat(10000, () => read().finally(() => { grid.hidden = false; }), signal);
  watchEvents({ type: "supervisor.alert_raised,supervisor.alert_resolved", since: Math.floor(now() - 86400) }, {
    message: (text) => {
      const event = JSON.parse(text);
      events.unshift(event);
      events.length = Math.min(events.length, 100);
      showPast();
      soon();
    },
  }, signal);

  function showPast() {
    const t = table("Raised and resolved", [{ label: "What", class: "narrow-col" }, { label: "Rule", class: "wide" }, { label: "Value", class: "right narrow-col" }, { label: "Threshold", class: "right narrow-col" }, { label: "When", class: "right narrow-col" }]);
    for (const { type, payload, timestamp } of events) {
      const raised = type === "supervisor.alert_raised";
      t.body.append(t.row({}, [badge(raised ? "firing" : "ok", raised ? "Raised" : "Resolved"), [h("a", { class: "cell-main", href: subject(payload.metric).href }, payload.rule), h("div", { class: "cell-sub mono" }, payload.metric)],
        measured(payload.metric, payload.value), limit(payload.metric, payload.threshold), h("span", { title: moment(timestamp) }, when(timestamp))]));
    }
    put(past, t.element);
  }
}
