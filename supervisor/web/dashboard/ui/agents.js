// Who works: state, slots, and what each is at.

import { h, keyed, put } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { amend, to } from "./router.js";
import { ago, bytes, cores, count, moment, percent } from "./format.js";
import { activity } from "./activity.js";
import { badge, empty, head, meter, segments, table } from "./parts.js";

const most = 1000;

export function page(root, { params, signal, onChange }) {
  let state = params.get("state") ?? "";
  const list = h("div");
  const note = h("span", { class: "muted number" });
  const choice = segments("State", [["", "All"], ["online", "Online"], ["draining", "Draining"], ["offline", "Offline"]], state, (value) => {
    state = value;
    amend({ state });
    soon();
  });
  const hour = activity(signal);
  const t = table("Agents", [{ label: "State", class: "narrow-col" }, { label: "Agent", class: "wide" }, { label: "Types" }, { label: "Slots", class: "meter-cell" },
    { label: "Working on", class: "wide" }, { label: "CPU", class: "right narrow-col" }, { label: "Memory", class: "right narrow-col" }, { label: "Heartbeat", class: "right narrow-col" }]);
  const parts = h("div", { hidden: true }, hour.element, h("div", { class: "panel" }, h("div", { class: "toolbar-status" }, choice, note), list)); // until it is known how much there is
  put(root, head("Agents", "All agents, and what each is working on."), parts);

  const row = (a) => t.row({ class: "link" }, [
    badge(a.state, a.state[0].toUpperCase() + a.state.slice(1)),
    [h("a", { class: "cell-main", href: to("missions", "", { agent_id: a.id }), "data-row": true }, a.name || a.id), h("div", { class: "cell-sub" }, [a.id !== a.name && a.id, a.role, a.host, a.version].filter(Boolean).join(" · "))],
    a.types.map((type) => [h("a", { class: "tag", href: to("missions", "", { type }) }, type), " "]),
    meter(a.missions_running / a.capacity, count(a.missions_running) + " / " + count(a.capacity), a.missions_running >= a.capacity ? "cancelled" : "running"),
    a.work.length === 0 ? h("span", { class: "muted" }, a.missions_running ? "…" : "nothing") : [
      a.work.slice(0, 3).map((m) => h("div", null, h("a", { href: to("mission", m.id) }, m.name), m.progress && h("span", { class: "muted number" }, " " + percent(m.progress.percent / 100, 0)))),
      a.missions_running > 3 && h("a", { class: "cell-sub", href: to("missions", "", { agent_id: a.id, status: "RUNNING" }) }, "all " + count(a.missions_running))],
    cores(a.cpu), bytes(a.memory_bytes), h("span", { title: moment(a.last_heartbeat) }, a.heard),
  ]);

  async function read() {
    const wanted = state;
    const [reply, running] = await Promise.all([
      api.get("api/supervisor/agents", { state, limit: most }, { signal }),
      api.get("api/missions", { status: "RUNNING", limit: 500 }, { signal }),
      hour.ready,
    ]);
    if (wanted !== state) return; // another one was chosen meanwhile, and is read next
    const work = Map.groupBy(running.missions, (m) => m.agent_id);
    const agents = reply.agents.map((a) => ({ ...a, last_heartbeat: Math.floor(a.last_heartbeat), heard: ago(a.last_heartbeat),
      work: (work.get(a.id) ?? []).map(({ id, name, progress }) => ({ id, name, progress })) }));
    hour.agents(reply.agents.map(({ id, name, state }) => ({ id, name, state })), running.missions);
    put(note, count(reply.agent_count) + (reply.agent_count === 1 ? " agent" : " agents") + (reply.agent_count > agents.length ? ", the first " + count(agents.length) + " are shown" : ""));
    if (agents.length) {
      keyed(t.body, agents, (a) => a.id, row);
      if (list.firstChild !== t.element) put(list, t.element);
    } else if (state) put(list, empty("No agent is " + state));
    else put(list, empty("No agents yet", "Any program can be an agent. In a terminal:", api.firstCommands()[0]));
  }

  const soon = repeat(5000, async () => {
    try {
      await read();
    } catch (error) {
      if (error.name !== "AbortError" && !t.body.children.length) put(list, empty("This cannot be shown", error.message));
    }
    parts.hidden = false;
  }, signal, 1500);
  onChange((what) => { if (what === "status") { soon(); hour.soon(); } });
}
