/* Energy: where did it go; the site by hour or day, and what each asset took of it. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { empty, title } from "../frame.js";
import { icon } from "../icons.js";
import { date, figure, kw, time } from "../numbers.js";
import { changed, gatewayMs, store } from "../store.js";
import { meterPoint } from "../trace.js";
import { named, t } from "../words.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const state = { key: "", found: null };

/** Read it. */
export function enter() {
  read();
}

/** A point's history over the period as {wh, known, rows} — what is not known counts as nothing and is said. */
async function energyOf(point, from, to) {
  const series = await get("history", { point, from, to, max_points: 2016 }).catch(() => null);
  if (!series) return null;
  const rows = series.t_ms.map((ms, i) => [ms, series.mean[i]]).filter(([, w]) => w !== null);
  const hours = series.step_s / 3600;
  return { rows, hours, wh: rows.reduce((sum, [, w]) => sum + w * hours, 0), known: (rows.length * hours * HOUR) / (to - from) };
}

async function read() {
  const meter = meterPoint();
  if (!meter || !store.now) return void setTimeout(() => { if (store.page === "energy") read(); }, 300);
  const week = store.query.get("period") === "week";
  const to = Math.round(gatewayMs());
  const from = midnight(to) - (week ? 6 * DAY : 0);
  const [site, ...assets] = await Promise.all([meter, ...store.now.assets.map((asset) => `gateway/asset.${asset.id}.does`)].map((point) => energyOf(point, from, to)));
  state.found = { week, from, to, site, assets: store.now.assets.map((asset, i) => [asset, assets[i]]) };
  changed();
}

/* Midnight of the site's day, found by what its clock says now. */
function midnight(ms) {
  const [hours, minutes, seconds] = time(ms, true).split(":").map(Number);
  return Math.round((ms - ((hours * 60 + minutes) * 60 + seconds) * 1000) / 1000) * 1000;
}

/** The page. */
export function view() {
  const { found } = state;
  const week = store.query.get("period") === "week";
  const head = title(t("energy.title"), h("nav", { class: "seg", "aria-label": t("energy.title") }, h("a", { href: "/energy", "aria-current": week ? null : "true" }, t("energy.today")), h("a", { href: "/energy?period=week", "aria-current": week ? "true" : null }, t("energy.week"))));
  if (!found) return [head, h("p", { class: "loading" }, t("loading"))];
  if (!found.site?.rows.length) return [head, h("section", { class: "panel" }, empty("energy", t("trends.none"), t("trends.none.text")))];
  const assets = found.assets.filter(([, energy]) => energy);
  const rest = found.site.wh - assets.reduce((sum, [, energy]) => sum + energy.wh, 0);
  const row = (name, wh, what) => h("tr", { key: name }, h("th", { scope: "row" }, what && icon(what), " ", name), h("td", { class: "num" }, figure(wh / 1000, Math.abs(wh) < 99_500 ? 1 : 0).replace("-", "−"), h("span", { class: "u" }, " kWh")), h("td", { class: "num faint" }, found.site.wh > 0 ? `${figure((100 * wh) / found.site.wh).replace("-", "−")} %` : "–"));
  const fact = (name, text) => h("div", { class: "fig", key: name }, h("div", { class: "lab" }, t(name)), h("div", { class: "val" }, text));
  const exported = found.site.rows.reduce((sum, [, w]) => sum + Math.min(0, w) * found.site.hours, 0);
  return [head, h("section", { class: "panel", key: "sum" }, h("div", { class: "figures wrap" }, fact("energy.total", `${figure(found.site.wh / 1000)} kWh`), fact("energy.peak", kw(peak(found.site))), exported < -500 && fact("energy.export", `${figure(-exported / 1000)} kWh`), fact("energy.known", `${figure(100 * found.site.known, found.site.known < 0.1 ? 1 : 0)} %`))),
    h("section", { class: "panel", key: "bars" }, h("h2", null, t(found.week ? "energy.by_day" : "energy.by_hour")), bars(found)),
    h("section", { class: "panel", key: "assets" }, h("h2", null, t("energy.assets")), h("table", { class: "t" }, h("tbody", null, ...assets.map(([asset, energy]) => row(named(asset.id), energy.wh, asset.kind)), row(t("energy.rest"), rest, "building"))), h("p", { class: "still" }, t("energy.from_mean")))];
}

function peak({ rows }) {
  const quarters = new Map();
  for (const [ms, w] of rows) {
    const at = Math.floor(ms / (HOUR / 4));
    const [sum, n] = quarters.get(at) ?? [0, 0];
    quarters.set(at, [sum + w, n + 1]);
  }
  return Math.max(...[...quarters.values()].map(([sum, n]) => sum / n));
}

function bars({ week, from, to, site }) {
  const long = week ? DAY : HOUR;
  const all = Array.from({ length: week ? 7 : 24 }, (_, i) => ({ from: from + i * long, wh: null }));
  for (const [ms, w] of site.rows) {
    const bar = all[Math.floor((ms - from) / long)];
    if (bar) bar.wh = (bar.wh ?? 0) + w * site.hours;
  }
  const top = Math.max(1, ...all.map((bar) => bar.wh ?? 0));
  return h("ol", { class: "bars", style: { "--n": all.length } }, ...all.map((bar) => h("li", { key: bar.from, class: bar.from <= to && to < bar.from + long ? "run" : null }, h("span", { class: "v" }, bar.wh === null ? (bar.from > to ? "" : "–") : figure(bar.wh / 1000)), h("i", { "aria-hidden": "true", style: { height: `${((100 * Math.max(0, bar.wh ?? 0)) / top).toFixed(1)}%` } }), h("span", { class: "t" }, week ? date(bar.from) : time(bar.from).slice(0, 2)))));
}
