/* Energy: where did it go, what did it cost; a carrier over a day, a week or a month, against the period before. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { empty, title } from "../frame.js";
import { icon } from "../icons.js";
import { NONE, date, figure, kw, time, when } from "../numbers.js";
import { changed, gatewayMs, store } from "../store.js";
import { bars } from "../usage.js";
import { named, t, word } from "../words.js";

const DAY = 86_400_000;
const EVERY_MS = 60_000;
const PERIODS = { today: 1, week: 7, month: 30 };
const WHOLE = 0.98;
const state = { found: null, before: null, failed: null, timer: null };

/** Read it, and again every minute. */
export function enter() {
  clearInterval(state.timer);
  Object.assign(state, { found: null, before: null, failed: null, timer: setInterval(() => { if (!document.hidden) read(); }, EVERY_MS) });
  read();
}

export function leave() {
  clearInterval(state.timer);
}

async function read() {
  if (!store.now) return void setTimeout(() => { if (store.page === "energy") read(); }, 300);
  const days = PERIODS[period()];
  const to = Math.round(gatewayMs());
  const from = midnight(to) - (days - 1) * DAY;
  try {
    state.found = await get("energy", { from, to });
    changed();
    state.before = await get("energy", { from: from - days * DAY, to: to - days * DAY });
  } catch (error) {
    state.failed = error.message;
  }
  changed();
}

function period() {
  const asked = store.query.get("period");
  return asked in PERIODS ? asked : "today";
}

/* Midnight of the site's day, found by what its clock says now. */
function midnight(ms) {
  const [hours, minutes, seconds] = time(ms, true).split(":").map(Number);
  return Math.round((ms - ((hours * 60 + minutes) * 60 + seconds) * 1000) / 1000) * 1000;
}

/** An amount with its unit; kg and kWh grow into t and MWh with the largest figure beside them. */
function amount(of, unit, largest = of) {
  const large = unit !== "m3" && Math.abs(largest ?? 0) >= 99_950;
  const shown = unit === "m3" ? "m³" : large ? (unit === "kg" ? "t" : "MWh") : unit;
  if (of === null || of === undefined) return [NONE, shown];
  const value = large ? of / 1000 : of;
  const size = Math.abs(value);
  return [figure(value, size >= 99.5 || size < 0.005 ? 0 : size >= 9.95 ? 1 : 2), shown];
}

/** The page. */
export function view() {
  const { found } = state;
  const now = period();
  const asked = store.query.get("carrier");
  const carriers = found?.carriers ?? [];
  const chosen = carriers.find((one) => one.carrier === asked) ?? carriers[0];
  const link = (change) => `/energy?${new URLSearchParams({ ...(now === "today" ? {} : { period: now }), ...(asked ? { carrier: asked } : {}), ...change })}`;
  const head = title(t("energy.title"),
    h("nav", { class: "seg", "aria-label": t("energy.period") }, ...Object.keys(PERIODS).map((name) => h("a", { key: name, href: link({ period: name }), "aria-current": name === now ? "true" : null }, t(`energy.${name}`)))),
    carriers.length > 1 && h("nav", { class: "seg", "aria-label": t("energy.carrier") }, ...carriers.map((one) => h("a", { key: one.carrier, href: link({ carrier: one.carrier }), "aria-current": one === chosen ? "true" : null }, word("carrier", one.carrier)))));
  if (state.failed && !found) return [head, h("p", { class: "note bad" }, state.failed)];
  if (!found) return [head, h("p", { class: "loading" }, t("loading"))];
  if (!chosen || found.meters.every((one) => one.total === null)) return [head, h("section", { class: "panel" }, empty("energy", t("energy.none"), t("energy.none.text")))];
  const before = state.before?.carriers.find((one) => one.carrier === chosen.carrier);
  const meters = found.meters.filter((one) => one.carrier === chosen.carrier);
  return [head, summary(found, chosen, before, meters), findings(found, chosen, meters),
    h("div", { class: "energies", key: "energies" },
      h("div", { class: "stack" }, split(found, chosen, meters), prices(found, chosen)),
      h("section", { class: "panel course", key: "course" }, h("h2", null, t(found.cell === "hour" ? "energy.by_hour" : "energy.by_day"), h("small", null, chosen.unit === "m3" ? "m³" : chosen.unit, state.before && ` · ${t(period() === "today" ? "energy.line.today" : "energy.line")}`)), bars(course(found, meters), course(state.before, state.before?.meters.filter((one) => one.carrier === chosen.carrier) ?? []), { unit: chosen.unit, hourly: found.cell === "hour", untilMs: found.from_ms + PERIODS[now] * DAY }), coverage(chosen, meters)))];
}

/* The cells of the meters that are part of no other, added up; a cell one of them does not know is not known. */
function course(found, meters) {
  const mains = meters.filter((one) => one.part_of === null);
  if (!found || !mains.length) return [];
  return mains[0].cells.map((cell, i) => {
    const amounts = mains.map((one) => one.cells[i]?.amount ?? null);
    return { from: cell.from_ms, to: cell.to_ms, amount: amounts.includes(null) ? null : amounts.reduce((sum, one) => sum + one, 0), known: Math.min(...mains.map((one) => one.cells[i]?.known ?? 0)) };
  });
}

function summary(found, chosen, before, meters) {
  const fig = (name, [value, unit], sub) => h("div", { class: "fig", key: name }, h("div", { class: "lab" }, t(name)), h("div", { class: "val" }, value, h("span", { class: "u" }, ` ${unit}`)), h("div", { class: "sub" }, sub));
  const cost = chosen.cost;
  const mains = meters.filter((one) => one.part_of === null);
  const exported = mains.reduce((sum, one) => sum + (one.export ?? 0), 0);
  const peak = mains.length === 1 ? mains[0].peak_w : null;
  const net = cost ? cost.total - (cost.earned ?? 0) : null;
  return h("section", { class: "panel", key: "sum" }, h("div", { class: "figures wrap even" },
    fig("energy.total", amount(chosen.total, chosen.unit), against(chosen, before)),
    peak !== null && fig("energy.peak", kw(peak).split("\u00a0"), store.now?.limits.own_import_w ? t("energy.limit", { limit: kw(store.now.limits.own_import_w) }) : ""),
    exported > 0.05 && fig("energy.export", amount(exported, chosen.unit), ""),
    cost && fig("energy.cost", [figure(net, 2), found.currency], chosen.total ? t("energy.mean_price", { price: figure(net / chosen.total, 2), currency: found.currency, unit: chosen.unit === "m3" ? "m³" : chosen.unit }) : ""),
    chosen.carbon_kg !== null && fig("energy.carbon", amount(chosen.carbon_kg, "kg").map((text, i) => (i ? `${text} CO₂` : text)), t("energy.factor", { kg: chosen.carbon_each, unit: chosen.unit === "m3" ? "m³" : chosen.unit })),
    fig("energy.known", [figure(100 * chosen.known, chosen.known > 0 && chosen.known < 0.1 ? 1 : 0), "%"], t("energy.known.text"))));
}

function against(chosen, before) {
  if (!before?.total || chosen.total === null || before.known < 0.9 || chosen.known < 0.9) return "";
  const share = (100 * (chosen.total - before.total)) / before.total;
  if (Math.abs(share) < 0.5) return t(period() === "today" ? "energy.as_before.today" : "energy.as_before");
  return t(`energy.${share > 0 ? "more" : "less"}${period() === "today" ? ".today" : ""}`, { share: figure(Math.abs(share), Math.abs(share) < 9.95 ? 1 : 0) });
}

function findings(found, chosen, meters) {
  const mine = found.findings.filter((one) => meters.some((meter) => meter.id === one.meter));
  const others = found.findings.filter((one) => !mine.includes(one));
  const text = (one) => (one.kind === "leak" ? t("energy.leak", { meter: named(one.meter), day: date(one.from_ms), flow: figure(1000 * one.value), total: figure(24 * one.value, 1) })
    : t("energy.night_base", { meter: named(one.meter), day: date(one.from_ms), share: figure(100 * one.value), usual: figure(100 * one.usual) }));
  return [...mine, ...others].map((one) => h("p", { key: `${one.kind}-${one.meter}`, class: "warned", role: "note" }, icon("alarms"), h("span", null, text(one))));
}

/* Meters and what they are parts of; for electricity the assets too, which are measured by their power. */
function split(found, chosen, meters) {
  const parts = meters.filter((one) => one.part_of !== null);
  const mains = meters.filter((one) => one.part_of === null);
  const electric = chosen.carrier === "electricity";
  const assets = electric && !parts.length ? found.assets.filter((one) => one.total !== null) : [];
  const total = chosen.total;
  const sum = [...parts.filter((one) => mains.some((main) => main.id === one.part_of)), ...assets].reduce((all, one) => all + (one.total ?? 0), 0);
  const kinds = new Map((store.now?.assets ?? []).map((asset) => [asset.id, asset.kind]));
  const old = new Map([...(state.before?.meters ?? []), ...(state.before?.assets ?? [])].map((one) => [one.id, one.total]));
  const most = Math.max(...[total ?? 0, ...meters.map((one) => one.total ?? 0)], 1e-9);
  const row = (one, what, name = named(one.id)) => h("tr", { key: one.id },
    h("th", { scope: "row" }, what && icon(what), name),
    h("td", { class: "meterbar", "aria-hidden": "true" }, h("span", { class: "track" }, one.total > 0 && h("i", { style: { width: share(one.total, most) } }), old.get(one.id) > 0 && h("b", { style: { left: share(Math.min(old.get(one.id), most), most) } }))),
    h("td", { class: "num nb" }, ...amount(one.total, chosen.unit, total ?? one.total).map((text, i) => (i ? h("span", { class: "u" }, ` ${text}`) : h("b", null, text)))),
    h("td", { class: "num faint" }, total > 0 && one.total !== null ? `${figure((100 * one.total) / total)} %` : NONE),
    h("td", { class: "faint wide-only" }, one.source && one.source !== "counter" ? h("span", { class: "q amber" }, t(`energy.source.${one.source}`)) : one.known < WHOLE ? t("energy.known.share", { share: figure(100 * one.known) }) : ""));
  const rest = assets.length ? [{ id: "rest", total: total === null ? null : total - sum, known: 1 }] : [];
  return h("section", { class: "panel", key: "split" }, h("h2", null, t(assets.length ? "energy.by_asset" : "energy.by_meter"), state.before && h("small", null, t(period() === "today" ? "energy.mark.today" : "energy.mark"))),
    h("table", { class: "t meters" }, h("tbody", null, ...(assets.length && mains.length === 1 ? [] : mains).map((one) => row(one, electric ? "meter" : null)), ...parts.map((one) => row(one, null)), ...assets.map((one) => row(one, kinds.get(one.id))), ...rest.map((one) => row(one, "building", t("energy.rest"))))),
    parts.length > 0 && total > 0 && h("p", { class: "still" }, t("energy.add_up", { sum: amount(sum, chosen.unit).join(" "), total: amount(total, chosen.unit).join(" "), share: figure((100 * sum) / total, 1) })),
    assets.length > 0 && h("p", { class: "still" }, t("energy.from_mean")));
}

function share(part, whole) {
  return `${Math.max(0, Math.min(100, (100 * part) / whole)).toFixed(1)}%`;
}

function prices(found, chosen) {
  const { cost } = chosen;
  if (!cost && !chosen.carbon_source) return h("section", { class: "panel", key: "prices" }, h("h2", null, t("energy.prices")), h("p", { class: "still" }, t("energy.no_prices")));
  const unit = chosen.unit === "m3" ? "m³" : chosen.unit;
  return h("section", { class: "panel", key: "prices" }, h("h2", null, t("energy.prices")),
    cost && h("table", { class: "t" }, h("tbody", null, ...cost.bands.map((band) => h("tr", { key: `${band.name}-${band.price}` }, h("th", { scope: "row" }, band.name ? word("band", band.name) : t(cost.bands.length > 1 ? "energy.other_hours" : "energy.all_hours")), h("td", { class: "num" }, amount(band.used, chosen.unit, chosen.total).join(" ")), h("td", { class: "num faint" }, `× ${figure(band.price, 4).replace(/0{1,2}$/, "")} ${found.currency}`), h("td", { class: "num" }, h("b", null, figure(band.cost, 2))))))),
    cost?.estimated > 0.005 && h("p", { class: "still" }, t("energy.estimated", { cost: `${figure(cost.estimated, 2)} ${found.currency}` })),
    cost?.unpriced > 0.005 && h("p", { class: "still" }, t("energy.unpriced", { amount: amount(cost.unpriced, chosen.unit).join(" ") })),
    cost && h("p", { class: "still" }, t("energy.tariff_source", { source: chosen.tariff_source })),
    chosen.carbon_source && h("p", { class: "still" }, t("energy.carbon_source", { kg: chosen.carbon_each, unit, source: chosen.carbon_source })));
}

/* What is not known of the period, and what the counters did besides counting. */
function coverage(chosen, meters) {
  const nowMs = gatewayMs();
  const gaps = meters.filter((one) => one.in_gaps > 0.05).map((one) => t("energy.in_gaps", { meter: named(one.id), amount: amount(one.in_gaps, one.unit).join(" ") }));
  const marks = meters.flatMap((one) => one.marks.map(([ms, mark]) => t(`energy.mark.${mark}`, { meter: named(one.id), time: when(ms, nowMs) })));
  return [...(chosen.known < WHOLE ? [t("energy.hatched")] : []), ...gaps, ...marks].map((text, i) => h("p", { key: `c${i}`, class: "still" }, text));
}
