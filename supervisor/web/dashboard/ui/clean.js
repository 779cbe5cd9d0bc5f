// Text from outside as it may be shown: without the escape sequences that programs write for
// terminals, without control characters, and without the marks that reverse the direction of
// text. The commands show the same.

// The first two are what a terminal takes for a command: ECMA-48.
/* eslint-disable no-control-regex */
const escapes = /(?:\x1b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\x07\x1b\u009c]*(?:\x07|\x1b\\|\u009c)|\x1b[ -/]*[0-~]/g;
const harmful = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const breaks = /\r\n?|[\u2028\u2029]/g;
const marks = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const inJSON = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export function clean(text) {
  if (!harmful.test(text)) return text;
  return text.replace(escapes, "").replace(breaks, "\n").replace(marks, "");
}

// escapeJSON writes them as JSON does, which does not change the value.
export const escapeJSON = (text) => text.replace(inJSON, (c) => (c === "\r" ? " " : "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0")));
