/* How good a value is: always a shape, a word and an age, never colour alone. */

import { h } from "./dom.js";
import { age } from "./numbers.js";
import { t, word } from "./words.js";

const SHAPES = {
  good: [["circle", { cx: 6, cy: 6, r: 3, fill: "currentColor", stroke: "none" }]],
  uncertain: [["path", { d: "M3.5 4a2.5 2.5 0 1 1 3.6 2.300C6.3 6.7 6 7.1 6 8M6 10.200v.4" }]],
  substituted: [["path", { d: "M6 1l5 5-5 5-5-5z" }]],
  stale: [["circle", { cx: 6, cy: 6, r: 5 }], ["path", { d: "M6 3v3l2 1.5" }]],
  invalid: [["path", { d: "M2 2l8 8M10 2l-8 8" }]],
  offline: [["circle", { cx: 6, cy: 6, r: 5 }], ["path", { d: "M2.5 9.500l7-7" }]],
  lost: [["path", { d: "M2 2l8 8M10 2l-8 8" }]],
};

/** The word and shape of a reading: offline is what invalid by that cause is called. */
export function kindOf(reading) {
  return reading.cause === "offline" && reading.quality !== "good" ? "offline" : reading.quality;
}

/** Shape, word, cause, age. `control`: control depends on it, so not good means lost. */
export function quality(reading, { control = false, later = 0 } = {}) {
  const lost = control && (reading.quality === "stale" || reading.quality === "invalid");
  const kind = lost ? "lost" : kindOf(reading);
  const cause = reading.cause && reading.cause !== kind ? word("cause", reading.cause) : null;
  const old = reading.age_s === null || reading.age_s === undefined ? null : t("age.old", { age: age(reading.age_s + later) });
  return h("span", { class: `q ${kind}` }, shape(kind), [word("quality", kind), cause, old].filter(Boolean).join(" · "));
}

/** The shape alone; the word must stand beside it. */
export function shape(kind) {
  const drawn = (SHAPES[kind] ?? SHAPES.uncertain).map(([tag, attributes]) => h(tag, attributes));
  return h("svg", { viewBox: "0 0 12 12", "aria-hidden": "true", focusable: "false" }, ...drawn);
}

/** An alarm's severity: octagon 1, triangle 2, ring 3; the number is in the shape. */
export function severity(of) {
  const [mark, number, y] = {
    high: [h("path", { d: "M7 1.500h8L20.5 7v8L15 20.500H7L1.5 15V7z" }), 1, 15.4],
    medium: [h("path", { d: "M11 1L21.5 20.500H.5z" }), 2, 18],
    low: [h("circle", { cx: 11, cy: 11, r: 9 }), 3, 15.4],
  }[of];
  return h("svg", { class: `pri ${of}`, viewBox: "0 0 22 22", role: "img", "aria-label": t(`severity.${of}`) }, mark, h("text", { x: 11, y }, number));
}
