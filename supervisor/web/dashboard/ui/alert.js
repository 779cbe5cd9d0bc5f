// What an alert is about: its figures with their units, and where to look.

import { duration, figure } from "./format.js";
import { statusName } from "./parts.js";
import { to } from "./router.js";

// measured is a metric's value with its unit.
export function measured(metric, n) {
  if (n === null || n === undefined) return "–";
  if (metric.includes("seconds")) return duration(n);
  if (/(rate|ratio|utilization)$/.test(metric)) return figure(Math.round(n * 1000) / 10) + " %";
  if (metric === "events.degraded") return n ? "degraded" : "connected";
  const unit = /\.usage\.(\w+)$/.exec(metric)?.[1];
  if (unit) return figure(n) + " " + unit;
  const thing = metric === "agents.slots" ? "slot" : metric.split(".")[0].replace(/s$/, "");
  return figure(n) + " " + thing + (n === 1 ? "" : "s") + (metric.includes("per_minute") ? " a minute" : "");
}

// limit is a threshold with its unit.
export const limit = (metric, n) => (metric === "events.degraded" ? figure(n) : measured(metric, n));

const statusOf = [[/pending|oldest|queue/, "PENDING"], [/success_rate|failed/, "FAILED"], [/cancelled/, "CANCELLED"],
  [/running|usage/, "RUNNING"], [/completed|duration/, "COMPLETED"]];

// typesOf are the types of missions that an alert is about, as far as that is known.
export const typesOf = (a) => a.types ?? (a.type ? [a.type] : []);

// subject is {href, text}: the page that shows what a metric counts, for one type if given.
export function subject(metric, type = "") {
  if (metric.startsWith("agents.")) {
    const state = /draining|offline/.exec(metric)?.[0] ?? "";
    return { href: to("agents", "", { state }), text: "Show " + (state ? state + " agents" : "agents") };
  }
  if (/signal/.test(metric)) return { href: to("inbox"), text: "Show what waits for you" };
  const waiting = /\.waiting\.(\w+)$/.exec(metric)?.[1];
  if (waiting) return { href: to("missions", "", { waiting, type }), text: "Show what waits" };
  if (metric.startsWith("limits.")) return { href: to("limits"), text: "Show the limits" };
  if (metric.startsWith("schedules.")) return { href: to("schedules"), text: "Show the schedules" };
  if (metric.startsWith("events.")) return { href: to("overview"), text: "Show the event stream" };
  const status = statusOf.find(([pattern]) => pattern.test(metric))?.[1] ?? "";
  return { href: to("missions", "", { status, type }), text: "Show " + (status ? statusName(status).toLowerCase() + " missions" : "missions") };
}

// aboutOf is the subject of an alert; with one type, of that.
export const aboutOf = (a) => subject(a.metric, typesOf(a).length === 1 ? typesOf(a)[0] : "");
