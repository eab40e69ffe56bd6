// Where batchsync's own time goes: the shares that perf counted.

import { groupBy, percent } from './stats.mjs';
import { table } from './table.mjs';

const SHOWN = 0.02; // of a scenario: a function below is not listed

/** What a function does there, and why it stays. First match. */
const NOTES = [
  ['batchsync', /^buf_json_str$|^reserve|^buf_add$/, 'writing each item\'s ' +
    'metadata as JSON: every byte may need an escape'],
  ['batchsync', /^base64_decode$/, 'vectors from the embedder\'s answer, a ' +
    'table look-up for each character'],
  ['batchsync', /^text_tokens$|^utf8_/, 'the estimate of tokens, code point ' +
    'by code point: it decides whether a text has to be split'],
  ['batchsync', /^vector_put$/, 'floats in the byte order of the database'],
  ['libyyjson', /read/, 'pages and answers parsed, once each'],
  ['libyyjson', /./, 'numbers and objects of an item, written as they came'],
  ['batchsync', /^embedder_answer_read$/, 'finding the vectors in an answer'],
  ['libcrypto', /./, 'SHA-256, two an item and one a page: they tell what ' +
    'has changed'],
  ['libcurl', /./, 'requests to the embedder sent, and answers received'],
  ['libc.', /memmove|memcpy/, 'copies: messages out of gRPC, texts and ' +
    'vectors into a statement, that into a socket'],
  ['libc.', /alloc|free/, 'allocations, mostly the libraries\' own: items ' +
    'live in arenas'],
  ['libc.', /printf|xsputn|strchrnul/, 'dates and numbers of the texts, ' +
    'formatted'],
  ['[kernel', /./, 'the kernel, for it: sockets, memory, waiting'],
  ['ld-', /./, 'loading the program: a fixed cost'],
];

const noteOf = ({ library, symbol }) => NOTES.find(([prefix, pattern]) =>
  library.startsWith(prefix) && pattern.test(symbol))?.[2] ?? '';

/** Rows of the shares by `key`, a column a scenario, the largest first. */
function shares(list, names, key) {
  return [...groupBy(list, key)].map(([name, some]) => {
    const by = names.map((scenario) => some
      .filter((m) => m.scenario === scenario)
      .reduce((sum, m) => sum + m.share, 0));
    return { name, one: some[0], by, most: Math.max(...by) };
  }).sort((a, b) => b.most - a.most);
}

const cells = (by) => by.map((share) => (share > 0 ? percent(share) : ''));

export function profile({ measured }) {
  const list = measured.filter((m) => m.share !== undefined);
  if (list.length === 0) {
    return measured.map((m) => `Left out: ${m.skipped}: ${m.why}.\n`).join('');
  }
  const names = [...groupBy(list, (m) => m.scenario).keys()];
  const libraries = shares(list, names, (m) => m.library)
    .filter(({ most }) => most >= 0.005);
  const functions = shares(list.filter((m) => m.symbol !== 'all others'),
    names, (m) => `${m.library} ${m.symbol}`)
    .filter(({ most }) => most >= SHOWN);
  return 'Shares of the CPU time of batchsync\'s process, from start to end, ' +
    `by \`perf\`.\n\n${table(['library', ...names],
      libraries.map(({ name, by }) => [name, ...cells(by)]))}\n` +
    `The functions with ${percent(SHOWN, 0)} or more, and why they stay:\n\n${
      table(['function', ...names, ''], functions.map(({ one, by }) =>
        [`${one.symbol} (${one.library.replace(/\.so.*/, '')})`, ...cells(by),
          noteOf(one)]))}`;
}
