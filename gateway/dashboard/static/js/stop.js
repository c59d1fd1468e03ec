/* Emergency stop: what every asset will do, held for two seconds; by keyboard with Space, by screen reader with a word. */

import { h } from "./dom.js";
import { change, submit } from "./frame.js";
import { icon } from "./icons.js";
import { kw } from "./numbers.js";
import { changed, show, store } from "./store.js";
import { named, t, word } from "./words.js";

const HOLD_MS = 2000;
const WHY = "emergency stop pressed on the dashboard";
let began = 0;
let timer = null;

/** The dialog that stops. */
export function stop(open) {
  const now = store.now;
  const held = began ? Math.min(1, (performance.now() - began) / HOLD_MS) : 0;
  return h("form", { class: "dialog stop-dialog", onsubmit: (event) => event.preventDefault() },
    h("h2", { id: "dialog-title" }, icon("stop"), t("stop.title")), h("p", null, t("stop.text")),
    h("dl", { class: "facts" }, ...(now?.assets ?? []).map((asset) => h("div", { key: asset.id }, h("dt", null, named(asset.id)), h("dd", null, asset.safe_w === null ? t("asset.own") : t("stop.goes_to", { power: kw(asset.safe_w) }))))),
    h("p", { class: "aside" }, t("stop.no_safety_device")),
    h("div", { class: "field" }, h("label", { for: "stop-word" }, t("stop.type")), h("div", { class: "input" },
      h("input", { id: "stop-word", autocomplete: "off", value: open.word ?? "", oninput: (event) => typed(open, event.target.value) }))),
    h("div", { class: "actions spread" }, h("button", { type: "button", class: "btn", onclick: () => { letGo(); show(null); } }, t("cancel")),
      h("button", { type: "button", class: "btn stop-go hold", autofocus: true, style: { "--held": `${100 * held}%` }, onpointerdown: press, onpointerup: letGo, onpointerleave: letGo,
        onkeydown: (event) => { if (event.key === " " && !event.repeat) press(event); }, onkeyup: letGo, onblur: letGo }, t("stop.hold"))),
    h("p", { class: "xs faint" }, t("stop.keyboard")));
}

function press(event) {
  event.preventDefault?.();
  event.currentTarget?.focus?.();
  if (began) return;
  began = performance.now();
  timer = setInterval(() => {
    if (store.dialog?.name !== "stop") letGo(); // left with Escape while it was held
    else if (performance.now() - began >= HOLD_MS) {
      letGo();
      carryOut();
    } else changed();
  }, 50);
}

function letGo() {
  if (!began) return;
  clearInterval(timer);
  began = 0;
  changed();
}

function typed(open, text) {
  open.word = text;
  if (text.trim().toUpperCase() === "STOP") carryOut();
}

function carryOut() {
  show(null);
  change("stop", { why: WHY }, t("stop.done"));
}

/** The dialog that ends it. */
export function release(open) {
  const go = async (event) => {
    event.preventDefault();
    if (reasoned(open)) await submit(open, "stop/release", { why: open.why.trim() }, t("stop.released"));
  };
  return h("form", { class: "dialog", onsubmit: go }, h("h2", { id: "dialog-title" }, icon("stop"), t("stop.release")), h("p", null, t("stop.release.text")), why(open),
    h("div", { class: "actions" }, h("button", { type: "button", class: "btn", onclick: () => show(null) }, t("cancel")), h("button", { class: "btn primary", disabled: !reasoned(open) }, t("stop.release"))));
}

/** Whether there is a reason, now: what was last drawn may be a key behind. */
export function reasoned(open) {
  return (open.why ?? "").trim().length >= 3;
}

/** The field for the reason, which ends in the audit trail. */
export function why(open) {
  return h("div", { class: "field" }, h("label", { for: "why" }, t("why.label")), h("div", { class: "input" },
    h("input", { id: "why", maxlength: 200, required: true, autocomplete: "off", value: open.why ?? "", oninput: (event) => { open.why = event.target.value; changed(); } })));
}
