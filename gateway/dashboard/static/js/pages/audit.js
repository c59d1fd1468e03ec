/* Audit: who did what, why, and what came of it; and whether the chain is whole. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { empty, title } from "../frame.js";
import { icon } from "../icons.js";
import { figure, kw, when } from "../numbers.js";
import { shape } from "../quality.js";
import { go } from "../route.js";
import { alarmTitle } from "../sentences.js";
import { changed, gatewayMs, may, store } from "../store.js";
import { has, named, t, word } from "../words.js";

const HIDDEN = new Set(["user", "by", "issuer", "at_ms", "hash", "over_ms", "did", "online"]);
const KINDS = ["verdict", "event", "person", "one_shot_write", "mode", "alarm", "login", "user_changed", "configuration", "start"];
const CODES = { result: "result", reason: "refused", mode: "audit.mode", cause: "audit.cause", service: "service", kind: "kind", source: "source", role: "role" };
const PLACES = new Set(["target", "asset", "site"]);
const state = { records: [], before: null, algorithm: "", chain: null, failed: null, kind: "", loaded: false };

/** Read the newest. */
export function enter() {
  Object.assign(state, { records: [], before: null, failed: null, loaded: false, kind: store.query.get("kind") ?? "" });
  if (may("operator")) read();
}

async function read(before = null) {
  const { kind } = state;
  try {
    const found = await get("audit", { limit: 100, ...(before ? { before } : {}), ...(kind ? { kind } : {}) });
    if (kind !== state.kind) return; // another kind was picked meanwhile
    state.records = before ? [...state.records, ...found.records] : found.records;
    state.before = found.before;
    state.algorithm = found.algorithm;
  } catch (error) {
    state.failed = error.message;
  }
  state.loaded = true;
  changed();
}

async function check() {
  state.chain = await get("audit/state").catch((error) => { state.failed = error.message; return null; });
  changed();
}

/** The page. */
export function view() {
  if (!may("operator")) return [title(t("audit.title")), h("section", { class: "panel" }, empty("audit", t("audit.role"), t("needs_role", { role: word("role", "operator") })))];
  const { chain } = state;
  const kinds = [...new Set([...KINDS, ...state.records.map((record) => record.kind)])];
  return [title(t("audit.title"), h("label", { class: "pick" }, h("span", { class: "vh" }, t("audit.kind")), h("span", { class: "input" }, h("select", { value: state.kind, onchange: (event) => go(event.target.value ? `/audit?kind=${event.target.value}` : "/audit") }, h("option", { value: "" }, t("audit.all")), ...kinds.map((kind) => h("option", { key: kind, value: kind, selected: kind === state.kind }, word("audit.kind", kind)))))),
    h("div", { class: "right" }, chain && h("span", { class: `q ${chain.whole ? "good" : "lost"}`, role: "status" }, shape(chain.whole ? "good" : "lost"), chain.whole ? t("audit.whole", { n: chain.records }) : t("audit.broken", { n: chain.records, why: chain.why })),
      state.algorithm && h("span", { class: "faint s" }, t("audit.algorithm", { name: state.algorithm })), h("button", { class: "btn", disabled: !may("technician"), title: may("technician") ? null : t("needs_role", { role: word("role", "technician") }), onclick: check }, icon("check"), t("audit.check")))),
  state.failed && h("p", { class: "note bad" }, state.failed),
  h("section", { class: "panel", key: "records" }, !state.loaded ? h("p", { class: "loading" }, t("loading")) : !state.records.length ? empty("audit", t("audit.none"), t("audit.none.text")) : table(),
    state.before && h("p", { class: "acts centre" }, h("button", { class: "btn", onclick: () => read(state.before) }, t("audit.more"))))];
}

function table() {
  const nowMs = gatewayMs();
  return h("table", { class: "t audit" }, h("thead", null, h("tr", null, h("th", { class: "num", scope: "col" }, "#"), ...["audit.when", "audit.who", "audit.what", "audit.details"].map((name) => h("th", { scope: "col" }, t(name))))),
    h("tbody", null, ...state.records.map((record) => h("tr", { key: record.n }, h("td", { class: "num faint" }, record.n), h("td", { class: "nb" }, when(record.at_ms, nowMs, true)), h("td", { class: "nb" }, h("b", null, actor(record.actor))), h("td", { class: "nb" }, record.data.did ? word("audit.did", record.data.did) : word("audit.kind", record.kind)),
      h("td", { class: "details" }, ...details(record.data))))));
}

/* A person's name without the word before it; who had no name had the machine's console. */
function actor(name) {
  if (/^(\d+|console)$/.test(name)) return t("audit.console");
  return has(`name.${name}`) ? named(name) : name.replace(/^operator:/, "");
}

function told(name, text) {
  if (name in CODES && typeof text === "string") return word(CODES[name], text);
  if (name === "key" && typeof text === "string") return alarmTitle({ cause: text.split(":")[0], place: text.slice(text.indexOf(":") + 1) });
  if (PLACES.has(name)) return named(text);
  if (typeof text === "boolean") return t(text ? "audit.yes" : "audit.no");
  if (name.endsWith("_w") && typeof text === "number") return kw(text, true);
  if (name === "delivery" && typeof text === "number") return `${figure(100 * text)}\u00a0%`;
  if (name.endsWith("_ms") && typeof text === "number") return when(text, gatewayMs(), true);
  if (typeof text === "number" && !Number.isInteger(text)) return String(Number(text.toPrecision(3)));
  return typeof text === "object" ? JSON.stringify(text) : String(text);
}

function details(data) {
  return Object.entries(data).filter(([name, text]) => !HIDDEN.has(name) && text !== null && text !== "" && text !== "ok").map(([name, text]) => h("span", { key: name }, h("span", { class: "faint" }, `${word("audit.key", name.replace(/_(ms|w)$/, ""))} `), told(name, text)));
}
