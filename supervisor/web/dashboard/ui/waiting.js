// Why a mission waits that nobody works on yet.

import * as api from "./api.js";
import { open, waitsFor } from "./conditions.js";
import { ago, count, figure, moment, now } from "./format.js";

const looked = 1000; // missions of the queue
const ranks = { LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 };

const afterwards = { cancel: "is cancelled", fail: "fails", run: "runs" };

const ready = (m) => !(m.next_attempt_at > now()) && !(m.not_before > now());

// before tells whether the queue has a before b: by priority, then by age.
const before = (a, b) => ranks[a.priority] > ranks[b.priority] || (a.priority === b.priority && (a.created_at < b.created_at || (a.created_at === b.created_at && a.id < b.id)));

// whyItWaits is {title, text, waits} for a PENDING mission; waits are its conditions, if it has
// any.
export async function whyItWaits(m, signal) {
  if (m.waiting_since) return whatItWaitsFor(m);
  if (m.next_attempt_at > now()) return { title: "Waits for its next attempt", text: "Its latest attempt failed. The next one is due " + ago(m.next_attempt_at) + ", at " + moment(m.next_attempt_at) + "." };
  if (m.not_before > now()) return { title: "Not due yet", text: "No agent gets it before " + moment(m.not_before) + "." };
  const [{ limits }, { agents: online }, { missions, next_cursor: more }] = await Promise.all([
    api.get("api/limits", { limit: 1000 }, { signal }),
    api.get("api/supervisor/agents", { state: "online", type: m.type, limit: 1000 }, { signal }),
    api.get("api/missions", { status: "PENDING", type: m.type, limit: looked }, { signal }),
  ]);
  const held = limits.filter((l) => l.type === m.type || l.type === "*" || m.limits?.includes(l.name)).map((l) => heldBy(l, m.key)).find(Boolean);
  if (held) return held;
  if (!online.length) return { title: "No agent is online for its type", text: "It starts when an agent for the type “" + m.type + "” comes online." };
  const labels = Object.entries(m.requires ?? {});
  const agents = online.filter((a) => labels.every(([label, value]) => a.labels?.[label] === value));
  if (!agents.length) return { title: "No agent has the labels that it requires", text: "It starts when an agent for the type “" + m.type + "” with " + labels.map((each) => each.join("=")).join(", ") + " comes online." };
  if (m.prefer_until > now() && agents.some((a) => a.id === m.prefer_agent)) {
    return { title: "Waits for agent " + m.prefer_agent, text: "Other agents leave it to that one while it is online. They can have it " + ago(m.prefer_until) + ", at " + moment(m.prefer_until) + "." };
  }
  const ahead = missions.filter((other) => other.id !== m.id && ready(other) && before(other, m)).length;
  const many = (more ? "At least " : "") + count(ahead) + (ahead === 1 ? " mission" : " missions");
  const busy = agents.every((a) => a.missions_running >= a.capacity);
  return {
    title: busy ? "All agents for its type are busy" : "In the queue",
    text: (ahead || more ? many + " of its type will start before it." : "It is the next of its type.") + " Agents online for it: " + count(agents.length) + ".",
  };
}

// heldBy is why no mission with a key, or without one, starts under a limit; null if that is not known.
function heldBy(l, key) {
  const bound = l.keys?.[key]?.per_key ?? l.per_key;
  const ofKey = l.busiest.find((busy) => busy.key === key)?.running ?? 0;
  const why = l.full ? fullText(l)
    : l.keys?.[key]?.paused ? "Its key “" + key + "” is paused."
    : key && bound !== undefined && ofKey >= bound ? count(ofKey) + " of " + count(bound) + " missions with its key “" + key + "” run." : "";
  return why && { title: "The limit “" + l.name + "” holds it back", text: why };
}

// fullText says why no mission starts under a limit at present.
export function fullText(l) {
  const opens = l.opens_at ? " Missions start again " + ago(l.opens_at) + ", at " + moment(l.opens_at) + "." : "";
  return { paused: "It is paused.", total: count(l.running) + " of " + count(l.total) + " missions run.", rate: "As many have started as may." + opens,
    budget: l.budget && figure(l.spent) + " of " + figure(l.budget.amount) + " " + l.budget.unit + " are spent." + opens, blocked: "An agent was told to wait." + opens }[l.full] ?? "";
}

function whatItWaitsFor(m) {
  const waits = m.waiting_for ?? [];
  const met = waits.length - waits.filter(open).length;
  const words = waits.length ? waitsFor(m) : "waits for a time";
  return {
    waits,
    title: words[0].toUpperCase() + words.slice(1),
    text: [waits.length > 1 && count(met) + " of " + count(waits.length) + " conditions are met.", m.waiting_until && "Its time to wait ends " + ago(m.waiting_until) + ", at " + moment(m.waiting_until) + (m.on_unmet && !m.turn ? "; then it " + afterwards[m.on_unmet] : "") + ".",
      !m.waiting_until && "It has no limit, and holds no agent meanwhile."].filter(Boolean).join(" "),
  };
}
