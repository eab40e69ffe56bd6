// How well searches find, with intervals, and how soon.

import { intervalChart } from './intervals.mjs';
import { groupBy, number, percent } from './stats.mjs';
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

export const quantile = (values, q) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
};

/**
 * The 95% interval of a figure over queries, by bootstrap: queries are drawn
 * anew, and `figure` gets the indexes that were drawn.
 */
export function interval(n, figure) {
  const next = throwing(1);
  const found = Array.from({ length: SAMPLES }, () =>
    figure(Array.from({ length: n }, () => Math.floor(next() * n))));
  return [quantile(found, 0.025), quantile(found, 0.975)];
}

const at = (values, drawn) => mean(drawn.map((i) => values[i]));

/** MRR@10 and its interval. */
const quality = ({ ranks }) => ({ mrr: mean(ranks),
  within: interval(ranks.length, (drawn) => at(ranks, drawn)) });

/** How many times as good as `alone`, over the same queries. */
export const gain = (one, alone) => ({
  ratio: mean(one.ranks) / mean(alone.ranks),
  within: interval(one.ranks.length, (drawn) =>
    at(one.ranks, drawn) / at(alone.ranks, drawn)) });

const show = ([low, high], digits = 3) =>
  `${number(low, digits)} to ${number(high, digits)}`;

export const answered = ({ measured }) =>
  measured.filter((m) => m.ranks !== undefined);

export const timed = ({ measured }) =>
  measured.filter((m) => m.rows !== undefined);

function row(one, alone) {
  const { way, recalls, ms } = one;
  const { mrr, within } = quality(one);
  const { ratio, within: around } = gain(one, alone);
  return [way, number(mrr, 3), show(within),
    one === alone ? '' : `${number(ratio, 2)}x`,
    one === alone ? '' : show(around, 2),
    percent(mean(recalls)), number(quantile(ms, 0.95), 1)];
}

function half(list, name) {
  const alone = list.find((m) => m.way === 'vector');
  return `The ${name} half, ${alone.ranks.length} queries:\n\n${table(
    ['way', 'MRR@10', '95%', 'to vector', '95%', 'recall@10', 'p95, ms'],
    list.map((one) => row(one, alone)))}`;
}

const byEmbedder = (result) =>
  [...groupBy(answered(result), (m) => m.embedder)];

function speed(result) {
  const list = timed(result);
  if (list.length === 0) return '';
  const rows = list.map(({ scenario, way, ms }) => [scenario, way,
    ...[0.5, 0.95, 0.99].map((q) => number(quantile(ms, q), 1)), ms.length]);
  return `### Over ${number(list[0].rows)} rows\n\nThe demo's rows, joined by ` +
    'twos until there are so many, with vectors of 512, the vector index and ' +
    'the full-text index in the demo\'s languages: alone, and while a first ' +
    'load of another service goes through both indexes. Flat out, the ' +
    'service itself loads and embeds; else another process does, whose ' +
    'provider answers after 50 ms. Either load keeps the machine\'s cores ' +
    'busy: a row costs the indexes more than its embedding. The ' +
    'queries are embedded in process throughout.\n\n' +
    `${table(['', 'way', 'p50, ms', 'p95', 'p99', 'queries'], rows,
      2)}`;
}

/** What static models cost. */
function models({ measured }) {
  const rows = measured.filter((m) => m.static !== undefined)
    .map((m) => [m.static, number(m.per_second), number(m.kib / 1024, 1)]);
  return rows.length === 0 ? '' : '### Static models\n\nTexts of 400 ' +
    'characters of the demo, by one core, and the memory that a model takes ' +
    `beside its mapped file:\n\n${table(
      ['model', 'texts a second', 'MiB'], rows, 1)}`;
}

/** Tables by embedder, the reporting half first, and the time it takes. */
export function searches(result) {
  const skipped = result.measured.filter((m) => m.skipped !== undefined)
    .map((m) => `Left out: ${m.skipped}: ${m.why}.\n`);
  return ['The demo\'s 4,637 records and the queries of examples/queries. ' +
    'Whatever was chosen was chosen on the tuning half; intervals are by ' +
    'bootstrap over the queries. LangChain searches the same rows with the ' +
    'same vectors, by the same index at its usual width (hnsw.ef_search 40; ' +
    'the service asks for 300), and takes pieces for items; ts_rank is ' +
    'PostgreSQL\'s own ranking in one language.\n',
  '![How well searches find](results/search.svg)\n',
  ...byEmbedder(result).flatMap(([embedder, list]) => [
    `### Vectors of the ${embedder} embedder\n`,
    ...['reporting', 'tuning'].map((name) =>
      half(list.filter((m) => m.half === name), name))]),
  speed(result), models(result), ...skipped].join('\n');
}

/** The reporting half as a picture. */
export const searchPicture = (result) => intervalChart({
  title: 'MRR@10 of the reporting half, 95% intervals',
  groups: byEmbedder(result).map(([embedder, list]) => ({
    name: `vectors: ${embedder}`,
    rows: list.filter((m) => m.half === 'reporting').map((m) => {
      const { mrr, within } = quality(m);
      return { name: m.way, value: mrr, within,
        ours: ['vector', 'text', 'hybrid'].includes(m.way) };
    }) })),
});
