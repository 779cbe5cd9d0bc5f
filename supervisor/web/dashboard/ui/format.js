// Figures as people read them. Times are the reader's own; the supervisor speaks in Unix
// seconds.

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const none = "–";

export const count = (n) => (n === null || n === undefined ? none : whole.format(n));
export const short = (n) => (n === null || n === undefined ? none : Math.abs(n) < 10000 ? whole.format(n) : compact.format(n));
export const percent = (share, digits = 1) => (share === null || share === undefined ? none : (share * 100).toFixed(share === 1 || share === 0 ? 0 : digits) + " %");

// figure is a number of any size, to three digits behind the point.
const precise = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
export const figure = (n) => (n === null || n === undefined ? none : precise.format(n));

export const firstLine = (text) => text.trim().split(/[\r\n]/, 1)[0];

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return none;
  if (seconds < 0.0000005) return "0 s"; // also of clocks that differ
  if (seconds < 0.001) return Math.round(seconds * 1e6) + " µs";
  if (seconds < 1) return Math.round(seconds * 1000) + " ms";
  if (seconds < 10) return seconds.toFixed(1) + " s";
  if (seconds < 60) return Math.round(seconds) + " s";
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = parts.findIndex(([size]) => seconds >= size);
  const [size, unit] = parts[at];
  const first = Math.floor(seconds / size);
  const rest = parts[at + 1] ? Math.floor((seconds - first * size) / parts[at + 1][0]) : 0;
  return first + " " + unit + (rest ? " " + rest + " " + parts[at + 1][1] : "");
}

export const now = () => Date.now() / 1000;

export function ago(at) {
  if (!at) return none;
  const seconds = now() - at;
  if (seconds < 2 && seconds > -2) return "just now";
  const size = Math.floor(Math.abs(seconds));
  const text = size < 60 ? size + " s" : duration(size);
  return seconds < 0 ? "in " + text : text + " ago";
}

const pad = (n, width = 2) => String(n).padStart(width, "0");

export function clock(at, millis = false) {
  const d = new Date(at * 1000);
  return pad(d.getHours()) + ":" + pad(d.getMinutes()) + ":" + pad(d.getSeconds()) + (millis ? "." + pad(d.getMilliseconds(), 3) : "");
}

export const minute = (at) => clock(at).slice(0, 5);

export function moment(at) {
  if (!at) return none;
  const d = new Date(at * 1000);
  return d.getFullYear() + "-" + pad(d.getMonth() + 1) + "-" + pad(d.getDate()) + " " + clock(at);
}

// when is a moment as short as it is still clear.
export function when(at) {
  if (!at) return none;
  const sameDay = new Date(at * 1000).toDateString() === new Date().toDateString();
  return sameDay ? clock(at) : moment(at).slice(0, 16);
}

export function bytes(n) {
  if (n === null || n === undefined) return none;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  for (; n >= 1024 && at < units.length - 1; at++) n /= 1024;
  return (at === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + " " + units[at];
}

// cores says how much of processors is used: 1 is one of them.
export const cores = (n) => (n === null || n === undefined ? none : n.toFixed(n < 10 ? 2 : 1));
