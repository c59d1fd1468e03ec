/* Now: is all well, what are we doing, why; what is asked, what it does, what limits it. */

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { band, counted, served } from "../mode.js";
import { figure, kw, power, signal, time, when } from "../numbers.js";
import { quality, severity } from "../quality.js";
import { ribbon } from "../ribbon.js";
import { gatewayMs, silentS, store } from "../store.js";
import { row } from "../strip.js";
import { rows } from "../trace.js";
import { alarmText, alarmTitle, quantity } from "../sentences.js";
import { named, t, word } from "../words.js";

/** The page. */
export function view() {
  const now = store.now;
  if (!now) return h("p", { class: "loading" }, t("loading"));
  const atMs = gatewayMs();
  return [modeBand(now, atMs), h("div", { class: "now-grid" }, site(now, atMs),
    h("aside", { class: "side" }, delivery(now, atMs), next(now, atMs), attention(now, atMs)), assets(now))];
}

function modeBand(now, atMs) {
  const is = band(now, atMs);
  const urgent = is.look === "failsafe" || is.look === "estop";
  return h("section", { class: `mode ${is.look}`, key: "mode" }, icon(is.icon),
    h("div", { "aria-live": urgent ? "assertive" : "polite" }, h("h1", { tabindex: "-1" }, is.title), h("p", null, is.text)),
    is.verdict && h("div", { class: "verdict" }, h("b", null, is.verdict[2] === true && icon("check"), is.verdict[2] === true && " ", is.verdict[0]), h("span", { class: "dim" }, is.verdict[1])));
}

function site(now, atMs) {
  return h("section", { class: "panel site", "aria-label": t("figure.site") }, h("div", { class: "figures" }, ...figures(now)), scale(now), ribbon(now, atMs));
}

function figures(now) {
  const at = now.power.w;
  const [value, unit] = power(at);
  const old = now.power.quality === "stale";
  const estimate = now.power.quality === "substituted";
  const side = at === null ? "" : t(Math.abs(at) < 50 ? "site.idle" : at < 0 ? "site.export" : "site.import");
  const found = [h("div", { class: `fig hero${estimate ? " est" : ""}`, key: "hero" },
    h("div", { class: "lab" }, h("i", { class: "key" }), t("figure.site"), " ", quality(now.power, { control: true, later: silentS() })),
    h("div", { class: `val${old ? " old" : ""}` }, estimate && "≈ ", value, h("span", { class: "u" }, `${unit} ${side}`)))];
  const away = at === null || now.target_w === null ? null : at - now.target_w;
  const place = now.target_w === null ? t("figure.no_target") : away === null ? t("figure.not_known") : Math.abs(away) < 500 ? t("figure.reached") : t(away > 0 ? "figure.above" : "figure.below", { power: kw(Math.abs(away)) });
  found.push(one("asked", "figure.target", now.target_w, place, now.service === "reg" ? "asked solid" : "asked"));
  const by = served(now);
  const from = counted(now);
  found.push(one("", from.name, from.w, t(from.sub), "base"));
  if (now.service === "reg") found.push(h("div", { class: "fig", key: "signal" }, h("div", { class: "lab" }, t("figure.signal")), h("div", { class: "val" }, signal(now.signal)), h("div", { class: "sub" }, t("figure.of", { power: kw(now.capacity_w) }))));
  else if (by?.shed_w) {
    const less = by.reference_w === null || at === null ? null : by.reference_w - at;
    found.push(one("", less !== null && less < 0 ? "figure.more" : from.name === "figure.baseline" ? "figure.less" : "figure.delivers", less, less === null ? "" : t("figure.share", { n: figure((100 * less) / by.shed_w), power: figure(Math.abs(by.shed_w) / 1000) }), null));
  }
  const limit = now.limits.max_import_w;
  const exports = at !== null && at < 0 && now.limits.max_export_w !== null;
  const room = at === null ? null : exports ? now.limits.max_export_w + at : limit === null ? null : limit - at;
  found.push(one("", "figure.room", room, exports ? t("figure.export_limit", { power: kw(now.limits.max_export_w) }) : limit === null ? t("figure.no_limit") : t("figure.import_limit", { power: kw(limit) }), null));
  return found;
}

function one(look, label, w, sub, key) {
  const [value, unit] = power(w);
  return h("div", { class: `fig ${look}`, key: label }, h("div", { class: "lab" }, key && h("i", { class: `key ${key}` }), t(label)),
    h("div", { class: "val" }, value, w !== null && h("span", { class: "u" }, ` ${unit}`)), h("div", { class: "sub" }, sub));
}

/* 0 to the limit and a little: what it is now, what it would be, target and limit. */
function scale(now) {
  const limit = now.limits.max_import_w;
  const at = now.power.w;
  if (limit === null || limit <= 0 || at === null || at < 0) return null;
  const base = counted(now).w;
  const x = (w) => `${Math.min(100, Math.max(0, (100 * w) / (limit * 1.07))).toFixed(2)}%`;
  return h("div", { class: "scale", "aria-hidden": "true" }, h("i", { class: "fill", style: { width: x(at) } }),
    base !== null && base > at && h("i", { class: "saved", style: { left: x(at), width: x(base - at) } }),
    h("i", { class: "over", style: { left: x(limit) } }), h("i", { class: "mark", style: { left: x(limit) } }),
    base !== null && h("i", { class: "mark base", style: { left: x(base) } }),
    now.target_w !== null && h("i", { class: "mark asked", style: { left: x(now.target_w) } }),
    now.target_w !== null && h("span", { class: "t up asked", style: { left: x(now.target_w) } }, `${t("figure.target")} ${kw(now.target_w)}`),
    h("span", { class: "t dn l" }, "0 kW"), h("span", { class: "t dn r" }, t("ribbon.limit", { power: kw(limit) })));
}

/* Beside an event's bars there is room for less of what comes and what needs attention: the first page fits its screen. */
function delivers(now) {
  const by = served(now);
  return now.service !== "reg" && Boolean(by?.shed_w) && by.end_ms !== null;
}

function delivery(now, atMs) {
  if (now.service === "reg") return tracking(atMs);
  if (!delivers(now)) return null;
  const by = served(now);
  const found = quarters(by, atMs);
  const top = Math.abs(by.shed_w) * 1.27;
  return h("section", { class: "panel", key: "delivery" }, h("h2", null, t("delivery.title"), h("small", null, t("delivery.sub", { power: kw(Math.abs(by.shed_w)) }))),
    h("div", { class: "qh" }, ...found.map((quarter) => {
      const share = quarter.mean === null ? null : quarter.mean / by.shed_w;
      const short = share !== null && share < 0.8 && !quarter.runs;
      const high = (w) => `${Math.min(100, Math.max(0, (100 * Math.abs(w)) / top)).toFixed(1)}%`;
      return h("div", { class: `col${quarter.runs ? " run" : ""}${short ? " short" : ""}`, key: quarter.start },
        h("div", { class: "track", "aria-hidden": "true" }, h("i", { class: "ok", style: { bottom: high(by.shed_w * 0.8), height: high(by.shed_w * 0.4) } }),
          share !== null && share > 0 && h("i", { class: "fill", style: { height: high(quarter.mean) } }), h("i", { class: "ask", style: { bottom: high(by.shed_w) } })),
        h("div", { class: "v" }, share !== null && !quarter.runs && !short && icon("check"), short && "▲ ", quarter.mean === null ? "–" : figure(quarter.mean / 1000), short && h("small", null, ` ${t("delivery.short")}`)),
        h("div", { class: "t" }, time(quarter.start), quarter.runs && h("span", { class: "now" }, ` · ${t("delivery.so_far")}`)));
    })));
}

/* Mean shed of each quarter hour of the event, of the four around now; the last bars are still to come. */
function quarters(by, atMs) {
  const long = 15 * 60_000;
  const known = rows(by.begin_ms);
  const all = [];
  for (let start = by.begin_ms; start < by.end_ms; start += long) {
    const end = Math.min(by.end_ms, start + long);
    const inside = known.filter((row) => row.t >= start && row.t < end && row.does !== null && (row.base ?? by.reference_w) !== null);
    const sum = inside.reduce((total, row) => total + ((row.base ?? by.reference_w) - row.does), 0);
    all.push({ start, runs: start <= atMs && atMs < end, mean: inside.length ? sum / inside.length : null });
  }
  const at = Math.max(0, all.findIndex((quarter) => quarter.runs));
  return all.slice(Math.max(0, Math.min(at - 1, all.length - 4))).slice(0, 4);
}

function tracking(atMs) {
  const found = rows(atMs - 5 * 60_000).filter((row) => !row.shed && row.does !== null && row.asked !== null);
  if (found.length < 10) return null;
  const off = found.reduce((sum, row) => sum + Math.abs(row.does - row.asked), 0) / found.length;
  const moved = found.reduce((sum, row) => sum + Math.abs(row.asked - (row.base ?? row.asked)), 0) / found.length;
  return h("section", { class: "panel", key: "tracking" }, h("h2", null, t("tracking.title"), h("small", null, t("tracking.sub"))),
    h("dl", { class: "facts" }, h("div", null, h("dt", null, t("tracking.distance")), h("dd", null, kw(off, true))),
      h("div", null, h("dt", null, t("tracking.asked")), h("dd", null, kw(moved, true))),
      moved > 1000 && h("div", null, h("dt", null, t("tracking.precision")), h("dd", null, `${figure(100 * Math.max(0, 1 - off / moved))} %`))));
}

function next(now, atMs) {
  const found = [];
  for (const one of now.requests) {
    if (one.source === "hard_limit" || one.source === "schedule" || one.signal !== null) continue;
    if (one.waits) found.push([one.begin_ms, t("next.begins", { what: word("service", one.service) }), quantity(one) + (one.end_ms ? ` ${t("mode.until", { until: when(one.end_ms, atMs, one.end_ms - atMs < 120_000) })}` : ""), 1]);
    else if (one.end_ms !== null && one.kind === "event") found.push([one.end_ms, t("next.ends", { what: word("service", one.service) }), t("next.ends.text"), 0]);
    else if (one.end_ms !== null && one.source === "manual") found.push([one.end_ms, t("next.gives_back", { asset: named(one.target) }), t("next.by_itself"), 0]);
  }
  const block = now.plan.find((one) => one.start_ms > atMs);
  if (block) found.push([block.start_ms, t("next.basepoint", { power: kw(block.basepoint_w) }), block.up_w || block.down_w ? t("next.offered", { up: kw(block.up_w), down: kw(block.down_w) }) : t("figure.declared"), 1]);
  found.sort((a, b) => a[0] - b[0] || a[3] - b[3]); // what ends stands before what begins then
  const most = delivers(now) ? 2 : 4;
  return h("section", { class: "panel grow", key: "next" }, h("h2", null, t("next.title")), found.length
    ? h("ul", { class: "next" }, ...found.slice(0, most).map(([ms, head, text]) => h("li", { key: `${ms}-${head}` }, h("time", null, when(ms, atMs, ms - atMs < 120_000)), h("div", null, h("b", null, head), h("p", null, text)))))
    : h("p", { class: "still" }, t("next.nothing")));
}

function attention(now, atMs) {
  const most = delivers(now) ? 2 : 3;
  const order = { high: 0, medium: 1, low: 2 };
  const found = (store.alarms?.alarms ?? []).filter((alarm) => alarm.active && alarm.shelved_by === null).sort((a, b) => order[a.severity] - order[b.severity] || b.raised_ms - a.raised_ms);
  return h("section", { class: "panel att-panel", key: "attention" }, h("h2", null, t("attention.title"), found.length > most && h("a", { class: "right", href: "/alarms" }, t("attention.all", { n: found.length }))),
    found.length ? h("ul", { class: "att" }, ...found.slice(0, most).map((alarm) => h("li", { key: alarm.key }, severity(alarm.severity),
      h("div", null, h("b", null, h("a", { href: "/alarms" }, alarmTitle(alarm))), h("p", null, alarmText(alarm))), h("time", null, when(alarm.raised_ms, atMs)))))
      : h("p", { class: "still" }, icon("check"), t("attention.nothing")));
}

function assets(now) {
  const mark = (look, name) => h("span", null, h("i", { class: look }), t(name));
  return h("section", { class: "panel assets", key: "assets" },
    h("h2", null, t("nav.assets"), h("span", { class: "right legend wide-only", "aria-hidden": "true" }, mark("g-asked", "strip.asked"), mark("g-does", "strip.does"), mark("g-base", "strip.base"), mark("g-can", "strip.can"), mark("g-wall", "strip.wall"))),
    h("table", { class: "strips" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, t("asset.asset")), h("th", { class: "num", scope: "col" }, t("asset.asked")), h("th", { class: "num", scope: "col" }, t("asset.does")),
      h("th", { scope: "col" }, h("div", { class: "ends" }, h("span", null, `← ${t("asset.headroom")}`), h("span", null, `${t("asset.footroom")} →`))), h("th", { scope: "col" }, t("asset.why")))),
    h("tbody", null, ...now.assets.map((asset) => row(asset, { shadow: now.shadow })))));
}
