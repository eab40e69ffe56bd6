// What a provider needs to be told, and how: each variable, each profile, and what
// of it is part of a vector's identity. Money is counted.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { selfSigned } from './rig/keys.mjs';
import { DIMENSIONS, provider, send } from './support/provider.mjs';
import { folderOf, itemsOf, pagesOf, world } from './support/world.mjs';

const USUAL =
  '2621c1a14c3da308cbfcabf822f5a68e1354e4dbe51c425a0374fccd23d43c50';

const ENV = { EMBEDDING_ENCODING: 'float', OPENAI_API_KEY: 'sk-1',
  EMBEDDING_DIMENSIONS: String(DIMENSIONS), KG_ENABLED: 'false' };

/**
 * address   the variable's, of the server's origin
 * env       settings
 * asks      what a request of documents must be; headers and body in part, where
 *           undefined is one that must not be there
 * searches  the same of a search's
 */
const settings = {
  'nothing': { asks: { path: '/v1/embeddings',
    headers: { authorization: 'Bearer sk-1', 'api-key': undefined },
    body: { dimensions: DIMENSIONS, encoding_format: 'float',
      input_type: undefined, user: undefined } } },
  'an address with a path': { address: (o) => `${o}/a/b`,
    asks: { path: '/a/b/embeddings' } },
  'a slash at its end': { address: (o) => `${o}/v1/`,
    asks: { path: '/v1/embeddings' } },
  'two of them': { address: (o) => `${o}/v1//`,
    asks: { path: '/v1/embeddings' } },
  'no path': { address: (o) => o, asks: { path: '/embeddings' } },
  'an address that ends in /embeddings': {
    address: (o) => `${o}/x/embeddings`, asks: { path: '/x/embeddings' } },
  'and a slash': { address: (o) => `${o}/x/embeddings/`,
    asks: { path: '/x/embeddings' } },
  'a query': { address: (o) => `${o}/v1?api-version=2024-02-01&x=a%20b`,
    asks: { path: '/v1/embeddings?api-version=2024-02-01&x=a%20b' } },
  'a query behind /embeddings': {
    address: (o) => `${o}/v1/embeddings?api-version=1`,
    asks: { path: '/v1/embeddings?api-version=1' } },
  'a fragment, which is nobody else\'s': { address: (o) => `${o}/v1?a=1#b`,
    asks: { path: '/v1/embeddings?a=1' } },
  'a key in a header of one\'s own': {
    env: { OPENAI_API_KEY: undefined, EMBEDDING_HEADERS: 'api-key: k-2' },
    asks: { headers: { authorization: undefined, 'api-key': 'k-2' } } },
  'another Authorization': { env: { EMBEDDING_HEADERS:
    'authorization: Basic YTpi\nX-Team:  search \n' },
  asks: { headers: { authorization: 'Basic YTpi', 'x-team': 'search' } } },
  'headers in a file': { file: 'X-One: 1\r\n\nX-Two: a: b\n',
    asks: { headers: { 'x-one': '1', 'x-two': 'a: b' } } },
  'no encoding': { env: { EMBEDDING_ENCODING: 'none' },
    asks: { body: { encoding_format: undefined } } },
  'no dimensions': { env: { EMBEDDING_SEND_DIMENSIONS: 'false' },
    asks: { body: { dimensions: undefined } } },
  'extra fields of every kind': { env: { EMBEDDING_EXTRA: JSON.stringify({
    a: null, b: [1, { c: 'é' }], truncate: true, user: 'me' }) },
  asks: { body: { a: null, b: [1, { c: 'é' }], truncate: true, user: 'me' } },
  searches: { body: { truncate: true } } },
  'other extra fields for a search': { env: {
    EMBEDDING_EXTRA: '{"input_type":"passage","x":1}',
    EMBEDDING_QUERY_EXTRA: '{"input_type":"query","y":2}' },
  asks: { body: { input_type: 'passage', x: 1, y: undefined } },
  searches: { body: { input_type: 'query', x: 1, y: 2 } } },
  'azure': { env: { EMBEDDING_PROFILE: 'azure' },
    address: (o) => `${o}/openai/deployments/d?api-version=1`,
    asks: { path: '/openai/deployments/d/embeddings?api-version=1',
      headers: { 'api-key': 'sk-1', authorization: undefined } } },
  'gemini': { env: { EMBEDDING_PROFILE: 'gemini', EMBEDDING_ENCODING: undefined },
    asks: { headers: { authorization: 'Bearer sk-1' },
      body: { encoding_format: 'float', dimensions: DIMENSIONS } } },
  'nim': { env: { EMBEDDING_PROFILE: 'nim', EMBEDDING_ENCODING: undefined },
    asks: { body: { encoding_format: 'float', dimensions: undefined,
      input_type: 'passage' } }, searches: { body: { input_type: 'query' } } },
  'nim, and a variable that wins': { env: { EMBEDDING_PROFILE: 'nim',
    EMBEDDING_EXTRA: '{"truncate":"END"}', EMBEDDING_SEND_DIMENSIONS: 'true' },
  asks: { body: { input_type: undefined, truncate: 'END',
    dimensions: DIMENSIONS } } },
  'voyage': { env: { EMBEDDING_PROFILE: 'voyage' },
    asks: { body: { dimensions: undefined, input_type: 'document',
      truncation: false } }, searches: { body: { input_type: 'query' } } },
  'mistral': { env: { EMBEDDING_PROFILE: 'mistral',
    EMBEDDING_ENCODING: undefined },
  asks: { body: { encoding_format: 'float', dimensions: undefined } } },
  'tei': { env: { EMBEDDING_PROFILE: 'tei', EMBEDDING_ENCODING: undefined },
    most: 32, asks: { body: { encoding_format: 'float',
      dimensions: undefined } } },
  'ollama': { env: { EMBEDDING_PROFILE: 'ollama', OPENAI_API_KEY: undefined,
    EMBEDDING_ENCODING: undefined },
  asks: { headers: { authorization: undefined },
    body: { encoding_format: 'float', dimensions: undefined } } },
};

const checkPart = (all, part, what) => {
  for (const [name, value] of Object.entries(part ?? {})) {
    assert.deepEqual(all[name], value, `${what} ${name}`);
  }
};

function checkRequest({ path, headers, body }, want) {
  if (want.path) assert.equal(path, want.path);
  checkPart(headers, want.headers, 'header');
  checkPart(body, want.body, 'member');
}

for (const [name, row] of Object.entries(settings)) {
  test(`what is asked with: ${name}`, async (t) => {
    const account = await provider(t, ({ ok }) => ok());
    const origin = account.url.replace('/v1', '');
    const file = row.file && join(folderOf(t, { headers: row.file }), 'headers');
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(40)) },
      env: { ...ENV, OPENAI_API_URL: (row.address ?? ((o) => `${o}/v1`))(origin),
        ...file && { EMBEDDING_HEADERS_FILE: file }, ...row.env } });
    await w.good();
    assert.equal(account.paid.length, 40);
    assert.equal((await w.db.vectors()).length, 40);
    for (const request of account.requests) {
      checkRequest(request, row.asks);
      assert.ok(request.texts.length <= (row.most ?? 2048));
    }
    await w.run(['search', 'hello']);
    checkRequest(account.requests.at(-1), { ...row.asks, body: {}, ...row.searches });
    await w.good();
    assert.equal(account.paid.length, 40 + 1, 'the search, and nothing again');
  });
}

// Extra fields and prefixes that change vectors embed anew; the others do not.
const changes = {
  'a document prefix': [{ EMBEDDING_DOCUMENT_PREFIX: 'passage: ' }, true],
  'a query prefix': [{ EMBEDDING_QUERY_PREFIX: 'query: ' }, false],
  'an extra field': [{ EMBEDDING_EXTRA: '{"input_type":"passage"}' }, true],
  'the field of the user': [{ EMBEDDING_EXTRA: '{"user":"me"}' }, false],
  'a field that is said to be neutral': [{ EMBEDDING_EXTRA: '{"priority":1}',
    EMBEDDING_EXTRA_NEUTRAL: 'user, priority' }, false],
  'the user, no longer neutral': [{ EMBEDDING_EXTRA: '{"user":"me"}',
    EMBEDDING_EXTRA_NEUTRAL: 'priority' }, true],
  'a field of queries': [{ EMBEDDING_QUERY_EXTRA: '{"input_type":"q"}' }, false],
  'a header': [{ EMBEDDING_HEADERS: 'X-Team: search' }, false],
  'an encoding': [{ EMBEDDING_ENCODING: 'none' }, false],
  'a profile without extra fields': [{ EMBEDDING_PROFILE: 'tei' }, false],
};

test('what embeds anew', async (t) => {
  const account = await provider(t, ({ ok }) => ok());
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) },
    env: { ...ENV, OPENAI_API_URL: account.url } });
  const hash = async () => (await w.db.rows(`SELECT
    encode(embed_hash, 'hex') AS hash FROM vector_embeddings
    ORDER BY content_id LIMIT 1`))[0].hash;
  await w.good();
  const usual = await hash();
  assert.equal(usual, USUAL, 'as every version has had it');
  for (const [name, [env, anew]] of Object.entries(changes)) {
    const paid = account.paid.length;
    await w.good({ env });
    assert.equal(account.paid.length - paid, anew ? 3 : 0, name);
    assert.equal(await hash() !== usual, anew, name);
    if (anew) await w.good();
    assert.equal(await hash(), usual, `${name}, and back`);
  }
});

test('a prefix, extra fields and headers, over a unix socket', async (t) => {
  const socket = join(folderOf(t), 'provider.sock');
  const account = await provider(t, ({ ok }) => ok(), { socket });
  const env = { OPENAI_API_URL: `${account.url}:/x?api-version=1`,
    EMBEDDING_ENCODING: 'none', EMBEDDING_DIMENSIONS: String(DIMENSIONS),
    EMBEDDING_PROFILE: 'azure', OPENAI_API_KEY: 'sk-1', KG_ENABLED: 'false',
    EMBEDDING_DOCUMENT_PREFIX: 'passage: ', EMBEDDING_QUERY_PREFIX: 'query: ',
    EMBEDDING_EXTRA: '{"input_type":"passage","user":"me"}',
    EMBEDDING_QUERY_EXTRA: '{"input_type":"query"}',
    EMBEDDING_HEADERS: 'X-Team: search' };
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) }, env });
  await w.good();
  for (const { path, body, headers, texts } of account.requests) {
    assert.equal(path, '/x/embeddings?api-version=1');
    assert.equal(headers['api-key'], 'sk-1');
    assert.ok(!('authorization' in headers));
    assert.equal(headers['x-team'], 'search');
    assert.ok(!('encoding_format' in body));
    assert.equal(body.input_type, 'passage');
    assert.ok(texts.every((text) => text.startsWith('passage: ')));
  }
  assert.equal(account.paid.length, 3);
  await w.run(['search', 'hello']);
  const { body, texts } = account.requests.at(-1);
  assert.deepEqual([texts, body.input_type, body.user],
    [['query: hello'], 'query', 'me']);
  const paid = account.paid.length;
  await w.good({ env: { EMBEDDING_QUERY_PREFIX: 'q: ',
    EMBEDDING_EXTRA: '{"user":"you","input_type":"passage"}' } });
  assert.equal(account.paid.length, paid, 'what is neutral embeds nothing');
  await w.good({ env: { EMBEDDING_DOCUMENT_PREFIX: 'text: ' } });
  assert.equal(account.paid.length, paid + 3, 'another prefix embeds anew');
});

/* ---- on the way there ---- */

test('a proxy that asks for credentials is named', async (t) => {
  const proxy = await provider(t, ({ response }) =>
    send(response, 407, 'who are you?', { 'proxy-authenticate': 'Basic' }));
  const { host } = new URL(proxy.url);
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(60)) },
    env: { ...ENV, OPENAI_API_URL: 'http://embedder.example/v1',
      http_proxy: `http://someone:secret@${host}`, no_proxy: '127.0.0.1' } });
  const { code, result, stderr } = await w.run(['sync', '--json']);
  assert.notEqual(code, 0);
  const errors = JSON.stringify(result.services);
  assert.ok(errors.includes(`the proxy ${host} refused`), errors);
  assert.match(errors, /embedder\.example.*HTTP 407.*http_proxy/);
  assert.doesNotMatch(errors + stderr, /secret/);
  assert.ok(proxy.requests.length <= 2, `${proxy.requests.length} requests`);
});

test('whose certificates are trusted', async (t) => {
  const { key, certificate } = selfSigned();
  const file = join(folderOf(t), 'own-ca.pem');
  const other = join(folderOf(t), 'other-ca.pem');
  writeFileSync(file, certificate);
  writeFileSync(other, selfSigned().certificate);
  const account = await provider(t, ({ ok }) => ok(),
    { tls: { key, cert: certificate } });
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(20)) },
    env: { ...ENV, OPENAI_API_URL: account.url } });
  for (const env of [{}, { EMBEDDING_CA_FILE: other },
    { SSL_CERT_FILE: other }]) {
    const { code, result } = await w.run(['sync', '--json'], { env });
    assert.notEqual(code, 0);
    assert.match(JSON.stringify(result.services), /certificate.*SSL_CERT_FILE/);
    assert.equal(account.requests.length, 0, 'nothing is told to a stranger');
  }
  await w.good({ env: { SSL_CERT_FILE: file } });
  assert.equal(account.paid.length, 20);
  await w.db.script('DELETE FROM vector_embeddings');
  await w.good({ env: { EMBEDDING_CA_FILE: file } });
  assert.equal(account.paid.length, 40);
});
