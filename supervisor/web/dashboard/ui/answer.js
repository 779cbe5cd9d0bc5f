// What a person types as the data of a signal: JSON if it is, else text.

import { Source } from "./json.js";

const kinds = { object: "a JSON object", number: "a JSON number", boolean: "a JSON value", string: "a JSON string" };

// readAnswer is {kind, source} of what was typed: how it is sent, in words, and as JSON. What
// is JSON is sent as it was typed, to the last digit.
export function readAnswer(typed) {
  const text = typed.trim();
  if (!text) return { kind: "", source: null };
  try {
    const value = JSON.parse(text);
    const kind = value === null ? "JSON null" : Array.isArray(value) ? "a JSON list" : kinds[typeof value];
    return { kind, source: new Source(text) };
  } catch {
    return { kind: "text", source: new Source(JSON.stringify(typed.trimEnd())) };
  }
}

// hint says how what was typed will be sent.
export function hint(typed) {
  const { kind } = readAnswer(typed);
  if (!kind) return "Sent as text, or as JSON if it is JSON.";
  if (kind === "text") return "Sent as text.";
  return "Sent as " + kind + (kind.endsWith("string") ? "." : ". In quotes, it is text.");
}

// signalID is an id of a signal's own, so that it is accepted once however often it is sent.
export const signalID = () => "dashboard-" + [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
