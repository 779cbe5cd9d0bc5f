// The keys of a limit: those that have the most running missions, and those with settings of their own.

import { h, keyed, put, putNew } from "./dom.js";
import { to } from "./router.js";
import * as api from "./api.js";
import { count, figure } from "./format.js";
import { badge, button, dialog, empty, field, table, toast } from "./parts.js";
import { amendLimit } from "./limiting.js";
import { against, ofKey } from "./limit-words.js";
import { numberOf, wrong } from "./limit-form.js";

const most = 100; // keys that are shown

// listOf are the keys of a limit. Of those that are not among the busiest it may not be known how many missions run, but
// that they are no more than above.
function listOf(l) {
  const above = Math.min(...l.busiest.map((each) => each.running));
  return [...new Set([...l.busiest.map((each) => each.key), ...Object.keys(l.keys).sort()])].map((key) => ({ ...ofKey(l, key), above }));
}

// keysOf is {element, show}: show takes the limit.
export function keysOf(name, current, after) {
  const element = h("div");
  const list = h("div");
  const note = h("p", { class: "list-note" });
  const t = table("Keys", [{ label: "State", class: "narrow-col" }, { label: "Key", class: "wide" }, { label: "Running", class: "meter-cell" }, { label: "Weight", class: "right narrow-col" },
    ...(api.mayChange() ? [{ label: "", class: "narrow-col" }] : [])]);
  put(element, list, note);

  function row({ key, paused, weight }) {
    const cells = { state: h("div"), running: h("div") };
    const tr = t.row({}, [cells.state, h("a", { class: "cell-main", href: to("missions", "", { key }) }, key), cells.running, figure(weight),
      ...(api.mayChange() ? [h("div", { class: "actions in-row" },
        button(paused ? "Resume" : "Pause", () => pauseKey(name, key, !paused, after), "small", { "aria-label": (paused ? "Resume key " : "Pause key ") + key }),
        button("Change", () => setKey(current(), key, after), "small", { "aria-label": "Change key " + key }))] : [])]);
    tr.parts = cells;
    return tr;
  }

  function fill({ parts: cells }, each) {
    const { paused, running, above, bound } = each;
    const full = running !== null && bound !== null && running >= bound;
    putNew(cells.state, [paused, full], () => (paused ? badge("firing", "Paused") : full ? badge("draining", "Full") : badge("ok", "Open")));
    putNew(cells.running, [running, above, bound], () => (running !== null ? against(running, bound) : h("span", { class: "muted number" }, "up to " + count(above) + (bound === null ? "" : " / " + count(bound)))));
  }

  return {
    element,
    show: (l) => {
      const all = listOf(l);
      const shown = all.slice(0, most);
      if (!shown.length) put(list, empty("No keys yet", "A mission can have a key, such as a tenant. Keys take turns, and can have bounds of their own."));
      else {
        keyed(t.body, shown.map(({ key, paused, weight }) => ({ key, paused, weight })), (each) => each.key, row);
        shown.forEach((each, i) => fill(t.body.children[i], each));
        if (list.firstChild !== t.element) put(list, t.element);
      }
      putNew(note, [all.length, l.busiest.length], () => (all.length > most ? "The first " + count(most) + " of " + count(all.length) + " keys that have settings or the most running missions." : ""));
      note.hidden = all.length <= most;
    },
  };
}

async function pauseKey(name, key, paused, after) {
  try {
    await amendLimit(name, (spec) => withKey(spec, key, { ...spec.keys?.[key], paused: paused || undefined }));
    toast(paused ? "Paused: no mission with this key starts. What runs goes on." : "Resumed.");
  } catch (error) {
    toast(error.message, "bad");
  }
  after();
}

// withKey is a limit with other settings of a key; none if there is nothing to say.
function withKey(spec, key, settings) {
  const keys = { ...spec.keys };
  delete keys[key];
  const said = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { ...spec, keys: Object.keys(said).length ? { ...keys, [key]: said } : keys };
}

// setKey asks for the settings of a key, "" for one that is named in the form.
export function setKey(l, key, after) {
  const had = Object.hasOwn(l.keys, key) ? l.keys[key] : {};
  const number = (name, value, props) => h("input", { type: "number", name, min: "0", autocomplete: "off", value: value ?? "", ...props });
  dialog({
    title: key ? "Change key “" + key + "”" : "Set a key", action: key ? "Change key" : "Set key",
    text: "Settings of a single key of limit “" + l.name + "”. Those that are empty are the limit's.",
    body: h("div", { class: "form-grid" },
      !key && field("Key", h("input", { type: "text", name: "key", required: true, autofocus: true, autocomplete: "off", spellcheck: "false", placeholder: "tenant-7" }), "wide"),
      field("Running at once", number("per_key", had.per_key, { placeholder: l.per_key ?? "no bound" })),
      field("Weight: turns while another key has one", number("weight", had.weight, { step: "any", placeholder: "1" })),
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "paused", checked: Boolean(had.paused) }), "Paused")),
    submit: async ({ elements }) => {
      const name = key || elements.key.value;
      if (!name) throw wrong("key", "The key is required.");
      const settings = { per_key: numberOf(elements.per_key), weight: numberOf(elements.weight), paused: elements.paused.checked || undefined };
      const before = JSON.stringify(Object.hasOwn(l.keys, name) ? l.keys[name] : null);
      try {
        await amendLimit(l.name, (spec) => {
          const now = spec.keys && Object.hasOwn(spec.keys, name) ? spec.keys[name] : null;
          if (JSON.stringify(now) !== before) throw new Error("Nothing is saved: somebody has changed this key meanwhile. Open the form again to see what it says now.");
          return withKey(spec, name, settings);
        });
      } catch (error) {
        if (error.field?.startsWith("keys.")) error.field = error.field.split(".").at(-1);
        throw error;
      }
      toast("Key “" + name + "” is set.");
      after();
    },
  });
}
