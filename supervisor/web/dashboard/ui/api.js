// Requests to the supervisor, and who is asking. Addresses are relative to the page, which
// may be behind a proxy that serves it below a path.

import { encode, parse } from "./json.js";

class Refusal extends Error {
  constructor(status, error) {
    super(error?.message ?? "the supervisor answered " + status);
    this.status = status;
    this.code = error?.code ?? "";
    this.field = error?.field ?? "";
  }
}

// Away is the error of a request that nobody answered.
class Away extends Error {
  constructor() {
    super("The supervisor does not answer.");
  }
}

const longest = 60000; // ms that a request which changes nothing may take
const pending = new Map(); // since when requests of that kind are waited for

// stuckFor says for how many ms the oldest of these requests has been waited for.
export const stuckFor = () => Math.max(0, Date.now() - Math.min(...pending.values(), Date.now()));

async function ask(method, path, body, options = {}) {
  if (method !== "GET") return send(method, path, body, options);
  const mine = Symbol(path);
  pending.set(mine, Date.now());
  const late = AbortSignal.timeout(longest);
  try {
    return await send(method, path, body, { ...options, signal: options.signal ? AbortSignal.any([options.signal, late]) : late });
  } finally {
    pending.delete(mine);
  }
}

async function send(method, path, body, { signal, headers } = {}) {
  const init = { method, signal, headers: { "Mission-Control-Client": "dashboard", ...headers }, cache: "no-store" };
  if (body !== undefined) {
    init.body = encode(body);
    init.headers["Content-Type"] = "application/json";
  }
  let reply;
  try {
    reply = await fetch(path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Away();
  }
  let text;
  try {
    text = await reply.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Away();
  }
  let json;
  try {
    json = parse(text);
  } catch {
    throw new Refusal(reply.status);
  }
  if (!reply.ok) {
    if (reply.status === 401 && path !== "api/session") unknown();
    throw new Refusal(reply.status, json.error);
  }
  return json;
}

// query leaves out what is empty.
export function query(fields) {
  const given = Object.entries(fields ?? {}).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  const text = new URLSearchParams(given).toString();
  return text ? "?" + text : "";
}

export const get = (path, fields, options) => ask("GET", path + query(fields), undefined, options);
export const post = (path, body, options) => ask("POST", path, body ?? {}, options);
export const put = (path, body, options) => ask("PUT", path, body, options);
export const remove = (path, options) => ask("DELETE", path, undefined, options);

let session = { role: "admin", authentication: false };
let unknown = () => {};

export const me = () => session;

// firstCommands are for a terminal: one runs an agent, one creates a mission, one follows
// the events. A viewer is given none and sees how they look in general.
export const firstCommands = () => session.first_commands ?? ["supervisor agent run --type default -- cat", "supervisor missions create \"hello\" --wait", "supervisor events --follow"];

// mayChange tells whether the supervisor lets us change anything. Where it does not, the
// page does not offer it.
export const mayChange = () => session.role === "operator" || session.role === "admin";

// whoAmI asks who we are. onUnknown is called when we turn out to be nobody any more.
export async function whoAmI(onUnknown) {
  unknown = onUnknown;
  session = await get("api/session");
  return session;
}

export const signedOut = () => session.authentication && !session.role;

export async function signIn(token) {
  session = await ask("POST", "api/session", {}, { headers: { Authorization: "Bearer " + token, ...pathOfCookie() } });
  return session;
}

export const signOut = () => ask("DELETE", "api/session", undefined, { headers: pathOfCookie() });

// Only the browser knows below which path a proxy serves this page.
const pathOfCookie = () => ({ "Mission-Control-Path": new URL(".", document.baseURI).pathname });

export const missionPath = (id) => "api/missions/" + encodeURIComponent(id);
