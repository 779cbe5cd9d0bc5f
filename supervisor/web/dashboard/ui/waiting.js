// Why a mission waits that nobody works on yet.

import * as api from "./api.js";
import { open, waitsFor } from "./conditions.js";
import { readLimits } from "./limiting.js";
import { holds } from "./limit-words.js";
import { ago, count, moment, now } from "./format.js";

const looked = 1000; // missions of the queue
const ranks = { LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 };

const afterwards = { cancel: "is cancelled", fail: "fails", run: "runs" };

const ready = (m) => !(m.next_attempt_at > now()) && !(m.not_before > now());

// before tells whether the queue has a before b: by priority, then by age.
const before = (a, b) => ranks[a.priority] > ranks[b.priority] || (a.priority === b.priority && (a.created_at < b.created_at || (a.created_at === b.created_at && a.id < b.id)));

// whyItWaits is {title, text, waits, limits} for a PENDING mission: waits are its conditions, limits the names of those
// that hold it, if there are any.
export async function whyItWaits(m, signal) {
  if (m.waiting_since) return whatItWaitsFor(m);
  if (m.next_attempt_at > now()) return { title: "Waits for its next attempt", text: "Its latest attempt failed. The next one is due " + ago(m.next_attempt_at) + ", at " + moment(m.next_attempt_at) + "." };
  if (m.not_before > now()) return { title: "Not due yet", text: "No agent gets it before " + moment(m.not_before) + "." };
  const [{ agents: online }, { missions, next_cursor: more }, limits] = await Promise.all([
    api.get("api/supervisor/agents", { state: "online", type: m.type, limit: 1000 }, { signal }),
    api.get("api/missions", { status: "PENDING", type: m.type, limit: looked }, { signal }),
    readLimits({ signal }),
  ]);
  const held = limits.map((l) => ({ name: l.name, why: holds(l, m) })).filter(({ why }) => why);
  if (held.length) return { title: held.length === 1 ? "Held by limit “" + held[0].name + "”" : "Held by " + count(held.length) + " limits", text: held.map(({ why }) => why).join(" "), limits: held.map(({ name }) => name) };
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
