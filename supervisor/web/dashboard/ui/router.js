// Which page is shown stands behind the # of the address, filters included, so that it can
// be kept, sent to somebody, and gone back to.

import { query } from "./api.js";

export function place() {
  const [path, search] = (location.hash.slice(1) || "/").split("?");
  const parts = path.split("/").filter(Boolean).map(decode);
  return { name: parts[0] ?? "overview", id: parts[1] ?? "", params: new URLSearchParams(search ?? "") };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// to is the address of a page.
export function to(name, id, params) {
  return "#/" + name + (id ? "/" + encodeURIComponent(id) : "") + query(params);
}

export const go = (address) => { location.hash = address; };

// amend changes parameters of the address without a new entry in the history, and without
// the page being made anew.
export function amend(changes) {
  const { name, id, params } = place();
  history.replaceState(history.state, "", to(name, id, { ...Object.fromEntries(params), ...changes }));
}
