// How well searches find, with intervals.

import { number, percent } from './stats.mjs';
import { table } from './table.mjs';

const SAMPLES = 2000;

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** The same throws every time: a report of the same figures is the same. */
function throwing(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const quantile = (sorted, q) =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/**
 * The 95% interval of a figure over queries, by bootstrap: queries are drawn
 * anew, and `figure` gets the indexes that were drawn.
 */
export function interval(n, figure) {
  const next = throwing(1);
  const found = Array.from({ length: SAMPLES }, () =>
    figure(Array.from({ length: n }, () => Math.floor(next() * n))))
    .sort((a, b) => a - b);
  return [quantile(found, 0.025), quantile(found, 0.975)];
}

const at = (values, drawn) => mean(drawn.map((i) => values[i]));

const within = ([low, high], digits = 3) =>
  `${number(low, digits)} to ${number(high, digits)}`;

function row(one, alone) {
  const { way, ranks, recalls, ms } = one;
  const sorted = [...ms].sort((a, b) => a - b);
  const ratio = mean(ranks) / mean(alone.ranks);
  return [way, number(mean(ranks), 3),
    within(interval(ranks.length, (drawn) => at(ranks, drawn))),
    one === alone ? '' : `${number(ratio, 2)}x`,
    one === alone ? '' : within(interval(ranks.length, (drawn) =>
      at(ranks, drawn) / at(alone.ranks, drawn)), 2),
    percent(mean(recalls)), number(quantile(sorted, 0.95), 1)];
}

/** A table for each half, the reporting one first. */
export function searches({ measured }) {
  return ['reporting', 'tuning'].map((half) => {
    const list = measured.filter((m) => m.half === half);
    const alone = list.find((m) => m.way === 'vector');
    return `### The ${half} half: ${alone.ranks.length} queries\n\n${table(
      ['way', 'MRR@10', '95%', 'to vector', '95%', 'recall@10', 'p95, ms'],
      list.map((one) => row(one, alone)))}\n`;
  }).join('\n') + '\nThe demo\'s 4,637 records, embedded by the builtin ' +
    'embedder. Whatever was chosen was chosen on the tuning half; intervals ' +
    'are by bootstrap over the queries.\n';
}
