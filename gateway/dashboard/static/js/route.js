/* Which page an address means; its module is fetched when it is first needed. */

import { changed, store } from "./store.js";

export const PAGES = ["now", "assets", "events", "trends", "energy", "devices", "alarms", "audit", "settings"];
const loaded = new Map();

/** The module of the page that is shown, once it is there. */
export function current() {
  return loaded.get(store.page);
}

/** Show the page of the address. */
export async function here() {
  const name = location.pathname.slice(1) || "now";
  await load(PAGES.includes(name) ? name : "now");
}

/** Show a page by name. */
export async function load(name) {
  store.query = new URLSearchParams(location.search);
  const before = store.page;
  if (!loaded.has(name)) loaded.set(name, await fetched(name));
  if (before !== name) loaded.get(before)?.leave?.();
  store.page = name;
  loaded.get(name).enter?.(store.query);
  changed();
}

/* A module that cannot be fetched now is asked for again, under an address the browser has not given up on. */
async function fetched(name) {
  for (let again = 0; ; again++) {
    try {
      return await import(`./pages/${name}.js${again ? `?again=${again}` : ""}`);
    } catch (error) {
      if (again === 5) throw error;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

/** Go to an address of ours without loading anew. */
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  const before = store.page;
  return here().then(() => {
    if (store.page === before) return;
    scrollTo(0, 0);
    requestAnimationFrame(() => document.querySelector("h1")?.focus({ preventScroll: true }));
  });
}

/** Links between pages, and back and forward. */
export function follow() {
  addEventListener("popstate", here);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const url = new URL(link.href);
    const name = url.pathname.slice(1);
    if (url.origin !== location.origin || !PAGES.includes(name) || link.hasAttribute("download")) return;
    event.preventDefault();
    go(url.pathname + keepView(url));
  });
}

/* The wall view stays when the page changes. */
function keepView(url) {
  const view = new URLSearchParams(location.search).get("view");
  if (view) url.searchParams.set("view", view);
  return url.search;
}
