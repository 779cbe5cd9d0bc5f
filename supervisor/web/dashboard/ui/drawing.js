// A graph of missions as a drawing that is moved with the pointer or the arrow keys.

import { h, put, s } from "./dom.js";
import { clean } from "./clean.js";
import { count } from "./format.js";
import { button, statuses, statusName, tones } from "./parts.js";
import { go, to } from "./router.js";
import { layersOf } from "./layers.js";

const box = { width: 176, height: 46 };
const gap = { x: 62, y: 16 };
const margin = 16;
const tallest = 420; // px
const letters = 20; // of a name
const scales = [0.15, 0.25, 0.4, 0.6, 0.8, 1, 1.25];
const stride = 60; // px that an arrow key moves

const shortened = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

// drawing is {element, show}: show takes a graph. opened is called with a stack's missions when
// somebody asks for them.
export function drawing(id, opened) {
  const holder = h("div", { class: "drawing", tabindex: "0", role: "group", "aria-label": "The graph. Arrow keys move it; the same is below, as a list." });
  const zoom = h("div", { class: "actions" }, button("−", () => step(-1), "small", { "aria-label": "Smaller" }), button("+", () => step(1), "small", { "aria-label": "Larger" }), button("Whole", () => fit(), "small", { "aria-label": "The whole graph" }), button("Here", () => centre(), "small", { "aria-label": "Here: this mission" }));
  const svg = s("svg", { width: "100%" });
  const content = s("g");
  let size = { width: 0, height: 0 };
  let here = { x: 0, y: 0 };
  let view = { x: 0, y: 0, scale: 1 };
  let drawn = "";
  let begun = false;

  const move = (x, y, scale = view.scale) => {
    // Some of the drawing is always in view.
    const clamp = (at, length, room) => (length <= room ? (room - length) / 2 : Math.min(room / 3, Math.max(room * 2 / 3 - length, at)));
    view = { scale, x: clamp(x, size.width * scale, holder.clientWidth), y: clamp(y, size.height * scale, holder.clientHeight) };
    content.setAttribute("transform", `translate(${view.x.toFixed(1)} ${view.y.toFixed(1)}) scale(${scale})`);
  };
  const centre = (scale = 1) => move(holder.clientWidth / 2 - here.x * scale, holder.clientHeight / 2 - here.y * scale, scale);
  const fit = () => {
    const room = Math.min(holder.clientWidth / size.width, holder.clientHeight / size.height);
    move(0, 0, Math.min(1, Math.max(scales[0], room)));
  };
  const step = (by) => {
    const scale = by > 0 ? scales.find((each) => each > view.scale + 0.001) : scales.findLast((each) => each < view.scale - 0.001);
    if (!scale) return;
    const [x, y] = [holder.clientWidth / 2, holder.clientHeight / 2];
    move(x - (x - view.x) * scale / view.scale, y - (y - view.y) * scale / view.scale, scale);
  };

  panning(holder, () => view, move);
  content.addEventListener("pointerover", entered);
  content.addEventListener("click", (event) => {
    const { mission } = event.target.closest(".node") ?? {};
    if (mission && mission.id !== id) go(to("mission", mission.id));
  });
  holder.addEventListener("keydown", (event) => {
    if (event.target !== holder || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { ArrowLeft: () => move(view.x + stride, view.y), ArrowRight: () => move(view.x - stride, view.y), ArrowUp: () => move(view.x, view.y + stride), ArrowDown: () => move(view.x, view.y - stride),
      "+": () => step(1), "-": () => step(-1), 0: fit, Home: () => centre() }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  new ResizeObserver(() => requestAnimationFrame(refresh)).observe(holder);

  function show(graph) {
    const print = JSON.stringify(graph);
    if (print === drawn) return;
    drawn = print;
    const { nodes, edges, layers, rows } = layersOf(graph, id);
    size = { width: margin * 2 + layers * box.width + (layers - 1) * gap.x, height: margin * 2 + rows * box.height + (rows - 1) * gap.y };
    for (const node of nodes) {
      node.x = margin + node.layer * (box.width + gap.x);
      node.y = size.height / 2 + node.row * (box.height + gap.y) - box.height / 2;
    }
    const mine = nodes.find((node) => node.here) ?? nodes[0];
    here = { x: mine.x + box.width / 2, y: mine.y + box.height / 2 };
    holder.style.setProperty("height", Math.min(tallest, Math.max(110, size.height)) + "px");
    svg.setAttribute("height", "100%");
    put(content, lines(nodes, edges), nodes.map((node) => (node.missions.length > 1 ? pile(node, opened) : one(node))));
    if (!svg.parentNode) put(svg, content);
    if (!holder.contains(svg)) put(holder, svg);
    refresh();
  }

  // refresh shows the whole graph at first, if it is legible so, else the part around the mission.
  function refresh() {
    if (!drawn || !holder.clientWidth) return; // it is not seen yet
    if (begun) {
      move(view.x, view.y);
      return;
    }
    begun = true;
    const whole = Math.min(holder.clientWidth / size.width, holder.clientHeight / size.height);
    if (whole >= 0.7) fit();
    else centre();
  }

  return { element: h("div", null, holder), zoom, show };
}

// panning moves a view with the pointer. A press that did not move is a click.
function panning(holder, view, move) {
  let from = null;
  let moved = false;
  holder.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX - view().x, y: event.clientY - view().y, startX: event.clientX, startY: event.clientY };
    moved = false;
  });
  holder.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (!moved && Math.hypot(event.clientX - from.startX, event.clientY - from.startY) < 4) return;
    if (!moved) holder.setPointerCapture(event.pointerId);
    moved = true;
    move(event.clientX - from.x, event.clientY - from.y);
  });
  for (const name of ["pointerup", "pointercancel"]) holder.addEventListener(name, () => { from = null; });
  holder.addEventListener("click", (event) => {
    if (!moved) return;
    event.preventDefault();
    event.stopPropagation();
    moved = false;
  }, true);
  holder.addEventListener("dragstart", (event) => event.preventDefault());
}

// lines are all edges of a kind as one path.
function lines(nodes, edges) {
  const paths = new Map();
  for (const { from, to: behind, kind, back } of edges) {
    const [a, b] = [nodes[from], nodes[behind]];
    const y1 = a.y + box.height / 2;
    const y2 = b.y + box.height / 2;
    const name = (kind === "parent" ? "parent" : "after") + (back ? " back" : "");
    const d = back
      ? `M${a.x} ${y1 + 8}C${a.x - gap.x / 2} ${y1 + 8} ${b.x + box.width + gap.x / 2} ${y2 + 8} ${b.x + box.width} ${y2 + 8}`
      : `M${a.x + box.width} ${y1}C${a.x + box.width + gap.x / 2} ${y1} ${b.x - gap.x / 2} ${y2} ${b.x - 5} ${y2}m-4 -3.5l4.5 3.5l-4.5 3.5`;
    paths.set(name, (paths.get(name) ?? "") + d);
  }
  return [...paths].map(([name, d]) => s("path", { class: "edge " + name, d }));
}

const stateOf = (m) => (m.waiting ? "Waiting" : statusName(m.status));

// Of 1,000 nodes, copies of one are made in less time than each by itself.
const pattern = s("g", null, s("rect", { width: box.width, height: box.height, rx: 7 }), s("rect", { class: "mark", x: 0, y: 8, width: 3.5, height: box.height - 16, rx: 1.5 }),
  s("text", { x: 14, y: 19 }), s("text", { class: "sub", x: 14, y: 35 }));

// one is the node of a mission. The list has the links for the keyboard.
function one({ missions: [m], x, y, here }) {
  const node = pattern.cloneNode(true);
  node.setAttribute("class", "node" + (here ? " here" : "") + (m.waiting ? " waits" : ""));
  node.setAttribute("data-tone", tones[m.status]);
  node.setAttribute("transform", `translate(${x} ${y})`);
  const [name, sub] = node.querySelectorAll("text");
  name.textContent = shortened(clean(m.name), letters);
  sub.textContent = shortened(stateOf(m) + " · " + m.type, letters + 5);
  node.mission = m;
  return node;
}

// entered gives the node under the pointer its title.
function entered(event) {
  const node = event.target.closest?.(".node");
  if (!node?.mission || node.querySelector("title")) return;
  node.prepend(s("title", null, node.mission.name + "\n" + node.mission.type + ", " + stateOf(node.mission)));
}

// pile is the node of many missions that are alike, with how many have which status.
function pile({ missions, x, y }, opened) {
  const byStatus = statuses.map((status) => [status, missions.filter((m) => m.status === status).length]).filter(([, n]) => n);
  let at = 14;
  const room = box.width - 28;
  const shares = byStatus.map(([status, n]) => {
    const width = (n / missions.length) * room;
    const part = s("rect", { class: "share", "data-tone": tones[status], x: at, y: 29, width: Math.max(1.5, width), height: 6 });
    at += width;
    return part;
  });
  const words = byStatus.map(([status, n]) => count(n) + " " + statusName(status).toLowerCase()).join(", ");
  return s("g", { class: "node pile", transform: `translate(${x} ${y})`, onclick: () => opened(missions) },
    s("title", null, count(missions.length) + " missions of the type " + missions[0].type + "\n" + words),
    s("rect", { class: "under", x: 6, y: 6, width: box.width, height: box.height, rx: 7 }), s("rect", { class: "under", x: 3, y: 3, width: box.width, height: box.height, rx: 7 }),
    s("rect", { width: box.width, height: box.height, rx: 7 }),
    s("text", { x: 14, y: 20 }, count(missions.length) + " × " + shortened(missions[0].type, letters - 8)), shares);
}
