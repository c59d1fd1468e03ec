/* Alarms and requests as sentences: the thing, not the system. */

import { kw, signal } from "./numbers.js";
import { has, language, named, t, word } from "./words.js";

/** What is wrong, in one short line. */
export function alarmTitle(alarm) {
  return has(`alarm.${alarm.cause}`) ? t(`alarm.${alarm.cause}`, { place: place(alarm) }) : `${word("alarm", alarm.cause)}: ${place(alarm)}`;
}

/** What it does to the site. */
export function alarmText(alarm) {
  return has(`alarm.${alarm.cause}.effect`) ? t(`alarm.${alarm.cause}.effect`, { place: place(alarm) }) : alarmDetail(alarm);
}

/** What was found when it was raised. */
export function alarmDetail(alarm) {
  return (language === "zh" && alarm.detail_zh) || alarm.detail;
}

/** What a person should do; empty where nobody has written it. */
export function alarmDo(alarm) {
  return has(`alarm.${alarm.cause}.do`) ? t(`alarm.${alarm.cause}.do`, { place: place(alarm) }) : "";
}

function place(alarm) {
  return has(`name.${alarm.place}`) ? named(alarm.place) : alarm.place || alarm.place;
}

/** How much a request asks: “150 kW less”. */
export function quantity(one) {
  if (one.signal !== null && one.signal !== undefined) return `${t("figure.signal")} ${signal(one.signal)}`;
  if (one.shed_w !== null) return t(one.shed_w < 0 ? "quantity.more" : "quantity.less", { power: kw(Math.abs(one.shed_w)) });
  if (one.power_w !== null) return kw(one.power_w);
  if (one.max_import_w !== null && one.max_import_w !== undefined) return t("figure.import_limit", { power: kw(one.max_import_w) });
  if (one.max_export_w !== null && one.max_export_w !== undefined) return t("figure.export_limit", { power: kw(one.max_export_w) });
  return "";
}
