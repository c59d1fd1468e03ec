/* Icons: 24 grid, drawn as lines; always beside a word, so screen readers pass them by. */

import { h } from "./dom.js";

/* [tag, attributes] of every shape; a string is a path. */
const SHAPES = {
  now: ["M4 17a8 8 0 1 1 16 0", "M12 16l4-5", ["circle", { "class": "f", cx: "12", cy: "16.5", r: "1.6" }]],
  assets: ["M4 7h9M17 7h3M4 12h3M11 12h9M4 17h10M18 17h2", ["circle", { cx: "15", cy: "7", r: "2" }], ["circle", { cx: "9", cy: "12", r: "2" }], ["circle", { cx: "16", cy: "17", r: "2" }]],
  events: [["rect", { x: "4", y: "5.5", width: "16", height: "14", rx: "2" }], "M4 10h16M8.5 3.5v4M15.5 3.5v4M8 14h5"],
  trends: ["M4 4v16h16", "M7 15l4-5 3 3 5-7"],
  energy: ["M13 3L6 13.5h5L10 21l8-11h-5.5z"],
  devices: [["rect", { x: "7", y: "7", width: "10", height: "10", rx: "1.5" }], "M10 3.5V7M14 3.5V7M10 17v3.5M14 17v3.5M3.5 10H7M3.5 14H7M17 10h3.5M17 14h3.5"],
  alarms: ["M6 16v-5a6 6 0 0 1 12 0v5l1.5 2h-15z", "M10 20.5h4"],
  audit: ["M6 3.5h9l4 4v13H6z", "M9.5 11h6M9.5 14.5h6M9.5 18h3"],
  settings: [["circle", { cx: "12", cy: "12", r: "3" }], "M12 3.5v3M12 17.5v3M3.5 12h3M17.5 12h3M6 6l2.1 2.1M15.9 15.9L18 18M18 6l-2.1 2.1M8.1 15.9L6 18"],
  more: [["circle", { "class": "f", cx: "6", cy: "12", r: "1.7" }], ["circle", { "class": "f", cx: "12", cy: "12", r: "1.7" }], ["circle", { "class": "f", cx: "18", cy: "12", r: "1.7" }]],
  stop: ["M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z", "M9 9l6 6M15 9l-6 6"],
  shield: ["M12 3l7.5 2.8v5.7c0 4.7-3.2 8-7.5 9.5-4.3-1.5-7.5-4.8-7.5-9.5V5.8z", "M12 8v5M12 16v.2"],
  hand: ["M8 12V5.8a1.4 1.4 0 0 1 2.8 0V11M10.8 10.5V4.4a1.4 1.4 0 0 1 2.8 0v6.1M13.6 10.5V5.6a1.4 1.4 0 0 1 2.8 0V14c0 4-1.8 6.5-5 6.5-2.6 0-4-1-5.2-3.5L4.3 13a1.4 1.4 0 0 1 2.4-1.3L8 13.5"],
  turn: ["M4 12a8 8 0 0 1 14-5.3M20 12a8 8 0 0 1-14 5.3M18 3v4h-4M6 21v-4h4"],
  wave: ["M2.5 12h3l2.5-6 4 12 4-12 2.5 6h3"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", ["circle", { cx: "12", cy: "12", r: "2.8" }]],
  building: ["M5 20.5V5l8-2v17.5M13 8l6 2v10.5M3 20.5h18M8 8.5h2M8 12h2M8 15.5h2M16 13h.5M16 16.5h.5"],
  plug: ["M9 3v5M15 3v5M6.5 8h11v3a5.5 5.5 0 0 1-11 0zM12 16.5V21"],
  meter: [["circle", { cx: "12", cy: "12", r: "8.5" }], "M8 14.5a5 5 0 0 1 8 0M12 13l2-3"],
  cloud: ["M7 18.5a4 4 0 0 1-.5-8A5.5 5.5 0 0 1 17 9.5a4.5 4.5 0 0 1 0 9z"],
  moon: ["M19.5 14A8 8 0 0 1 10 4.5 8 8 0 1 0 19.5 14z"],
  sun: [["circle", { cx: "12", cy: "12", r: "4" }], "M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6L7 7M17 17l1.4 1.4M18.4 5.6L17 7M7 17l-1.4 1.4"],
  person: [["circle", { cx: "12", cy: "8.5", r: "3.8" }], "M4.5 20c.8-3.8 3.7-5.5 7.5-5.5s6.7 1.7 7.5 5.5"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  arrows: ["M4 12h16M7.5 8.5L4 12l3.5 3.5M16.5 8.5L20 12l-3.5 3.5"],
  clock: [["circle", { cx: "12", cy: "12", r: "8.5" }], "M12 7v5l3.5 2"],
  thermometer: ["M10 13.5V5.5a2 2 0 0 1 4 0v8a4 4 0 1 1-4 0z", "M12 9v8"],
  wall: ["M12 4v16M4 12h5M6.5 9.5L9 12l-2.5 2.5M20 12h-5M17.5 9.5L15 12l2.5 2.5"],
  offline: [["circle", { cx: "12", cy: "12", r: "8.5" }], "M6 18L18 6"],
  download: ["M12 4v11M7.5 10.5L12 15l4.5-4.5M5 19.5h14"],
  battery: [["rect", { x: "3", y: "7.5", width: "16", height: "9", rx: "2" }], "M21.5 10.5v3", ["path", { "class": "f", d: "M5.2 9.8h8.5v4.4H5.2z" }]],
  ev_fleet: ["M5 20V6a2 2 0 0 1 2-2h6a2 2 0 0 1 2 2v14M3.5 20h13", "M15 10h2.2a1.8 1.8 0 0 1 1.8 1.8V16a1.5 1.5 0 0 0 3 0V9.5L19.5 7", "M10.5 7.5L8 11.5h4L9.5 15"],
  fans: [["circle", { cx: "12", cy: "12", r: "1.8" }], "M12 10.2C11 6.5 12 3.8 14.6 4c2.3.3 2.4 3.7-.9 6.8M13.7 12.7c3.7-.9 6.4.2 6.1 2.8-.3 2.3-3.7 2.3-6.7-1.1M11.2 13.7c-1.2 3.6-3.6 5.3-5.5 3.5-1.7-1.6.2-4.4 4.6-5.3"],
  chiller: ["M12 3v18M4.2 7.5l15.6 9M19.8 7.5l-15.6 9M9.5 4.5L12 7l2.5-2.5M9.5 19.5L12 17l2.5 2.5"],
  pv: [["circle", { cx: "17.5", cy: "5.5", r: "2" }], "M17.5 1.2v1M22 5.5h-1M20.7 2.3l-.7.7M14.3 2.3l.7.7M3 20l3-9h12l3 9zM12 11v9M4.6 15.3h14.8"],
  switched: ["M3 16h4.5M16.5 16H21M8.7 15L16 9.5", ["circle", { cx: "8", cy: "16", r: "1.4" }], ["circle", { cx: "16.5", cy: "16", r: "1.4" }]],
  zones: ["M4 20V9l8-5 8 5v11z", "M10.8 15.2V9.6a1.2 1.2 0 0 1 2.4 0v5.6a2.4 2.4 0 1 1-2.4 0z"],
  dimmer: ["M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.9c.6.5 1 1.2 1 2.1h5c0-.9.4-1.6 1-2.1A6 6 0 0 0 12 3z"],
};

/** One icon. */
export function icon(name, more = "") {
  const shapes = (SHAPES[name] ?? SHAPES.more).map((shape) => (typeof shape === "string" ? h("path", { d: shape }) : h(...shape)));
  return h("svg", { class: `i ${more}`.trim(), viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, ...shapes);
}
