/* The last minutes as the page itself heard them, a value a second, and before that what the history knows. */

import { get } from "./api.js";
import { store, changed } from "./store.js";

const KEEP_MS = 90 * 60_000;
const AGAIN_MS = 5 * 60_000;
const live = [];
export let past = [];
let asked = 0;

/** Take over one message; what is not good is a gap. */
export function remember(now) {
  const known = now.power.quality === "good" || now.power.quality === "substituted";
  live.push({ t: now.at_ms, does: known ? now.power.w : null, asked: now.target_w, base: baseOf(now), signal: now.signal });
  while (live.length && live[0].t < now.at_ms - KEEP_MS) live.shift();
  if (performance.now() - asked > AGAIN_MS || !asked) fetchPast(now.at_ms);
}

/** What the target counts from: the declared base point under regulation, else the baseline. */
export function baseOf(now) {
  if (now.service === "reg") return now.basepoint_w;
  return now.baseline_w ?? now.requests.find((one) => !one.waits && one.reference_w !== null)?.reference_w ?? null;
}

/** Rows {t, does, asked, base} from `fromMs` on. */
export function rows(fromMs) {
  const begin = live.length ? live[0].t : Infinity;
  return [...past.filter((row) => row.t >= fromMs && row.t < begin), ...live.filter((row) => row.t >= fromMs)];
}

/** How far back anything is known. */
export function knownFrom() {
  const first = past.find((row) => row.does !== null) ?? live[0];
  return first ? first.t : null;
}

/** The point of the site meter. */
export function meterPoint() {
  const meter = store.config?.site?.meter ?? store.config?.site?.site?.meter;
  return meter ? `${meter}/power.active` : null;
}

async function fetchPast(atMs) {
  const meter = meterPoint();
  if (!meter) return;
  asked = performance.now();
  const span = { from: Math.round(atMs - KEEP_MS), to: Math.round(atMs), max_points: 540 };
  const ask = (point) => get("history", { point, ...span }).catch(() => null);
  const does = await ask(meter);  // one after the other: a browser has six connections, and the page needs them first
  if (!does) return;
  const target = await ask("gateway/target.power");
  const baseline = await ask("gateway/baseline.power");
  const basepoint = await ask("gateway/basepoint.power");
  const at = (series) => new Map((series?.t_ms ?? []).map((t, i) => [t, series.mean[i]]));
  const [targets, baselines, basepoints] = [at(target), at(baseline), at(basepoint)];
  past = does.t_ms.map((t, i) => ({ t, does: does.mean[i], asked: targets.get(t) ?? null, base: baselines.get(t) ?? basepoints.get(t) ?? null }));
  changed();
}
