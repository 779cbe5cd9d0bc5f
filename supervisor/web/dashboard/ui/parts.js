// What pages are put together from.

import { h, icon, put } from "./dom.js";

export const tones = { PENDING: "pending", RUNNING: "running", COMPLETED: "completed", FAILED: "failed", CANCELLED: "cancelled",
  online: "completed", draining: "cancelled", offline: "pending", ok: "completed", firing: "failed", pending: "cancelled" };

const names = { PENDING: "Pending", RUNNING: "Running", COMPLETED: "Completed", FAILED: "Failed", CANCELLED: "Cancelled" };

export const statuses = Object.keys(names);
export const statusName = (status) => names[status] ?? status;

export const badge = (state, label) => h("span", { class: "badge", "data-tone": tones[state] ?? "pending" }, label ?? statusName(state));

export function panel(title, body, { span, aside, flush } = {}) {
  return h("section", { class: "panel" + (span ? " span-" + span : "") },
    h("div", { class: "panel-head" }, h("h2", null, title), aside),
    h("div", { class: "panel-body" + (flush ? " flush" : "") }, body));
}

export const head = (title, text, ...actions) =>
  h("div", { class: "page-head" },
    h("div", { class: "titles" }, h("h1", null, title), text && h("p", null, text)),
    actions.length > 0 && h("div", { class: "actions" }, actions));

export const empty = (title, text, command) =>
  h("div", { class: "empty" }, h("strong", null, title), text && h("span", null, text), command && commandLine(command));

// commandLine is a command for a terminal, with a button that copies it.
export const commandLine = (text) => h("span", { class: "command" }, h("code", null, text),
  button(icon("copy"), () => copy(text, "Command"), "quiet small", { "aria-label": "Copy the command " + text, title: "Copy" }));

// idOf shows an id, short where it is long, with a button that copies the whole.
export const idOf = (id) => h("span", { class: "id" }, h("span", { class: "mono", title: id }, shortID(id)),
  button(icon("copy"), () => copy(id, "Id"), "quiet small", { "aria-label": "Copy id " + id, title: "Copy" }));

// shortID cuts a UUID in the middle: it begins with the time, which neighbours share.
export const shortID = (id) => (/^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(id) ? id.slice(0, 8) + "…" + id.slice(-6) : id);

export const button = (label, onclick, kind = "", props = {}) => h("button", { type: "button", class: "button " + kind, onclick, ...props }, label);

export const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));

export const stat = (label, value, note) =>
  h("div", { class: "stat" }, h("span", { class: "label" }, label), h("span", { class: "value" }, value), note && h("span", { class: "note" }, note));

// meter shows a share, 0 to 1, with what it means beside it.
export function meter(share, text, tone) {
  const width = Math.max(0, Math.min(1, share ?? 0)) * 100 + "%";
  return h("div", { class: "meter", "data-tone": tone }, h("div", { class: "bar", "aria-hidden": "true" }, h("i", { style: { width } })), h("span", null, text));
}

// segments is a choice of a few; it calls back with what was chosen.
export function segments(label, options, chosen, onchoose) {
  const group = h("div", { class: "segments", role: "group", "aria-label": label });
  const show = (value) => {
    for (const each of group.children) each.setAttribute("aria-pressed", String(each.dataset.value === value));
  };
  for (const [value, name] of options) {
    group.append(h("button", { type: "button", "data-value": value, onclick: () => { show(value); onchoose(value); } }, name));
  }
  show(chosen);
  group.choose = show;
  return group;
}

let fields = 0;

// field is an input with its label.
export function field(label, input, extra = "") {
  input.id ||= "field-" + ++fields;
  return h("div", { class: "field " + extra }, h("label", { for: input.id }, label), input);
}

const toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
document.body.append(toasts);

export function toast(text, kind = "good") {
  const note = h("div", { class: "toast", "data-kind": kind }, text);
  toasts.append(note);
  setTimeout(() => note.remove(), kind === "bad" ? 9000 : 4500);
}

// copy puts a text on the clipboard. Browsers offer that only to pages that came over TLS
// or from this machine; the others get the old way.
export async function copy(text, what = "It") {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    toast(what + " copied.");
  } catch {
    toast("The browser does not let this page copy.", "bad");
  }
}

function copyBySelection(text) {
  const area = h("textarea", { value: text, class: "visually-hidden" });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}

// download hands a text to the browser as a file.
export function download(name, text, type = "application/json") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// dialog shows a modal form; submit may throw, which is shown, and closes it otherwise.
export function dialog({ title, text, body, action, danger, submit = () => {}, closes = true }) {
  const failure = h("p", { class: "form-error", role: "alert", hidden: true });
  const go = h("button", { type: "submit", class: "button " + (danger ? "danger" : "primary") }, action);
  const form = h("form", { novalidate: true },
    h("div", { class: "dialog-head" }, h("h2", null, title), text && h("p", null, text)),
    h("div", { class: "dialog-body" }, body, failure),
    h("div", { class: "dialog-foot" }, closes && button("Close", () => box.close(), "quiet"), go));
  const box = h("dialog", { "aria-label": title, onclose: () => box.remove() }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    failure.hidden = true;
    form.querySelectorAll("[aria-invalid]").forEach((element) => element.removeAttribute("aria-invalid"));
    try {
      await submit(form);
      box.close();
    } catch (error) {
      put(failure, error.message).hidden = false;
      if (error.field) form.elements[error.field]?.setAttribute("aria-invalid", "true");
    }
    go.disabled = false;
  });
  document.body.append(box);
  box.showModal();
  return box;
}

// table makes a table whose rows become cards where it is narrow. Columns are {label, class}.
export function table(label, columns) {
  const body = h("tbody");
  const element = h("table", { class: "cards", "aria-label": label },
    h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col", class: c.class }, c.head ?? c.label)))), body);
  const row = (props, cells) => h("tr", props, cells.map((cell, i) => h("td", { class: columns[i].class, "data-label": columns[i].label }, cell)));
  return { element: h("div", { class: "table-wrap" }, element), body, row };
}
