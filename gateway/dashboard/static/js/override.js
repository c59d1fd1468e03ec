/* Take one asset over: direction, power, time, reason; its price for the event is said before it is confirmed. */

import { h } from "./dom.js";
import { submit } from "./frame.js";
import { icon } from "./icons.js";
import { served } from "./mode.js";
import { kw, time } from "./numbers.js";
import { reasoned, why } from "./stop.js";
import { changed, gatewayMs, show, store } from "./store.js";
import { named, t, word } from "./words.js";

const MINUTES = [15, 30, 60, 120];

/** The dialog; `open` holds what is typed: {asset, way, kw, min, why}. */
export function override(open) {
  const asset = store.now?.assets.find((one) => one.id === open.asset);
  if (!asset) return h("div", { class: "dialog" }, h("h2", { id: "dialog-title" }, t("override.gone")));
  open.way ??= asset.min_w < 0 ? "idle" : asset.safe_w === null ? "own" : "power";
  open.min ??= 30;
  open.kw ??= open.way === "power" ? String(Math.round(asset.min_w / 1000)) : "0";
  const [low, high] = bounds(asset, open.way);
  const pick = (way) => { open.way = way; changed(); };
  const ways = asset.min_w < 0 ? ["discharge", "idle", "charge"] : ["power", "own"];
  const fixed = open.way === "idle" || open.way === "own";
  const go = async (event) => {
    event.preventDefault();
    if (!ready(asset, open)) return;
    // what stands in the field now: the page may not have been drawn since the last key
    const body = { asset: asset.id, power_w: watts(asset, open), for_s: open.min * 60, why: open.why.trim() };
    await submit(open, "override", body, t("override.done", { asset: named(asset.id), n: open.min }));
  };
  return h("form", { class: "dialog", onsubmit: go },
    h("h2", { id: "dialog-title" }, icon("hand", "violet"), t("override.title", { asset: named(asset.id) })), h("p", null, t("override.text")),
    h("div", { class: "fields" }, choice(t("override.way"), ways.map((way) => [way, t(`override.${way}`), open.way === way, () => pick(way)])),
      h("div", { class: "field" }, h("label", { for: "override-kw" }, fixed ? t("override.power") : t("override.range", { low: kw(low), high: kw(high) })),
        h("div", { class: "input" }, h("input", { id: "override-kw", type: "number", inputmode: "decimal", step: "any", min: low / 1000, max: high / 1000, disabled: fixed, value: fixed ? (open.way === "idle" ? "0" : "") : open.kw, oninput: (event) => { open.kw = event.target.value; changed(); } }), h("span", { class: "u" }, "kW")))),
    h("div", { class: "fields" }, choice(t("override.time"), MINUTES.map((n) => [n, n < 60 ? `${n} min` : `${n / 60} h`, open.min === n, () => { open.min = n; changed(); }])),
      h("p", { class: "ends-at" }, t("override.ends", { time: time(gatewayMs() + open.min * 60_000) }))),
    why(open), price(asset, watts(asset, open)),
    h("div", { class: "actions" }, h("button", { type: "button", class: "btn", onclick: () => show(null) }, t("cancel")),
      h("button", { class: "btn person", disabled: !ready(asset, open) }, icon("hand"), t("override.go", { n: open.min < 60 ? `${open.min} min` : `${open.min / 60} h` }))));
}

function choice(label, options) {
  return h("fieldset", { class: "field" }, h("legend", { class: "lab" }, label), h("div", { class: "seg" },
    ...options.map(([key, text, on, onclick]) => h("button", { key, type: "button", "aria-pressed": String(on), onclick }, text))));
}

function bounds(asset, way) {
  if (way === "discharge") return [0, -asset.min_w];
  return [way === "charge" ? 0 : asset.min_w, asset.max_w];
}

function ready(asset, open) {
  const w = watts(asset, open);
  const inRange = w === undefined ? false : w === null || (w >= asset.min_w && w <= asset.max_w);
  return inRange && reasoned(open);
}

/* Watts to ask for; null: its safe value; undefined: nothing sensible is typed. */
function watts(asset, { way, kw: typed }) {
  if (way === "own") return null;
  if (way === "idle") return 0;
  const given = Number(typed);
  if (typed === "" || !Number.isFinite(given)) return undefined;
  return (way === "discharge" ? -given : given) * 1000;
}

/* What the others cannot make up for, were this asset held at `w`. */
function price(asset, w) {
  const now = store.now;
  if (w === undefined || w === null || now.target_w === null || asset.does_w === null) return null;
  const moves = w - asset.does_w;
  const others = now.assets.filter((one) => one.id !== asset.id && one.hold === null);
  const room = others.reduce((sum, one) => sum + ((moves > 0 ? one.headroom_w : one.footroom_w) ?? 0), 0);
  const missing = Math.abs(moves) - room;
  const what = { what: word("service", now.service), power: kw(Math.max(0, missing)), moves: kw(Math.abs(moves)), id: served(now)?.id ?? "" };
  if (missing < 1000) return h("div", { class: "result calm", role: "status" }, t("override.covered", what));
  return h("div", { class: "result", role: "status" }, h("b", null, t("override.short", what)), " ", t("override.short.text", what));
}
