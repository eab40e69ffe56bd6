// How providers, gateways and proxies behave, a row each: what they answer, and
// what has to come of it. Money is counted: texts paid for beside texts stored.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { DIMENSIONS, good, provider, send, zstd }
  from './support/provider.mjs';
import { itemsOf, pagesOf, vectorOf, world } from './support/world.mjs';

const refuse = (response, status, message, more = {}) =>
  send(response, status, { error: { message, ...more } });

const without = (entry, name) => {
  const { [name]: dropped, ...rest } = entry;
  return rest;
};

const shuffled = (list) => [...list].sort((a, b) =>
  JSON.stringify(a).localeCompare(JSON.stringify(b)));

const ZEROES = Buffer.alloc(64 << 20);

/**
 * items       how many there are; 60 unless told
 * answer      the provider's; see support/provider.mjs
 * env         settings
 * stored      items that are stored; all unless told
 * paid        texts paid for at most; one each unless told
 * requests    at most
 * code        the exit code; 0 unless told
 * says        what the run's errors say
 * logs        what a line of the log says
 * refused     requests without vectors, by reason
 */
const rows = {
  'index 0 is left out, as protobuf does': {
    answer: ({ ok }) => ok((e) => e.index === 0 ? without(e, 'index') : e) },
  'indexes are strings': {
    answer: ({ ok }) => ok((e) => ({ ...e, index: String(e.index) })) },
  'no entry has an index': {
    answer: ({ ok }) => ok((e) => without(e, 'index')), paid: 60 + 2 },
  'no entry has an index, and there is no order': {
    answer: ({ body, response }) => {
      const { data } = good(body, (e) => without(e, 'index'));
      send(response, 200, { data: shuffled(data) });
    },
    stored: 1, code: 78, says: /EMBEDDING_MAX_INPUTS=1/ },
  'one vector is null': {
    answer: ({ ok }) => ok((e, text) => /item-00007/.test(text)
      ? { ...e, embedding: null } : e),
    stored: 59, paid: 61, code: 1, says: /an entry has no embedding/ },
  'one vector is NaN the first time': {
    answer: ({ ok, texts }) => ok((e, text) => /item-00007/.test(text) &&
      texts.length > 1 ? { ...e, embedding: [null, 1] } : e),
    paid: 61 },
  ...Object.fromEntries(Object.entries({
    gzip: [gzipSync, 'gzip'], deflate: [deflateSync, 'deflate'],
    Brotli: [brotliCompressSync, 'br'], Zstandard: [zstd, 'zstd'],
    'Zstandard, and no header': [zstd, 'identity'],
    'gzip in Brotli': [(b) => brotliCompressSync(gzipSync(b)), 'gzip, br'],
  }).map(([name, [pack, coding]]) =>
    [`an answer that nobody asked to be compressed: ${name}`, {
      answer: ({ body, request, response }) => {
        assert.ok(!('accept-encoding' in request.headers));
        send(response, 200, pack(Buffer.from(JSON.stringify(good(body)))),
          { 'content-encoding': coding });
      } }])),
  ...Object.fromEntries(['gzip', 'br', 'zstd'].map((coding) =>
    [`an answer that is said to be ${coding}, and is not`, {
      answer: ({ ok }) => ok(undefined, {}, { 'content-encoding': coding }) }])),
  ...Object.fromEntries(Object.entries({ gzip: gzipSync(ZEROES),
    br: brotliCompressSync(ZEROES) }).map(([coding, bytes]) =>
    [`a bomb of ${coding}`, {
      answer: ({ response }) => send(response, 200, bytes,
        { 'content-encoding': coding }),
      stored: 0, code: 78, requests: 3, says: /longer than \d+ bytes/ }])),
  'a redirect within the origin': {
    answer: ({ request, response, ok }) => request.url.startsWith('/v1/')
      ? send(response, 308, '', { location: '/v2/embeddings' }) : ok() },
  'a redirect to elsewhere': {
    answer: ({ response }) => send(response, 307, '',
      { location: 'http://elsewhere.example/v1/embeddings' }),
    stored: 0, code: 78, requests: 2, says: /elsewhere\.example/ },
  'an error in a 200': {
    answer: ({ response }) => send(response, 200, { error: {
      message: 'No successful provider responses.', code: 404 } }),
    stored: 0, code: 78, requests: 2, says: /No successful provider/ },
  'a rate limit in a 200': {
    answer: ({ n, response, ok }) => n < 3 ? send(response, 200, { error: {
      message: 'Slow down', code: 429 } }) : ok(),
    refused: { refusedRate: 2 } },
  'a web page': {
    answer: ({ response }) => send(response, 200,
      '<html><title>Sign in</title></html>', { 'content-type': 'text/html' }),
    stored: 0, code: 78, requests: 2, says: /web page .*Sign in.*API_URL/ },
  'vectors of another size': {
    answer: ({ body, response }) => send(response, 200, { data:
      body.input.map((text, index) => ({ index, embedding: [1, 2, 3] })) }),
    stored: 0, code: 78, requests: 2, says: /set EMBEDDING_DIMENSIONS=3/ },
  'at most ten inputs': {
    items: 300, answer: ({ texts, response, ok }) => texts.length > 10
      ? refuse(response, 400, 'batch size is invalid, it should not be larger ' +
        'than 10.: input.contents') : ok(),
    requests: 1 + 30 + 12 + 12, logs: /EMBEDDING_MAX_INPUTS/ },
  'too many inputs, no number': {
    items: 300, answer: ({ texts, response, ok }) => texts.length > 20
      ? refuse(response, 400, 'Too many inputs in request, split into more ' +
        'batches.') : ok() },
  'a quota with a time to come back': {
    answer: ({ n, response, ok }) => n < 3 ? refuse(response, 429,
      'You exceeded your current quota. Please retry in 0.1s.') : ok() },
  'a quota without one': {
    answer: ({ response }) => refuse(response, 429,
      'You exceeded your current quota.', { type: 'insufficient_quota' }),
    refused: { refusedAccess: 1 }, stored: 0, code: 1, requests: 2, says: /exceeded your current quota/ },
  'a wait of eleven hours': {
    answer: ({ response }) => send(response, 429, { error: 'Daily limit' },
      { 'retry-after': '40000' }),
    stored: 0, requests: 2, code: 1, says: /40000 s.*EMBEDDING_MAX_WAIT/ },
  'dimensions are not known': {
    answer: ({ response }) => send(response, 422, { detail: [{
      type: 'extra_forbidden', loc: ['body', 'dimensions'],
      msg: 'Extra inputs are not permitted', input: 8 }] }),
    refused: { refusedSettings: 1 }, stored: 0, code: 78, requests: 2, says: /EMBEDDING_SEND_DIMENSIONS/ },
  'texts are repeated in the refusal': {
    answer: ({ texts, response, ok }) => {
      const bad = texts.find((text) => /item-00007/.test(text));
      if (bad) refuse(response, 400, `Could not embed: "${bad}"`);
      else ok();
    },
    stored: 59, code: 1, paid: 59, says: /Could not embed: .{1,2}\[\.\.\.\]/ },
  'a text that is named as too long, and its neighbours': {
    items: 20, edit: (item, i) => i === 7 ? { ...item, body: Array.from(
      { length: 6000 }, (_, k) => `Word ${k}. `).join('') } : item,
    answer: ({ texts, response, ok }) => {
      const at = texts.findIndex((text) => text.length > 8192);
      if (at < 0) ok();
      else refuse(response, 400, `Invalid 'input[${at}]': maximum context ` +
        `length is 8192 tokens, however you requested ${texts[at].length} ` +
        'tokens. Please reduce the length of the input.');
    },
    stored: 19 + 10, paid: 19 + 10, requests: 4,
    refused: { refusedLength: 1 } },
  'long texts are cut in silence': {
    items: 3, edit: (item) => ({ ...item, body: 'Sentence. '.repeat(400) }),
    answer: ({ ok, texts }) => ok(undefined,
      { usage: { prompt_tokens: texts.length * 128 } }),
    logs: /set EMBEDDING_MAX_TOKENS=128/ },
};

for (const [name, row] of Object.entries(rows)) {
  test(name, async (t) => {
    const items = itemsOf(row.items ?? 60).map(row.edit ?? ((item) => item));
    const account = await provider(t, row.answer);
    const w = await world(t, { services: { alpha: pagesOf(items) },
      env: { OPENAI_API_URL: account.url, EMBEDDING_ENCODING: 'float',
        EMBEDDING_DIMENSIONS: String(DIMENSIONS), OPENAI_API_KEY: 'sk-1',
        KG_ENABLED: 'false', ...row.env } });
    const outcome = await w.run(['sync', '--json']);
    const errors = JSON.stringify(outcome.result?.services) ?? '';
    assert.match(errors, row.says ?? /"errors":\[\]/);
    const stored = row.stored ?? items.length;
    const vectors = await w.db.vectors();
    assert.equal(vectors.length, stored);
    for (const { text, vector } of vectors) {
      const want = vectorOf(text.trim(), DIMENSIONS);
      assert.ok(vector.every((x, i) => Math.abs(x - want[i]) < 1e-4), text);
    }
    assert.ok(account.paid.length <= (row.paid ?? items.length),
      `${account.paid.length} paid for`);
    assert.ok(account.requests.length <= (row.requests ?? Infinity),
      `${account.requests.length} requests`);
    if (row.refused) {
      const service = outcome.result.services[0];
      assert.deepEqual(Object.fromEntries(Object.entries(service).filter(
        ([name]) => name.startsWith('refused'))), row.refused);
    }
    if (row.logs) assert.match(outcome.stderr, row.logs);
    assert.equal(outcome.code === 0, (row.code ?? 0) === 0, outcome.stderr);
  });
}
