/* The first line of the first page: what the gateway does, for whom, until when; the strongest of what holds leads. */

import { kw, minutes, signal, time } from "./numbers.js";
import { named, t, word } from "./words.js";

const FAIL_SAFE = ["hold", "ramp", "safe", "fault"];
const ICONS = { dr: "events", ar: "turn", reg: "wave", limit: "wall" };

/** {look, icon, title, text, verdict: [strong, small]} of the band; `atMs` is the gateway's time now. */
export function band(now, atMs) {
  const all = [stop(now), failSafe(now, atMs), person(now, atMs), shadow(now), service(now, atMs), calm(now)].filter(Boolean);
  const [first, second] = all;
  const more = second && second.look !== "calm" ? ` ${t("mode.also", { what: second.title })}` : "";
  return { verdict: null, ...first, text: first.text + more };
}

/** The request the target comes from. */
export function served(now) {
  return now.requests.find((one) => !one.waits && one.service === now.service && one.kind === "event" && one.source === "remote")
    ?? now.requests.find((one) => !one.waits && one.service === now.service && one.source === "remote") ?? null;
}

/** What is served counts from: {w, name, sub} with keys of texts. */
export function counted(now) {
  const by = served(now);
  const reference = now.baseline_w ?? by?.reference_w ?? null;
  if (now.service === "reg" || reference === null || (now.service === "ar" && now.basepoint_w !== null)) return { w: now.basepoint_w, name: "figure.basepoint", sub: "figure.declared" };
  return now.service === "ar" ? { w: reference, name: "figure.before", sub: "figure.minute" } : { w: reference, name: "figure.baseline", sub: "figure.nobody" };
}

/** Holds of people, with the asset they hold. */
export function holds(now) {
  return now.assets.filter((asset) => asset.hold !== null && asset.hold.source === "manual");
}

function stop(now) {
  if (!now.stopped) return null;
  const by = now.requests.find((one) => one.target === "site" && one.source === "interlock");
  const title = by ? t("mode.stop.since", { time: time(by.begin_ms, true) }) : t("mode.stop");
  const text = by ? t("mode.stop.by", { who: by.issuer }) : t("mode.stop.text");
  return { look: "estop", icon: "stop", title, text };
}

function failSafe(now, atMs) {
  if (!FAIL_SAFE.includes(now.mode)) return null;
  const since = (atMs - now.mode_since_ms) / 1000;
  const places = { since: time(now.mode_since_ms, true), until: time(now.mode_until_ms) };
  const verdict = [t("mode.for", { n: since < 90 ? `${Math.round(since)}\u00a0s` : `${Math.round(since / 60)}\u00a0min` }), t(`mode.${now.mode}.verdict`, places)];
  return { look: "failsafe", icon: "shield", title: t(`mode.${now.mode}`), text: t(`mode.${now.mode}.text`, places), verdict };
}

function person(now, atMs) {
  const held = holds(now);
  if (!held.length) return null;
  const [first] = held;
  const places = { asset: named(first.id), n: held.length, time: time(first.hold.ends_ms), who: first.hold.issuer,
    power: first.hold.power_w === null ? t("asset.safe_value") : kw(first.hold.power_w) };
  const title = t(held.length > 1 ? "mode.held.many" : "mode.held", places);
  const left = first.hold.ends_ms === null ? null : [leftOf(atMs, first.hold.ends_ms), t("mode.ends_itself")];
  return { look: "person", icon: "hand", title, text: t("mode.held.text", places), verdict: left };
}

function shadow(now) {
  return now.shadow ? { look: "shadow", icon: "eye", title: t("mode.shadow"), text: t("mode.shadow.text") } : null;
}

function service(now, atMs) {
  if (!(now.service in ICONS)) return null;
  const by = served(now);
  const shed = by?.shed_w ?? null;
  const ends = by?.end_ms ?? null;
  const brief = ends !== null && ends - by.begin_ms < 600_000;
  const places = { who: by ? named(by.issuer) : t("upstream"), id: by?.id ?? "", power: kw(Math.abs(shed ?? 0)), until: time(ends, brief), target: kw(now.target_w),
    quantity: t(shed !== null && shed < 0 ? "quantity.more" : "quantity.less", { power: kw(Math.abs(shed ?? 0)) }), capacity: kw(now.capacity_w), signal: signal(now.signal),
    import: kw(now.limits.max_import_w), export: kw(now.limits.max_export_w) };
  const kind = now.service === "reg" ? "reg" : now.service === "limit" ? "limit" : shed === null ? "power" : now.service;
  const title = t(`mode.${kind}`, places) + (kind !== "reg" && ends !== null ? ` ${t("mode.until", places)}` : "");
  const left = ends === null || kind === "reg" ? null : leftOf(atMs, ends);
  return { look: "follow", icon: ICONS[now.service], title, text: t(kind === "ar" && now.basepoint_w === null ? "mode.ar.mean" : `mode.${kind}.text`, places), verdict: verdict(now, shed, left) };
}

/* Minutes left, or seconds where it is soon. */
function leftOf(atMs, endMs) {
  const left = (endMs - atMs) / 1000;
  return left < 90 ? t("mode.s_left", { n: Math.max(0, Math.round(left)) }) : t("mode.min_left", { n: minutes(atMs, endMs) });
}

/* On target: within a tenth of what was asked, 5 kW at least. */
function verdict(now, shed, left) {
  if (now.power.w === null || now.power.quality !== "good" || now.target_w === null) return null;
  const away = now.power.w - now.target_w;
  const near = Math.abs(away) <= Math.max(5000, 0.1 * Math.abs(shed ?? now.capacity_w ?? 0));
  const word = near ? t("verdict.on") : t(away > 0 ? "verdict.above" : "verdict.below", { power: kw(Math.abs(away)) });
  return [word, left ?? (near ? t("verdict.distance", { power: kw(Math.abs(away)) }) : t("verdict.moving")), near];
}

function calm(now) {
  if (now.mode === "boot") return { look: "calm", icon: "clock", title: t("mode.boot"), text: t("mode.boot.text") };
  const back = now.target_w !== null;
  const next = now.requests.filter((one) => one.waits).sort((a, b) => a.begin_ms - b.begin_ms)[0];
  const text = next ? t("mode.calm.next", { what: word("service", next.service), time: time(next.begin_ms) }) : t(back ? "mode.back.text" : "mode.calm.text");
  return { look: "calm", icon: "building", title: t(back ? "mode.back" : "mode.calm"), text };
}
