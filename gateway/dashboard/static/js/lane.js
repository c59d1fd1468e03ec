/* The end of a trend's lanes, from the stream: what a page is told every second anyhow, nobody asks the history for. */

import { meterPoint } from "./trace.js";

const MOST_MISSED = 3;

/** What the stream says of a point by the look of its lines, in its own unit; null: it says nothing of it. */
export function told(now, point) {
  if (point === meterPoint()) {
    const known = now.power.quality === "good" || now.power.quality === "substituted";
    return { does: known ? now.power.w : null, asked: now.target_w, base: now.baseline_w };
  }
  const asset = now.assets.find((one) => point === `gateway/asset.${one.id}.does`);
  return asset ? { does: asset.does_w, asked: asset.asked_w } : null;
}

/** Put it at the end of a lane, in the lane's own steps; false: it does not fit there, the history must be asked. */
export function extended(lane, values, { atMs, fromMs }) {
  const step = lane.step * 1000;
  const missed = Math.floor((atMs - lane.t.at(-1)) / step);
  if (missed > MOST_MISSED || lane.looks.some((look) => (values[look] ?? null) !== null && !lane.lines.some((line) => line.look === look))) return false;
  for (let n = 0; n < missed; n += 1) {
    lane.t.push(lane.t.at(-1) + step);
    for (const column of columns(lane)) column.push(null);
  }
  if (missed >= 0) for (const line of lane.lines) put(line, values[line.look] ?? null);
  const gone = lane.t.findIndex((ms) => ms > fromMs - step);
  if (gone > 0) for (const column of [lane.t, ...columns(lane)]) column.splice(0, gone);
  return true;
}

function columns(lane) {
  return lane.lines.flatMap((line) => (line.min ? [line.mean, line.min, line.max] : [line.mean]));
}

function put(line, w) {
  const at = line.mean.length - 1;
  if (w === null) return;
  line.mean[at] = w;
  if (!line.min) return;
  line.min[at] = Math.min(line.min[at] ?? w, w);
  line.max[at] = Math.max(line.max[at] ?? w, w);
}
