// What is pending, drawn: a bar for each type with the same requirements and limits, as long as what waits, and below
// it the keys that share it.

import { aging, age, h, keyed, put } from "./dom.js";
import * as api from "./api.js";
import { repeat } from "./live.js";
import { to } from "./router.js";
import { count, duration, moment, now } from "./format.js";
import { empty, head, meter } from "./parts.js";

const every = 5000;

// What a queue's missions wait for, as it is drawn.
const parts = [["free", "running", "An agent"], ["held", "cancelled", "A limit"], ["waiting", "pending", "Others, or a time"]];

const shares = (q) => ({ free: q.claimable - q.held, held: q.held, waiting: q.pending - q.claimable });

export function page(root, { signal, onChange }) {
  const list = h("ol", { class: "queues" });
  const body = h("div");
  const note = h("div", { class: "pager" });
  const legend = h("div", { class: "legend" }, h("b", null, "Waits for"), parts.map(([kind, tone, name]) => h("span", { class: "swatch queue-" + kind, "data-tone": tone }, name)));
  put(root, head("Queue", "What is pending, by type and key, and who serves it."), h("div", { class: "panel" }, h("div", { class: "toolbar-status" }, legend), body, note));

  function row({ q, most }) {
    const share = shares(q);
    const words = parts.filter(([kind]) => share[kind]).map(([kind, , name]) => count(share[kind]) + " for " + name.toLowerCase()).join(", ");
    return h("li", { class: "queue" },
      h("div", { class: "queue-name" },
        h("a", { class: "cell-main", href: to("missions", "", { type: q.type, status: "PENDING" }), "data-row": true }, q.type),
        h("div", { class: "cell-sub" }, [...(q.limits ?? []).map((name) => "limit " + name), ...Object.entries(q.requires ?? {}).map((each) => each.join("="))].join(" · "))),
      h("div", { class: "queue-bars" },
        h("div", { class: "queue-bar", role: "img", "aria-label": count(q.pending) + " pending: " + words },
          parts.map(([kind, tone, name]) => share[kind] > 0 && h("i", { class: "queue-" + kind, "data-tone": tone, style: { width: (share[kind] / most) * 100 + "%" }, title: name + ": " + count(share[kind]) })),
          h("b", { class: "number" }, count(q.pending))),
        q.keys.length > 0 && keysOf(q, most)),
      h("div", { class: "queue-side" }, serving(q),
        q.since ? aging({ class: "cell-sub number", title: "Nothing has started since " + moment(q.since) }, () => "no start for " + duration(Math.max(0, now() - q.since))) : h("span", { class: "cell-sub" }, "nothing can start")));
  }

  function show(reply) {
    const most = Math.max(1, ...reply.queues.map((q) => q.pending));
    if (reply.queues.length) {
      keyed(list, reply.queues.map((q) => ({ q, most })), ({ q }) => JSON.stringify([q.type, q.limits, q.requires]), row);
      age(list);
      if (body.firstChild !== list) put(body, list);
    } else put(body, empty("Nothing is pending", "Missions that wait for an agent, a limit, other missions or a time are drawn here, by type and key."));
    put(note, [reply.left_out > 0 && count(reply.left_out) + (reply.left_out === 1 ? " shorter queue is" : " shorter queues are") + " not shown.", !reply.all_keys && "Keys are the longest of the first 10,000."].filter(Boolean).join(" "));
  }

  const soon = repeat(every, async () => show(await api.get("api/missions/queues", {}, { signal })), signal, 1500);
  repeat(1000, async () => age(list), signal);
  onChange((what) => { if (what === "status") soon(); });
}

// keysOf draws the keys of a queue, as long as what each has of it.
function keysOf(q, most) {
  const width = (n) => ({ "flex-grow": n });
  const drawn = q.keys.reduce((sum, k) => sum + k.pending, 0);
  return h("ul", { class: "queue-keys", "aria-label": "Keys", style: { width: "calc((100% - 5em) * " + q.pending / most + ")" } },
    q.keys.map((k) => h("li", { class: k.held ? "held" : "", style: width(k.pending) },
      h("a", { href: to("missions", "", { type: q.type, status: "PENDING", ...(k.key && { key: k.key }) }), title: keyWords(k) }, k.key || "no key", " ", h("span", { class: "number" }, count(k.pending))))),
    q.keys_total > q.keys.length && h("li", { class: "rest", style: width(Math.max(0, q.pending - drawn)) }, h("span", { title: "Further keys" }, count(q.keys_total - q.keys.length) + " more")));
}

const keyWords = (k) => (k.key || "Without a key") + ": " + count(k.pending) + " pending, " + count(k.claimable) + " of them could start" + (k.held ? "; a limit holds them back" : "");

// serving says who serves a queue.
function serving(q) {
  if (!q.agents) return h("span", { class: q.claimable ? "error-line" : "muted" }, "No agent serves it");
  return meter(q.slots ? q.busy / q.slots : 1, count(q.busy) + " / " + count(q.slots) + " slots, " + count(q.agents) + (q.agents === 1 ? " agent" : " agents"), q.busy >= q.slots ? "cancelled" : "running");
}
