// Lanes of agents over time: a bar for each turn, as SVG that scrolls when there are many.

import { h, put, s } from "./dom.js";
import { clock, count, duration, minute, percent, when } from "./format.js";
import { go, to as address } from "./router.js";
import { roundTimes } from "./spans.js";

const most = 300; // lanes that are drawn
const right = 14;
const wide = { left: 214, lane: 26, top: 3, bar: 20, letters: 16 };
const slim = { left: 0, lane: 42, top: 20, bar: 18, letters: 24 }; // names stand above the bars
const axisHeight = 20;

const shortened = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);

// about is a length of time in one unit.
const about = (seconds) => (seconds < 60 ? Math.floor(seconds) + " s" : seconds < 3600 ? Math.floor(seconds / 60) + " min" : Math.floor(seconds / 3600) + " h");

export const noteOf = ({ group, since, busy, state }, to) => ({
  stuck: "stuck? " + about(to - since), idle: "idle" + (since ? " " + about(to - since) : ""), offline: "offline",
  busy: state === "draining" ? "draining" : percent(busy, 0) + " busy",
})[group];

function words(turn) {
  const length = turn.started_at === null ? "" : duration((turn.ended_at ?? turn.end) - turn.started_at);
  const what = turn.open ? "running for " + length : (turn.outcome === "returned" ? "put back" : turn.outcome) + (length && " after " + length);
  return (turn.name || turn.mission_id) + (turn.type ? " (" + turn.type + ")" : "") + ", " + what;
}

// swimlanes is {element, legend, show}: show takes lanes in their order, colours by type, the p95 of
// types, and the beginning and the end of the axis.
export function swimlanes() {
  const says = h("div", { class: "bars-says", "aria-live": "polite" });
  const holder = h("div", { class: "chart lanes", tabindex: "0", role: "img" });
  const axis = h("div", { class: "chart lanes-axis", "aria-hidden": "true" });
  const legend = h("div", { class: "legend" });
  const cursor = s("rect", { class: "cursor-cell" });
  let data = { lanes: [], colours: new Map(), p95: {}, from: 0, to: 1 };
  let at = null; // {lane, turn}: places, turn is -1 for none
  let form = wide;
  let width = 0;

  const x = (time) => form.left + Math.max(0, Math.min(1, (time - data.from) / Math.max(1e-6, data.to - data.from))) * (width - form.left - right);
  const yOf = (i, { rows }, row = 0) => i * form.lane + form.top + row * (form.bar / rows);

  function draw() {
    width = Math.max(260, holder.clientWidth || 640);
    form = width < 560 ? slim : wide;
    const height = data.lanes.length * form.lane + 2;
    const paths = {}; // one for all that look alike
    const add = (name, d) => { paths[name] = (paths[name] ?? "") + d; };
    const texts = [];
    data.lanes.forEach((lane, i) => {
      add("ground", `M${form.left} ${yOf(i, lane)}H${width - right}v${form.bar}H${form.left}Z`);
      for (const { from, to } of lane.off) add("off", `M${x(from).toFixed(1)} ${yOf(i, lane)}H${x(to).toFixed(1)}v${form.bar}H${x(from).toFixed(1)}Z`);
      for (const turn of lane.turns) bar(add, turn, i, lane);
      texts.push(s("text", { class: "lane-name", x: 0, y: i * form.lane + (form === wide ? 17 : 15) }, shortened(lane.name, form.letters)),
        s("text", { class: "lane-note", "data-group": lane.group, x: form === wide ? form.left - 12 : width - right, y: i * form.lane + (form === wide ? 17 : 15), "text-anchor": "end" }, noteOf(lane, data.to)));
    });
    const order = Object.keys(paths).sort((a, b) => layer(a) - layer(b));
    put(holder, s("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" },
      s("defs", null, s("pattern", { id: "off", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 6 }))),
      order.map((name) => s("path", { class: "lane-" + name, "data-type": name.startsWith("type-") ? name.slice(5) : null, fill: name === "off" ? "url(#off)" : null, d: paths[name] })), texts, cursor));
    drawAxis();
    drawLegend(paths);
    place();
  }

  const layer = (name) => ["ground", "off", "type", "stuck", "cancelled", "failed"].indexOf(name.split("-")[0]);

  function bar(add, turn, i, lane) {
    const tall = form.bar / lane.rows - (lane.rows > 1 ? 1 : 0);
    const [left, y] = [x(turn.begin), yOf(i, lane, turn.row)];
    const end = Math.max(left + 2, x(turn.end));
    const body = turn.open ? `M${left.toFixed(1)} ${y}H${end.toFixed(1)}l${Math.min(9, tall / 2)} ${tall / 2}l${-Math.min(9, tall / 2)} ${tall / 2}H${left.toFixed(1)}Z` : `M${left.toFixed(1)} ${y}H${(end - (end - left > 4 ? 0.7 : 0)).toFixed(1)}v${tall}H${left.toFixed(1)}Z`;
    add("type-" + (data.colours.get(turn.type) ?? 0), body);
    if (turn.stuck) add("stuck", body);
    if (turn.outcome === "failed") add("failed", `M${end} ${y + tall}l-5 0l5 ${-Math.min(9, tall)}l5 ${Math.min(9, tall)}Z`);
    if (turn.outcome === "cancelled") add("cancelled", `M${end - 3} ${y + tall / 2 - 3}h6v6h-6Z`);
  }

  function drawAxis() {
    const { step, times } = roundTimes(data.from, data.to, Math.floor((width - form.left) / 80));
    put(axis, s("svg", { viewBox: `0 0 ${width} ${axisHeight}`, height: axisHeight }, times.filter((time) => x(time) > form.left + 16 && x(time) < width - 24)
      .map((time) => [s("line", { class: "cursor", x1: x(time), x2: x(time), y1: 0, y2: 4 }), s("text", { class: "axis", x: x(time), y: 16, "text-anchor": "middle" }, (step < 60 ? clock : minute)(time))])));
  }

  function drawLegend(paths) {
    put(legend, [...data.colours].filter(([, i]) => paths["type-" + i]).map(([type, i]) => h("span", { class: "swatch lane-key", "data-type": i }, type)),
      paths["type-0"] && h("span", { class: "swatch lane-key", "data-type": 0 }, data.colours.size ? "other types" : "type not known"),
      [["failed", "Failed"], ["cancelled", "Cancelled"], ["off", "Offline"], ["stuck", "Stuck?"]].map(([name, text]) => paths[name] && h("span", { class: "swatch mark lane-key-" + name }, text)));
  }

  function place() {
    if (at && at.lane >= data.lanes.length) at = null;
    const lane = at && data.lanes[at.lane];
    const turn = lane?.turns[at.turn];
    cursor.toggleAttribute("hidden", !at);
    if (!at) {
      put(says, data.lanes.length > 0 && h("span", { class: "muted" }, "A bar is a mission; a point at its end means that it is running." + (data.lanes.some((each) => each.group === "stuck") ? " Stuck? means three times as long as 95 % of its type." : "")));
      return;
    }
    const [left, end] = turn ? [x(turn.begin), Math.max(x(turn.begin) + 2, x(turn.end))] : [form.left, width - right];
    for (const [name, value] of Object.entries({ x: left, y: yOf(at.lane, lane, turn?.row), width: end - left, height: turn ? form.bar / lane.rows : form.bar })) cursor.setAttribute(name, value);
    put(says, h("b", null, lane.name + ": " + (turn ? words(turn) : noteOf(lane, data.to))),
      turn && h("span", { class: "muted number" }, when(turn.started_at ?? turn.begin) + " – " + (turn.open ? "now" : when(turn.ended_at)) + (turn.attempt > 1 ? ", attempt " + turn.attempt : "")),
      turn?.stuck ? h("span", null, "stuck? 95 % of its type run for up to " + duration(data.p95[turn.type])) : turn?.reason && h("span", null, turn.reason));
  }

  const move = (lane, turn) => {
    at = lane === null ? null : { lane, turn };
    place();
  };
  const under = (event) => {
    const box = holder.firstChild?.getBoundingClientRect();
    if (!box || !data.lanes.length) return null;
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const i = Math.floor(py / form.lane);
    const lane = data.lanes[i];
    if (!lane) return null;
    const row = Math.floor((py - i * form.lane - form.top) / (form.bar / lane.rows));
    const hits = [...lane.turns.keys()].filter((k) => px >= x(lane.turns[k].begin) - 2 && px <= x(lane.turns[k].end) + (lane.turns[k].open ? 9 : 2));
    return { lane: i, turn: hits.find((k) => lane.turns[k].row === row) ?? hits.at(-1) ?? -1, label: px < form.left || row < 0 };
  };
  const open = ({ lane, turn, label }) => {
    const { id, turns } = data.lanes[lane];
    if (turn >= 0 && !label) go(address("mission", turns[turn].mission_id));
    else if (label || label === undefined) go(address("missions", "", { agent_id: id }));
  };
  holder.addEventListener("pointermove", (event) => {
    const hit = under(event);
    move(hit ? hit.lane : null, hit?.label ? -1 : hit?.turn);
    holder.classList.toggle("over", !!hit && (hit.turn >= 0 || hit.label));
  });
  holder.addEventListener("click", (event) => {
    const hit = under(event);
    if (hit) open(hit);
  });
  for (const name of ["pointerleave", "blur"]) holder.addEventListener(name, () => move(null));
  holder.addEventListener("keydown", (event) => {
    const [down, later] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    if (event.ctrlKey || event.metaKey || event.altKey || !data.lanes.length) return;
    if (event.key === "Enter" && at) open(at);
    else if (!down && !later) return;
    event.preventDefault();
    if (event.key === "Enter") return;
    const lane = at ? Math.max(0, Math.min(data.lanes.length - 1, at.lane + down)) : 0;
    const turns = data.lanes[lane].turns.length;
    move(lane, !at || down ? turns - 1 : Math.max(0, Math.min(turns - 1, at.turn + later)));
    holder.scrollTop = Math.max(Math.min(holder.scrollTop, lane * form.lane), (lane + 1) * form.lane - holder.clientHeight);
  });
  new ResizeObserver(() => requestAnimationFrame(draw)).observe(holder);

  return {
    element: h("div", null, holder, axis, says), legend,
    show: (shown, label) => {
      const [lane, turn] = at ? [data.lanes[at.lane], data.lanes[at.lane].turns[at.turn]] : [];
      data = { ...shown, lanes: shown.lanes.slice(0, most) };
      if (at) { // what it was on may have moved
        const i = data.lanes.findIndex((each) => each.id === lane.id);
        at = i < 0 ? null : { lane: i, turn: data.lanes[i].turns.findIndex((each) => turn && each.mission_id === turn.mission_id && each.started_at === turn.started_at) };
      }
      holder.setAttribute("aria-label", label + " Arrow keys read single missions, and the table has what each agent works on.");
      draw();
      return shown.lanes.length > most ? "The first " + count(most) + " of " + count(shown.lanes.length) + " agents are drawn." : "";
    },
  };
}
