// What is done to all missions that match a filter: they are counted, and changed page by
// page. What is created or changed after the count is left alone.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { dialog, field, meter, toast } from "./parts.js";
import { count } from "./format.js";
import { missions, words } from "./changes.js";

const tries = 5;
const pause = 500; // ms, longer each time

const unanswered = (error) => error.status === undefined || error.status === 408 || error.status === 503;

// step sends one request. It can be sent again: what it has changed is not changed twice.
async function step(request, signal) {
  for (let n = 1; ; n++) {
    try {
      return await api.post("api/missions/bulk", request, { signal });
    } catch (error) {
      if (signal.aborted || n === tries || !unanswered(error)) throw error;
      await new Promise((done) => setTimeout(done, n * pause));
    }
  }
}

// walk sends a request until no missions are left, adds the replies to a sum, and calls back
// after each. A walk that failed goes on with the same request.
async function walk(request, sum, signal, onPage) {
  for (;;) {
    const reply = await step(request, signal);
    sum.matched += reply.matched;
    sum.changed += reply.changed;
    sum.errors.push(...reply.errors);
    request.as_of = reply.as_of;
    onPage();
    if (!reply.next_cursor) return;
    request.cursor = reply.next_cursor;
  }
}

const nothing = () => ({ matched: 0, changed: 0, errors: [] });

// changeAll counts the missions that match, and calls back meanwhile; then it asks whether it
// is meant, does it, and says what came of it.
export async function changeAll(verb, filter, { signal, counting, after }) {
  const counted = nothing();
  const dry = { action: verb, filter, dry_run: true };
  await walk(dry, counted, signal, () => counting(counted.matched));
  if (counted.matched === 0) {
    toast("There is no mission to " + verb + ".");
    return;
  }
  confirm(verb, { action: verb, filter, as_of: dry.as_of }, counted.matched, after);
}

function confirm(verb, request, total, after) {
  const { title, done, text, many } = words[verb];
  const reason = h("input", { type: "text", name: "reason", maxlength: "500", autocomplete: "off" });
  const bar = h("div", { class: "bar-line", role: "status", hidden: true });
  const sum = nothing();
  const stop = new AbortController();
  const action = title + " " + missions(total);
  let ended = false;
  const box = dialog({
    title: action + "?", text: total === 1 ? text : many, action, danger: verb !== "retry",
    body: [verb === "cancel" ? field("Reason, for the log", reason) : null, bar],
    submit: async () => {
      if (reason.value.trim()) request.reason = reason.value.trim();
      const draw = () => { put(bar, meter(sum.matched / total, count(sum.matched) + " of " + count(total))).hidden = false; };
      draw();
      await walk(request, sum, stop.signal, draw);
      ended = true;
    },
  });
  box.addEventListener("close", () => {
    stop.abort();
    if (!ended && sum.matched === 0) return;
    const skipped = total - sum.changed - sum.errors.length;
    toast(missions(sum.changed) + " " + done + "." + (!ended ? " Stopped." : skipped > 0 ? " " + count(skipped) + " had changed meanwhile." : ""));
    if (sum.errors.length) toast(missions(sum.errors.length) + " refused: " + sum.errors[0].error.message, "bad");
    after();
  });
}
