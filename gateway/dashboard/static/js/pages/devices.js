/* Devices and lines: is everything answering; one device's points with quality, cause and age in words and shapes. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { title } from "../frame.js";
import { icon } from "../icons.js";
import { age, figure, value } from "../numbers.js";
import { kindOf, quality, shape } from "../quality.js";
import { changed, store } from "../store.js";
import { t } from "../words.js";

const EVERY_MS = 2000;
const UNITS = { degC: "°C", "1": "", m3: "m³", "m3/h": "m³/h", "W/m2": "W/m²", deg: "°" };
let found = null;
let points = null;
let timer = null;

/** Ask while the page is open. */
export function enter() {
  clearInterval(timer);
  points = null;
  timer = setInterval(() => { if (!document.hidden) ask(); }, EVERY_MS);
  ask();
}

export function leave() {
  clearInterval(timer);
}

async function ask() {
  const device = store.query.get("device");
  try {
    found = await get("devices");
    const read = device ? (await get("points", { device })) : null;
    if (device === store.query.get("device")) points = read; // else another box was picked meanwhile
  } catch (error) {
    if (error.status === 404 && device === store.query.get("device")) points = { points: [] };
  }
  changed();
}

/** The page. */
export function view() {
  if (!found) return h("p", { class: "loading" }, t("loading"));
  const sum = (name) => found.devices.reduce((total, device) => total + device.points[name], 0);
  const all = ["good", "uncertain", "substituted", "stale", "invalid"].reduce((total, name) => total + sum(name), 0);
  const online = found.devices.filter((device) => device.online).length;
  const key = (look, text) => h("span", null, h("i", { class: `square ${look}` }), text);
  return [title(t("devices.title"), h("span", { class: "dim" }, t("devices.sub", { n: online, of: found.devices.length, good: sum("good"), points: all })),
    h("div", { class: "right legend wide-only", "aria-hidden": "true" }, key("", t("devices.answering")), key("some", t("devices.some")), key("off", t("quality.offline")))),
  h("div", { class: `boxes${store.query.get("device") ? " picked" : ""}` }, h("section", { class: "panel", key: "lines" }, lines()), device())];
}

function state(device) {
  if (!device.online) return "off";
  return device.points.good + device.points.substituted < Object.values(device.points).reduce((a, b) => a + b, 0) ? "some" : "";
}

function lines() {
  const chosen = store.query.get("device");
  const number = (line, name) => figure(line.counters[name] ?? 0);
  return h("table", { class: "t lines" }, h("thead", null, h("tr", null, ...["devices.line", "input.devices"].map((name) => h("th", { scope: "col" }, t(name))),
    ...["polls", "missed", "errors", "writes"].map((name) => h("th", { class: "num wide-only", scope: "col" }, t(`devices.${name}`))), h("th", { scope: "col" }, t("devices.state")))),
  h("tbody", null, ...found.lines.map((line) => {
    const on = found.devices.filter((device) => device.line === line.id).sort((a, b) => a.unit_id - b.unit_id);
    const off = on.filter((device) => !device.online).length;
    const bad = on.filter((device) => device.online).reduce((total, device) => total + device.points.uncertain + device.points.stale + device.points.invalid, 0);
    const word = off ? t("devices.offline_n", { n: off }) : bad ? t("devices.points_n", { n: bad }) : t("devices.all_good");
    return h("tr", { key: line.id }, h("th", { scope: "row" }, h("b", null, line.id), h("small", null, `${line.transport.replaceAll("_", " ")} · ${line.address}`)),
      h("td", null, h("div", { class: "squares" }, ...on.map((device) => h("a", { key: device.id, class: `square ${state(device)}`, href: `/devices?device=${encodeURIComponent(device.id)}`, "aria-current": chosen === device.id ? "true" : null,
        title: device.id, "aria-label": `${device.id}: ${t(device.online ? (state(device) ? "devices.some" : "devices.answering") : "quality.offline")}` }, device.online ? "" : "×")))),
      ...["polls", "missed", "read_errors", "writes"].map((name) => h("td", { class: "num wide-only" }, number(line, name))),
      h("td", null, h("span", { class: `q ${off ? "offline" : bad ? "stale" : "good"}` }, shape(off ? "offline" : bad ? "stale" : "good"), word)));
  })));
}

function device() {
  const id = store.query.get("device");
  if (!id) return h("section", { class: "panel", key: "none" }, h("p", { class: "still" }, icon("devices"), t("devices.pick")));
  const box = found.devices.find((one) => one.id === id);
  const rows = points?.points ?? [];
  const head = box ? [box.line, t("devices.unit", { n: box.unit_id }), box.profile].join(" · ") : "";
  return h("section", { class: "panel", key: `device-${id}` }, h("a", { class: "back", href: "/devices" }, "← ", t("devices.title")), h("h2", { class: "big-h2" }, id, h("small", null, head), box && h("span", { class: `q ${box.online ? "good" : "offline"}` }, shape(box.online ? "good" : "offline"), t(box.online ? "devices.answering" : "quality.offline"))),
    points === null ? h("p", { class: "loading" }, t("loading")) : !rows.length ? h("p", { class: "still" }, t("devices.none")) : table(rows));
}

function table(rows) {
  return h("table", { class: "t points" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, t("devices.point")), h("th", { class: "num", scope: "col" }, t("devices.value")), h("th", { scope: "col" }, t("devices.quality")),
    h("th", { class: "num", scope: "col" }, t("devices.age")), h("th", { class: "num wide-only", scope: "col" }, t("devices.limit")), h("th", { scope: "col" }, h("span", { class: "vh" }, t("devices.trend"))))),
  h("tbody", null, ...rows.map((point) => {
    const kind = kindOf(point);
    const old = kind === "stale" || kind === "offline";
    return h("tr", { key: point.id }, h("th", { scope: "row" }, point.quantity), h("td", { class: "num" }, ...reading(point, old)), h("td", null, quality({ ...point, age_s: null })),
      h("td", { class: `num${old ? " late" : ""}` }, age(point.age_s)), h("td", { class: "num faint wide-only" }, age(point.stale_after_s)),
      h("td", null, h("a", { class: "btn quiet tight", href: `/trends?points=${encodeURIComponent(point.id)}`, "aria-label": `${t("devices.trend")} ${point.quantity}` }, icon("trends"))));
  })));
}

function reading(point, old) {
  if (point.name) return [h("span", { class: old ? "old" : null }, point.name.replaceAll("_", " "))];
  const watts = ["W", "Wh", "var", "VA"].includes(point.unit) && point.value !== null && Math.abs(point.value) >= 1000;
  const unit = watts ? `k${point.unit}` : UNITS[point.unit] ?? point.unit;
  return [h("span", { class: old ? "old" : null }, value(point.value === null ? null : watts ? point.value / 1000 : point.value)), h("span", { class: "u" }, ` ${unit}`)];
}
