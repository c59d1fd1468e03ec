/* Events: what comes, what runs, what was delivered; one of them in full, from the history of the site meter. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { empty, title } from "../frame.js";
import { icon } from "../icons.js";
import { date, figure, kw, signal, time, when } from "../numbers.js";
import { quantity } from "../sentences.js";
import { changed, gatewayMs, store } from "../store.js";
import { meterPoint } from "../trace.js";
import { named, t, word } from "../words.js";

const QUARTER_MS = 15 * 60_000;
const SERVICES = ["dr", "ar", "reg", "limit"];
const fetched = new Map();

/** The page. */
export function view() {
  const all = store.events;
  if (!all) return h("p", { class: "loading" }, t("loading"));
  const only = store.query.get("service");
  const keep = (list) => list.filter((one) => (!only || one.service === only) && one.source !== "schedule");
  const groups = [["running", keep(merged(all.running))], ["coming", keep(all.coming).sort((a, b) => a.begin_ms - b.begin_ms)], ["past", keep(all.past)]].filter(([, list]) => list.length);
  const every = groups.flatMap(([group, list]) => list.map((one) => ({ ...one, group })));
  const asked = store.query.get("id");
  const chosen = every.find((one) => idOf(one) === asked) ?? every[0];
  const tab = (name) => h("a", { href: name ? `/events?service=${name}` : "/events", "aria-current": (only ?? "") === name ? "true" : null }, name ? word("service", name) : t("events.all"));
  return [title(t("events.title"), h("nav", { class: "seg", "aria-label": t("events.title") }, tab(""), ...SERVICES.map(tab))),
    every.length ? h("div", { class: `split${asked ? " picked" : ""}` }, h("nav", { class: "panel rows", "aria-label": t("events.title") }, ...groups.map(([name, list]) => [h("h2", { key: name, class: "group" }, t(`events.${name}`)), ...list.map((one) => row(one, chosen))])), detail(chosen))
      : h("section", { class: "panel" }, empty("events", t("events.none"), t("events.none.text")))];
}

/* Regulation is one signal after another: one row for all of them. */
function merged(running) {
  const signals = running.filter((one) => one.signal !== null);
  return [...running.filter((one) => one.signal === null), ...signals.slice(-1)];
}

function idOf(one) {
  return one.signal !== null && one.signal !== undefined ? `signal-${one.issuer}` : `${one.issuer}/${one.id}`;
}

/* Of so few minutes that its seconds count. */
function isBrief(one) {
  return one.end_ms !== null && one.end_ms - one.begin_ms < 600_000;
}

function what(one) {
  if (one.signal !== null && one.signal !== undefined && store.now?.capacity_w) return `± ${kw(store.now.capacity_w)}`;
  return quantity(one);
}

function row(one, chosen) {
  const nowMs = gatewayMs();
  const brief = isBrief(one);
  const end = one.end_ms === null ? "" : ` – ${time(one.end_ms, brief)}`;
  const result = one.group ?? (one.result ? "past" : "");
  const query = new URLSearchParams({ ...(store.query.get("service") ? { service: store.query.get("service") } : {}), id: idOf(one) });
  return h("a", { key: idOf(one), class: "event", href: `/events?${query}`, "aria-current": chosen && idOf(chosen) === idOf(one) ? "true" : null },
    h("span", null, h("b", null, time(one.begin_ms, brief), end), h("small", null, date(one.begin_ms) === date(nowMs) ? t("events.today") : date(one.begin_ms))),
    h("span", null, h("b", null, one.source === "manual" ? `${t("held.manual")}: ${named(one.target)}` : word("service", one.service), " ", what(one)), h("small", { class: "id" }, named(one.issuer), " · ", one.id)),
    h("span", { class: "num" }, one.result ? h("span", { class: `tag${one.result === "failed" ? " amber" : one.result === "refused" ? " dash" : ""}` }, word("result", one.result)) : result === "running" && h("span", { class: "tag asked" }, t("events.running")),
      one.delivery !== null && one.delivery !== undefined && h("b", null, `${figure(100 * one.delivery)} %`)));
}

function detail(one) {
  const nowMs = gatewayMs();
  const over = Boolean(one.result);
  const waits = one.waits === true;
  const shed = one.shed_w;
  const found = !waits && shed !== null ? evidence(one, nowMs) : null;
  const told = over && one.delivery !== null && one.delivery !== undefined ? one.delivery * shed : null;
  const mean = told ?? found?.mean ?? null;
  const quarters = told !== null && found?.quarters.length === 1 ? [{ ...found.quarters[0], mean: told }] : found?.quarters; // one bar is the whole
  const brief = isBrief(one);
  const by = [...new Set([named(one.issuer), word("source", one.source)])].join(" · ");
  const facts = [["events.from_to", `${when(one.begin_ms, nowMs, brief)} – ${one.end_ms === null ? t("events.open") : when(one.end_ms, nowMs, brief)}`], ["events.by", by], ["events.target", named(one.target)],
    one.signal !== null && one.signal !== undefined && ["figure.signal", signal(one.signal)], one.signal !== null && one.signal !== undefined && ["figure.basepoint", kw(store.now?.basepoint_w)], !over && one.reference_w !== null && ["events.counted", kw(one.reference_w)], over && ["events.outcome", [word("result", one.result), one.reason && one.reason !== "ok" ? word("refused", one.reason) : ""].filter(Boolean).join(" · ")], over && ["events.over", t("events.over", { time: when(one.over_ms, nowMs, true) })]].filter(Boolean);
  const fig = (name, value, unit, sub) => h("div", { class: "fig" }, h("div", { class: "lab" }, t(name)), h("div", { class: "val" }, value, h("span", { class: "u" }, ` ${unit}`)), sub && h("div", { class: "sub" }, sub));
  return h("section", { class: "panel detail", key: idOf(one) }, h("a", { class: "back phone-only", href: "/events" }, "← ", t("nav.events")),
    h("div", { class: "title-row" }, h("h2", { class: "page-title" }, one.source === "manual" ? t("held.manual") : word("service", one.service), " ", what(one)), h("span", { class: `tag${over ? "" : " asked"}` }, over ? word("result", one.result) : t(waits ? "events.coming" : "events.running")), h("span", { class: "faint mono" }, one.id)),
    one.service === "reg" && over && h("div", { class: "figures" }, fig("tracking.precision", one.delivery === null ? "–" : figure(100 * one.delivery, 1), "%", t("events.precision"))),
    shed !== null && !waits && h("div", { class: "figures" }, fig("events.delivered", mean === null ? "–" : figure(mean / 1000, 1), `kW / ${figure(shed / 1000)}`, over ? "" : t("events.so_far")), fig("events.share", mean === null ? "–" : figure((100 * mean) / shed), "%"), fig("events.energy", found?.wh == null ? "–" : figure(found.wh / 1000, 1), "kWh")),
    found && (quarters.length ? quarterBars(one, quarters, nowMs) : !found.waits && h("p", { class: "still" }, t("events.no_values"))),
    found?.settled && settled(found.settled),
    h("dl", { class: "facts" }, ...facts.map(([name, text]) => h("div", { key: name }, h("dt", null, name === "events.over" ? t("events.past") : t(name)), h("dd", null, text)))),
    h("p", { class: "acts" }, h("a", { class: "btn", href: `/trends?from=${one.begin_ms - 30 * 60_000}&to=${Math.round(Math.min(nowMs, (one.end_ms ?? nowMs) + 30 * 60_000))}` }, icon("trends"), t("nav.trends"))));
}

/* Mean shed below what it counts from, as far as the history knows; asked for again each half minute while it runs. */
function evidence(one, nowMs) {
  const key = `${one.issuer}/${one.id}`;
  const known = fetched.get(key);
  const due = !known || (!one.result && performance.now() - known.at > 30_000);
  const meter = meterPoint();
  if (due && meter && one.end_ms !== null) {
    fetched.set(key, { ...(known ?? { quarters: [], waits: true }), at: performance.now() });
    collected(one, meter, nowMs).then((found) => { fetched.set(key, { ...found, at: performance.now() }); changed(); }, () => {});
  }
  return fetched.get(key) ?? { quarters: [], waits: true };
}

/* What is over is settled by the gateway, the same way as in its reports; what runs is followed from the history. */
async function collected(one, meter, nowMs) {
  const found = await collect(one, meter, nowMs);
  if (!one.result || one.result === "refused") return found;
  const proof = await get("events/evidence", { issuer: one.issuer, id: one.id }).catch(() => null);
  if (!proof) return found;
  const quarters = proof.quarters.map((quarter) => ({ start: quarter.begin_ms, end: quarter.end_ms, mean: quarter.baseline_w === null || quarter.power_w === null ? null : quarter.baseline_w - quarter.power_w }));
  return { ...found, ...(quarters.some((quarter) => quarter.mean !== null) ? { quarters } : {}), wh: proof.energy_wh ?? found.wh, settled: proof };
}

/* What a settlement would make of it: by mean and by maximum. */
function settled({ settlement, rules, unconfirmed }) {
  if (!settlement) return h("p", { class: "still" }, t("events.not_settled"));
  const row = (name, value) => h("div", { key: name }, h("dt", null, t(name)), h("dd", null, value));
  return h("div", { class: "settled" }, h("h3", { class: "h2" }, t("events.settlement"), " ", h("span", { class: `tag${settlement.valid ? "" : " amber"}` }, t(settlement.valid ? "events.valid" : "events.void"))),
    h("dl", { class: "facts" }, row("events.rate", `${figure(100 * settlement.rate, 1)} %`), row("events.paid", `${figure(100 * settlement.paid, 1)} %`), row("events.mean_load", `${kw(settlement.mean_w)} / ${kw(settlement.baseline_mean_w)}`), row("events.max_load", `${kw(settlement.max_w)} / ${kw(settlement.baseline_max_w)}`), row("events.effective", `${settlement.effective_min} min`)),
    h("p", { class: "still" }, t("events.rules", { rules }), unconfirmed && ` ${t("events.unconfirmed", { what: unconfirmed })}`));
}

async function collect(one, meter, nowMs) {
  const until = Math.min(one.end_ms, one.over_ms ?? nowMs, nowMs);
  const span = { from: Math.round(one.begin_ms), to: Math.round(until), max_points: 2000 };
  if (span.to - span.from < 2000) return { quarters: [] };
  const [does, base] = await Promise.all([meter, "gateway/baseline.power"].map((point) => get("history", { point, ...span }).catch(() => null)));
  if (!does) return { quarters: [] };
  const bases = new Map((base?.t_ms ?? []).map((ms, i) => [ms, base.mean[i]]));
  const rows = does.t_ms.map((ms, i) => ({ ms, w: does.mean[i], base: bases.get(ms) ?? one.reference_w ?? null })).filter((row) => row.w !== null && row.base !== null);
  const mean = (list) => (list.length ? list.reduce((sum, row) => sum + row.base - row.w, 0) / list.length : null);
  const quarters = [];
  for (let start = one.begin_ms; start < one.end_ms; start += QUARTER_MS) quarters.push({ start, end: Math.min(one.end_ms, start + QUARTER_MS), mean: mean(rows.filter((row) => row.ms >= start && row.ms < start + QUARTER_MS)) });
  return rows.length ? { quarters, mean: mean(rows), wh: (mean(rows) * rows.length * does.step_s) / 3600 } : { quarters: [] };
}

function quarterBars(one, quarters, nowMs) {
  const top = Math.abs(one.shed_w) * 1.27;
  const high = (w) => `${Math.min(100, Math.max(0, (100 * Math.abs(w)) / top)).toFixed(1)}%`;
  return h("div", { class: "quarters" }, h("h3", { class: "h2" }, t("events.quarters")), h("div", { class: "qh", style: { "--n": Math.min(quarters.length, 12) } }, ...quarters.slice(0, 96).map((quarter) => {
    const share = quarter.mean === null ? null : quarter.mean / one.shed_w;
    const runs = quarter.start <= nowMs && nowMs < quarter.end && !one.result;
    const short = share !== null && share < 0.8 && !runs;
    return h("div", { key: quarter.start, class: `col${runs ? " run" : ""}${short ? " short" : ""}` }, h("div", { class: "track", "aria-hidden": "true" }, h("i", { class: "ok", style: { bottom: high(one.shed_w * 0.8), height: high(one.shed_w * 0.4) } }), share > 0 && h("i", { class: "fill", style: { height: high(quarter.mean) } }), h("i", { class: "ask", style: { bottom: high(one.shed_w) } })),
      h("div", { class: "v" }, share !== null && !short && !runs && icon("check"), short && "▲ ", quarter.mean === null ? "–" : figure(quarter.mean / 1000), h("small", { class: "faint" }, share === null ? "" : ` ${figure(100 * share)} %${short ? ` ${t("delivery.short")}` : ""}`)), h("div", { class: "t" }, time(quarter.start)));
  })));
}
