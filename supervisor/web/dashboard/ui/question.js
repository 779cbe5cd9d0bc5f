// A question that waits for a person, and what answers it: a button for each choice, a field,
// or a new maximum.

import { aging, h, put } from "./dom.js";
import * as api from "./api.js";
import { to } from "./router.js";
import { ago, figure, moment, now } from "./format.js";
import { button, field, idOf, meter, toast } from "./parts.js";
import { answer, askerOf } from "./questions.js";
import { hint, readAnswer, signalID } from "./answer.js";
import { change } from "./changes.js";
import { Source } from "./json.js";

const sentence = (text) => text && text[0].toUpperCase() + text.slice(1);

const keys = 9; // choices that a key answers

// question is the element of a question. done is called with the answer, as a person reads it,
// once it is accepted. home says that it is on its mission's own page.
export function question(q, done, home = false) {
  const failure = h("p", { class: "form-error", role: "alert", hidden: true });
  const holder = h("div", { class: "answers" });
  const ids = new Map(); // of signals, by what they say: repeated, an answer is accepted once
  const controls = () => holder.querySelectorAll("button, input, textarea");

  async function send(source, said) {
    const text = source?.text ?? "";
    if (!ids.has(text)) ids.set(text, signalID());
    failure.hidden = true;
    for (const each of controls()) each.disabled = true;
    holder.setAttribute("aria-busy", "true");
    try {
      const delivered = await answer(q.id, q.signal, source, ids.get(text));
      if (delivered !== "waiting") toast("It was answered before. This answer is kept for the mission.", "bad");
      done(said);
    } catch (error) {
      for (const each of controls()) each.disabled = false;
      put(failure, error.message).hidden = false;
    }
    holder.removeAttribute("aria-busy");
  }

  put(holder, ...(api.mayChange() ? answersTo(q, send) : [h("p", { class: "muted" }, "You can see this question, but your role does not let you answer it.")]));
  const asker = h("span", { class: "asker" });
  askerOf(q).then((reason) => put(asker, reason && [" · ", reason]));
  return h("div", { class: "question" },
    h("div", { class: "question-head" },
      h("h3", { class: "prompt" }, sentence(q.prompt) || "It waits for the signal “" + q.signal + "”."),
      aging({ class: "muted number", title: "since " + moment(q.since) }, () => "asked " + ago(q.since))),
    h("p", { class: "muted who" },
      !home && [h("a", { href: to("mission", q.id) }, q.name), " "], !home && idOf(q.id), !home && " · ",
      q.type, q.batch && [" · batch ", h("a", { href: to("missions", "", { batch: q.batch }) }, q.batch)], asker,
      q.until && [" · ", aging({ title: moment(q.until) }, () => (q.until > now() ? "ends " + ago(q.until) : "its time is up"))]),
    q.others.length > 0 && h("p", { class: "muted who" }, "It also waits for " + q.others.slice(0, 5).join(", ") + (q.others.length > 5 ? " and " + (q.others.length - 5) + " others" : "") + "."),
    holder, failure);
}

function answersTo(q, send) {
  if (q.budget) return budgetForm(q, send);
  if (q.choices.length) {
    return [h("div", { class: "choices" }, q.choices.map((choice, i) =>
      button([i < keys && h("kbd", { "aria-hidden": "true" }, i + 1), choice], () => send(new Source(JSON.stringify(choice)), choice), "choice", { "data-choice": i + 1 })))];
  }
  return freeForm(q, send);
}

function freeForm(q, send) {
  const note = h("span", { class: "muted note" }, hint(""));
  const text = h("textarea", { name: "answer", rows: "1", autocomplete: "off", "aria-label": "Answer", placeholder: "Answer",
    oninput: () => put(note, hint(text.value)),
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    } });
  const form = h("form", { class: "answer-form" }, text, h("button", { type: "submit", class: "button primary" }, "Answer"), note);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(readAnswer(text.value).source, text.value.trim() || "nothing");
  });
  return [form];
}

// budgetForm asks for a new maximum, of each unit that has one: it replaces the old ones.
function budgetForm(q, send) {
  const { usage, max } = q.budget;
  const units = Object.keys(max).sort();
  const inputs = units.map((unit) => h("input", { type: "number", name: unit, min: "0", step: "any", required: true, value: (usage[unit] ?? 0) >= max[unit] ? "" : max[unit],
    placeholder: "more than " + figure(usage[unit] ?? 0) }));
  const form = h("form", { class: "answer-form budget" },
    units.map((unit, i) => field("New maximum, " + unit, inputs[i])),
    h("button", { type: "submit", class: "button primary" }, "Set and go on"),
    button("Cancel mission", () => change("cancel", [{ id: q.id, name: q.name }], () => {}), "danger"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = units.map((unit, i) => JSON.stringify(unit) + ":" + Number(inputs[i].value));
    send(new Source("{" + values.join(",") + "}"), units.map((unit, i) => figure(Number(inputs[i].value)) + " " + unit).join(", "));
  });
  return [h("div", { class: "meters" }, units.map((unit) => usageMeter(unit, usage[unit] ?? 0, max[unit]))), form];
}

// usageMeter shows how much of a unit is used, of its maximum if it has one.
export function usageMeter(unit, used, max) {
  if (max === undefined) return h("div", { class: "usage" }, h("span", { class: "unit" }, unit), h("span", { class: "number" }, figure(used)), h("span", { class: "muted" }, "no maximum"));
  const share = max > 0 ? used / max : 1;
  return h("div", { class: "usage" }, h("span", { class: "unit" }, unit), h("span", { class: "number" }, figure(used) + " of " + figure(max)),
    meter(share, Math.round(share * 100) + " %", share >= 1 ? "failed" : share >= 0.8 ? "cancelled" : "running"));
}
