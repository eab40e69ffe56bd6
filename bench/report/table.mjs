// Tables in Markdown.

import { groupBy, median, mib, number, percent, rate } from './stats.mjs';

/** `head` and each of `rows` are lists of cells; the first column is text. */
export function table(head, rows, textColumns = 1) {
  const rule = head.map((_, i) => (i < textColumns ? '---' : '--:'));
  return `${[head, rule, ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

/** The rounds' ratios of a subject's rate to another's. */
export function ratios(scenario, subject, other) {
  const others = new Map(scenario.filter((m) => m.subject === other)
    .map((m) => [m.round, m]));
  return scenario.filter((m) => m.subject === subject && others.has(m.round))
    .map((m) => rate(m) / rate(others.get(m.round)));
}

/** The least and the most of some values. */
export function spread(values, digits = 0) {
  return `${number(Math.min(...values), digits)}-${
    number(Math.max(...values), digits)}`;
}

const all = (list, key, digits) => {
  const values = list.map(key).filter(Number.isFinite);
  return values.length === 0 ? '' : number(median(values), digits);
};

export const most = (list, key, digits) => {
  const values = list.map(key).filter(Number.isFinite);
  return values.length === 0 ? '' : number(Math.max(...values), digits);
};

function subjectRow(scenario, subject, list, limit) {
  const rates = list.map(rate);
  return [subject, number(median(rates)), spread(rates),
    percent(median(ratios(scenario, subject, limit))),
    all(list, (m) => m.around, 2),
    all(list, (m) => 1000 * m.cpu / m.items, 4),
    most(list, (m) => mib(m.kib), 1), most(list, (m) => m.requests),
    most(list, (m) => m.billed / m.unique, 2),
    most(list, (m) => m.written), list.length];
}

/** Everyone of a scenario beside the subject `limit`. */
export function comparison(scenario, limit) {
  return table(['who', 'items/s', 'spread', 'of the limit',
    'start and end, s', 'CPU s per 1,000', 'peak MiB', 'requests',
    'billed over unique tokens', 'rows written', 'rounds'],
  [...groupBy(scenario, (m) => m.subject)].map(([subject, list]) =>
    subjectRow(scenario, subject, list, limit)));
}
