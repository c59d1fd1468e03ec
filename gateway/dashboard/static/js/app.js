/* Starts the page: language, who is logged in, the stream; then draws whatever changes. */

import { carry, get, listen, post } from "./api.js";
import { dialogs } from "./dialogs.js";
import { draw, h } from "./dom.js";
import { frame } from "./frame.js";
import { keys } from "./keys.js";
import { liveIn } from "./numbers.js";
import { follow, here, load } from "./route.js";
import { remember } from "./trace.js";
import { changed, drawWith, store } from "./store.js";
import { preferred, speak, t } from "./words.js";

const root = document.getElementById("app");
let silence = null;

/** Begin, or begin again after a login or logout. */
export async function begin() {
  silence?.();
  silence = null;
  store.session = await get("session").catch(() => ({ user: null, role: null, token: null, setup: false, site: "" }));
  carry(store.session);
  if (store.session.user === null) {
    store.now = null;
    await load(store.session.setup ? "setup" : "login");
    return;
  }
  if (["login", "setup"].includes(store.page)) history.replaceState(null, "", "/now");
  get("config").then((config) => { store.config = config; changed(); }, () => {});
  silence = listen(hear, () => { store.connected = false; changed(); });
  await here();
}

function hear(name, data) {
  store[name] = data;
  store.connected = true;
  if (name === "now") {
    store.heardAt = performance.now();
    liveIn(data.timezone);
    remember(data);
  }
  if (!document.hidden) changed();
}

/* A link that logs in once carries its word behind the #, which no server log sees. */
async function enter() {
  const link = new URLSearchParams(location.hash.slice(1)).get("enter");
  if (!link) return;
  history.replaceState(null, "", location.pathname + location.search);
  await post("enter", { link }).catch((error) => { store.note = { text: t("login.link_refused", { why: error.message }), bad: true }; });
}

drawWith(() => draw(root, [frame(), ...dialogs()]));
follow();
keys();
document.addEventListener("gateway:login", begin);
document.addEventListener("visibilitychange", changed);
setInterval(() => { if (!document.hidden) changed(); }, 1000);
await speak(preferred());
draw(root, h("p", { class: "loading" }, t("loading")));
await enter();
await begin();
