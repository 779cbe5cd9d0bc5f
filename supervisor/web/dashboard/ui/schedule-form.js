// The form that adds or changes a schedule. While one types, it says when the schedule would be due.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { ago, moment } from "./format.js";
import { dialog, field, toast } from "./parts.js";
import { indent, Source } from "./json.js";
import { schedulePath, specOf } from "./scheduling.js";

const pause = 250; // ms without a key until the times are asked for

const timesOf = (spec) => Object.fromEntries(["cron", "time_zone", "every_seconds", "offset_seconds"].map((name) => [name, spec[name]]));

// edit asks for a schedule, a new one if there is none, and calls back with its id once it is set.
export function edit(schedule, after) {
  const mission = schedule?.mission ?? {};
  const input = (name, value, props = {}) => h("input", { type: "text", name, autocomplete: "off", spellcheck: "false", value: value ?? "", ...props });
  const number = (name, value, props = {}) => input(name, value || "", { type: "number", min: "0", ...props });
  const check = (name, checked, label) => h("label", { class: "check" }, h("input", { type: "checkbox", name, checked }), label);
  const ways = h("select", { name: "way" }, [["cron", "At the times of a cron expression"], ["every", "Every so many seconds"]].map(([value, label]) =>
    h("option", { value, selected: value === (schedule?.every_seconds ? "every" : "cron") }, label)));
  const cron = [field("Cron: minute, hour, day, month, weekday", input("cron", schedule?.cron, { placeholder: "0 2 * * *" })),
    field("Time zone", input("time_zone", schedule?.time_zone ?? (schedule ? "" : here()), { placeholder: "UTC" }))];
  const every = [field("Every (s)", number("every_seconds", schedule?.every_seconds, { min: "1", placeholder: "300" })),
    field("Offset (s)", number("offset_seconds", schedule?.offset_seconds, { placeholder: "0" }))];
  const preview = h("div", { class: "preview wide", role: "status", "aria-label": "Next times" });
  const box = dialog({
    title: schedule ? "Change “" + schedule.id + "”" : "New schedule", action: schedule ? "Change schedule" : "Add schedule",
    body: h("div", { class: "form-grid" },
      !schedule && field("Id", input("id", "", { required: true, autofocus: true, placeholder: "nightly" })),
      field("When", ways, schedule ? "wide" : ""), cron, every, preview,
      field("Name of its missions", input("mission.name", mission.name, { required: true, maxlength: "200" })),
      field("Type", input("mission.type", mission.type, { placeholder: "default" })),
      field("Missed while nothing ran", h("select", { name: "catch_up" }, [["last", "Catch up the last"], ["all", "Catch up all"], ["none", "Catch up none"]].map(([value, label]) =>
        h("option", { value, selected: value === (schedule?.catch_up ?? "last") }, label)))),
      field("Start up to so much later (s)", number("jitter_seconds", schedule?.jitter_seconds, { placeholder: "0" })),
      field("Data, a JSON object", h("textarea", { name: "mission.data", spellcheck: "false", placeholder: "{}", value: mission.data && !mission.data.empty ? indent(mission.data.text) : "" }), "wide"),
      check("overlap", "unique" in mission, "Also while its latest mission has not ended"),
      check("paused", Boolean(schedule?.paused), "Paused")),
    submit: async (form) => {
      const id = schedule?.id ?? form.elements.id.value.trim();
      if (!schedule && !id) throw Object.assign(new Error("The id is required."), { field: "id" });
      const spec = read(form.elements, schedule);
      await api.put(schedulePath(id), schedule ? { ...spec, if_changed_at: schedule.changed_at } : spec);
      toast(schedule ? "Schedule changed." : "Schedule added.");
      after(id);
    },
  });
  const form = box.querySelector("form");
  const show = () => {
    const byCron = ways.value === "cron";
    for (const each of cron) each.hidden = !byCron;
    for (const each of every) each.hidden = byCron;
  };
  show();
  previewing(form, preview, show);
}

const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";

// previewing shows the next times of what stands in the form, a moment after each change.
function previewing(form, preview, changed) {
  const times = ["way", "cron", "time_zone", "every_seconds", "offset_seconds"];
  let timer;
  let asking = new AbortController();
  const ask = async () => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const request = timesOf(when(form.elements));
    if (!request.cron && !request.every_seconds) {
      put(preview, h("span", { class: "muted" }, "The next times appear here as you type."));
      return;
    }
    try {
      const { times: next } = await api.get("api/schedules/preview", request, { signal });
      put(preview, h("span", { class: "muted" }, next.length ? "Next times, here:" : "It would never be due."),
        h("ol", null, next.map((at) => h("li", null, h("span", { class: "number" }, moment(at)), " ", h("span", { class: "muted" }, ago(at))))));
    } catch (error) {
      if (!signal.aborted) put(preview, h("span", { class: "form-error" }, error.message));
    }
  };
  form.addEventListener("input", ({ target }) => {
    if (!times.includes(target.name)) return;
    changed();
    clearTimeout(timer);
    timer = setTimeout(ask, pause);
  });
  form.closest("dialog").addEventListener("close", () => { clearTimeout(timer); asking.abort(); });
  ask();
}

const text = (input) => input.value.trim() || undefined;
const amount = (input) => (input.value ? Number(input.value) : undefined);

// when is what the form says about times.
const when = (fields) => (fields.way.value === "cron" ? { cron: text(fields.cron), time_zone: text(fields.time_zone) }
  : { every_seconds: amount(fields.every_seconds), offset_seconds: amount(fields.offset_seconds) });

// read is the whole form, over what the schedule has that the form does not show.
function read(fields, schedule) {
  const old = schedule ? specOf(schedule) : {};
  for (const name of ["cron", "time_zone", "every_seconds", "offset_seconds"]) delete old[name];
  const mission = { ...old.mission, name: fields["mission.name"].value.trim(), type: text(fields["mission.type"]) };
  delete mission.data;
  if (text(fields["mission.data"])) {
    try {
      JSON.parse(fields["mission.data"].value);
    } catch (error) {
      throw Object.assign(new Error("The data is not JSON: " + error.message), { field: "mission.data" });
    }
    mission.data = new Source(fields["mission.data"].value);
  }
  delete mission.unique;
  if (fields.overlap.checked) mission.unique = null;
  return { ...old, ...when(fields), mission, catch_up: fields.catch_up.value, jitter_seconds: amount(fields.jitter_seconds), paused: fields.paused.checked };
}
