/* What was and what is planned on one line of time: measured, target, baseline, event windows, limit; a gap stays a gap. */

import { h } from "./dom.js";
import { served } from "./mode.js";
import { figure, kw, time } from "./numbers.js";
import { t, word } from "./words.js";
import { quantity } from "./sentences.js";
import { store } from "./store.js";
import { knownFrom, rows } from "./trace.js";

const MIN = 60_000;
const GAP_MS = 90_000;

/** The chart of the first page; `atMs` is now. */
export function ribbon(now, atMs) {
  const view = span(now, atMs);
  const found = thin(rows(view.from), 900);
  const scale = heights(now, found, view);
  const x = (ms) => (100 * (ms - view.from)) / (view.to - view.from);
  const y = (w) => (100 * (scale.high - w)) / (scale.high - scale.low);
  const limit = now.limits.max_import_w;
  const showLimit = limit !== null && limit <= scale.high;
  const ends = found.findLast((row) => row.does !== null);
  return h("div", { class: "chart", role: "img", "aria-label": summary(now, view, found) },
    ...ticks(scale).map((w) => [h("i", { class: "grid", style: { top: `${y(w)}%` } }), h("span", { class: "yl", style: { top: `${y(w)}%` } }, figure(w / 1000))]),
    ...marks(view).map((ms) => h("span", { class: Math.abs(x(ms) - x(atMs)) < (innerWidth <= 640 ? 18 : 7) ? "xl near" : "xl", style: { left: `${x(ms)}%` } }, time(ms))),
    showLimit && h("i", { class: "limit", style: { height: `${y(limit)}%` } }),
    showLimit && h("span", { class: "lab bg xs limit-word", style: { top: `${Math.max(4, y(limit) / 2)}%` } }, t("ribbon.limit", { power: kw(limit) })),
    ...windows(now, view, atMs, x),
    ...offered(now, view, x, y),
    h("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
      h("path", { class: "a-saved", d: area(found, now, x, y) }),
      h("path", { class: "l-base", d: line(found, "base", x, y) + ahead(now, "base", view, x, y) }),
      h("path", { class: now.service === "reg" ? "l-asked steps" : "l-asked", d: line(found, "asked", x, y, true) + ahead(now, "asked", view, x, y) }),
      h("path", { class: "l-does", d: line(found, "does", x, y) })),
    ...gaps(found, view, x),
    h("i", { class: "nowline", style: { left: `${x(atMs)}%` } }, h("span", null, `${t("ribbon.now")} ${time(atMs)}`)),
    now.power.w !== null && ends && h("i", { class: "dot", style: { left: `${x(Math.min(atMs, ends.t))}%`, top: `${y(ends.does)}%` } }));
}

/* 80 minutes back and 110 ahead, less where nothing older is known; what moves in seconds: 8 back, 3 ahead, or half of that. */
function span(now, atMs) {
  const known = Math.min(80, (atMs - (knownFrom() ?? atMs)) / MIN + 2);
  const by = served(now);
  const brief = by !== null && by.end_ms !== null && by.end_ms - by.begin_ms < 10 * MIN;
  const soon = events(now).some((one) => one.end_ms - one.begin_ms < 3 * MIN && one.begin_ms < atMs + MIN && one.end_ms > atMs - 3 * MIN);
  if (now.service === "reg" || brief || soon) return known < 5 || soon ? { from: atMs - 4 * MIN, to: atMs + 1.5 * MIN, step: MIN } : { from: atMs - 8 * MIN, to: atMs + 3 * MIN, step: 2 * MIN };
  const back = known > 40 ? 80 : known > 16 ? 40 : 16;
  return { from: atMs - back * MIN, to: atMs + back * 1.375 * MIN, step: back === 80 ? 30 * MIN : back === 40 ? 15 * MIN : 5 * MIN };
}

function heights(now, found, view) {
  const values = found.flatMap((row) => [row.does, row.asked, row.base]).filter((w) => w !== null);
  for (const block of now.plan) if (block.start_ms < view.to && now.service === "reg") values.push(block.basepoint_w - block.up_w, block.basepoint_w + block.down_w);
  if (now.target_w !== null) values.push(now.target_w);
  if (!values.length) values.push(0, 100_000);
  let low = Math.min(...values);
  let high = Math.max(...values);
  const limit = now.limits.max_import_w;
  if (limit !== null && limit > low && limit - high < (high - low) * 0.6 + 20_000) high = limit * 1.05;
  const room = Math.max(10_000, (high - low) * 0.12);
  return { low: low >= 0 ? Math.max(0, low - room) : low - room, high: high + room };
}

function ticks({ low, high }) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const found = [];
  for (let w = Math.ceil((low + step * 0.15) / step) * step; w < high - step * 0.15; w += step) found.push(w);
  return found;
}

function marks({ from, to, step }) {
  const found = [];
  for (let ms = Math.ceil(from / step) * step; ms < to; ms += step) if (ms > from + (to - from) * 0.02) found.push(ms);
  return found;
}

function thin(found, most) {
  const each = Math.ceil(found.length / most);
  return each <= 1 ? found : found.filter((row, i) => i % each === 0 || i === found.length - 1);
}

/* A path of one column: it lifts where nothing is known; `steps`: a value holds until the next. */
function line(found, name, x, y, steps = false) {
  let path = "";
  let before = null;
  for (const row of found) {
    const w = row[name];
    if (w === null || (before && row.t - before.t > GAP_MS)) before = null;
    if (w === null) continue;
    const at = `${x(row.t).toFixed(2)},${y(w).toFixed(2)}`;
    path += before === null ? `M${at}` : steps ? `H${x(row.t).toFixed(2)}V${y(w).toFixed(2)}` : `L${at}`;
    before = row;
  }
  return path;
}

/* What is already agreed: the target holds to the end of its window, base points to the end of the plan. */
function ahead(now, name, view, x, y) {
  let path = "";
  if (name === "base" && now.service === "reg") {
    for (const block of now.plan) {
      const from = Math.max(block.start_ms, now.at_ms);
      if (from < view.to) path += `M${x(from)},${y(block.basepoint_w)}H${x(Math.min(block.end_ms, view.to))}`;
    }
  }
  if (name === "asked" && now.target_w !== null && now.service !== "reg") {
    const until = now.requests.find((one) => !one.waits && one.service === now.service && one.end_ms !== null)?.end_ms;
    if (until) path += `M${x(now.at_ms)},${y(now.target_w)}H${x(Math.min(until, view.to))}`;
  }
  return path;
}

function area(found, now, x, y) {
  if (now.service === "reg") return "";
  let path = "";
  let run = [];
  const close = () => {
    if (run.length > 1) path += `M${run.map((row) => `${x(row.t).toFixed(2)},${y(row.base).toFixed(2)}`).join("L")}L${run.toReversed().map((row) => `${x(row.t).toFixed(2)},${y(row.does).toFixed(2)}`).join("L")}Z`;
    run = [];
  };
  for (const row of found) {
    if (!row.shed || row.asked === null || row.base === null || row.does === null || row.does > row.base) close();
    else run.push(row);
  }
  close();
  return path;
}

/* Of the upstream, with an end: over, running and to come. */
function events(now) {
  const past = (store.events?.past ?? []).filter((one) => one.result === "done").map((one) => ({ ...one, end_ms: one.over_ms, over: true }));
  return [...past, ...now.requests].filter((one) => one.source === "remote" && one.end_ms !== null && one.kind === "event");
}

function windows(now, view, atMs, x) {
  return events(now).filter((one) => one.begin_ms < view.to && one.end_ms > view.from).map((one) => {
    const left = Math.max(0, x(one.begin_ms));
    const right = Math.min(100, x(one.end_ms));
    const text = right - left > 9;
    const inside = one.begin_ms < atMs && atMs < one.end_ms ? Math.min(right - left - 9, Math.max(0, x(atMs) - left)) : 0;
    return h("div", { class: one.over ? "win over" : "win", key: `w-${one.id}`, style: { left: `${left}%`, width: `${right - left}%` } },
      text && h("span", { style: { left: `calc(${(100 * inside) / (right - left)}% + 8px)` } }, word("service", one.service), h("em", null, ` ${quantity(one)}`)));
  });
}

/* Under regulation: how far the site offered to go from its base point. */
function offered(now, view, x, y) {
  if (now.service !== "reg" || now.capacity_w === null) return [];
  const blocks = now.plan.length ? now.plan : [{ start_ms: view.from, end_ms: view.to, basepoint_w: now.basepoint_w }];
  return blocks.filter((block) => block.start_ms < view.to && block.basepoint_w !== null).map((block) => {
    const left = Math.max(0, x(block.start_ms));
    const top = y(block.basepoint_w + now.capacity_w);
    return h("i", { class: "band", key: `b-${block.start_ms}`, style: { left: `${left}%`, width: `${Math.min(100, x(block.end_ms)) - left}%`, top: `${Math.max(0, top)}%`, height: `${Math.min(100, y(block.basepoint_w - now.capacity_w)) - Math.max(0, top)}%` } });
  });
}

function gaps(found, view, x) {
  const made = [];
  let last = null;
  let first = null;
  for (const row of found) {
    if (row.does === null) { first ??= row; continue; }
    if (last && (first || row.t - last.t > GAP_MS) && row.t - last.t > 4000) {
      made.push(gap(`g-${last.t}`, x(last.t), x(row.t)));
    }
    last = row;
    first = null;
  }
  const end = found.at(-1);
  if (last && end && end.t - last.t > 4000) made.push(gap("g-open", x(last.t), x(end.t)));
  return made;
}

function gap(key, left, right) {
  return h("i", { class: "gap", key, style: { left: `${left}%`, width: `${right - left}%` } }, right - left > 6.5 && h("span", null, t("ribbon.gap")));
}

function summary(now, view, found) {
  const values = found.map((row) => row.does).filter((w) => w !== null);
  if (!values.length) return t("ribbon.none");
  return t("ribbon.summary", { from: time(view.from), to: time(view.to), now: kw(now.power.w), low: kw(Math.min(...values)), high: kw(Math.max(...values)), target: kw(now.target_w) });
}
