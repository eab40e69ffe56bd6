// What a provider says when it says no is told, whatever its shape, with the
// address that was asked; but never a word of the texts that were sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIMENSIONS, provider, send } from './support/provider.mjs';
import { itemsOf, pagesOf, world } from './support/world.mjs';

const WORDS = 'the flux capacitor is too cold';

const shapes = {
  'OpenAI': { error: { message: WORDS, type: 'invalid', param: null } },
  'an error that is a string': { error: WORDS },
  'an error in an error': { error: { error: { message: WORDS } } },
  'an error handed on as text': { error: { message:
    JSON.stringify({ error: { message: WORDS } }) } },
  'RFC 9457': { type: 'about:blank', title: 'Bad Request', status: 400,
    detail: WORDS },
  'FastAPI, a list': { detail: [{ loc: ['body', 'input'], msg: WORDS }] },
  'FastAPI, a string': { detail: WORDS },
  'FastAPI, an object': { detail: { error: { message: WORDS } } },
  'Cloudflare': { result: null, success: false,
    errors: [{ code: 7009, message: WORDS }] },
  'JSON:API': { errors: [{ status: '400', title: 'Bad', detail: WORDS }] },
  'errors that are strings': { errors: [WORDS] },
  'NestJS': { statusCode: 400, message: [WORDS], error: 'Bad Request' },
  'Spring': { timestamp: 1, status: 400, error: 'Bad Request', message: WORDS,
    path: '/v1/embeddings' },
  'AWS': { Message: WORDS },
  'AWS, JSON 1.1': { __type: 'ValidationException', message: WORDS },
  'gRPC in JSON': { code: 3, message: WORDS, details: [] },
  'Azure': { error: { code: '400', message: WORDS, innererror: { code: 'x' } } },
  'Apigee': { fault: { faultstring: WORDS, detail: { errorcode: 'x' } } },
  'Baidu': { error_code: 336, error_msg: WORDS },
  'MiniMax': { base_resp: { status_code: 2013, status_msg: WORDS } },
  'SiliconFlow': { code: 20012, msg: WORDS, data: null },
  'OAuth': { error: 'invalid_request', error_description: WORDS },
  'TEI': { error: WORDS, error_type: 'Validation' },
  'a list': [{ error: { message: WORDS } }],
  'a string of JSON': JSON.stringify(WORDS),
  'members that nobody knows': { oops: { sorry: WORDS } },
  'plain text': WORDS,
  'a page with a title': `<!doctype html><html><head><title>${WORDS}</title>`,
  'a page with a heading': `<html><body><h1>${WORDS}</h1></body></html>`,
  'a page of paragraphs': `<html><path/><pre>${WORDS}</pre></html>`,
  'SOAP': `<soap:Fault><faultcode>x</faultcode><faultstring>${WORDS
  }</faultstring></soap:Fault>`,
  'XML': `<?xml version="1.0"?><Error><Code>x</Code><Message>${WORDS
  }</Message></Error>`,
};

const ENV = { OPENAI_API_KEY: 'sk-1', EMBEDDING_ENCODING: 'float',
  KG_ENABLED: 'false', EMBEDDING_DIMENSIONS: String(DIMENSIONS) };

test('words in all shapes', async (t) => {
  let body;
  const account = await provider(t, ({ response }) => send(response, 400, body));
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) },
    env: { ...ENV, OPENAI_API_URL: account.url } });
  for (const [name, shape] of Object.entries(shapes)) {
    body = shape;
    const { code, result } = await w.run(['sync', '--json']);
    const said = JSON.stringify(result.services[0].errors);
    assert.notEqual(code, 0, name);
    assert.ok(said.includes(WORDS), `${name}: ${said}`);
    assert.ok(said.includes(`HTTP 400`) && said.includes(
      `${account.url}/embeddings`), `${name}: ${said}`);
  }
});

test('words without end, or without sense', async (t) => {
  let body, headers;
  const account = await provider(t, ({ response }) =>
    send(response, 400, body, headers));
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) },
    env: { ...ENV, OPENAI_API_URL: account.url } });
  for (body of [{ error: { message: `${WORDS} `.repeat(10_000) } },
    `${WORDS} `.repeat(100_000), '', '{', '{}', '[]', 'null', '<', '<html>', '<title>', '{"error":null}',
    Buffer.from([0xff, 0xfe, 0x00]), `${'['.repeat(5000)}`,
    { error: { message: 'line\n\u001b[31mred\u0000' } }]) {
    const { code, result, stderr } = await w.run(['sync', '--json']);
    const [{ error }] = result.services[0].errors;
    assert.notEqual(code, 0);
    assert.match(error, /HTTP 400/);
    assert.ok(error.length <= 1024, `${error.length} bytes`);
    assert.doesNotMatch(error, /[\u0000-\u001f]/);
    assert.ok(stderr.split('\n').every((line) => line.length < 4096));
  }
});

const SECRET = 'patient 4711 suffers from "melancholia", says Zoë\n' +
  'and takes 20 mg';
// What of it must not be seen, whatever is around it.
const LEAKS = /4711|suffers|melanchol|says Zo|takes 20/i;

const echoes = {
  'in quotes': (text) => ({ error: { message: `Could not embed "${text}"` } }),
  'without quotes': (text) => ({ error: { message: `Bad input: ${text}` } }),
  'as JSON': (text) => ({ error: { message:
    `Bad input: ${JSON.stringify([text])}` } }),
  'as ASCII': (text) => ({ error: { message: `Bad: ${JSON.stringify(text)
    .replace(/[^ -~]/g, (c) => `\\u00${c.charCodeAt().toString(16)}`)}` } }),
  'as Python has it': (text) => ({ detail: `input=['${
    text.replaceAll('\n', '\\n')}']` }),
  'cut': (text) => ({ message: `Bad input: ${text.slice(8, 60)}...` }),
  'cut at its end': (text) => ({ message: `... ${text.slice(-30)}` }),
  'in small letters': (text) => ({ message: text.toLowerCase() }),
  'in one line': (text) => ({ message: text.replace(/\s+/g, ' ') }),
  'as pydantic does': (text) => ({ detail: [{ type: 'value_error', msg:
    `Value error, ${text}`, loc: ['body', 'input', 0], input: text }] }),
  'the whole request': (text, body) => ({ error: { message:
    `litellm.BadRequestError: ${JSON.stringify(body)}` } }),
  'in a page': (text) => `<html><title>Error: ${text}</title></html>`,
  'in plain text': (text) => `Traceback: ValueError(${text})`,
  'in an error within a 200': (text) => ({ error: { message: text,
    code: 400 } }),
};

for (const [name, echo] of Object.entries(echoes)) {
  test(`a text that is repeated is not told: ${name}`, async (t) => {
    const items = itemsOf(20);
    items[4].body = SECRET;
    const account = await provider(t, ({ body, texts, response, ok }) => {
      const bad = texts.find((text) => text.includes('4711'));
      if (bad) send(response, /200/.test(name) ? 200 : 400, echo(bad, body));
      else ok();
    });
    const w = await world(t, { services: { alpha: pagesOf(items) },
      env: { ...ENV, OPENAI_API_URL: account.url, LOG_LEVEL: 'debug' } });
    const { code, stdout, stderr } = await w.sync();
    assert.equal(code, 1);
    assert.equal((await w.db.vectors()).length, 19);
    assert.equal(account.paid.length, 19);
    assert.doesNotMatch(stdout + stderr, LEAKS);
    const [letter] = await w.db.rows(
      'SELECT content_id, reason FROM batch_sync_dead_letters');
    assert.equal(letter.content_id, items[4].id);
    assert.doesNotMatch(letter.reason, LEAKS);
    const list = await w.run(['dead-letters']);
    assert.doesNotMatch(list.stdout, LEAKS);
  });
}
