/* Who may use this: users and tokens, for an admin; a token's secret is shown once. */

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { change } from "./frame.js";
import { icon } from "./icons.js";
import { date } from "./numbers.js";
import { changed, may, store, tell } from "./store.js";
import { t, word } from "./words.js";

const ROLES = ["viewer", "operator", "technician", "admin"];
const state = { access: null, user: fresh(), token: { name: "", role: "viewer" }, secret: null, sure: null };

function fresh() {
  return { user: "", role: "operator", password: "" };
}

/** Read it, where one may. */
export function enter() {
  Object.assign(state, { user: fresh(), secret: null, sure: null });
  if (may("admin")) read();
}

async function read() {
  state.access = await get("access").catch(() => null);
  changed();
}

async function done(path, body, text) {
  const good = await change(path, body, text);
  if (good) await read();
  return good;
}

/** The two panels; nothing for who may not. */
export function people() {
  if (!may("admin") || !state.access) return null;
  return [users(state.access.users), tokens(state.access.tokens)];
}

function users(all) {
  const typed = state.user;
  const known = all.some((one) => one.name === typed.user);
  const go = async (event) => {
    event.preventDefault();
    const body = { user: typed.user, role: typed.role, password: typed.password || null };
    if (await done("users", body, t("people.user.kept", { user: typed.user }))) { state.user = fresh(); changed(); }
  };
  return h("section", { class: "panel", key: "users" }, h("h2", null, t("settings.users")),
    all.length === 0 ? h("p", { class: "still" }, t("people.none")) : h("table", { class: "t people" }, head("settings.user", "settings.role", "settings.sessions", null), h("tbody", null, ...all.map((one) => h("tr", { key: one.name },
      h("th", { scope: "row" }, one.name, one.locked && h("span", { class: "tag amber" }, t("people.locked"))),
      h("td", null, role(`role-${one.name}`, t("people.role_of", { user: one.name }), one.role, (chosen) => done("users", { user: one.name, role: chosen, password: null }, t("people.user.kept", { user: one.name })))),
      h("td", { class: "num" }, one.sessions),
      h("td", { class: "num" }, one.name === store.session.user ? h("span", { class: "faint" }, t("people.you")) : sure(`user-${one.name}`, t("people.remove"), one.name, () => done("users/drop", { user: one.name }, t("people.user.gone", { user: one.name })))))))),
    h("details", { class: "adds" }, h("summary", null, t("people.add")), h("form", { onsubmit: go },
      h("div", { class: "fields" }, field("new-user", "settings.user", { value: typed.user, maxlength: 32, pattern: "[a-z0-9][a-z0-9._\\-]*", required: true, autocomplete: "off", oninput: (event) => { typed.user = event.target.value; changed(); } }),
        h("div", { class: "field" }, h("label", { class: "lab", for: "new-role" }, t("settings.role")), role("new-role", null, typed.role, (chosen) => { typed.role = chosen; changed(); })),
        field("new-password", "settings.new", { type: "password", value: typed.password, minlength: 10, required: !known, autocomplete: "new-password", oninput: (event) => { typed.password = event.target.value; } })),
      h("p", { class: "still" }, t(known ? "people.known" : "people.rules")),
      h("p", { class: "acts" }, h("button", { class: "btn primary" }, t(known ? "people.change" : "people.add"))))));
}

function tokens(all) {
  const typed = state.token;
  const go = async (event) => {
    event.preventDefault();
    try {
      const made = await post("tokens", { name: typed.name, role: typed.role });
      state.secret = made.secret;
      typed.name = "";
      await read();
    } catch (error) {
      tell(t("refused", { why: word("refused", error.code) }), true);
    }
  };
  return h("section", { class: "panel", key: "tokens" }, h("h2", null, t("people.tokens"), h("small", null, t("people.tokens.text"))),
    state.secret && h("div", { class: "result", role: "status" }, h("b", null, t("people.secret")), h("p", null, h("code", { class: "mono secret" }, state.secret)), h("p", { class: "acts" }, h("button", { class: "btn", onclick: () => { state.secret = null; changed(); } }, t("people.secret.kept")))),
    all.length > 0 && h("table", { class: "t people" }, head("people.name", "settings.role", "people.made", null), h("tbody", null, ...all.map((one) => h("tr", { key: one.id },
      h("th", { scope: "row" }, one.name, h("small", { class: "faint" }, ` ${one.id}`)), h("td", null, word("role", one.role)), h("td", { class: "nb" }, date(one.made_ms)),
      h("td", { class: "num" }, sure(`token-${one.id}`, t("people.take_back"), one.name, () => done("tokens/drop", { id: one.id }, t("people.token.gone", { name: one.name })))))))),
    h("details", { class: "adds" }, h("summary", null, t("people.token.add")), h("form", { onsubmit: go }, h("div", { class: "fields" },
      field("token-name", "people.name", { value: typed.name, maxlength: 32, required: true, autocomplete: "off", oninput: (event) => { typed.name = event.target.value; } }),
      h("div", { class: "field" }, h("label", { class: "lab", for: "token-role" }, t("settings.role")), role("token-role", null, typed.role, (chosen) => { typed.role = chosen; changed(); }))),
      h("p", { class: "acts" }, h("button", { class: "btn primary" }, t("people.token.add"))))));
}

function head(...names) {
  return h("thead", null, h("tr", null, ...names.map((name) => (name ? h("th", { scope: "col" }, t(name)) : h("td", null)))));
}

function role(id, label, chosen, pick) {
  return h("span", { class: "input" }, h("select", { id, "aria-label": label, value: chosen, onchange: (event) => pick(event.target.value) }, ...ROLES.map((name) => h("option", { key: name, value: name, selected: name === chosen }, word("role", name)))));
}

function field(id, label, props) {
  return h("div", { class: "field" }, h("label", { class: "lab", for: id }, t(label)), h("div", { class: "input" }, h("input", { id, type: "text", ...props })));
}

/* A button that asks once more. */
function sure(key, text, name, go) {
  if (state.sure === key) return h("button", { class: "btn tight stop", key: "sure", onclick: () => { state.sure = null; go(); } }, icon("stop"), t("people.sure", { name }));
  return h("button", { class: "btn tight quiet", key: "ask", onclick: () => { state.sure = key; changed(); } }, text, h("span", { class: "vh" }, ` ${name}`));
}
