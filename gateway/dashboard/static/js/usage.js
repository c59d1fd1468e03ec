/* Bars over the hours or days of a period: what is known as a bar, the period before as a line, a gap hatched. */

import { h } from "./dom.js";
import { date, figure, time } from "./numbers.js";
import { t } from "./words.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** `cells` and `before`: {from, to, amount, known}; the axis goes on empty to `untilMs`. */
export function bars(cells, before, { unit, hourly, untilMs }) {
  const long = hourly ? HOUR : DAY;
  const all = [...cells];
  for (let from = all.at(-1)?.to ?? untilMs; all.length && from < untilMs - 1000; from += long) {
    const last = all.at(-1);
    if (last.to - last.from < 0.99 * long && last === cells.at(-1)) { from = last.from; all[all.length - 1] = { ...last, to: from + long }; continue; }
    all.push({ from, to: from + long, amount: null, known: 0, coming: true });
  }
  const top = Math.max(1e-9, ...all.map((cell) => cell.amount ?? 0), ...before.map((cell) => cell.amount ?? 0));
  const high = (amount) => `${Math.max(0, Math.min(100, (100 * amount) / top)).toFixed(1)}%`;
  const label = (cell) => (hourly ? time(cell.from).slice(0, 2) : date(cell.from));
  const every = all.length > 12 ? (hourly ? 3 : 7) : 1;
  const shown = (amount) => figure(amount, top < 9.95 ? 2 : top < 99.5 ? 1 : 0);
  return h("div", { class: "usage", role: "img", "aria-label": told(cells, label, unit) },
    h("div", { class: "most", "aria-hidden": "true" }, `${shown(top)} ${unit === "m3" ? "m³" : unit}`),
    h("ol", { class: "cells", "aria-hidden": "true", style: { "--n": all.length } }, ...all.map((cell, i) => h("li", { key: cell.from, class: cell.coming ? "coming" : cell.amount === null ? "gap" : cell.known < 0.99 ? "partly" : null, title: cell.coming ? null : `${label(cell)}: ${cell.amount === null ? t("energy.unknown") : `${shown(cell.amount)} ${unit === "m3" ? "m³" : unit}`}` },
      h("span", { class: "track" }, cell.amount !== null && h("i", { style: { height: high(cell.amount) } }), before[i]?.amount != null && h("b", { style: { bottom: high(before[i].amount) } })),
      h("span", { class: "tick" }, i % every === 0 && (hourly || all.length <= 12 || i < all.length - 2) ? label(cell) : "")))));
}

/* One sentence instead of the picture. */
function told(cells, label, unit) {
  const known = cells.filter((cell) => cell.amount !== null);
  if (!known.length) return t("energy.unknown");
  const most = known.reduce((a, b) => (b.amount > a.amount ? b : a));
  return t("energy.told", { n: known.length, of: cells.length, when: label(most), most: `${figure(most.amount, 1)} ${unit === "m3" ? "m³" : unit}` });
}
