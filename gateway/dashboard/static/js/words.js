/* The two languages: one file of texts each, the same keys in both. */

export const LANGUAGES = { en: "English", zh: "中文" };
let texts = {};
export let language = "en";

/** The language chosen before, asked for in the address, or the browser's. */
export function preferred() {
  const asked = new URLSearchParams(location.search).get("lang") ?? stored("language");
  if (asked in LANGUAGES) return asked;
  return (navigator.languages ?? [navigator.language]).some((name) => name.startsWith("zh")) &&
    navigator.language.startsWith("zh") ? "zh" : "en";
}

/** Load a language and remember it. */
export async function speak(name) {
  const answer = await fetch(`/static/texts/${name}.json`);
  texts = await answer.json();
  language = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  store("language", name);
}

/** The text of a key, its {places} filled in. */
export function t(key, places) {
  const text = texts[key] ?? key;
  return places ? text.replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole) : text;
}

/** The text of a code under a prefix; a code without a text stands for itself, readable. */
export function word(prefix, code) {
  return texts[`${prefix}.${code}`] ?? String(code).replaceAll("_", " ");
}

/** What people call a thing of the site: a usual name in their language, else its own, readable. */
export function named(id) {
  const own = String(id).replaceAll("_", " ");
  return texts[`name.${id}`] ?? own.charAt(0).toUpperCase() + own.slice(1);
}

/** Whether there is a text. */
export function has(key) {
  return key in texts;
}

export function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

export function store(name, value) {
  try { localStorage.setItem(name, value); } catch { /* storage is closed: this page remembers, the next does not */ }
}
