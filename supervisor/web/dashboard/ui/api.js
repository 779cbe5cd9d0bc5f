// Requests to the supervisor, and who is asking.

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

async function ask(method, path, body, { signal, headers } = {}) {
  const init = { method, signal, headers: { "Mission-Control-Client": "dashboard", ...headers }, cache: "no-store" };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers["Content-Type"] = "application/json";
  }
  let reply;
  try {
    reply = await fetch(path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Away();
  }
  const text = await reply.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Refusal(reply.status);
  }
  if (!reply.ok) {
    if (reply.status === 401 && path !== "/api/session") unknown();
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
export const remove = (path, options) => ask("DELETE", path, undefined, options);

let session = { role: "admin", authentication: false };
let unknown = () => {};

export const me = () => session;

// mayChange tells whether the supervisor lets us change anything. Where it does not, the
// page does not offer it.
export const mayChange = () => session.role === "operator" || session.role === "admin";

// whoAmI asks who we are. onUnknown is called when we turn out to be nobody any more.
export async function whoAmI(onUnknown) {
  unknown = onUnknown;
  session = await get("/api/session");
  return session;
}

export const signedOut = () => session.authentication && !session.role;

export async function signIn(token) {
  session = await ask("POST", "/api/session", {}, { headers: { Authorization: "Bearer " + token } });
  return session;
}

export const signOut = () => ask("DELETE", "/api/session");

export const missionPath = (id) => "/api/missions/" + encodeURIComponent(id);
