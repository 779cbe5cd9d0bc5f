// Elements are made here and nowhere else. Text goes in as text: nothing that comes from
// the supervisor is ever read as markup, and without what only terminals understand.

import { clean } from "./clean.js";

const svgNS = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else if (name === "value" || name === "checked" || name === "selected" || name === "indeterminate") element[name] = value;
    else element.setAttribute(name, value === true ? "" : clean(String(value)));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(clean(String(child))));
  }
}

// h makes an HTML element.
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

// s makes an SVG element.
export const s = (tag, props, ...children) => fill(document.createElementNS(svgNS, tag), props, children);

// put replaces what an element holds.
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// putNew is put for what depends on a value alone: it is made anew only when that has
// changed, so that nothing goes away under a finger.
export function putNew(element, value, make) {
  const print = JSON.stringify(value);
  if (element.print === print) return;
  element.print = print;
  put(element, make());
}

// keyed makes a parent hold one child for each item, and leaves those alone whose item has
// not changed, so that focus and selection stay where they are.
export function keyed(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const children = items.map((item) => {
    const key = String(keyOf(item));
    const print = JSON.stringify(item);
    const known = old.get(key);
    if (known && known.print === print) return known;
    const child = make(item);
    child.dataset.key = key;
    child.print = print;
    if (known?.contains(document.activeElement)) queueMicrotask(() => refocus(known, child));
    return child;
  });
  if (children.length !== parent.children.length || children.some((child, i) => child !== parent.children[i])) {
    const focused = document.activeElement;
    parent.replaceChildren(...children);
    if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
  }
}

// aging is an element whose text depends on the time; age shows those below a parent anew,
// so that rows which hold one are not made anew for it.
export function aging(props, text) {
  const element = h("span", { ...props, "data-aging": true }, text());
  element.age = () => {
    const now = text();
    if (element.textContent !== now) element.textContent = now;
  };
  return element;
}

export const age = (parent) => parent.querySelectorAll("[data-aging]").forEach((element) => element.age());

const focusable = "a[href], button, input, select, textarea, [tabindex]";

// refocus gives the focus to what stands where it was before a child was made anew.
function refocus(before, now) {
  const at = [...before.querySelectorAll(focusable)].findIndex((element) => element.dataset.focus === "here");
  const candidates = now.querySelectorAll(focusable);
  (candidates[at] ?? candidates[0] ?? now).focus?.({ preventScroll: true });
}

document.addEventListener("focusin", (event) => {
  document.querySelectorAll("[data-focus]").forEach((element) => delete element.dataset.focus);
  if (event.target instanceof HTMLElement) event.target.dataset.focus = "here";
});

const icons = {
  overview: "M2.5 9.5h4v4h-4zM9.5 2.5h4v11h-4zM2.5 2.5h4v4h-4z",
  inbox: "M2.5 9h3l1 2h3l1-2h3M2.5 9l2-6.5h7l2 6.5v4.5h-11z",
  missions: "M2.5 4h11M2.5 8h11M2.5 12h7",
  queue: "M2.5 3.5h11M2.5 8h7M2.5 12.5h4",
  schedules: "M8 14a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM8 4.5V8l2.5 1.5",
  limits: "M2 12.5a6 6 0 1 1 12 0M8 12.5l3-4.5",
  agents: "M3 3h10v6H3zM5.5 13h5M8 9v4",
  events: "M1.5 8h3l2-5 3 10 2-5h3",
  alerts: "M8 2.2 14.2 13H1.8zM8 6.5v3M8 11.2v.1",
  queries: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4l3.4 3.4",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13",
  moon: "M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z",
  auto: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  plus: "M8 3v10M3 8h10",
};

// icon draws one of ours; it says nothing to a screen reader.
export const icon = (name) =>
  s("svg", { viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linecap": "round",
    "stroke-linejoin": "round", "aria-hidden": "true" }, s("path", { d: icons[name] }));
