// The document's title: the page's, behind how many questions wait for a person, and whether everything is paused, which
// its icon says, too.

import { clean } from "./clean.js";

let page = "";
let waiting = "";
let pause = false;

const show = () => {
  document.title = (pause ? "Paused · " : "") + (waiting ? "(" + waiting + ") " : "") + (page ? clean(page) + " · " : "") + "Mission Control";
};

// titled sets the page's part of the title; "" for none.
export function titled(text) {
  page = text;
  show();
}

// waits sets how many questions wait, "" for none.
export function waits(count) {
  waiting = count;
  show();
}

// stopped sets whether everything is paused.
export function stopped(yes) {
  if (pause === yes) return;
  pause = yes;
  document.querySelector("link[rel=icon]").href = yes ? "ui/paused.svg" : "ui/mark.svg";
  show();
}
