// The table of missions. Filters and the page stand in the address.

import { h, icon, keyed, put, putNew } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { amend, go, place, to } from "./router.js";
import { ago, count, duration, firstLine, moment, now, percent } from "./format.js";
import { badge, button, empty, field, head, idOf, meter, segments, statuses, statusName, table, toast } from "./parts.js";
import { allowed, change, create } from "./changes.js";
import { changeAll } from "./bulk.js";
import { pageKeys } from "./keys.js";
import { waitsFor } from "./conditions.js";

const pageSize = 50;
const pageOfErrors = 200; // the supervisor does not search in errors: this page does
const looks = 5; // how many requests a page may take: each looks at no more than 10,000 missions

export function page(root, { params, signal, onChange, memory }) {
  const chosen = (memory.chosen ??= new Map()); // of the missions that are selected, by id
  let { shown = [], next = null } = memory; // what was there before is there at once
  let every = false; // all missions that match are selected, on all pages
  let counted = null; // how many of them are counted so far; null while nothing counts
  let counting = null; // ends the count

  const list = h("div");
  const pager = h("div", { class: "pager" });
  const bulk = h("div", { class: "bulk", role: "region", "aria-label": "Selection", hidden: true });
  const all = h("input", { type: "checkbox", "aria-label": "Select all on this page", onchange: () => choose(shown, all.checked) });
  const columns = [
    ...(api.mayChange() ? [{ label: "", head: all, class: "narrow-col" }] : []),
    { label: "Status", class: "narrow-col" }, { label: "Mission", class: "wide" }, { label: "Type" }, { label: "Agent" },
    { label: "Progress", class: "meter-cell" }, { label: "Attempt", class: "right narrow-col" }, { label: "Took", class: "right narrow-col" }, { label: "Created", class: "right narrow-col" },
  ];
  const t = table("Missions", columns);

  put(root,
    head("Missions", "Newest first.", api.mayChange() && button([icon("plus"), "New mission"], () => create(), "primary", { title: "n" })),
    h("div", { class: "panel" }, toolbar(params), list, pager), bulk);
  pageKeys({
    "/": ["Search by name", () => root.querySelector("input[type=search]").focus()],
    ...(api.mayChange() ? {
      n: ["New mission", () => create()],
      x: ["Select the row, or not", () => document.activeElement.closest?.("tr")?.querySelector("input[type=checkbox]")?.click()],
    } : {}),
  });

  function choose(missions, yes) {
    for (const m of missions) yes ? chosen.set(m.id, m) : chosen.delete(m.id);
    every = false;
    show();
  }

  function clear() {
    counting?.abort();
    chosen.clear();
    every = false;
    show();
  }

  // how far it is: what it failed with, what it waits for, or its progress.
  function standing(m) {
    if (m.status === "FAILED" && m.error) return h("span", { class: "error-line", title: m.error }, firstLine(m.error));
    if (m.status === "PENDING" && m.waiting_since) {
      const prompt = m.waiting_for?.find((wait) => wait.signal && !wait.met)?.prompt;
      return h("span", { class: "wait-line", title: prompt }, waitsFor(m));
    }
    if (m.progress) return meter(m.progress.percent / 100, percent(m.progress.percent / 100, 0), m.status === "RUNNING" ? "running" : "pending");
    return h("span", { class: "muted" }, "–");
  }

  function row(m) {
    const box = h("input", { type: "checkbox", "aria-label": "Select " + m.name, checked: m.chosen, onchange: (event) => choose([m], event.target.checked) });
    const took = m.started_at ? (m.finished_at ?? (m.status === "RUNNING" ? m.now : null)) - m.started_at : null;
    const link = h("a", { class: "cell-main", href: to("mission", m.id), "data-row": true }, m.name);
    return t.row({ class: "link", "aria-selected": String(!!m.chosen) }, [
      ...(api.mayChange() ? [box] : []),
      badge(m.status),
      [link, h("div", { class: "cell-sub" }, idOf(m.id)), m.tags.length > 0 && h("div", null, m.tags.map((tag) => [h("a", { class: "tag", href: to("missions", "", { tag }) }, tag), " "]))],
      h("a", { href: to("missions", "", { type: m.type }) }, m.type),
      m.agent_id ? h("a", { href: to("missions", "", { agent_id: m.agent_id }) }, m.agent_id) : h("span", { class: "muted" }, "–"),
      standing(m),
      m.attempt + " / " + m.max_attempts,
      took === null || took < 0 ? "–" : duration(took),
      h("span", { title: moment(m.created_at) }, m.age),
    ]);
  }

  function show() {
    const present = new Set(shown.map((m) => m.id));
    for (const id of chosen.keys()) if (!present.has(id)) chosen.delete(id);
    all.checked = shown.length > 0 && shown.every((m) => chosen.has(m.id));
    all.indeterminate = !all.checked && chosen.size > 0;
    if (shown.length) {
      const time = Math.floor(now());
      // Rows are made anew only where what they show has changed.
      keyed(t.body, shown.map((m) => ({ ...m, data: null, result: null, checkpoint: null, signals: null, lease_expires_at: null, updated_at: null, chosen: chosen.has(m.id), age: ago(m.created_at), now: m.status === "RUNNING" ? time : null })), (m) => m.id, row);
      if (list.firstChild !== t.element) put(list, t.element);
    } else if (next !== null || filtered()) {
      put(list, empty("Nothing matches", "No mission" + (next !== null ? " of those looked at so far" : "") + " is like that."));
    } else {
      put(list, empty("No missions yet", "Create the first one here or in a terminal:", api.firstCommands()[1]));
    }
    const { params } = place();
    putNew(pager, [shown.length, next, [...params]], () => [
      h("span", { class: "number" }, count(shown.length) + (shown.length === 1 ? " mission" : " missions") + (params.get("cursor") ? ", older" : "")),
      h("div", { class: "actions" },
        params.get("cursor") && h("a", { class: "button", href: to("missions", "", { ...Object.fromEntries(params), cursor: "" }) }, "Newest"),
        next !== null && h("a", { class: "button", href: to("missions", "", { ...Object.fromEntries(params), cursor: next }) }, "Older"))]);
    showBulk();
  }

  function showBulk() {
    bulk.hidden = chosen.size === 0 && !every;
    if (bulk.hidden) return;
    if (every) {
      putNew(bulk, [every, counted], () => [h("b", null, counted === null ? "All that match" : "Counting… " + count(counted)),
        actAll("cancel", "Cancel all", "danger"), actAll("retry", "Retry all"), actAll("delete", "Delete all", "danger"), button("Clear", clear, "quiet")]);
      return;
    }
    const { params } = place();
    const offered = all.checked && (next !== null || params.has("cursor")) && !params.get("error"); // the supervisor does not search in errors
    const missions = [...chosen.values()];
    const act = (verb, label, kind) => {
      const fit = missions.filter(allowed[verb]);
      return button(label + " " + count(fit.length), () => change(verb, fit, () => { clear(); soon(); }), kind, { disabled: fit.length === 0 });
    };
    putNew(bulk, [offered, ...missions.map((m) => [m.id, m.status])], () => [h("b", null, count(chosen.size) + " selected"),
      offered && button("All that match", () => { every = true; show(); }), act("cancel", "Cancel", "danger"), act("retry", "Retry"), act("delete", "Delete", "danger"),
      button("Clear", clear, "quiet")]);
  }

  // actAll is a button that does something to all missions that match.
  function actAll(verb, label, kind) {
    const { params } = place();
    const status = params.get("status");
    const progress = (n) => { counted = n; if (!signal.aborted) show(); };
    return button(label, async () => {
      counting = new AbortController();
      const ends = AbortSignal.any([signal, counting.signal]);
      progress(0);
      try {
        await changeAll(verb, filterOf(params), { signal: ends, counting: progress, after: () => { clear(); soon(); } });
      } catch (error) {
        if (!ends.aborted) toast(error.message, "bad");
      }
      progress(null);
    }, kind, { disabled: counted !== null || status && !allowed[verb]({ status }) });
  }

  async function read() {
    const { error, ...fields } = requestOf(place().params);
    const failsSo = (m) => m.error?.toLowerCase().includes(error.toLowerCase());
    const found = [];
    let cursor = fields.cursor;
    for (let look = 0; look < looks; look++) {
      const reply = await api.get("api/missions", { ...fields, cursor, limit: error ? pageOfErrors : pageSize - found.length }, { signal });
      found.push(...(error ? reply.missions.filter(failsSo) : reply.missions));
      cursor = reply.next_cursor ?? null;
      if (found.length >= pageSize || cursor === null) break;
    }
    return { found, cursor };
  }

  let asked = 0; // how often; only the newest question's answer is shown
  const guarded = async () => {
    const mine = ++asked;
    try {
      const { found, cursor } = await read();
      if (mine !== asked) return;
      shown = found;
      next = cursor;
      Object.assign(memory, { shown, next });
      for (const m of shown) if (chosen.has(m.id)) chosen.set(m.id, m);
      show();
    } catch (error) {
      if (error.name === "AbortError" || mine !== asked) return;
      if (error.field || !shown.length) put(list, empty("This cannot be shown", error.message));
    }
  };
  if (shown.length) show();
  const soon = repeat(10000, guarded, signal, 1500);
  onChange((what) => { if (what === "status") soon(); });

  function toolbar(params) {
    let timer;
    signal.addEventListener("abort", () => clearTimeout(timer));
    const apply = () => {
      clearTimeout(timer);
      if (signal.aborted) return; // of a field that lost the focus as the page was left
      amend({ ...values(), cursor: "" });
      chosen.clear();
      every = false;
      guarded();
    };
    const input = (name, props) => h("input", { type: "text", name, value: shownValue(name, params), autocomplete: "off", spellcheck: "false",
      oninput: () => { clearTimeout(timer); timer = setTimeout(apply, 250); }, onchange: apply, ...props });
    const inputs = [
      ["Name", input("text", { type: "search", placeholder: "Search by name" })], ["Type", input("type")], ["Agent", input("agent_id")], ["Tag", input("tag")], ["Error", input("error")],
      ["Waits for", h("select", { name: "waiting", onchange: () => apply() }, waits.map(([value, label]) => h("option", { value, selected: value === (params.get("waiting") ?? "") }, label)))],
      ["Batch", input("batch")], ["Key", input("key")], ["Parent", input("parent_id")],
      ["Created after", input("created_after", { type: "datetime-local" })], ["Created before", input("created_before", { type: "datetime-local" })],
    ];
    let status = params.get("status") ?? "";
    const choice = segments("Status", [["", "All"], ...statuses.map((s) => [s, statusName(s)])], status, (value) => { status = value; apply(); });
    const values = () => Object.fromEntries([["status", status], ...inputs.map(([, element]) => [element.name, element.type === "datetime-local" ? seconds(element.value) : element.value.trim()])]);
    const bar = h("div", { class: "toolbar folds" }, inputs.map(([label, element]) => field(label, element, element.type === "datetime-local" ? "dates" : "")));
    const more = button("More filters", () => more.setAttribute("aria-expanded", String(bar.classList.toggle("unfolded"))), "quiet only-narrow", { "aria-expanded": "false" });
    return [
      bar,
      h("div", { class: "toolbar-status" }, choice, more,
        button("Clear filters", () => go(to("missions")), "quiet")),
    ];
  }
}

const filters = ["status", "type", "agent_id", "tag", "text", "error", "created_after", "created_before", "waiting", "batch", "key", "parent_id"];
const waits = [["", "any"], ["signal", "a signal"], ["mission", "a mission"], ["batch", "a batch"], ["time", "a time"], ["limit", "a limit"]];
const filtered = () => filters.some((name) => place().params.get(name));
const requestOf = (params) => Object.fromEntries([...filters, "cursor"].map((name) => [name, params.get(name) ?? ""]));
// filterOf is what the address says of missions, as a request has it.
const filterOf = (params) => Object.fromEntries(filters.filter((name) => name !== "error" && params.get(name))
  .map((name) => [name, name.startsWith("created_") ? Number(params.get(name)) : params.get(name)]));
const seconds = (local) => (local ? String(new Date(local).getTime() / 1000) : "");

// shownValue is a filter as its field shows it.
function shownValue(name, params) {
  const value = params.get(name) ?? "";
  if (!name.startsWith("created_") || !Number(value)) return name.startsWith("created_") ? "" : value;
  const d = new Date(Number(value) * 1000 - new Date(Number(value) * 1000).getTimezoneOffset() * 60000);
  return d.toISOString().slice(0, 16);
}
