// One text that is too long for the model, in the words of those who say so: it
// is cut until it fits, its neighbours are stored, and each text is paid for once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIMENSIONS, provider, send } from './support/provider.mjs';
import { itemsOf, pagesOf, world } from './support/world.mjs';

const MOST = 2048; // characters

const error = (message, more = {}) => ({ error: { message, ...more } });

/** [status, the body for the characters of the text and its place, headers] */
const refusals = {
  'a number of tokens, the word error': [400, (n) => ({
    error: `Input length ${n} exceeds maximum allowed token size ${MOST}` })],
  'a list of one error': [400, (n) => [error(`The input token count (${n}) ` +
    `exceeds the maximum number of tokens allowed (${MOST}).`,
  { code: 400, status: 'INVALID_ARGUMENT' })]],
  'a range': [400, () => error('<400> InternalError.Algo.InvalidParameter: ' +
    `Range of input length should be [1, ${MOST}]`,
  { type: 'InvalidParameter', param: null, code: 'InvalidParameter' })],
  '413 and a validation error': [413, (n) => ({ code: 413, type: 'Validation',
    message: 'Input validation error: `inputs` must have less than ' +
      `${MOST} tokens. Given: ${n}` })],
  'the place of the text': [400, (n, at) => error(
    `Invalid "input[${at}]": maximum input length is ${MOST} tokens.`,
    { type: 'invalid_request_error' })],
  'a list of details': [422, (n, at) => ({ detail: [{ type: 'string_too_long',
    loc: ['body', 'input', at], ctx: { max_length: MOST },
    msg: `String should have at most ${MOST} characters` }] })],
  'no number': [400, () => ({
    error: 'the input length exceeds the context length' })],
  'a schema that is violated': [400, (n) => ({ message: 'Malformed input ' +
    `request: #/texts/0: expected maxLength: ${MOST}, actual: ${n}` })],
  'a code alone': [400, () => error('', { code: 'context_length_exceeded' })],
  'another language': [400, () => ({ error_code: 336003,
    error_msg: '输入文本长度超过模型限制' })],
  'words that say nothing': [400, () => ({ error: 'Bad Request' })],
  'no body': [400, () => ''],
  'a web page': [413, () => '<html><title>413 Request Entity Too Large' +
    '</title></html>', { 'content-type': 'text/html' }],
  'a server error with such words': [500, (n) => error(`input (${n} tokens) is ` +
    `too large to process. increase the physical batch size (${MOST})`)],
  'an error in a 200': [200, () => error('maximum context length is ' +
    `${MOST} tokens`, { code: 400 })],
};

for (const [name, [status, body, headers]] of Object.entries(refusals)) {
  test(`too long: ${name}`, async (t) => {
    const items = itemsOf(20);
    items[7].body = Array.from({ length: 600 }, (_, i) => `Word ${i}. `).join('');
    const account = await provider(t, ({ texts, response, ok }) => {
      const at = texts.findIndex((text) => text.length > MOST);
      if (at < 0) ok();
      else send(response, status, body(texts[at].length, at), headers);
    });
    const w = await world(t, { services: { alpha: pagesOf(items) },
      env: { OPENAI_API_URL: account.url, OPENAI_API_KEY: 'sk-1',
        EMBEDDING_ENCODING: 'float', KG_ENABLED: 'false',
        EMBEDDING_DIMENSIONS: String(DIMENSIONS) } });
    await w.good();
    const rows = await w.db.rows(`SELECT content_id, content_text AS text
      FROM vector_embeddings ORDER BY content_id, chunk_index`);
    const pieces = rows.filter((row) => row.content_id === items[7].id);
    assert.equal(rows.length - pieces.length, 19, 'the others in one piece');
    assert.ok(pieces.map((row) => row.text).join('').includes(
      items[7].body.trim()), 'nothing is left out of the long one');
    assert.equal(account.paid.length, rows.length, 'each paid for once');
    assert.ok(account.requests.length <= 40, `${account.requests.length}`);
    const paid = account.paid.length;
    await w.good();
    assert.equal(account.paid.length, paid, 'and never again');
  });
}
