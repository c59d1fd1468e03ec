/* One asset as a strip: its nameplate is the line, where it may move the band, what binds it a wall; asked above, does on it. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { age, kw, power, time } from "./numbers.js";
import { shape } from "./quality.js";
import { has, named, t, word } from "./words.js";

const FREE = new Set(["target", "rest", "schedule", ""]);
const SAFE = new Set(["safe", "hold", "ramp"]);
const ICONS = { soc_min: "battery", soc_max: "battery", soc_unknown: "battery", cycles: "battery", lasting: "battery", comfort_warm: "thermometer",
  comfort_cold: "thermometer", comfort_unknown: "thermometer", min_on: "clock", min_off: "clock", departure: "clock", ramp_rate: "clock",
  returning: "clock", manual: "hand", offline: "offline", interlock: "stop", limit: "wall" };
const UPPER = new Set(["max", "max_charge", "soc_max", "comfort_cold", "cars", "no_cars", "min_off"]);
const LOWER = new Set(["min", "max_discharge", "soc_min", "lasting", "comfort_warm", "departure", "min_current", "min_on"]);

/** What a person calls the direction of an asset's power; empty where there is only one. */
export function direction(asset, w) {
  if (w === null || asset.min_w >= 0) return "";
  if (Math.abs(w) < 50) return t("asset.idle");
  return t(w < 0 ? "asset.discharge" : "asset.charge");
}

/** The line below its name. */
export function below(asset) {
  if (asset.soc_pct !== null) return t("asset.charged", { n: Math.round(asset.soc_pct) });
  return t("asset.answering", { n: asset.answering, of: asset.devices.length });
}

const asks = new Map();

/** Whether it is away from what was asked by more than a tenth of its range, though it has had its time to settle. */
export function isAway(asset) {
  if (asset.asked_w === null || asset.does_w === null) return false;
  const tenth = 0.1 * (asset.max_w - asset.min_w);
  const seen = asks.get(asset.id);
  if (!seen || Math.abs(seen.w - asset.asked_w) > tenth) asks.set(asset.id, { w: asset.asked_w, at: performance.now() });
  const had = seen ? (performance.now() - seen.at) / 1000 : 0;
  return asset.reason === "not_following" || (had > 1.5 * asset.settles_s + 5 && Math.abs(asset.asked_w - asset.does_w) > tenth);
}

/** {icon, tag, text} of what limits it, one sentence. */
export function why(asset) {
  const [code] = asset.reason.split(":");
  const places = { soc: asset.soc_pct === null ? "–" : Math.round(asset.soc_pct), settles: age(asset.settles_s), rest: asset.reason.slice(code.length + 1),
    min: kw(asset.min_w), max: kw(asset.max_w), safe: asset.safe_w === null ? t("asset.own") : kw(asset.safe_w) };
  if (asset.hold) {
    const held = { ...places, who: asset.hold.issuer, until: time(asset.hold.ends_ms), power: asset.hold.power_w === null ? t("asset.safe_value") : kw(asset.hold.power_w) };
    const until = asset.hold.ends_ms === null ? "" : ` ${t("mode.until", held)}`;
    return { icon: asset.hold.source === "manual" ? "hand" : "stop", tag: ["person", t(`held.${asset.hold.source}`)], text: t("asset.held", held) + until };
  }
  const text = code === "target" && asset.settles_s < 0.05 ? t("why.free") : has(`why.${code}`) ? t(`why.${code}`, places) : word("why", code);
  const tag = SAFE.has(code) ? ["", t("asset.safe_value")] : code === "offline" || code === "not_following" ? ["amber", word("reason", code)] : null;
  return { icon: SAFE.has(code) ? "shield" : ICONS[code] ?? (FREE.has(code) ? "arrows" : "wall"), tag, text };
}

/* Whether what binds is at the upper end; a reason that does not say is at the end that was asked for. */
function upper({ reason, asked_w: asked, does_w: does }) {
  return UPPER.has(reason) || (!LOWER.has(reason) && asked !== null && asked > does);
}

/** The strip itself; a picture, its sentence is said elsewhere. */
export function range(asset, { shadow = false } = {}) {
  const span = asset.max_w - asset.min_w || 1;
  const at = (w) => `${(100 * Math.min(1, Math.max(0, (w - asset.min_w) / span))).toFixed(2)}%`;
  const offline = asset.answering === 0;
  const safe = SAFE.has(asset.reason) || asset.hold !== null;
  const { does_w: does, asked_w: asked, headroom_w: less, footroom_w: more } = asset;
  const moves = does !== null && less !== null && more !== null && !offline && !safe;
  const low = moves ? Math.max(asset.min_w, does - less) : 0;
  const high = moves ? Math.min(asset.max_w, does + more) : 0;
  const binds = moves && !FREE.has(asset.reason);
  const wall = binds ? (upper(asset) ? high : low) : null;
  return h("div", { class: `rng-t${offline ? " gone" : ""}${shadow ? " shadow" : ""}`, "aria-hidden": "true" },
    h("i", { class: "full" }),
    moves && h("i", { class: "can", style: { left: at(low), right: `calc(100% - ${at(high)})` } }),
    asset.min_w < 0 && h("i", { class: "zero", style: { left: at(0) } }),
    wall !== null && h("i", { class: "wall", style: { left: at(wall) } }),
    asset.operating_w !== null && h("i", { class: "base", style: { left: at(asset.operating_w) } }),
    does !== null && !offline && h("i", { class: "does", style: { left: at(does) } }),
    asked !== null && h("i", { class: "asked", style: { left: at(asked) } }));
}

/** Strip with headroom at its left end and footroom at its right. */
export function rangeBox(asset, options) {
  const end = (w, name) => {
    const [figure, unit] = power(w);
    return h("span", { class: "e" }, h("b", null, figure), ` ${unit}`, h("br"), t(name));
  };
  return h("div", { class: "rngbox" }, end(asset.headroom_w, "less"), range(asset, options), end(asset.footroom_w, "more"));
}

/** The whole strip as a sentence for who does not see it. */
export function sentence(asset) {
  const say = (w) => `${kw(w)} ${direction(asset, w)}`.trim();
  return t("asset.sentence", { name: named(asset.id), asked: say(asset.asked_w), does: say(asset.does_w),
    less: kw(asset.headroom_w), more: kw(asset.footroom_w), why: why(asset).text });
}

/** A row of the table on the first page. */
export function row(asset, { shadow = false } = {}) {
  const reason = why(asset);
  const cell = (w, name, more) => {
    const [figure, unit] = power(w);
    return h("td", { class: `v num ${more}`, "data-l": t(name) }, figure, h("span", { class: "u" }, ` ${unit}`), h("small", null, direction(asset, w)));
  };
  const away = isAway(asset) && h("span", { class: "q amber" }, shape("stale"), t("asset.lags"));
  return h("tr", { key: asset.id },
    h("th", { class: "name", scope: "row" }, h("div", null, icon(asset.kind), h("span", null, h("a", { href: `/assets?asset=${encodeURIComponent(asset.id)}` }, named(asset.id)), h("small", null, below(asset))))),
    cell(asset.asked_w, "asset.asked", "asked"), cell(asset.does_w, "asset.does", ""),
    h("td", { class: "rng" }, h("span", { class: "vh" }, sentence(asset)), rangeBox(asset, { shadow })),
    h("td", { class: "why" }, h("div", null, icon(reason.icon), h("span", null, reason.tag && h("span", { class: `tag ${reason.tag[0]}` }, reason.tag[1]), reason.tag && " ", away, away && " ", reason.text))));
}
