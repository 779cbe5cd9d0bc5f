// What missions have used, by unit.

import { h, put } from "./dom.js";
import { figure } from "./format.js";
import { table } from "./parts.js";

// spendOf are the rows {unit, hour, day} of the statistics; none if nothing was used.
export function spendOf(stats) {
  const hour = stats.windows?.["1h"]?.usage ?? {};
  const day = stats.windows?.["24h"]?.usage ?? {};
  return [...new Set([...Object.keys(hour), ...Object.keys(day)])].sort().map((unit) => ({ unit, hour: hour[unit] ?? 0, day: day[unit] ?? 0 }))
    .filter((row) => row.hour || row.day);
}

// showSpend puts the rows into an element.
export function showSpend(element, rows) {
  const t = table("Usage by unit", [{ label: "Unit", class: "wide" }, { label: "Last hour", class: "right" }, { label: "Last day", class: "right" }]);
  t.body.append(...rows.map((row) => t.row({}, [h("span", { class: "cell-main" }, row.unit), figure(row.hour), figure(row.day)])));
  put(element, t.element);
}
