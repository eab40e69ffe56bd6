// Line charts as SVG.

import { short } from './stats.mjs';
import { COLORS, DIM, GRID, escape, picture, text } from './svg.mjs';

const WIDTH = 720, HEIGHT = 380;
const LEFT = 76, RIGHT = 24, TOP = 64, BOTTOM = 56;

const round = (value) => Number(value.toFixed(1));

/** Round numbers from 0 to at least `most`, five steps or so. */
function linearTicks(most) {
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power)
    .find((n) => n >= rough);
  const ticks = [0];
  while (ticks.at(-1) < most) ticks.push(ticks.at(-1) + step);
  return ticks;
}

/** Powers of ten around the values; with 2 and 5 where these are few. */
function logTicks(least, most) {
  const from = Math.floor(Math.log10(least));
  const to = Math.ceil(Math.log10(most) - 1e-9);
  const ticks = [];
  for (let power = from; power <= to; power++) {
    const steps = to - from > 3 ? [1] : [1, 2, 5];
    ticks.push(...steps.map((n) => n * 10 ** power));
  }
  const first = ticks.findLastIndex((t) => t <= least * 1.0001);
  const last = ticks.findIndex((t) => t >= most * 0.9999);
  return ticks.slice(first, last + 1);
}

/** From a value to its place; `axis` has log, from and to. */
function placer(axis, start, end) {
  const f = axis.log ? Math.log10 : (v) => v;
  const width = f(axis.to) - f(axis.from) || 1;
  return (v) => round(start + (f(v) - f(axis.from)) / width * (end - start));
}

/** The measured values are the ticks, where there is room for them. */
function xAxis(spec, values) {
  const axis = { ...spec, from: Math.min(...values), to: Math.max(...values) };
  axis.place = placer(axis, LEFT + 12, WIDTH - RIGHT - 12);
  axis.ticks = [];
  for (const value of [...new Set(values)].sort((a, b) => a - b)) {
    const last = axis.ticks.at(-1);
    if (last === undefined || axis.place(value) - axis.place(last) >= 36) {
      axis.ticks.push(value);
    }
  }
  return axis;
}

function yAxis(spec, values) {
  const least = Math.min(...values), most = Math.max(...values);
  const ticks = spec.log ? logTicks(least, most) : linearTicks(most);
  const axis = { ...spec, ticks, from: ticks[0], to: ticks.at(-1) };
  axis.place = placer(axis, HEIGHT - BOTTOM, TOP);
  return axis;
}

function gridAndLabels(title, x, y) {
  const out = [text(LEFT - 56, 26, title, { size: 15, weight: 'bold' })];
  for (const tick of y.ticks) {
    const at = y.place(tick);
    out.push(`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="${GRID}"/>`,
      text(LEFT - 8, at + 4, short(tick), { anchor: 'end', color: DIM }));
  }
  for (const tick of x.ticks) {
    const at = x.place(tick);
    out.push(`<path d="M${at} ${HEIGHT - BOTTOM}v5" stroke="${DIM}"/>`,
      text(at, HEIGHT - BOTTOM + 20, short(tick),
        { anchor: 'middle', color: DIM }));
  }
  out.push(
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14,
      x.label + (x.log ? ' (log)' : ''), { anchor: 'middle' }),
    text(20, (TOP + HEIGHT - BOTTOM) / 2, y.label + (y.log ? ' (log)' : ''),
      { anchor: 'middle', turn: -90 }));
  return out;
}

function line({ points, dashed }, color, x, y) {
  const places = points.map(([px, py]) => `${x.place(px)} ${y.place(py)}`);
  const dash = dashed ? ' stroke-dasharray="6 5"' : '';
  const dots = dashed ? [] : points.map(([px, py]) =>
    `<circle cx="${x.place(px)}" cy="${y.place(py)}" r="4" fill="${color}">` +
    `<title>${escape(`${short(px)}: ${short(py)}`)}</title></circle>`);
  return [`<path d="M${places.join('L')}" fill="none" stroke="${color}" ` +
    `stroke-width="2"${dash}/>`, ...dots];
}

function legend(series) {
  let at = LEFT;
  return series.flatMap(({ name, dashed }, i) => {
    const x = at;
    const dash = dashed ? ' stroke-dasharray="6 5"' : '';
    at += 44 + 6.6 * name.length;
    return [`<path d="M${x} 44h20" stroke="${COLORS[i]}" ` +
      `stroke-width="2"${dash}/>`, text(x + 26, 48, name)];
  });
}

/**
 * title; x and y: {label, log}; series: [{name, points: [[x, y], ...],
 * dashed}], dashed for what was not measured but is a limit.
 */
export function lineChart({ title, x, y, series }) {
  const points = series.flatMap((s) => s.points);
  const xs = xAxis(x, points.map((p) => p[0]));
  const ys = yAxis(y, points.map((p) => p[1]));
  return picture(title, WIDTH, HEIGHT, [...gridAndLabels(title, xs, ys),
    ...series.flatMap((one, i) => line(one, COLORS[i], xs, ys)),
    ...legend(series)]);
}
