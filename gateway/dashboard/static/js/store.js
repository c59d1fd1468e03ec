/* What the page knows: the newest of everything the gateway told, who is logged in, where we are; one draw a change. */

export const store = {
  session: null,
  now: null,
  alarms: null,
  events: null,
  heardAt: 0,          // performance.now() of the newest message
  connected: false,
  page: "now",
  query: new URLSearchParams(),
  dialog: null,        // {name, ...what it is about}
  note: null,          // {text, bad}: what came of the last change
  config: null,
};

let queued = false;
let paint = () => {};

/** Who draws. */
export function drawWith(draw) {
  paint = draw;
}

/** Draw soon, once for many changes. */
export function changed() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    paint();
  });
}

/** The gateway's time now, and seconds since it last told us something. */
export function gatewayMs() {
  return store.now ? store.now.at_ms + (performance.now() - store.heardAt) : Date.now();
}

export function silentS() {
  return store.now ? (performance.now() - store.heardAt) / 1000 : 0;
}

/** Whether the person may do what needs at least this role. */
export function may(role) {
  const order = ["viewer", "operator", "technician", "admin"];
  return order.indexOf(store.session?.role) >= order.indexOf(role);
}

/** Open a dialog, or close it. */
export function show(dialog) {
  store.dialog = dialog;
  changed();
}

/** Say what came of something; it goes by itself. */
export function tell(text, bad = false) {
  const note = { text, bad };
  store.note = note;
  changed();
  setTimeout(() => {
    if (store.note === note) {
      store.note = null;
      changed();
    }
  }, bad ? 12000 : 6000);
}
