/* Who is there: a name and a password. */

import { post } from "../api.js";
import { h } from "../dom.js";
import { changed, store } from "../store.js";
import { t, word } from "../words.js";

const typed = { user: "", password: "" };  // what a redraw keeps; what is sent is what stands in the form
let busy = false;

/** The page. */
export function view() {
  const field = (name, type, autocomplete) => h("div", { class: "field" }, h("label", { for: name }, t(`login.${name}`)),
    h("div", { class: "input" }, h("input", { id: name, name, type, autocomplete, required: true, value: typed[name], oninput: (event) => { typed[name] = event.target.value; } })));
  return h("form", { onsubmit: enter }, h("h1", null, store.session?.site || "Gateway"), h("p", null, t("login.text")), field("user", "text", "username"), field("password", "password", "current-password"),
    h("button", { class: "btn primary", disabled: busy }, t("login.go")));
}

async function enter(event) {
  event.preventDefault();
  const given = Object.fromEntries(new FormData(event.target));
  busy = true;
  changed();
  try {
    await post("login", given);
    typed.password = "";
    store.note = null;
    document.dispatchEvent(new Event("gateway:login"));
  } catch (error) {
    store.note = { text: word("refused", error.code), bad: true };
  }
  busy = false;
  changed();
}
