// How long missions ran, over time: a column for each sample, a row for each range of run
// times, and as colour how many runs there were.

import { h, put, s } from "./dom.js";
import { count, duration, minute } from "./format.js";
import { roundTimes } from "./spans.js";

const height = 236;
const [left, right, top, bottom] = [58, 6, 6, 22];
const leastRows = 9;
const levels = 5; // of colour
const boundsPerTen = 4; // that the supervisor tells

// lasting is a length of time in one unit: bounds of ranges are rounded anyway.
export function lasting(seconds) {
  if (seconds < 1) return duration(seconds);
  const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size * 2 || size === 1);
  return Number((seconds / size).toPrecision(3)) + " " + unit;
}

const boundOf = (place) => Number((10 ** (place / boundsPerTen)).toPrecision(3));
const placeOf = (bound) => Math.round(Math.log10(bound) * boundsPerTen);
const range = (place) => (place <= placeOf(1e-6) ? "up to " + lasting(boundOf(place)) : lasting(boundOf(place - 1)) + " to " + lasting(boundOf(place)));
const missions = (n) => count(n) + (n === 1 ? " mission" : " missions");

// heatmap is {element, legend, show}: show takes samples {from, to, p50, p95, buckets}, the
// length of the axis in seconds, and what it is about in words.
export function heatmap() {
  const says = h("div", { class: "bars-says", "aria-live": "polite" });
  const sums = h("div", { class: "bars-says" });
  const holder = h("div", { class: "chart heat", tabindex: "0", role: "img" });
  const legend = h("div", { class: "legend" });
  const cursor = s("rect", { class: "cursor-cell" });
  let data = { samples: [], length: 3600, about: "" };
  let cells = new Map(); // how many, by column and row
  let rows = { first: 0, last: leastRows - 1 };
  let at = null; // {i, place}
  let scale;

  const most = () => Math.max(1, ...[...cells.values()]);
  const levelOf = (n) => Math.max(1, Math.ceil(levels * Math.log(n + 1) / Math.log(most() + 1)));

  function tally() {
    cells = new Map();
    const places = [];
    data.samples.forEach((sample, i) => sample.buckets.forEach(([bound, n]) => {
      cells.set(i + "/" + placeOf(bound), n);
      places.push(placeOf(bound));
    }));
    const [least, largest] = places.length ? [Math.min(...places), Math.max(...places)] : [0, 0];
    const spare = Math.max(2, leastRows - (largest - least + 1));
    rows = { first: least - Math.ceil(spare / 2), last: largest + Math.floor(spare / 2) };
  }

  // say tells what the cursor is on, or the sum.
  function say() {
    says.hidden = !at;
    sums.classList.toggle("covered", !!at);
    if (!at) return;
    const { from, to, p50, p95 } = data.samples[at.i];
    const n = cells.get(at.i + "/" + at.place) ?? 0;
    put(says, h("b", null, minute(from) + (to - from > 90 ? " – " + minute(to) : "") + ", " + range(at.place) + ": " + missions(n)),
      p50 !== null && h("span", { class: "muted number" }, "p50 " + duration(p50) + ", p95 " + duration(p95)));
  }

  function summary() {
    const sum = new Map();
    for (const [key, n] of cells) sum.set(Number(key.split("/")[1]), (sum.get(Number(key.split("/")[1])) ?? 0) + n);
    const total = [...sum.values()].reduce((a, b) => a + b, 0);
    const within = (share) => {
      let seen = 0;
      return lasting(boundOf([...sum].sort(([a], [b]) => a - b).find(([, n]) => (seen += n) >= share * total)[0]));
    };
    if (!total) return data.about + ": no mission completed.";
    return data.about + ": " + missions(total) + " completed, half of them within " + within(0.5) + " and 95 % within " + within(0.95) + ".";
  }

  function draw() {
    const width = Math.max(260, holder.clientWidth || 640);
    const end = data.samples.at(-1)?.to ?? 0;
    const x = (time) => left + Math.max(0, 1 - (end - time) / data.length) * (width - left - right);
    const tall = (height - top - bottom) / (rows.last - rows.first + 1);
    const y = (place) => top + (rows.last - place) * tall;
    scale = { x, y, tall };
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" }, s("rect", { class: "heat-ground", x: left, y: top, width: width - left - right, height: height - top - bottom }));
    for (let place = rows.first; place <= rows.last; place++) {
      if (place % boundsPerTen) continue;
      svg.append(s("line", { class: "rule", x1: left - 4, x2: width - right, y1: y(place), y2: y(place) }), s("text", { class: "axis", x: left - 8, y: y(place) + 4, "text-anchor": "end" }, lasting(boundOf(place))));
    }
    const paths = new Array(levels + 1).fill("");
    for (const [key, n] of cells) {
      const [i, place] = key.split("/").map(Number);
      const { from, to } = data.samples[i];
      const apart = x(to) - x(from) > 3 ? 1 : 0; // where there is room
      paths[levelOf(n)] += `M${x(from).toFixed(1)} ${y(place).toFixed(1)}H${(x(to) - apart).toFixed(1)}v${(tall - 1).toFixed(1)}H${x(from).toFixed(1)}Z`;
    }
    svg.append(...paths.map((d, level) => d && s("path", { class: "heat-cell", "data-level": level, d })).filter(Boolean));
    for (const name of ["p50", "p95"]) svg.append(s("path", { class: "heat-line " + name, d: lineOf(name) }));
    const { times } = roundTimes(end - data.length, end, Math.floor((width - left - right) / 66));
    svg.append(...times.filter((time) => end && x(time) > left + 8 && x(time) < width - 20).map((time) => s("text", { class: "axis", x: x(time), y: height - 5, "text-anchor": "middle" }, minute(time))), cursor);
    put(holder, svg);
    holder.setAttribute("aria-label", "Run times as a heat map. " + summary() + " Arrow keys read single cells.");
    put(sums, h("span", { class: "muted" }, summary()));
    put(legend, cells.size > 0 && [h("span", { class: "heat-scale" }, "1", Array.from({ length: levels }, (_, i) => h("i", { "data-level": i + 1 })), missions(most())),
      h("span", { class: "heat-key p50" }, "p50"), h("span", { class: "heat-key p95" }, "p95")]);
    place();
  }

  // lineOf is a line through the middles of the samples that have a percentile, broken where none is.
  function lineOf(name) {
    const of = (sample) => scale.y(Math.log10(sample[name]) * boundsPerTen); // the top of a row is its upper bound
    let d = "";
    let before = false;
    for (const sample of data.samples) {
      const there = sample[name] !== null;
      if (there) d += before ? "L" : "M";
      if (there) d += (scale.x((sample.from + sample.to) / 2)).toFixed(1) + " " + of(sample).toFixed(1) + (before ? "" : "h.01");
      before = there;
    }
    return d;
  }

  // place puts the cursor where it is.
  function place() {
    if (at && (at.i >= data.samples.length || at.place < rows.first || at.place > rows.last)) at = null;
    cursor.toggleAttribute("hidden", !at);
    if (at) {
      const { from, to } = data.samples[at.i];
      for (const [name, value] of Object.entries({ x: scale.x(from) - 0.5, y: scale.y(at.place) - 0.5, width: Math.max(2, scale.x(to) - scale.x(from)), height: scale.tall })) cursor.setAttribute(name, value);
    }
    say();
  }

  const move = (to) => {
    at = to && data.samples.length ? { i: Math.max(0, Math.min(data.samples.length - 1, to.i)), place: Math.max(rows.first, Math.min(rows.last, to.place)) } : null;
    place();
  };
  // fullest is where the arrow keys begin: the fullest cell of the last column that has any.
  const fullest = () => {
    const last = Math.max(...[...cells.keys()].map((key) => Number(key.split("/")[0])));
    const [key] = [...cells].filter(([key]) => key.startsWith(last + "/")).reduce((a, b) => (b[1] > a[1] ? b : a));
    return { i: last, place: Number(key.split("/")[1]) };
  };
  holder.addEventListener("pointermove", (event) => {
    const box = holder.getBoundingClientRect();
    const px = event.clientX - box.left;
    const i = data.samples.findIndex((sample) => px >= scale.x(sample.from) && px < scale.x(sample.to) + 0.5);
    const row = rows.last - Math.floor((event.clientY - box.top - top) / scale.tall);
    move(i >= 0 && px > left && row >= rows.first && row <= rows.last ? { i, place: row } : null);
  });
  for (const name of ["pointerleave", "blur"]) holder.addEventListener(name, () => move(null));
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || !cells.size) return;
    event.preventDefault();
    move(at ? { i: at.i + step[0], place: at.place + step[1] } : fullest());
  });
  new ResizeObserver(() => requestAnimationFrame(draw)).observe(holder);

  return {
    element: h("div", null, holder, h("div", { class: "heat-says" }, says, sums)), legend,
    show: (samples, length, about) => {
      const [before, whose] = [at && data.samples[at.i]?.from, data.about];
      data = { samples, length, about };
      tally();
      if (at) { // the same sample, which has moved
        const i = about === whose ? samples.findIndex((sample) => sample.from === before) : -1;
        at = i >= 0 ? { ...at, i } : null;
      }
      draw();
    },
  };
}
