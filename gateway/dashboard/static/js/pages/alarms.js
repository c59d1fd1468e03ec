/* Alarms: what must I do; cause, effect, what to do; acknowledged by name, shelved for a while, cleared by itself. */

import { h } from "../dom.js";
import { change, empty, title } from "../frame.js";
import { icon } from "../icons.js";
import { age, when } from "../numbers.js";
import { severity } from "../quality.js";
import { alarmDetail, alarmDo, alarmText, alarmTitle } from "../sentences.js";
import { gatewayMs, may, show, store } from "../store.js";
import { t, word } from "../words.js";

const ORDER = { high: 0, medium: 1, low: 2 };
const NEVER_SHELVED = ["emergency_stop", "interlock"];

/** The page. */
export function view() {
  const all = store.alarms?.alarms;
  if (!all) return h("p", { class: "loading" }, t("loading"));
  const shown = store.query.get("show") ?? "active";
  const shelved = all.filter((alarm) => alarm.shelved_by !== null).sort((a, b) => a.shelved_until_ms - b.shelved_until_ms);
  const active = all.filter((alarm) => alarm.active && alarm.shelved_by === null).sort((a, b) => ORDER[a.severity] - ORDER[b.severity] || b.raised_ms - a.raised_ms);
  const cleared = all.filter((alarm) => !alarm.active && alarm.shelved_by === null).sort((a, b) => b.cleared_ms - a.cleared_ms);
  const tab = (name, text, count) => h("a", { href: `/alarms?show=${name}`, "aria-current": shown === name ? "true" : null }, text, " ", h("b", null, count));
  return [title(t("alarms.title"),
    h("nav", { class: "seg", "aria-label": t("alarms.title") }, tab("active", t("alarms.tab"), active.length), tab("shelved", t("alarms.shelved"), shelved.length), tab("cleared", t("alarms.cleared"), cleared.length), tab("all", t("alarms.all"), all.length)),
    h("div", { class: "right legend wide-only" }, ...["high", "medium", "low"].map((one) => h("span", null, severity(one), `${t(`severity.${one}`)}: ${t(`alarms.${one}`)}`)))),
  ["active", "all"].includes(shown) && h("section", { class: "panel", key: "active", "aria-label": t("alarms.active") }, active.length ? h("ul", { class: "alarms" }, ...active.map(standing))
    : empty("check", t("alarms.none"), cleared.length ? t("alarms.none.last", { time: when(cleared[0].cleared_ms, gatewayMs(), true) }) : t("alarms.none.ever"))),
  (shown === "shelved" || (shown === "all" && shelved.length > 0)) && h("section", { class: "panel", key: "shelved" }, h("h2", null, t("alarms.shelved")), shelved.length ? away(shelved) : empty("clock", t("alarms.none.shelved"), t("alarms.none.shelved.text"))),
  shown !== "shelved" && (shown !== "active" || cleared.length > 0) && h("section", { class: "panel", key: "cleared" }, h("h2", null, t("alarms.cleared")), cleared.length ? table(cleared) : empty("clock", t("alarms.none.cleared"), t("alarms.none.cleared.text")))];
}

function standing(alarm) {
  const nowMs = gatewayMs();
  const seen = alarm.acknowledged_by !== null;
  const line = (name, text) => text && h("div", null, h("dt", null, t(name)), h("dd", null, text));
  return h("li", { key: alarm.key, class: `${alarm.severity}${seen ? " seen" : ""}` }, severity(alarm.severity),
    h("div", { class: "what" }, h("h2", null, alarmTitle(alarm)), h("dl", null, line("alarms.cause", alarmDetail(alarm)), line("alarms.effect", alarmText(alarm) === alarmDetail(alarm) ? "" : alarmText(alarm)), line("alarms.do", alarmDo(alarm)))),
    h("div", { class: "since" }, h("b", null, age((nowMs - alarm.raised_ms) / 1000)), h("span", null, t("alarms.since", { time: when(alarm.raised_ms, nowMs, true) })), alarm.count > 1 && h("span", null, t("alarms.times", { n: alarm.count })),
      h("span", null, seen ? t("alarms.acknowledged", { time: when(alarm.acknowledged_ms, nowMs), who: alarm.acknowledged_by }) : t("alarms.unacknowledged"))),
    h("div", { class: "acts" }, !seen && h("button", { class: "btn primary", disabled: !may("operator"), title: may("operator") ? null : t("needs_role", { role: word("role", "operator") }),
      onclick: () => change("alarms/acknowledge", { key: alarm.key }, t("alarms.acknowledge.done")) }, t("alarms.acknowledge"), h("span", { class: "vh" }, ` ${alarmTitle(alarm)}`)),
      !NEVER_SHELVED.includes(alarm.cause) && h("button", { class: "btn", ...needsOperator(), "aria-haspopup": "dialog", onclick: () => show({ name: "shelve", key: alarm.key }) }, t("alarms.shelve"), h("span", { class: "vh" }, ` ${alarmTitle(alarm)}`))));
}

function needsOperator() {
  return { disabled: !may("operator"), title: may("operator") ? null : t("needs_role", { role: word("role", "operator") }) };
}

/* Those that are out of the way: until when, by whom, why, and back. */
function away(shelved) {
  const nowMs = gatewayMs();
  return h("ul", { class: "alarms" }, ...shelved.map((alarm) => h("li", { key: alarm.key, class: `${alarm.severity} seen` }, severity(alarm.severity),
    h("div", { class: "what" }, h("h2", null, alarmTitle(alarm)), h("dl", null, h("div", null, h("dt", null, t("alarms.why")), h("dd", null, alarm.shelved_why)))),
    h("div", { class: "since" }, h("b", null, t("alarms.until", { time: when(alarm.shelved_until_ms, nowMs) })), h("span", null, t("alarms.shelved_by", { who: alarm.shelved_by })), h("span", null, t(alarm.active ? "alarms.stands" : "alarms.itself"))),
    h("div", { class: "acts" }, h("button", { class: "btn", ...needsOperator(), onclick: () => change("alarms/unshelve", { key: alarm.key }, t("alarms.unshelve.done")) }, icon("alarms"), t("alarms.unshelve"), h("span", { class: "vh" }, ` ${alarmTitle(alarm)}`))))));
}

function table(cleared) {
  const nowMs = gatewayMs();
  return h("table", { class: "t" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, h("span", { class: "vh" }, t("severity.high"))), h("th", { scope: "col" }, t("alarms.alarm")), h("th", { class: "wide-only", scope: "col" }, t("alarms.cause")),
    h("th", { class: "num", scope: "col" }, t("alarms.from")), h("th", { class: "num", scope: "col" }, t("alarms.lasted")), h("th", { class: "wide-only", scope: "col" }, t("alarms.by")))),
  h("tbody", null, ...cleared.map((alarm) => h("tr", { key: alarm.key }, h("td", null, severity(alarm.severity)), h("td", null, h("b", null, alarmTitle(alarm))), h("td", { class: "dim wide-only" }, alarmDetail(alarm)),
    h("td", { class: "num" }, when(alarm.raised_ms, nowMs, true)), h("td", { class: "num" }, age((alarm.cleared_ms - alarm.raised_ms) / 1000)), h("td", { class: "dim wide-only" }, alarm.acknowledged_by ?? t("alarms.itself"))))));
}
