// Lines over time, as SVG in the size in which they are shown.

import { h, s, put } from "./dom.js";
import { minute, count } from "./format.js";

const path = (points) => points.map(([x, y], i) => (i && points[i - 1] ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1)).join("");

// runs cuts a row of points where one is missing.
function runs(points) {
  const out = [[]];
  for (const point of points) {
    if (point) out.at(-1).push(point);
    else if (out.at(-1).length) out.push([]);
  }
  return out.filter((run) => run.length);
}

function shape(points, base, filled) {
  return runs(points).flatMap((run) => [
    filled && run.length > 1 && s("path", { class: "area", d: path(run) + `L${run.at(-1)[0].toFixed(1)} ${base}L${run[0][0].toFixed(1)} ${base}Z` }),
    run.length > 1 ? s("path", { class: "line", d: path(run) }) : s("circle", { class: "point", cx: run[0][0], cy: run[0][1], r: 3 }),
  ]);
}

// sparkline is a small line without axes; the figure beside it says what it means.
export function sparkline(values, tone) {
  const width = 160;
  const height = 30;
  const known = values.filter((v) => v !== null && v !== undefined);
  const svg = s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "data-tone": tone, "aria-hidden": "true", width: "100%" });
  if (known.length < 5) return svg; // too little to be a line
  const top = Math.max(1, ...known);
  const step = width / (values.length - 1);
  const points = values.map((v, i) => (v === null || v === undefined ? null : [i * step, height - 2 - (v / top) * (height - 5)]));
  svg.append(...shape(points, height, true).filter(Boolean));
  for (const line of svg.querySelectorAll(".line")) line.setAttribute("vector-effect", "non-scaling-stroke");
  return svg;
}

// ceiling is the next round number, so that an axis has figures that people like.
function ceiling(n) {
  if (n <= 4) return 4;
  const size = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 5, 8, 10].map((m) => m * size).find((m) => m >= n);
}

// lines draws series {name, tone, values} over times, and says the figures where the
// pointer or the arrow keys are.
export function lines(label, times, series, height = 190) {
  const legend = h("div", { class: "legend" });
  const holder = h("div", { class: "chart", tabindex: "0", role: "img" });
  const box = h("div", null, legend, holder);
  let at = -1;
  let data = { times, series };

  const says = () => {
    const i = at < 0 ? data.times.length - 1 : at;
    put(legend, data.series.map((line) => h("span", { "data-tone": line.tone }, line.name + " ", h("b", null, count(line.values[i])))),
      h("span", { class: "muted number", "data-tone": "none" }, at < 0 ? "" : minute(data.times[i])));
    holder.setAttribute("aria-label", label + ". " + data.series.map((line) => {
      const known = line.values.filter((v) => v !== null);
      return line.name + ": now " + count(line.values.at(-1)) + ", at most " + count(Math.max(0, ...known));
    }).join(". "));
  };

  const draw = () => {
    const width = Math.max(280, holder.clientWidth || 640);
    const left = 36, right = 6, topEdge = 8, bottom = 22;
    const top = ceiling(Math.max(0, ...data.series.flatMap((line) => line.values).filter((v) => v !== null)));
    const n = data.times.length;
    const x = (i) => left + (n < 2 ? 0 : (i / (n - 1)) * (width - left - right));
    const y = (v) => topEdge + (1 - v / top) * (height - topEdge - bottom);
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
    for (const share of [0, 0.5, 1]) {
      svg.append(s("line", { class: "rule", x1: left, x2: width - right, y1: y(top * share), y2: y(top * share) }),
        s("text", { class: "axis", x: left - 8, y: y(top * share) + 4, "text-anchor": "end" }, count(top * share)));
    }
    const every = Math.ceil(n / Math.max(2, Math.floor(width / 130)));
    for (let i = n - 1; i >= 0; i -= every) {
      svg.append(s("text", { class: "axis", x: x(i), y: height - 4, "text-anchor": i === n - 1 ? "end" : "middle" }, minute(data.times[i])));
    }
    for (const line of data.series) {
      const points = line.values.map((v, i) => (v === null || v === undefined ? null : [x(i), y(v)]));
      svg.append(s("g", { "data-tone": line.tone }, shape(points, y(0), line.filled).filter(Boolean)));
    }
    if (at >= 0) svg.append(s("line", { class: "cursor", x1: x(at), x2: x(at), y1: topEdge, y2: height - bottom }));
    put(holder, svg);
    says();
    holder.at = (clientX) => {
      const bounds = holder.getBoundingClientRect();
      return Math.max(0, Math.min(n - 1, Math.round(((clientX - bounds.left - left) / (width - left - right)) * (n - 1))));
    };
  };

  const move = (i) => {
    if (i === at) return;
    at = i;
    draw();
  };
  holder.addEventListener("pointermove", (event) => move(holder.at(event.clientX)));
  holder.addEventListener("pointerleave", () => move(-1));
  holder.addEventListener("blur", () => move(-1));
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    move(Math.max(0, Math.min(data.times.length - 1, (at < 0 ? data.times.length - 1 : at) + step)));
  });
  new ResizeObserver(() => requestAnimationFrame(draw)).observe(holder);
  draw();
  box.update = (newTimes, newSeries) => {
    data = { times: newTimes, series: newSeries };
    draw();
  };
  return box;
}
