/* One lane of a trend on uPlot: measured, asked, baseline, yesterday, minimum to maximum behind; one cursor for all lanes. */

import { figure } from "./numbers.js";

const SCRIPT = "/static/vendor/uplot/uPlot.iife.min.js";
const STYLE = "/static/vendor/uplot/uPlot.min.css";
let loading = null;

/** uPlot itself, fetched when the first chart is drawn. */
export function library() {
  loading ??= new Promise((done, failed) => {
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: STYLE }));
    document.head.append(Object.assign(document.createElement("script"), { src: SCRIPT, onload: () => done(window.uPlot), onerror: failed }));
  });
  return loading;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const LOOKS = {
  does: { stroke: "does", width: 2.25 },
  asked: { stroke: "asked", width: 2, dash: [7, 4] },
  base: { stroke: "base", width: 2, dash: [1, 5], cap: "round" },
  yesterday: { stroke: "base", width: 1.25 },
};

/** A chart in `element` for a lane {lines: [{look, mean, min?, max?}], t, scale}; `windows` are [from, to] in ms. */
export function chart(uPlot, element, lane, { zone, windows, onZoom, onCursor, onReset }) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("ink-3"), font, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  const series = [{}];
  const bands = [];
  for (const line of lane.lines) {
    const { stroke, ...look } = LOOKS[line.look];
    series.push({ ...look, stroke: colour(stroke), spanGaps: false, points: { show: false } });
    if (line.min) {
      series.push({ stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } });
      bands.push({ series: [series.length - 2, series.length - 1], fill: colour("saved") + "88" });
    }
  }
  const options = {
    width: element.clientWidth, height: element.clientHeight, legend: { show: false }, padding: [8, 8, 0, 0], series, bands,
    tzDate: zone ? (ts) => uPlot.tzDate(new Date(ts * 1000), zone) : undefined,
    cursor: { sync: { key: "lanes", setSeries: false }, y: false, drag: { x: true, y: false, setScale: false }, points: { size: 8 }, bind: { dblclick: () => () => { onReset(); return null; } } },
    scales: { x: { time: true }, y: { range: (u, low, high) => span(low, high) } },
    axes: [{ ...axis, grid: { show: false }, size: lane.last ? 30 : 6, values: lane.last ? [[86400, "{D}.{M}."], [3600, "{HH}:{mm}"], [60, "{HH}:{mm}"], [1, "{HH}:{mm}:{ss}"]].map(([s, f]) => [s, f, null, null, null, null, null, null, 1]) : () => [] },
      { ...axis, size: 58, space: element.clientHeight < 160 ? 18 : 28, values: (u, splits) => splits.map((w) => figure(w, Math.abs(splits[1] - splits[0]) < 1 ? 1 : 0).replace("-", "−")) }],
    hooks: {
      drawClear: [(u) => shade(u, windows)],
      setSelect: [(u) => { if (u.select.width > 6) onZoom(u.posToVal(u.select.left, "x") * 1000, u.posToVal(u.select.left + u.select.width, "x") * 1000); u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false); }],
      setCursor: [(u) => onCursor(u.cursor.idx)],
    },
  };
  return new uPlot(options, columns(lane), element);
}

/** What a lane's chart draws; for `setData` of one that stays. */
export function columns(lane) {
  return [lane.t.map((ms) => ms / 1000), ...lane.lines.flatMap((line) => (line.min ? [line.mean, line.max, line.min] : [line.mean]).map((column) => scaled(column, lane.scale)))];
}

function scaled(column, scale) {
  return column.map((w) => (w === null || w === undefined ? null : w / scale));
}

function span(low, high) {
  if (low === null || !Number.isFinite(low)) return [0, 1];
  const room = Math.max((high - low) * 0.08, Math.abs(high) * 0.005, 0.5);
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/* Event windows, with a blue upper edge. */
function shade(u, windows) {
  const { ctx, bbox } = u;
  ctx.save();
  for (const [from, to] of windows) {
    const left = Math.max(bbox.left, u.valToPos(from / 1000, "x", true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to / 1000, "x", true));
    if (right <= left) continue;
    ctx.globalAlpha = 0.09;
    ctx.fillStyle = colour("asked");
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, bbox.top, right - left, 3 * devicePixelRatio);
  }
  ctx.restore();
}
