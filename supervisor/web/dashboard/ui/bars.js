// A mission's waits and turns as bars on an axis of time.

import { h, put, s } from "./dom.js";
import { count, duration, when } from "./format.js";
import { ticksOf } from "./spans.js";

const most = 400; // bars that are drawn: the last ones
const height = 62;
const top = 2;
const thick = 28;
const thinnest = 3; // px: what is too short to be seen is there, too

// sayOf is a span in words.
export function sayOf(span) {
  const length = duration(span.to - span.from);
  const times = when(span.from) + " – " + (span.open ? "now" : when(span.to));
  const what = span.kind === "run" ? "Turn " + count(span.turn) + (span.open ? ", running for " : " ran ") + length : (span.open ? "Waiting for " : "Waited ") + length;
  return { what, times, why: span.kind === "run" ? span.ended || span.began : span.began };
}

// bars is {element, legend, show}: show takes spans. What the pointer or the arrow keys are on is
// said below the bars.
export function bars() {
  const says = h("div", { class: "bars-says" });
  const holder = h("div", { class: "chart bars", tabindex: "0", role: "img" });
  const legend = h("div", { class: "legend" });
  const element = h("div", null, holder, says);
  let spans = [];
  let left = 0; // how many are not drawn
  let at = -1;
  let places = []; // [x, width] of the bars

  function say() {
    for (const bar of holder.querySelectorAll("[data-bar]")) bar.classList.toggle("here", Number(bar.dataset.bar) === at);
    if (at < 0) {
      const runs = spans.filter((span) => span.kind === "run");
      const total = (kind) => spans.filter((span) => span.kind === kind).reduce((sum, span) => sum + span.to - span.from, 0);
      const last = spans.at(-1);
      put(says, h("b", null, runs.length ? count(last.turn) + (last.turn === 1 ? " turn" : " turns") : "No turn yet"), h("span", null, (runs.length ? "ran " + duration(total("run")) + ", " : "") + "waited " + duration(total("wait"))),
        left > 0 && h("span", { class: "muted" }, "the last " + count(spans.length) + " bars are shown"));
      return;
    }
    const { what, times, why } = sayOf(spans[at]);
    put(says, h("b", null, what), h("span", { class: "muted number" }, times), why && h("span", null, why));
  }

  function draw() {
    const width = Math.max(260, holder.clientWidth || 640);
    const first = spans[0]?.from ?? 0;
    const length = Math.max(1e-6, (spans.at(-1)?.to ?? first + 1) - first);
    const x = (time) => 1 + ((time - first) / length) * (width - 2);
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" },
      s("defs", null, s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("rect", { class: "hatch-ground", width: 6, height: 6 }), s("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 6 }))));
    for (const tick of ticksOf(length, Math.max(2, Math.floor(width / 120)))) {
      const place = x(first + tick);
      svg.append(s("line", { class: "rule", x1: place, x2: place, y1: 0, y2: top + thick + 8 }));
      if (place < width - 30) svg.append(s("text", { class: "axis", x: place + 4, y: height - 12 }, tick === 0 ? when(first) : "+" + duration(tick)));
    }
    places = spans.map((span) => [x(span.from), Math.max(span.kind === "run" ? thinnest : 1, x(span.to) - x(span.from))]);
    const made = spans.map((span, i) => bar(span, i));
    // Turns are drawn over waits, which may be much longer.
    svg.append(...made.filter((_, i) => spans[i].kind === "wait"), ...made.filter((_, i) => spans[i].kind === "run"));
    put(holder, svg);
    const last = spans.at(-1);
    holder.setAttribute("aria-label", "Turns and waits. " + (last ? (last.open ? sayOf(last).what : "The last one: " + sayOf(last).what) + ". " : "") + "The timeline has them as a list.");
    put(legend, [["wait", "", "Waiting"], ["run", "running", "A turn"], ["run", "completed", "Completed"], ["run", "failed", "Failed"], ["run", "cancelled", "Cancelled"]]
      .filter(([kind, tone]) => spans.some((span) => span.kind === kind && (!tone || span.tone === tone)))
      .map(([kind, tone, name]) => h("span", { class: "swatch " + kind, "data-tone": tone }, name)));
    say();
  }

  function bar(span, i) {
    const [place, width] = places[i];
    const { what, times, why } = sayOf(span);
    return s("g", { "data-bar": i, "data-kind": span.kind, "data-tone": span.tone, class: span.open ? "open" : null },
      s("title", null, [what, times, why].filter(Boolean).join("\n")),
      s("rect", { x: place, y: span.kind === "run" ? top : top + 4, width, height: span.kind === "run" ? thick : thick - 8, rx: Math.min(4, width / 2), fill: span.kind === "wait" ? "url(#hatch)" : undefined }),
      span.kind === "run" && width > 18 && s("text", { x: place + width / 2, y: top + thick / 2 + 4, "text-anchor": "middle" }, count(span.turn)));
  }

  const move = (i) => {
    if (i === at) return;
    at = i;
    say();
  };
  holder.addEventListener("pointermove", (event) => {
    const place = event.clientX - holder.getBoundingClientRect().left;
    const under = [...places.keys()].filter((i) => place >= places[i][0] - 1 && place <= places[i][0] + places[i][1] + 1);
    move(under.find((i) => spans[i].kind === "run") ?? under[0] ?? -1);
  });
  for (const name of ["pointerleave", "blur"]) holder.addEventListener(name, () => move(-1));
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !spans.length) return;
    event.preventDefault();
    move(Math.max(0, Math.min(spans.length - 1, (at < 0 ? spans.length : at) + step)));
  });
  new ResizeObserver(() => requestAnimationFrame(draw)).observe(holder);

  return {
    element, legend,
    show: (all) => {
      left = Math.max(0, all.length - most);
      spans = all.slice(left);
      if (at >= spans.length) at = -1;
      draw();
    },
  };
}
