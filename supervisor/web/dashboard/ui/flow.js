// What a mission's page says of its waits, what it spends, what it was told, and of whom it is
// part.

import { h, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { to } from "./router.js";
import { count, moment, when } from "./format.js";
import { badge, button, dialog, field, idOf, meter, panel, statuses, statusName, toast, tones } from "./parts.js";
import { code } from "./code.js";
import { conditions } from "./conditions.js";
import { usageMeter } from "./question.js";
import { answer } from "./questions.js";
import { hint, readAnswer, signalID } from "./answer.js";

const family = 20; // children that are listed
const said = 240; // characters of a signal's data that are shown in a line

// part is a panel that is hidden while it has nothing to show.
function part(title, aside) {
  const body = h("div");
  const element = panel(title, body, { aside });
  element.hidden = true;
  const show = (value, make) => {
    element.hidden = !value;
    if (value) putNew(body, value, make);
  };
  return { element, show };
}

// waitPart shows the conditions of a mission's latest wait, once that is over.
export function waitPart() {
  const { element, show } = part("What it waited for");
  return {
    element,
    show: (m) => show(!m.waiting_since && (m.waited_for?.length || m.timed_out) ? [m.waited_for, m.timed_out] : null, () => [
      m.waited_for && conditions(m.waited_for), m.timed_out && h("p", { class: "muted" }, "Its time to wait was up.")]),
  };
}

// usagePart shows what a mission has used, by unit.
export function usagePart() {
  const { element, show } = part("Usage");
  return {
    element,
    show: (m) => {
      const units = [...new Set([...Object.keys(m.max_usage ?? {}), ...Object.keys(m.usage ?? {})])].sort();
      show(units.length ? [m.usage, m.max_usage, m.on_exceeded] : null, () => [h("div", { class: "meters" }, units.map((unit) => usageMeter(unit, m.usage?.[unit] ?? 0, m.max_usage?.[unit]))),
        m.max_usage && h("p", { class: "muted" }, m.on_exceeded === "ask" ? "Beyond its maximum, it asks for a new one." : "Beyond its maximum, it fails.")]);
    },
  };
}

// signalPart lists what a mission was told, with the receipts.
export function signalPart(send) {
  const { element, show } = part("Signals", api.mayChange() && button("Send a signal", send, "small"));
  const by = (signal) => [signal.by ? " by " + signal.by : "", !signal.by_proven && signal.by && h("span", { title: "The sender was not authenticated" }, " (not proven)")];
  return {
    element,
    show: (m) => {
      element.querySelector(".panel-head button")?.toggleAttribute("hidden", !!m.finished_at);
      show(m.signals?.length ? m.signals : null, () => h("ol", { class: "signals" }, m.signals.map((signal) => h("li", null,
        h("div", null, h("b", null, signal.name), " ", h("span", { class: "muted" }, "number " + count(signal.seq) + ", sent", by(signal), " ", h("span", { class: "number", title: moment(signal.at) }, when(signal.at)))),
        signal.data_left_out ? h("p", { class: "muted" }, "Its data is too large to be shown.") : signal.data && dataOf(signal, m.id),
        h("div", { class: "receipt", "data-tone": signal.seen_at ? "completed" : "pending" }, signal.seen_at
          ? ["seen", signal.seen_by && " by " + signal.seen_by, ", ", h("span", { class: "number", title: moment(signal.seen_at) }, when(signal.seen_at))]
          : "not seen yet")))));
    },
  };
}

const dataOf = ({ data, seq }, id) => (data.text.length > said ? code(data.text, id + "-signal-" + seq) : h("code", { class: "said" }, data.text));

const told = { waiting: "The mission waited for it and goes on.", running: "Its agent is told.", stored: "It is kept until the mission waits for it or runs." };

// sendSignal asks for a signal and sends it.
export function sendSignal(m, after) {
  const note = h("p", { class: "muted" }, hint(""));
  const data = h("textarea", { name: "data", spellcheck: "false", oninput: () => put(note, hint(data.value)) });
  const ids = new Map(); // by what is sent: repeated, it is accepted once
  dialog({
    title: "Signal to “" + m.name + "”", action: "Send signal",
    body: h("div", { class: "form-grid" }, field("Name", h("input", { type: "text", name: "name", autocomplete: "off", autofocus: true, maxlength: "64", placeholder: "steer" }), "wide"), field("Data", data, "wide"), note),
    submit: async (form) => {
      const name = form.elements.name.value.trim();
      const { source } = readAnswer(data.value);
      const key = name + "\n" + source?.text;
      if (!ids.has(key)) ids.set(key, signalID());
      const delivered = await answer(m.id, name, source, ids.get(key));
      toast("Signal sent. " + told[delivered]);
      after();
    },
  });
}

// relatedPart shows a mission's parent, children and batch. read asks for them.
export function relatedPart(signal) {
  const { element, show } = part("Belongs to");
  const link = (m) => h("a", { href: to("mission", m.id) }, m.name);

  async function read(m, graph) {
    const children = graph?.edges.some((edge) => edge.from === m.id && edge.kind === "parent");
    const [batch, page] = await Promise.all([
      m.batch ? api.get("api/batches/" + encodeURIComponent(m.batch), {}, { signal }).catch(orNull) : null,
      children ? api.get("api/missions", { parent_id: m.id, limit: family }, { signal }).catch(orNull) : null,
    ]);
    const parent = m.parent_id && { id: m.parent_id, name: graph?.missions.find((each) => each.id === m.parent_id)?.name };
    const known = page && { all: page.missions.map(({ id, name, status }) => ({ id, name, status })), more: !!page.next_cursor };
    show(parent || m.batch || known?.all.length ? [parent, m.batch, batch, known, m.detached] : null, () => [
      parent && h("div", { class: "relation" }, h("h3", null, "Parent"), h("p", null, parent.name ? link(parent) : idOf(parent.id), m.detached && h("span", { class: "muted" }, " (detached: it lives on without it)"))),
      m.batch && h("div", { class: "relation" }, h("h3", null, "Batch ", h("a", { href: to("missions", "", { batch: m.batch }) }, m.batch)), batch && batchOf(batch)),
      known?.all.length > 0 && h("div", { class: "relation" }, h("h3", null, "Children"),
        h("ol", { class: "family" }, known.all.map((child) => h("li", null, badge(child.status), link(child)))),
        known.more && h("a", { href: to("missions", "", { parent_id: m.id }) }, "All children"))]);
  }

  return { element, read };
}

const orNull = (error) => {
  if (error.name === "AbortError") throw error;
  return null;
};

// batchOf shows the counts of a batch.
function batchOf(batch) {
  const over = batch.total - batch.by_status.PENDING - batch.by_status.RUNNING;
  return [meter(batch.total ? over / batch.total : 0, count(over) + " of " + count(batch.total) + " ended", "completed"),
    h("p", { class: "counts" }, statuses.filter((status) => batch.by_status[status]).map((status) => h("span", { "data-tone": tones[status] }, count(batch.by_status[status]) + " " + statusName(status).toLowerCase()))),
    h("p", { class: "muted" }, batch.ended_at ? "Ended " + when(batch.ended_at) + "." : batch.open ? "Open: missions may be added." : "Closed: it ends with the last of them.")];
}
