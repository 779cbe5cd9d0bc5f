// The document's title: the page's, behind how many questions wait for a person.

import { clean } from "./clean.js";

let page = "";
let waiting = "";

const show = () => {
  document.title = (waiting ? "(" + waiting + ") " : "") + (page ? clean(page) + " · " : "") + "Mission Control";
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
