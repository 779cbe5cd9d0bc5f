// Which page is shown stands behind the # of the address, filters included, so that it can
// be kept, sent to somebody, and gone back to.

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
  const given = Object.entries(params ?? {}).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  const search = new URLSearchParams(given).toString();
  return "#/" + name + (id ? "/" + encodeURIComponent(id) : "") + (search ? "?" + search : "");
}

export const go = (address) => { location.hash = address; };

// amend changes parameters of the address without a new entry in the history, and without
// the page being made anew.
export function amend(changes) {
  const { name, id, params } = place();
  for (const [key, value] of Object.entries(changes)) {
    if (value === "" || value === undefined || value === null) params.delete(key);
    else params.set(key, value);
  }
  history.replaceState(null, "", to(name, id, Object.fromEntries(params)));
}
