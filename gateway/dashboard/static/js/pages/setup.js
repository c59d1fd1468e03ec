/* First start: the one-time code makes the owner. */

import { post } from "../api.js";
import { h } from "../dom.js";
import { changed, store } from "../store.js";
import { t, word } from "../words.js";

const typed = { code: "", user: "", password: "" };

/** The page. */
export function view() {
  const field = (name, type, autocomplete, more = {}) => h("div", { class: "field" }, h("label", { for: name }, t(`setup.${name}`)),
    h("div", { class: "input" }, h("input", { id: name, name, type, autocomplete, required: true, ...more, value: typed[name], oninput: (event) => { typed[name] = event.target.value; } })));
  return h("form", { onsubmit: enter }, h("h1", null, t("setup.title")), h("p", null, t("setup.text")), field("code", "text", "one-time-code"), field("user", "text", "username"),
    field("password", "password", "new-password", { minlength: 10 }), h("button", { class: "btn primary" }, t("setup.go")));
}

async function enter(event) {
  event.preventDefault();
  try {
    const given = Object.fromEntries(new FormData(event.target));
    await post("setup", { ...given, code: given.code.trim() });
    typed.password = typed.code = "";
    store.note = null;
    document.dispatchEvent(new Event("gateway:login"));
  } catch (error) {
    store.note = { text: word("refused", error.code), bad: true };
  }
  changed();
}
