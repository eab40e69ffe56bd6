// Values between 0 and 1 with their intervals, a row each, as SVG.

import { COLORS, DIM, GRID, picture, text } from './svg.mjs';

const WIDTH = 720, LEFT = 210, RIGHT = 64, TOP = 56, ROW = 24, GAP = 34;

const place = (value) =>
  Number((LEFT + value * (WIDTH - LEFT - RIGHT)).toFixed(1));

function grid(bottom) {
  return [0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((tick) => [
    `<path d="M${place(tick)} ${TOP - 8}V${bottom}" stroke="${GRID}"/>`,
    text(place(tick), bottom + 18, String(tick),
      { anchor: 'middle', color: DIM })]);
}

function mark({ name, value, within: [low, high], ours }, y) {
  const color = COLORS[ours ? 0 : 1];
  return [text(LEFT - 14, y + 4, name, { anchor: 'end' }),
    `<path d="M${place(low)} ${y}H${place(high)}" stroke="${color}" ` +
      'stroke-width="3" stroke-linecap="round" opacity="0.45"/>',
    `<circle cx="${place(value)}" cy="${y}" r="5" fill="${color}"/>`,
    text(place(high) + 10, y + 4, value.toFixed(3), { color: DIM })];
}

/**
 * title; groups: [{name, rows: [{name, value, within: [low, high], ours}]}].
 */
export function intervalChart({ title, groups }) {
  const marks = [];
  let y = TOP;
  for (const { name, rows } of groups) {
    marks.push(text(20, y + 4, name, { weight: 'bold' }));
    for (const row of rows) marks.push(...mark(row, y += ROW));
    y += GAP;
  }
  const bottom = y - GAP + ROW / 2;
  return picture(title, WIDTH, bottom + 36,
    [text(20, 26, title, { size: 15, weight: 'bold' }), ...grid(bottom),
      ...marks]);
}
