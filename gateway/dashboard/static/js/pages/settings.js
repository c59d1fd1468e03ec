/* Settings: how it is set up, read only; who I am, language and theme; for an admin who may use this. */

import { post } from "../api.js";
import { h } from "../dom.js";
import { change, title, turnTheme } from "../frame.js";
import { kw } from "../numbers.js";
import { enter as readPeople, people } from "../people.js";
import { changed, store, tell } from "../store.js";
import { LANGUAGES, language, speak, t, word } from "../words.js";

const typed = { old: "", password: "" };

/** Read who may use this, where one may. */
export function enter() {
  readPeople();
}

/** The page. */
export function view() {
  const now = store.now;
  const fact = (name, text) => h("div", { key: name }, h("dt", null, t(name)), h("dd", null, text));
  return [title(t("settings.title"), now && h("span", { class: "dim" }, t("settings.version", { version: now.version }))),
    h("div", { class: "columns" }, h("div", { class: "side" },
      h("section", { class: "panel" }, h("h2", null, t("settings.you"), h("small", null, `${store.session.user} · ${word("role", store.session.role)}`)), password(), h("p", { class: "acts" }, h("button", { class: "btn", onclick: logout }, t("settings.logout")))),
      h("section", { class: "panel" }, h("h2", null, t("settings.look")), h("div", { class: "fields" }, h("div", { class: "field" }, h("span", { class: "lab" }, t("settings.language")), h("div", { class: "seg" }, ...Object.entries(LANGUAGES).map(([name, text]) => h("button", { key: name, lang: name === "zh" ? "zh-CN" : "en", "aria-pressed": String(name === language), onclick: () => speak(name).then(changed) }, text)))),
        h("div", { class: "field" }, h("span", { class: "lab" }, t("settings.theme")), h("button", { class: "btn", onclick: turnTheme }, t("theme.turn")))), h("p", { class: "acts" }, h("a", { class: "btn", href: "/now?view=wall", target: "_blank", rel: "noopener" }, t("settings.wall")))),
      now && h("section", { class: "panel" }, h("h2", null, t("settings.limits")), h("dl", { class: "facts" }, fact("settings.import", limit(now.limits.own_import_w)), fact("settings.export", limit(now.limits.own_export_w)))),
      now && h("section", { class: "panel" }, h("h2", null, t("settings.offered")), h("dl", { class: "facts" }, ...[["service.reg", now.offered.regulation_w, "± "], ["service.dr", now.offered.demand_response_w, ""], ["service.ar", now.offered.automatic_response_w, ""]].map(([name, w, sign]) => fact(name, w === null ? t("settings.none") : `${sign}${kw(w)}`)))),
      people()),
    file())];
}

function limit(w) {
  return w === null ? t("settings.none") : kw(w);
}

function file() {
  const config = store.config;
  return h("section", { class: "panel file", key: "file" }, h("h2", null, t("settings.site"), h("small", null, config?.file_name ?? "")), h("p", { class: "still" }, t(config && !config.file ? "settings.no_file" : "settings.site.text")),
    config ? h("pre", { class: "mono", tabindex: "0", "aria-label": t("settings.site") }, config.file || JSON.stringify(config.site, null, 1)) : h("p", { class: "loading" }, t("loading")));
}

function password() {
  const field = (name, autocomplete) => h("div", { class: "field" }, h("label", { for: `password-${name}` }, t(`settings.${name === "old" ? "old" : "new"}`)), h("div", { class: "input" }, h("input", { id: `password-${name}`, name, type: "password", autocomplete, required: true, minlength: name === "old" ? null : 10, value: typed[name], oninput: (event) => { typed[name] = event.target.value; } })));
  const go = async (event) => {
    event.preventDefault();
    if (await change("password", Object.fromEntries(new FormData(event.target)), t("settings.changed"))) {
      typed.old = typed.password = "";
      document.dispatchEvent(new Event("gateway:login"));
    }
  };
  return h("details", null, h("summary", null, t("settings.password")), h("form", { onsubmit: go }, h("input", { type: "text", autocomplete: "username", value: store.session.user, class: "vh", tabindex: "-1", "aria-hidden": "true", readonly: true }), field("old", "current-password"), field("password", "new-password"), h("p", { class: "acts" }, h("button", { class: "btn primary" }, t("settings.password")))));
}

async function logout() {
  try {
    await post("logout");
  } catch (error) {
    if (error.status !== 401) return tell(t("refused", { why: word("refused", error.code) }), true);
  }
  document.dispatchEvent(new Event("gateway:login"));
}
