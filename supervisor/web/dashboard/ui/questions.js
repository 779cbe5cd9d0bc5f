// What waits for a person: the conditions of missions that only a signal meets.

import * as api from "./api.js";
import { conditionText, open } from "./conditions.js";

const pageSize = 100;
const looks = 5; // how many requests one reading may take
const logPage = 1000;
const logPages = 3; // of a mission's log, in which its parking is looked for

// questionsOf are the open questions of one mission.
export function questionsOf(m) {
  const left = (m.waiting_for ?? []).filter(open);
  const others = left.filter((wait) => !wait.signal).map(conditionText);
  return left.filter((wait) => wait.signal).map(({ signal, prompt = "", choices = [] }) => ({
    key: [m.id, signal, m.waiting_since].join("/"), id: m.id, name: m.name, type: m.type, batch: m.batch ?? "", turn: m.turn ?? 0,
    signal, prompt, choices, others, since: m.waiting_since, until: m.waiting_until ?? null,
    budget: signal === "budget" && m.max_usage ? { usage: m.usage ?? {}, max: m.max_usage } : null,
  }));
}

// readQuestions is {questions, more}: those that have waited longest come first; more says
// that there are others.
export async function readQuestions(options) {
  const questions = [];
  let cursor;
  for (let look = 0; look < looks && questions.length < pageSize; look++) {
    const reply = await api.get("api/missions", { waiting: "signal", limit: pageSize, cursor }, options);
    questions.push(...reply.missions.flatMap(questionsOf));
    cursor = reply.next_cursor;
    if (!cursor) break;
  }
  return { questions: questions.sort((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1)), more: !!cursor };
}

// countOf is the number of questions, as short as it is shown.
export const countOf = ({ questions, more }) => (questions.length ? questions.length + (more ? "+" : "") : "");

const askers = new Map(); // by key

// askerOf says who asks: why the mission went back to the queue, which names the agent that has
// parked it, or who had claimed it before it exceeded its budget. It is "" if its log does not say.
export function askerOf(question) {
  if (!question.turn) return Promise.resolve("");
  if (!askers.has(question.key)) askers.set(question.key, readAsker(question).catch(() => ""));
  return askers.get(question.key);
}

async function readAsker({ id, budget }) {
  let reason = "";
  let after;
  for (let page = 0; page < logPages; page++) {
    const reply = await api.get(api.missionPath(id) + "/log", { after, limit: logPage });
    for (const entry of reply.log) if (entry.by === "supervisor" && (budget ? entry.new_status === "RUNNING" : entry.old_status === "RUNNING" && entry.new_status === "PENDING")) reason = entry.reason;
    after = reply.next_cursor;
    if (!after) return reason;
  }
  return ""; // the latest parking stands further behind
}

// answer sends the data of a signal, and says what became of it.
export async function answer(id, signal, source, signalID) {
  const body = { name: signal, signal_id: signalID };
  if (source) body.data = source;
  return (await api.post(api.missionPath(id) + "/signal", body)).delivered;
}
