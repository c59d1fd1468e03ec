/* Trends: what happened; lanes with one time axis and one cursor, zoomed by dragging, live while they end now. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { empty, title } from "../frame.js";
import { icon } from "../icons.js";
import { age, figure, kw, time, value, when } from "../numbers.js";
import { extended, told } from "../lane.js";
import { chart, columns, library } from "../plot.js";
import { go } from "../route.js";
import { changed, gatewayMs, store } from "../store.js";
import { knownFrom, meterPoint } from "../trace.js";
import { named, t } from "../words.js";

const HOUR = 3_600_000;
const RANGES = { "15m": HOUR / 4, "1h": HOUR, "4h": 4 * HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR, "30d": 720 * HOUR };
const DAY = 24 * HOUR;
const AGAIN_MS = 60_000;
const STREAMED_MS = 2 * HOUR;  // a longer stretch has steps of so many seconds that one value is not their mean
const state = { lanes: [], series: null, names: null, asked: "", at: 0, cursor: null, table: false, busy: false };
const charts = new Map();
let timer = null;

/** Fetch while the page is open. */
export function enter() {
  clearInterval(timer);
  timer = setInterval(() => { if (!document.hidden) refresh(); }, 1000);
  state.names ?? get("points").then((found) => { state.names = found.points; changed(); }, () => {});
  document.addEventListener("gateway:theme", repaint);
  refresh();
}

export function leave() {
  clearInterval(timer);
  document.removeEventListener("gateway:theme", repaint);
  drop();
  state.asked = "";
}

function repaint() {
  for (const [id, one] of charts) build(id, one.element);
}

function drop() {
  for (const one of charts.values()) { one.plot?.destroy(); one.sizes.disconnect(); }
  charts.clear();
}

function query() {
  const given = store.query;
  const nowMs = gatewayMs();
  const fixed = given.has("from") && given.has("to");
  const range = RANGES[given.get("range")] ? given.get("range") : nowMs - (knownFrom() ?? 0) < HOUR / 3 ? "15m" : "1h";
  const to = fixed ? Number(given.get("to")) : nowMs;
  const from = fixed ? Number(given.get("from")) : nowMs - RANGES[range];
  const site = meterPoint();
  const assets = (store.now?.assets ?? []).map((asset) => `gateway/asset.${asset.id}.does`);
  const points = given.has("points") ? given.get("points").split(",").filter(Boolean) : [site, ...assets].filter(Boolean);
  return { from, to, fixed, range, points, baseline: given.get("baseline") !== "0", yesterday: given.get("yesterday") === "1" };
}

/* The address with some of its words changed. */
function address(changes) {
  const next = new URLSearchParams(store.query);
  for (const [name, text] of Object.entries(changes)) text === null ? next.delete(name) : next.set(name, text);
  return `/trends?${next}`;
}

async function refresh() {
  const q = query();
  if (!q.points.length || state.busy || !store.now) return;
  const key = JSON.stringify([q.fixed ? [q.from, q.to] : q.range, q.points, q.baseline, q.yesterday]);
  const streamed = !q.fixed && q.to - q.from <= STREAMED_MS && q.points.every((point) => told(store.now, point));
  const every = q.fixed ? Infinity : Math.max(streamed ? AGAIN_MS : 2000, (q.to - q.from) / 900);
  if (key === state.asked && performance.now() - state.at < every && (!streamed || prolong(q))) return;
  state.busy = true;
  state.asked = key;
  state.at = performance.now();
  const span = { from: Math.round(q.from), to: Math.round(q.to), max_points: 900 };
  const ask = (point, more = {}) => get("history", { point, ...span, ...more }).catch(() => null);
  const site = meterPoint();
  try {
    state.lanes = (await Promise.all(q.points.map(async (point) => {
      const beside = companions(point, site, q);
      const [main, ...others] = await Promise.all([ask(point), ...beside.map(([, name, shift]) => (shift ? ask(name, { from: span.from - DAY, to: span.to - DAY }) : ask(name)))]);
      return main && lane(point, main, beside.map(([look], i) => [look, others[i]]));
    }))).filter(Boolean);
    if (state.lanes.length) state.lanes.at(-1).last = true;
    for (const one of state.lanes) if (charts.has(one.id)) build(one.id, charts.get(one.id).element);
  } finally {
    state.busy = false;
  }
  changed();
}

/* The newest of the stream at the lanes' ends; false: they must be fetched again. */
function prolong(q) {
  const span = { atMs: store.now.at_ms, fromMs: q.from };
  if (!state.lanes.length || !state.lanes.every((one) => extended(one, told(store.now, one.id), span))) return false;
  for (const one of state.lanes) charts.get(one.id)?.plot?.setData(columns(one));
  changed();
  return true;
}

/* What is drawn with a point: the site with target and baseline, an asset with what it was asked. */
function companions(point, site, q) {
  const found = [];
  if (point === site) found.push(["asked", "gateway/target.power"], ...(q.baseline ? [["base", "gateway/baseline.power"]] : []));
  const asset = /^gateway\/asset\.(.+)\.does$/.exec(point);
  if (asset) found.push(["asked", `gateway/asset.${asset[1]}.asked`]);
  if (q.yesterday) found.push(["yesterday", point, DAY]);
  return found;
}

function lane(point, main, others) {
  const watts = main.unit === "W";
  const index = new Map(main.t_ms.map((ms, i) => [ms, i]));
  const lines = [{ look: "does", mean: main.mean, ...(main.tier !== "raw" ? { min: main.min, max: main.max } : {}) }];
  for (const [look, series] of others) {
    if (!series) continue;
    const shift = look === "yesterday" ? DAY : 0;
    const mean = new Array(main.t_ms.length).fill(null);
    series.t_ms.forEach((ms, i) => { const at = index.get(ms + shift); if (at !== undefined) mean[at] = series.mean[i]; });
    if (mean.some((w) => w !== null)) lines.push({ look, mean });
  }
  return { id: point, t: main.t_ms, lines, looks: ["does", ...others.map(([look]) => look).filter((look) => look !== "yesterday")], scale: watts ? 1000 : 1, unit: watts ? "kW" : main.unit, step: main.step_s, tier: main.tier, last: false };
}

/* Draw a lane anew in its element. */
function build(id, element) {
  const known = charts.get(id);
  known?.plot?.destroy();
  const sizes = known?.sizes ?? new ResizeObserver(() => charts.get(id)?.plot?.setSize({ width: element.clientWidth, height: element.clientHeight }));
  if (!known) sizes.observe(element);
  charts.set(id, { element, sizes, plot: null });
  library().then((uPlot) => {
    const one = state.lanes.find((other) => other.id === id);
    const entry = charts.get(id);
    if (!one || !entry || entry.plot || !element.isConnected) return;
    entry.plot = chart(uPlot, element, one, { zone: store.now?.timezone, windows: windows(), onZoom: (from, to) => go(address({ from: Math.round(from), to: Math.round(to), range: null })), onReset: () => go(address({ from: null, to: null })),
      onCursor: (idx) => { state.cursor = idx ?? null; changed(); } });
  });
}

function windows() {
  const all = store.events;
  return all ? [...all.running, ...all.past].filter((one) => one.kind === "event" && one.source === "remote" && one.end_ms !== null && one.result !== "refused").map((one) => [one.begin_ms, one.over_ms ?? one.end_ms]) : [];
}

/** The page. */
export function view() {
  const q = query();
  const range = (name) => h("a", { href: address({ range: name, from: null, to: null }), "aria-current": !q.fixed && q.range === name ? "true" : null }, t(`trends.${name}`));
  const turn = (name, on) => h("a", { href: address({ [name]: on ? (name === "baseline" ? "0" : null) : (name === "baseline" ? null : "1") }), role: "button", "aria-pressed": String(on) }, t(`trends.${name}`));
  const [first] = state.lanes;
  return [title(t("trends.title"), h("nav", { class: "seg", "aria-label": t("trends.title") }, ...Object.keys(RANGES).map(range)), h("div", { class: "seg" }, turn("baseline", q.baseline), turn("yesterday", q.yesterday)),
    h("span", { class: "faint s" }, first && t("trends.step", { step: age(first.step) }), !q.fixed && ` · ${t("trends.live")}`),
    h("div", { class: "right" }, h("button", { class: "btn quiet", "aria-pressed": String(state.table), onclick: () => { state.table = !state.table; if (state.table) drop(); changed(); } }, t(state.table ? "trends.chart" : "trends.table")))),
  h("div", { class: "trends" }, h("section", { class: "panel lanes", key: "lanes" }, !state.lanes.length ? (state.busy || !state.asked ? h("p", { class: "loading" }, t("loading")) : empty("trends", t("trends.none"), t("trends.none.text"))) : state.table ? table() : state.lanes.map((one) => drawn(one, q))), side(q))];
}

function label(point) {
  const asset = /^gateway\/asset\.(.+)\.(does|asked)$/.exec(point);
  if (asset) return named(asset[1]);
  if (point === meterPoint()) return t("figure.site");
  return point.replace("/", " · ");
}

function drawn(one, q) {
  const values = one.lines[0].mean.filter((w) => w !== null);
  const csv = `/api/v1/history.csv?${new URLSearchParams({ point: one.id, from: Math.round(q.from), to: Math.round(q.to) })}`;
  const text = values.length ? `${label(one.id)}: ${say(values.at(-1), one)}, ${t("trends.lowest")} ${say(Math.min(...values), one)}, ${t("trends.highest")} ${say(Math.max(...values), one)}` : t("trends.none");
  return h("div", { class: `lane${one.id === meterPoint() ? " main" : ""}${one.last ? " last" : ""}`, key: one.id }, h("h2", { class: "h2" }, label(one.id), h("small", null, one.unit), h("a", { class: "right", href: csv, download: "", "aria-label": `${t("trends.csv")} ${label(one.id)}` }, icon("download"), t("trends.csv"))),
    h("div", { class: "plot", own: true, role: "img", "aria-label": text, mounted: (element) => build(one.id, element) }));
}

function say(w, one) {
  return one.unit === "kW" ? `${w < 0 ? "−" : ""}${kw(w, true)}` : `${value(w)} ${one.unit}`;
}

function table() {
  const [first] = state.lanes;
  const each = Math.max(1, Math.ceil(first.t.length / 120));
  return h("div", { class: "scroll" }, h("table", { class: "t" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, t("trends.time")), ...state.lanes.map((one) => h("th", { class: "num", scope: "col" }, `${label(one.id)}, ${one.unit}`)))),
    h("tbody", null, ...first.t.map((ms, i) => [ms, i]).filter(([, i]) => i % each === 0).reverse().map(([ms]) => h("tr", { key: ms }, h("th", { scope: "row" }, when(ms, gatewayMs(), true)), ...state.lanes.map((one) => {
      const at = one.t.indexOf(ms);
      const w = at < 0 ? null : one.lines[0].mean[at];
      return h("td", { class: "num" }, w === null ? "–" : value(w / one.scale));
    }))))));
}

function side(q) {
  const [first] = state.lanes;
  if (!first) return null;
  const at = state.cursor !== null && state.cursor < first.t.length ? state.cursor : first.t.length - 1;
  const names = { does: "ribbon.measured", asked: "figure.target", base: "figure.baseline", yesterday: "trends.yesterday_line" };
  const looks = { does: "", asked: "asked", base: "base", yesterday: "thin" };
  const known = first.lines[0].mean.filter((w) => w !== null);
  const fact = (name, text) => h("div", null, h("dt", null, t(name)), h("dd", null, text));
  const show = (w) => (w === null || w === undefined ? "–" : say(w, first));
  const mean = known.length ? known.reduce((sum, w) => sum + w, 0) / known.length : null;
  return h("aside", { class: "side", key: "side" },
    h("section", { class: "panel" }, h("h2", null, when(first.t[at], gatewayMs(), true), h("small", null, label(first.id))), h("dl", { class: "facts" }, ...first.lines.map((line) => h("div", { key: line.look }, h("dt", null, h("i", { class: `key ${looks[line.look]}` }), " ", t(names[line.look])), h("dd", null, show(line.mean[at])))))),
    h("section", { class: "panel" }, h("h2", null, t("trends.view"), h("small", null, `${when(q.from, gatewayMs())} – ${time(q.to)}`)), h("dl", { class: "facts" }, fact("trends.mean", show(mean)), fact("trends.highest", show(known.length ? Math.max(...known) : null)), fact("trends.lowest", show(known.length ? Math.min(...known) : null)),
      first.unit === "kW" && fact("trends.energy", mean === null ? "–" : `${figure((mean / 1000) * known.length * first.step / 3600, 0)} kWh`), fact("trends.known", `${figure((100 * known.length) / Math.max(1, first.t.length))} %`)), h("p", { class: "xs faint hint" }, t("trends.hint"))),
    points(q));
}

function points(q) {
  const usual = [meterPoint(), ...(store.now?.assets ?? []).map((asset) => `gateway/asset.${asset.id}.does`)].filter(Boolean);
  const all = [...new Set([...usual, ...q.points])];
  const chosen = () => query().points; // as the address says now, not as last drawn
  const set = (list) => go(address({ points: list.join(",") }), { replace: true });
  return h("section", { class: "panel", key: "points" }, h("h2", null, t("trends.points")), ...all.map((point) => h("label", { key: point, class: "check" }, h("input", { type: "checkbox", checked: q.points.includes(point), onchange: (event) => set(event.target.checked ? [...chosen(), point] : chosen().filter((one) => one !== point)) }), label(point))),
    h("label", { class: "field add" }, h("span", { class: "lab" }, t("trends.add")), h("span", { class: "input" }, h("input", { list: "every-point", autocomplete: "off", onchange: (event) => { const point = event.target.value; if (state.names?.some((one) => one.id === point)) { event.target.value = ""; set([...chosen(), point]); } } }))),
    h("datalist", { id: "every-point" }, ...(state.names ?? []).map((point) => h("option", { key: point.id, value: point.id }))));
}
