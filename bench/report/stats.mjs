// Figures from measurements, and how they are written.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Lists by what `key` makes of each element, in order of appearance. */
export function groupBy(list, key) {
  const groups = new Map();
  for (const one of list) {
    const k = key(one);
    if (!groups.has(k)) groups.set(k, []);
    groups.get(k).push(one);
  }
  return groups;
}

export const rate = (m) => m.items / m.seconds;
export const mib = (kib) => kib / 1024;

/** 12345.6 as 12,346; with digits after the point, if asked for. */
export function number(value, digits = 0) {
  return Number.isFinite(value) ? value.toLocaleString('en-US',
    { minimumFractionDigits: digits, maximumFractionDigits: digits }) : '';
}

export const percent = (ratio, digits = 1) => `${number(100 * ratio, digits)}%`;

/** 1000 as 1k, 1500000 as 1.5M. */
export function short(value) {
  for (const [unit, size] of [['M', 1e6], ['k', 1e3]]) {
    if (value >= size) return `${Number((value / size).toPrecision(3))}${unit}`;
  }
  return String(Number(value.toPrecision(3)));
}
