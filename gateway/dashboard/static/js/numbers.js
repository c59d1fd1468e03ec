/* Numbers, times and ages as people read them: never more than three digits of precision, a dash for what is not known. */

import { language, t } from "./words.js";

export const NONE = "–";
const MEGA_W = 10e6;
let zone = undefined;

/** The site's time zone; one the browser does not know is left out. */
export function liveIn(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
  } catch { zone = undefined; }
}

/** [figure, unit] of a power without its sign. `fine`: one decimal below 100 kW. */
export function power(w, fine = false) {
  if (w === null || w === undefined) return [NONE, "kW"];
  const big = Math.abs(w) >= MEGA_W;
  const value = Math.abs(w) / (big ? 1e6 : 1e3);
  const decimals = big ? (value >= 100 ? 0 : 1) : value >= 99.95 ? 0 : value >= 9.95 ? (fine ? 1 : 0) : value < 0.05 ? 0 : 1;
  return [figure(value, decimals), big ? "MW" : "kW"];
}

/** The same as one string. */
export function kw(w, fine = false) {
  const [value, unit] = power(w, fine);
  return `${value}\u00a0${unit}`;
}

/** A figure with thousands apart; a minus is a minus, and no zero has one. */
export function figure(value, decimals = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const text = value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return /^-[0.]+$/.test(text) ? text.slice(1) : text.replace("-", "−");
}

/** Three digits of precision at most, for a point of any unit. */
export function value(of) {
  if (of === null || of === undefined) return NONE;
  const size = Math.abs(of);
  const decimals = size >= 100 || Number.isInteger(of) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return figure(of, decimals);
}

/** + or − and two decimals: a signal only. */
export function signal(of) {
  if (of === null || of === undefined) return NONE;
  return `${of < 0 ? "−" : "+"}\u00a0${Math.abs(of).toFixed(2)}`;
}

/** 0.4 s, 48 s, 15 min, 3 h. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const s = Math.max(0, seconds);
  if (s < 9.95) return `${s.toFixed(1)}\u00a0s`;
  if (s < 90) return `${Math.round(s)}\u00a0s`;
  if (s < 5400) return `${Math.round(s / 60)}\u00a0min`;
  if (s < 172800) return `${Math.round(s / 3600)}\u00a0h`;
  return t("age.days", { n: Math.round(s / 86400) });
}

/** 14:07 or 14:07:12, in the site's time. */
export function time(ms, seconds = false) {
  if (ms === null || ms === undefined) return NONE;
  const parts = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  if (seconds) parts.second = "2-digit";
  return new Intl.DateTimeFormat("en-GB", parts).format(ms);
}

/** Thu 16 Jul, 7月16日周四. */
export function date(ms) {
  const parts = { weekday: "short", day: "numeric", month: "short", timeZone: zone };
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", parts).format(ms).replace(",", "");
}

/** The time, with the day where it is not today. */
export function when(ms, nowMs, seconds = false) {
  if (ms === null || ms === undefined) return NONE;
  return date(ms) === date(nowMs) ? time(ms, seconds) : `${date(ms)} ${time(ms, seconds)}`;
}

/** Whole minutes left, at least 1. */
export function minutes(fromMs, toMs) {
  return Math.max(1, Math.ceil((toMs - fromMs) / 60000));
}
