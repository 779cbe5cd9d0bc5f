// What can be done to missions, one or many, and the form for a new one.

import { h } from "./dom.js";
import * as api from "./api.js";
import { dialog, field, toast } from "./parts.js";
import { count } from "./format.js";
import { go, to } from "./router.js";
import { indent, Source } from "./json.js";

export const allowed = {
  cancel: (m) => m.status === "PENDING" || m.status === "RUNNING",
  retry: (m) => m.status === "FAILED" || m.status === "CANCELLED",
  delete: (m) => m.status !== "RUNNING",
};

export const words = {
  cancel: { title: "Cancel", done: "cancelled", text: "No agent will work on it. An agent that is running it is told to stop.", many: "No agent will work on them. Agents that are running them are told to stop." },
  retry: { title: "Retry", done: "requeued", text: "It returns to the queue with all its attempts.", many: "They return to the queue with all their attempts." },
  delete: { title: "Delete", done: "deleted", text: "The mission, its log and its result are deleted permanently.", many: "The missions, their logs and their results are deleted permanently." },
};

const requests = {
  cancel: (id, reason) => api.post(api.missionPath(id) + "/cancel", reason ? { reason } : {}),
  retry: (id) => api.post(api.missionPath(id) + "/retry"),
  delete: (id) => api.remove(api.missionPath(id)),
};

const atOnce = 8;

// each runs one request for each id, a few at a time, and counts.
async function each(ids, request) {
  const waiting = [...ids];
  const outcome = { done: [], refused: [] };
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await request(id);
        outcome.done.push(id);
      } catch (error) {
        outcome.refused.push({ id, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, work));
  return outcome;
}

export const missions = (n) => count(n) + (n === 1 ? " mission" : " missions");

// change asks whether it is meant, does it, and says what came of it.
export function change(verb, chosen, after) {
  const { title, done, text, many } = words[verb];
  const one = chosen.length === 1;
  const reason = h("input", { type: "text", name: "reason", maxlength: "500", autocomplete: "off" });
  dialog({
    title: one ? title + " “" + chosen[0].name + "”?" : title + " " + missions(chosen.length) + "?",
    text: one ? text : many,
    body: verb === "cancel" ? field("Reason, for the log", reason) : null,
    action: one ? title + " mission" : title + " " + missions(chosen.length),
    danger: verb !== "retry",
    submit: async () => {
      const outcome = await each(chosen.map((m) => m.id), (id) => requests[verb](id, reason.value.trim()));
      if (one && outcome.refused.length) throw outcome.refused[0].error;
      if (outcome.done.length) toast(missions(outcome.done.length) + " " + done + ".");
      if (outcome.refused.length) toast(missions(outcome.refused.length) + " refused: " + outcome.refused[0].error.message, "bad");
      after?.(outcome);
    },
  });
}

// create asks for a new mission, filled in from another one if there is one.
export function create(like) {
  const input = (name, props = {}) => h("input", { type: "text", name, autocomplete: "off", ...props });
  const priority = h("select", { name: "priority" }, ["LOW", "NORMAL", "HIGH", "CRITICAL"].map((p) => h("option", { value: p, selected: p === (like?.priority ?? "NORMAL") }, p[0] + p.slice(1).toLowerCase())));
  const data = h("textarea", { name: "data", spellcheck: "false", value: like?.data && !like.data.empty ? indent(like.data.text) : "", placeholder: "{}" });
  dialog({
    title: "New mission", action: "Create mission",
    body: h("div", { class: "form-grid" },
      field("Name", input("name", { required: true, maxlength: "200", autofocus: true, value: like?.name ?? "" }), "wide"),
      field("Type", input("type", { placeholder: "default", value: like?.type ?? "" })),
      field("Priority", priority),
      field("Tags, separated by commas", input("tags", { value: (like?.tags ?? []).join(", ") })),
      field("Attempts", input("max_attempts", { type: "number", min: "1", max: "1000", placeholder: "3", value: like?.max_attempts ?? "" })),
      field("Timeout per attempt (s)", input("timeout_seconds", { type: "number", min: "0", step: "any", placeholder: "no limit", value: like?.timeout_seconds ?? "" })),
      field("Stall limit per attempt (s)", input("stall_seconds", { type: "number", min: "0", step: "any", placeholder: "no limit", value: like?.stall_seconds ?? "" })),
      field("Id", input("id", { placeholder: "generated" })),
      field("Data, a JSON object", data, "wide"),
      field("Description", h("textarea", { name: "description", value: like?.description ?? "" }), "wide")),
    submit: async (form) => {
      const reply = await api.post("api/missions", specOf(form.elements));
      toast(reply.created ? "Mission created." : "This mission already exists.");
      go(to("mission", reply.mission.id));
    },
  });
}

const wrong = (field, message) => Object.assign(new Error(message), { field });

// specOf reads the form; what is left empty is left out. What was typed is sent as it is,
// data to the last digit.
function specOf(fields) {
  const spec = { name: fields.name.value.trim() && fields.name.value, priority: fields.priority.value };
  for (const name of ["type", "id"]) {
    if (fields[name].value.trim()) spec[name] = fields[name].value.trim();
  }
  if (fields.description.value.trim()) spec.description = fields.description.value;
  for (const name of ["max_attempts", "timeout_seconds", "stall_seconds"]) {
    if (fields[name].validity.badInput) throw wrong(name, fields[name].labels[0].textContent + ": this is not a number.");
    if (fields[name].value) spec[name] = Number(fields[name].value);
  }
  const tags = fields.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
  if (tags.length) spec.tags = tags;
  if (fields.data.value.trim()) {
    try {
      JSON.parse(fields.data.value);
    } catch (error) {
      throw wrong("data", "The data is not JSON: " + error.message);
    }
    spec.data = new Source(fields.data.value);
  }
  return spec;
}
