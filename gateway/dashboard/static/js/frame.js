/* What stands around every page: bar with the inputs and the emergency stop, rail, the notes of what is lost. */

import { post } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { age, date, figure, time } from "./numbers.js";
import { holds } from "./mode.js";
import { current } from "./route.js";
import { changed, gatewayMs, may, show, silentS, store, tell } from "./store.js";
import { language, named, speak, store as keep, t, word } from "./words.js";

const DEEP = ["trends", "energy", "devices"];
const MAIN = ["now", "assets", "events", "trends", "energy", "devices", "alarms"];
const LAST = ["audit", "settings"];
const LOST_S = 4;
const LATE_S = 0.5;

/** The whole page. */
export function frame() {
  const page = current();
  const content = page ? page.view() : h("p", { class: "loading" }, t("loading"));
  if (!store.session?.user) return h("div", { key: "door", class: "door" }, doorTools(), h("main", { id: "main" }, note(), content));
  document.title = [t(`nav.${store.page}`), siteName()].filter(Boolean).join(" · ");
  const lost = silentS() > LOST_S;
  return h("div", { key: "app", class: `app${silentS() > 10 ? " silent" : ""}` },
    h("a", { class: "skip", href: "#main", onclick: skip }, t("skip")),
    bar(), rail(),
    h("main", { id: "main", tabindex: "-1" },
      lost && h("div", { class: "band-lost", role: "alert", key: "lost" }, icon("plug"), h("div", null, h("b", null, t("lost.title")), h("p", null, t("lost.text", { time: time(store.now?.at_ms, true) })))),
      note(), h("div", { class: "page", key: `page-${store.page}` }, content)));
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function note() {
  return h("div", { class: "notes", role: "status", key: "notes" }, store.note && h("p", { class: store.note.bad ? "note bad" : "note" }, icon(store.note.bad ? "shield" : "check"), store.note.text));
}

function siteName() {
  return store.now ? named(store.now.site) : store.session?.site ?? "";
}

function bar() {
  const now = store.now;
  const atMs = gatewayMs();
  return h("header", { class: "bar" },
    h("div", { class: "site-name" }, siteName(), now?.shadow && h("span", { class: "tag dash" }, icon("eye"), t("shadow"))),
    now ? inputs(now) : h("ul", { class: "trust" }),
    h("div", { class: "clock" }, h("span", null, time(atMs, true)), h("small", null, date(atMs))),
    h("div", { class: "tools" }, ...tools(), stopButton()));
}

function inputs(now) {
  const later = silentS();
  const meterBad = !["good", "substituted"].includes(now.power.quality);
  const meterAge = now.power.age_s === null ? null : age(now.power.age_s + later);
  const rows = [input("meter", t("input.meter"), meterBad ? `${t("quality.lost")}${meterAge ? ` ${meterAge}` : ""}` : meterAge ?? "–", meterBad ? "lost" : "")];
  for (const link of now.inputs.links) {
    const quiet = link.heard_s === null ? t("input.nothing_yet") : age(link.heard_s + later);
    rows.push(input("cloud", named(link.id), link.connected ? quiet : t("input.not_connected"), !link.connected ? "bad" : ""));
  }
  rows.push(input("devices", t("input.devices"), t("of", { n: now.inputs.devices_answering, of: now.inputs.devices }), now.inputs.devices_answering < now.inputs.devices ? "bad" : ""));
  const late = now.inputs.control_late_s;
  rows.push(input("turn", t("input.control"), late !== null && late > LATE_S ? t("input.late", { s: figure(late, 1) }) : t("input.on_time"), late !== null && late > LATE_S ? "bad" : ""));
  return h("ul", { class: "trust", "aria-label": t("input.title") }, ...rows);
}

function input(name, label, text, look) {
  return h("li", { class: look, key: label }, icon(name), h("span", null, label), " ", h("b", null, text));
}

function tools() {
  const dark = document.documentElement.dataset.theme === "dark";
  const other = language === "zh" ? "en" : "zh";
  return [
    h("button", { key: "lang", class: "btn quiet wide", lang: other === "zh" ? "zh-CN" : "en", onclick: () => speak(other).then(changed) }, other === "zh" ? "中文" : "English"),
    h("button", { key: "theme", class: "btn quiet wide", "aria-label": t(dark ? "theme.to_light" : "theme.to_dark"), title: t(dark ? "theme.to_light" : "theme.to_dark"), onclick: turnTheme }, icon(dark ? "sun" : "moon")),
    store.session?.user && h("a", { key: "user", class: "btn quiet wide", href: "/settings", "aria-label": whoAmI(), title: whoAmI() }, icon("person")),
  ];
}

/** Dark or light, remembered. */
export function turnTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  keep("theme", root.dataset.theme);
  document.dispatchEvent(new Event("gateway:theme"));
  changed();
}

function whoAmI() {
  return `${store.session.user} · ${word("role", store.session.role)}`;
}

function stopButton() {
  const allowed = may("operator");
  const title = allowed ? null : t("needs_role", { role: word("role", "operator") });
  if (store.now?.stopped) {
    return h("button", { key: "release", class: "btn stop", disabled: !allowed, title, onclick: () => show({ name: "release" }) }, icon("stop"), h("span", null, t("stop.release")));
  }
  return h("button", { key: "stop", class: "btn stop", disabled: !allowed, title, "aria-haspopup": "dialog", onclick: () => show({ name: "stop" }) },
    icon("stop"), h("span", { class: "wide" }, t("stop.title")), h("span", { class: "short" }, t("stop.short")));
}

function rail() {
  const count = store.now?.alarms;
  const open = count ? count.high + count.medium + count.low : 0;
  const link = (name) => h("a", { key: name, href: `/${name}`, class: DEEP.includes(name) || LAST.includes(name) ? "deep" : null, "aria-current": store.page === name ? "page" : null },
    icon(name), h("span", null, t(`nav.${name}`)),
    name === "alarms" && open > 0 && h("span", { class: `badge${count.high ? " high" : count.medium ? "" : " low"}` }, open, h("span", { class: "vh" }, ` ${t("alarms.active")}`)));
  const deep = DEEP.includes(store.page) || LAST.includes(store.page);
  return h("nav", { class: "rail", "aria-label": t("pages") }, ...MAIN.map(link), h("span", { class: "gap" }), ...LAST.map(link),
    h("button", { key: "more", class: `more-only${deep ? " here" : ""}`, "aria-haspopup": "dialog", onclick: () => show({ name: "more" }) }, icon("more"), h("span", null, t("nav.more"))),
    taken());
}

/* While somebody holds an asset, every page says so. */
function taken() {
  const held = store.now ? holds(store.now) : [];
  if (!held.length) return null;
  return h("div", { class: "taken", key: "taken" }, ...held.map((asset) => h("button", { key: asset.id, class: "tag person", disabled: !may("operator"), onclick: () => giveBack(asset) },
    icon("hand"), named(asset.id), " · ", asset.hold.ends_ms === null ? "" : age(Math.max(0, (asset.hold.ends_ms - gatewayMs()) / 1000)), " · ", t("asset.give_back"))));
}

/** End an override before its time. */
export async function giveBack(asset) {
  await change("cancel", { id: asset.hold.id, why: "given back on the dashboard" }, t("asset.given_back", { asset: named(asset.id) }));
}

/** Ask for a change and say what came of it; true when it was done. */
export async function change(path, body, done) {
  try {
    await post(path, body);
    tell(done);
    return true;
  } catch (error) {
    tell(t("refused", { why: word("refused", error.code) }), true);
    return false;
  }
}

/** Carry out what an open dialog asks, once however often it is pressed; done, the dialog closes. */
export async function submit(open, path, body, done) {
  if (open.sent) return;
  open.sent = true;
  if (await change(path, body, done)) show(null);
  open.sent = false;
}

function doorTools() {
  return h("div", { class: "door-tools" }, ...tools());
}

/** Headline of a page: one h1, and what stands beside it. */
export function title(text, ...beside) {
  return h("div", { class: "title-row", key: "title" }, h("h1", { class: "page-title", tabindex: "-1" }, text), ...beside);
}

/** Nothing here: one icon, one sentence of fact, what will appear. */
export function empty(name, head, text) {
  return h("div", { class: "empty" }, icon(name), h("b", null, head), h("p", null, text));
}
