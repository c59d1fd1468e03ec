/* Keys: g and a letter for a page, ? for this help; never while somebody types. */

import { go, PAGES } from "./route.js";
import { show, store } from "./store.js";

export const LETTERS = { n: "now", a: "assets", e: "events", t: "trends", y: "energy", d: "devices", l: "alarms", u: "audit", s: "settings" };
let waits = 0;

/** Listen. */
export function keys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || store.dialog || !store.session?.user) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    if (event.key === "?") return show({ name: "keys" });
    if (event.key === "g") return void (waits = performance.now());
    const page = LETTERS[event.key];
    if (page && PAGES.includes(page) && performance.now() - waits < 1500) go(`/${page}`);
    waits = 0;
  });
}
