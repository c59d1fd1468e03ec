/* What the page asks of the gateway: answers, changes and the stream. */

const API = "/api/v1/";
const SESSIONS = new Set(["login", "enter", "setup", "password", "logout"]);  // answered with who is logged in from now on
let token = "";

/** Why something was not done: a code and, where there is one, a sentence. */
export class Refused extends Error {
  constructor(status, code, text) {
    super(text || code);
    this.status = status;
    this.code = code;
  }
}

/** The token every change carries. */
export function carry(session) {
  token = session.token ?? "";
}

export async function get(path, parameters) {
  const query = parameters ? `?${new URLSearchParams(parameters)}` : "";
  return answer(await reach(`${API}${path}${query}`, { headers: { Accept: "application/json" } }));
}

export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", "X-Gateway-Token": token };
  const found = await answer(await reach(`${API}${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
  if (SESSIONS.has(path)) carry(found);
  return found;
}

async function reach(url, options) {
  try {
    return await fetch(url, { ...options, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    throw new Refused(0, "unreachable", error.message);
  }
}

async function answer(from) {
  const found = await from.json().catch(() => ({}));
  if (from.ok) return found;
  throw new Refused(from.status, found.error ?? `http_${from.status}`, found.text);
}

/** Live: `hear(name, data)` for every message, `lost()` when the stream breaks; it connects again by itself. */
export function listen(hear, lost) {
  let source = null;
  let timer = null;
  const open = () => {
    source = new EventSource(`${API}stream`);
    for (const name of ["now", "alarms", "events"]) source.addEventListener(name, (event) => hear(name, JSON.parse(event.data)));
    source.onerror = () => {
      source.close();
      lost();
      clearTimeout(timer);
      timer = setTimeout(open, 2000);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
