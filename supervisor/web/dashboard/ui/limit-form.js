// The form that adds or changes a limit.

import { h } from "./dom.js";
import { dialog, field, toast } from "./parts.js";
import { allTypes, overtaken, readLimit, setLimit, specOf } from "./limiting.js";

export const wrong = (name, message) => Object.assign(new Error(message), { field: name });

// numberOf is what a field says, undefined if it is empty.
export function numberOf(input) {
  if (input.validity.badInput) throw wrong(input.name, input.labels[0].textContent + ": this is not a number.");
  return input.value === "" ? undefined : Number(input.value);
}

const textOf = (input) => input.value.trim() || undefined;

// edit asks for a limit, a new one if there is none, and calls back once it is set. name is what a new one is called at
// first.
export function edit(limit, after, name = "") {
  const input = (of, value, props = {}) => h("input", { type: "text", name: of, autocomplete: "off", spellcheck: "false", value: value ?? "", ...props });
  const number = (of, value, props = {}) => input(of, value, { type: "number", min: "0", placeholder: "no bound", ...props });
  const way = !limit?.type ? "named" : limit.type === allTypes ? "all" : "type";
  const ways = h("select", { name: "applies" }, [["named", "Missions that name it"], ["type", "Missions of a type"], ["all", "All missions"]].map(([value, label]) => h("option", { value, selected: value === way }, label)));
  const type = field("Type", input("type", way === "type" ? limit.type : "", { placeholder: "code" }), "wide");
  const shown = () => { type.hidden = ways.value !== "type"; };
  ways.addEventListener("change", shown);
  shown();
  dialog({
    title: limit ? "Change “" + limit.name + "”" : "New limit", action: limit ? "Change limit" : "Add limit",
    text: "It holds from the next mission that starts. What runs goes on. What is empty has no bound.",
    body: h("div", { class: "form-grid" },
      !limit && field("Name", input("name", name, { required: true, autofocus: true, placeholder: "anthropic" })),
      field("Applies to", ways, limit ? "wide" : ""), type,
      field("Running at once", number("total", limit?.total)),
      field("Running at once, each key", number("per_key", limit?.per_key)),
      field("Starts", number("rate.count", limit?.rate?.count)),
      field("Starts within (s)", number("rate.per_seconds", limit?.rate?.per_seconds, { placeholder: "60" })),
      field("Budget", number("budget.amount", limit?.budget?.amount, { step: "any" })),
      field("Unit of the budget", input("budget.unit", limit?.budget?.unit, { placeholder: "usd" })),
      field("Window of the budget (s)", number("budget.per_seconds", limit?.budget?.per_seconds, { placeholder: "86400" })),
      field("Pending at once, each key", number("max_pending_per_key", limit?.max_pending_per_key)),
      field("Keys with settings of their own, one a line", h("textarea", { name: "keys", spellcheck: "false", placeholder: "tenant-7: per-key=10, weight=4\ntenant-9: paused", value: linesOf(limit?.keys ?? {}) }), "wide"),
      field("Note", input("note", limit?.note, { maxlength: "200", placeholder: "for people" }), "wide")),
    submit: async ({ elements }) => {
      const called = limit?.name ?? elements.name.value.trim();
      if (!called) throw wrong("name", "The name is required.");
      await save(called, limit, read(elements, limit));
      toast(limit ? "Limit changed." : "Limit added.");
      after(called);
    },
  });
}

// save sets a limit, unless somebody else has changed it since the form was opened, or added it.
async function save(name, limit, spec) {
  try {
    if (!limit && /^[\w-]+$/.test(name) && await readLimit(name)) throw wrong("name", "There is a limit “" + name + "” already.");
    await setLimit(name, limit ? { ...spec, if_changed_at: limit.changed_at } : spec);
  } catch (error) {
    if (error.field?.startsWith("keys.")) error.field = "keys";
    throw await overtaken(error, name);
  }
}

// read is what the form says. Whether the limit is paused is not asked here.
function read(fields, limit) {
  const applies = fields.applies.value;
  const type = textOf(fields.type);
  if (applies === "type" && !type) throw wrong("type", "The type is required.");
  const spec = { ...(limit ? specOf(limit) : {}), type: applies === "all" ? allTypes : applies === "type" ? type : undefined,
    total: numberOf(fields.total), per_key: numberOf(fields.per_key), max_pending_per_key: numberOf(fields.max_pending_per_key), note: textOf(fields.note), keys: keysIn(fields.keys.value) };
  const rate = { count: numberOf(fields["rate.count"]), per_seconds: numberOf(fields["rate.per_seconds"]) };
  const budget = { unit: textOf(fields["budget.unit"]), amount: numberOf(fields["budget.amount"]), per_seconds: numberOf(fields["budget.per_seconds"]) };
  const given = (group) => (Object.values(group).some((value) => value !== undefined) ? group : undefined);
  return { ...spec, rate: given(rate), budget: given(budget) };
}

// Keys stand in lines as the command has them: KEY: per-key=N, weight=W, paused.
const linesOf = (keys) => Object.entries(keys).map(([key, { per_key: perKey, weight, paused }]) =>
  key + ": " + [perKey !== undefined && "per-key=" + perKey, weight && "weight=" + weight, paused && "paused"].filter(Boolean).join(", ")).join("\n");

function keysIn(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(lines.map((line) => {
    const at = line.lastIndexOf(":");
    if (at < 1) throw wrong("keys", "“" + line + "” is not a key and its settings, such as tenant-7: per-key=10, weight=4.");
    return [line.slice(0, at), Object.fromEntries(line.slice(at + 1).split(",").map((each) => each.trim()).filter(Boolean).map((setting) => settingIn(setting, line)))];
  }));
}

function settingIn(setting, line) {
  if (setting === "paused") return ["paused", true];
  const [, name, value] = /^(per-key|weight)\s*=\s*([\d.]+)$/.exec(setting) ?? [];
  if (!name || Number.isNaN(Number(value))) throw wrong("keys", "“" + setting + "” in “" + line + "” is none of per-key=N, weight=W and paused.");
  return [name === "weight" ? "weight" : "per_key", Number(value)];
}
