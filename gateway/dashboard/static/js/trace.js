/* The last minutes as the page itself heard them, a value a second, and before that what the history knows. */

import { get } from "./api.js";
import { store, changed } from "./store.js";

const KEEP_MS = 90 * 60_000;
const FINE_MS = 10 * 60_000;
const AGAIN_MS = 5 * 60_000;
const live = [];
export let past = [];
let asked = 0;

/** Take over one message; what is not good is a gap. */
export function remember(now) {
  const known = now.power.quality === "good" || now.power.quality === "substituted";
  live.push({ t: now.at_ms, does: known ? now.power.w : null, asked: now.target_w, base: baseOf(now), shed: now.service === "dr" || now.service === "ar" });
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
  const fine = Math.round((atMs - FINE_MS) / 1000) * 1000;
  const late = await stretch(meter, fine, Math.round(atMs), 600);
  past = [...past.filter((row) => row.t < fine), ...late];
  changed();
  past = [...(await stretch(meter, Math.round(atMs - KEEP_MS), fine, 480)), ...late];
  changed();
}

/* One after the other: a browser has six connections, and the page needs them first. */
async function stretch(meter, from, to, most) {
  const found = [];
  for (const point of [meter, "gateway/target.power", "gateway/baseline.power", "gateway/basepoint.power"]) {
    found.push(await get("history", { point, from, to, max_points: most }).catch(() => null));
  }
  const [does, ...others] = found;
  const [targets, baselines, basepoints] = others.map((series) => new Map((series?.t_ms ?? []).map((t, i) => [t, series.mean[i]])));
  return (does?.t_ms ?? []).map((t, i) => {
    const base = baselines.get(t) ?? null;
    return { t, does: does.mean[i], asked: targets.get(t) ?? null, base: base ?? basepoints.get(t) ?? null, shed: base !== null };
  });
}
