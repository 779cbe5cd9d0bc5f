// The latest failures, grouped by what the missions failed with.

import { age, aging, h, keyed, put } from "./dom.js";
import * as api from "./api.js";
import { to } from "./router.js";
import { ago, count, firstLine, moment } from "./format.js";
import { empty, table } from "./parts.js";

const looked = 100; // missions that are grouped
const shown = 5; // groups

// groupsOf groups missions, newest first, by the first line of their error.
export function groupsOf(missions) {
  const groups = Map.groupBy(missions, (m) => firstLine(m.error ?? ""));
  return [...groups].map(([error, all]) => {
    const { id, name, finished_at: at } = all.reduce((a, b) => (b.finished_at > a.finished_at ? b : a));
    return { error, n: all.length, types: [...new Set(all.map((m) => m.type))], last: { id, name, at } };
  }).sort((a, b) => b.n - a.n || b.last.at - a.last.at);
}

// failures is {element, note, read, show}. read asks only if the number of failed missions is another.
export function failures(signal) {
  const element = h("div", { class: "failures" });
  const note = h("span", { class: "muted number" });
  const t = table("Latest failures by error", [{ label: "Error", class: "wide clip" }, { label: "Type", class: "narrow-col" }, { label: "Missions", class: "right narrow-col" }, { label: "Latest", class: "right narrow-col" }]);
  let groups = [];
  let known = null;

  const row = (g) => {
    const type = g.types.length === 1 ? g.types[0] : "";
    return t.row({ class: "link" }, [
      h("a", { class: "error-link", href: to("missions", "", { status: "FAILED", type, error: g.error }), title: g.error, "data-row": true }, g.error || "No reason given"),
      type ? h("a", { href: to("missions", "", { status: "FAILED", type }) }, type) : h("span", { title: g.types.join(", ") }, count(g.types.length) + " types"),
      h("b", null, count(g.n)),
      h("a", { href: to("mission", g.last.id), title: g.last.name + ", " + moment(g.last.at) }, aging({}, () => ago(g.last.at)))]);
  };

  function show() {
    if (known === null) return;
    if (!groups.length) {
      put(element, empty("No failed missions", "When missions fail, their errors are listed here."));
      put(note, "");
      return;
    }
    keyed(t.body, groups.slice(0, shown), (g) => g.error, row);
    age(t.body);
    if (element.firstChild !== t.element) put(element, t.element);
    const more = groups.length - shown;
    put(note, more > 0 ? h("a", { href: to("missions", "", { status: "FAILED" }) }, count(more) + (more === 1 ? " more error" : " more errors")) : known > looked ? "Of the newest " + count(looked) : "");
  }

  async function read(failed) {
    if (failed !== known) {
      const { missions } = failed ? await api.get("api/missions", { status: "FAILED", limit: looked }, { signal }) : { missions: [] };
      known = failed;
      groups = groupsOf(missions);
    }
    show();
  }

  return { element, note, read, show };
}
