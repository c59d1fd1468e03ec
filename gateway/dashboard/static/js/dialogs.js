/* The dialogs: help, more pages on a phone, override, emergency stop, release; native, so focus stays inside and Escape leaves. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { LETTERS } from "./keys.js";
import { override } from "./override.js";
import { shelve } from "./shelve.js";
import { release, stop } from "./stop.js";
import { show, store } from "./store.js";
import { LANGUAGES, language, speak, t } from "./words.js";
import { turnTheme } from "./frame.js";
import { changed } from "./store.js";

const OF = { keys, more, override, shelve, stop, release };

/** The open dialog, if there is one. */
export function dialogs() {
  const open = store.dialog;
  if (!open) return [];
  return [h("dialog", { key: `dialog-${open.name}`, "aria-labelledby": "dialog-title", mounted: (element) => element.showModal(), onclose: () => { if (store.dialog === open) show(null); },
    onclick: (event) => { if (event.target === event.currentTarget) event.currentTarget.close(); } }, OF[open.name](open))];
}

function keys() {
  return h("div", { class: "dialog" }, h("h2", { id: "dialog-title" }, t("keys.title")), h("dl", { class: "facts" },
    ...Object.entries(LETTERS).map(([letter, page]) => h("div", null, h("dt", null, t(`nav.${page}`)), h("dd", null, h("kbd", null, `g ${letter}`)))),
    h("div", null, h("dt", null, t("keys.help")), h("dd", null, h("kbd", null, "?")))), closing());
}

function more() {
  const link = (name) => h("a", { href: `/${name}`, class: "btn", onclick: () => show(null) }, icon(name), t(`nav.${name}`));
  return h("div", { class: "dialog" }, h("h2", { id: "dialog-title" }, t("nav.more")), h("div", { class: "more-list" }, ...["trends", "energy", "devices", "audit", "settings"].map(link),
    h("button", { class: "btn", onclick: turnTheme }, icon("moon"), t("theme.turn")),
    ...Object.entries(LANGUAGES).filter(([name]) => name !== language).map(([name, text]) => h("button", { class: "btn", onclick: () => speak(name).then(changed) }, text))), closing());
}

function closing() {
  return h("div", { class: "actions" }, h("button", { class: "btn primary", onclick: () => show(null) }, t("close")));
}
