// What lies before and behind a mission: a drawing, and the same as a list.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { count } from "./format.js";
import { badge, button, panel, statusName, table } from "./parts.js";
import { to } from "./router.js";
import { drawing } from "./drawing.js";

const pageOfList = 200; // rows that are added at once

// graphView is {element, show}: show takes a graph. It is hidden while there is nothing but the
// mission itself.
export function graphView(id) {
  const note = h("span", { class: "muted" });
  const list = h("div");
  const details = h("details", { class: "graph-list", ontoggle: () => fill() }, h("summary", null, "As a list"), list);
  const picture = drawing(id, (missions) => {
    chosen = missions;
    details.open = true;
    fill();
    details.scrollIntoView({ block: "nearest" });
  });
  const element = panel("Before and behind it", [picture.element, details], { span: 12, flush: true, aside: h("div", { class: "actions" }, note, picture.zoom) });
  element.classList.add("graph");
  element.hidden = true;
  let graph = null;
  let chosen = null; // the missions of a stack that somebody has asked for
  let rows = pageOfList;

  function fill() {
    if (!details.open || !graph) return;
    const present = new Map(graph.missions.map((m) => [m.id, m]));
    const missions = chosen ? chosen.map((m) => present.get(m.id)).filter(Boolean) : graph.missions;
    const roles = rolesOf(graph, id);
    const t = table("The graph", [{ label: "Status", class: "narrow-col" }, { label: "Mission", class: "wide" }, { label: "Type" }, { label: "To this mission", class: "narrow-col" }]);
    t.body.append(...missions.slice(0, rows).map((m) => t.row({}, [badge(m.status, m.waiting ? "Waiting" : statusName(m.status)),
      m.id === id ? h("span", { class: "cell-main" }, m.name) : h("a", { class: "cell-main", href: to("mission", m.id) }, m.name), m.type, roles(m.id)])));
    put(list, chosen && h("p", { class: "list-note" }, count(missions.length) + " missions that are alike. ", button("Show all of the graph", () => { chosen = null; rows = pageOfList; fill(); }, "quiet small")),
      t.element, missions.length > rows && h("p", { class: "list-note" }, button("Show " + count(Math.min(pageOfList, missions.length - rows)) + " more", () => { rows += pageOfList; fill(); }, "small")));
  }

  return {
    element,
    show: (found) => {
      graph = found;
      element.hidden = graph.missions.length < 2;
      if (element.hidden) return;
      put(note, graph.truncated ? "The nearest " + count(graph.missions.length) + " missions" : count(graph.missions.length) + " missions");
      picture.show(graph);
      fill();
    },
  };
}

// rolesOf says what each mission is to the one with an id.
function rolesOf({ edges }, id) {
  const roles = new Map([[id, "itself"]]);
  for (const { from, to: behind, kind } of edges) {
    if (from === id && kind === "parent") roles.set(behind, "child");
    else if (behind === id && kind === "parent") roles.set(from, "parent");
    else if (behind === id && !roles.has(from)) roles.set(from, "it waits for it");
    else if (from === id && !roles.has(behind)) roles.set(behind, "waits for it");
  }
  return (other) => roles.get(other) ?? "further away";
}

// readGraph asks for the graph of a mission.
export const readGraph = (id, signal) => api.get(api.missionPath(id) + "/graph", {}, { signal });
