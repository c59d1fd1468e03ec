/* Shelve an alarm: out of the way for a while, with a reason; it comes back by itself. */

import { h } from "./dom.js";
import { submit } from "./frame.js";
import { icon } from "./icons.js";
import { when } from "./numbers.js";
import { alarmTitle } from "./sentences.js";
import { reasoned, why } from "./stop.js";
import { changed, gatewayMs, show, store } from "./store.js";
import { t } from "./words.js";

const HOURS = [0.25, 1, 4, 24];

/** The dialog; `open` holds what is typed: {key, hours, why}. */
export function shelve(open) {
  const alarm = store.alarms?.alarms.find((one) => one.key === open.key);
  if (!alarm?.active) return h("div", { class: "dialog" }, h("h2", { id: "dialog-title" }, t("shelve.gone")));
  open.hours ??= 1;
  const go = async (event) => {
    event.preventDefault();
    if (reasoned(open)) await submit(open, "alarms/shelve", { key: open.key, for_s: open.hours * 3600, why: open.why.trim() }, t("shelve.done"));
  };
  return h("form", { class: "dialog", onsubmit: go },
    h("h2", { id: "dialog-title" }, icon("clock"), t("shelve.title", { alarm: alarmTitle(alarm) })), h("p", null, t("shelve.text")),
    h("div", { class: "fields" }, h("fieldset", { class: "field" }, h("legend", { class: "lab" }, t("shelve.time")), h("div", { class: "seg" },
      ...HOURS.map((n) => h("button", { key: n, type: "button", "aria-pressed": String(open.hours === n), onclick: () => { open.hours = n; changed(); } }, n < 1 ? `${n * 60} min` : `${n} h`)))),
      h("p", { class: "ends-at" }, t("shelve.ends", { time: when(gatewayMs() + open.hours * 3_600_000, gatewayMs()) }))),
    why(open),
    h("div", { class: "actions" }, h("button", { type: "button", class: "btn", onclick: () => show(null) }, t("cancel")), h("button", { class: "btn primary", disabled: !reasoned(open) }, icon("clock"), t("alarms.shelve"))));
}
