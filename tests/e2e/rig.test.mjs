// The rig, tried out by itself: what a test builds on has to hold first.

import assert from 'node:assert/strict';
import { createHash, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import grpc from '@grpc/grpc-js';
import * as coordinators from './rig/coordinator.mjs';
import * as embedders from './rig/embedder.mjs';
import * as databases from './rig/database.mjs';
import * as batchsync from './rig/batchsync.mjs';
import { signingKeys } from './rig/keys.mjs';
import { sleep, until } from './rig/wait.mjs';

const { failing, pagesOf, sequence, shapes } = coordinators;
const { faults, vectorOf } = embedders;

const sample = (name) => JSON.parse(readFileSync(
  new URL(`../data/${name}.json`, import.meta.url), 'utf8'));

/* ---- coordinator ---- */

const items = (n) =>
  Array.from({ length: n }, (_, i) => ({ id: `i-${i + 1}` }));

function pageRequest(service, page = 1, limit = 10) {
  const metadata = {
    target_service: service,
    sync_type: 'batch',
    page: String(page),
    limit: String(limit),
    requester_service: 'rag-service',
    source: 'rag-batch-sync',
    timestamp: new Date().toISOString(),
  };
  return {
    tenant_id: 'tenant-1',
    user_id: 'system',
    query_text: `sync_${service}_batch_page_${page}`,
    metadata,
  };
}

/** A coordinator with a client of it; both end with the test. */
async function coordinator(t, options = {}) {
  const server = await coordinators.start(options);
  const credentials = server.certificate
    ? grpc.credentials.createSsl(Buffer.from(server.certificate))
    : grpc.credentials.createInsecure();
  const client = new coordinators.CoordinatorService(
    server.endpoint, credentials, { 'grpc.max_receive_message_length': -1 });
  t.after(async () => {
    client.close();
    await server.close();
  });
  const route = (request, headers = {}, deadlineMs = 5000) =>
    new Promise((done, fail) => {
      const metadata = new grpc.Metadata();
      for (const [k, v] of Object.entries(headers)) metadata.set(k, v);
      client.Route(request, metadata, { deadline: Date.now() + deadlineMs },
        (error, response) => error ? fail(error) : done(response));
    });
  return { server, route };
}

const document = (response) => JSON.parse(response.envelope_json);

test('coordinator: serves a list by page and limit', async (t) => {
  const { server, route } = await coordinator(t);
  server.script('a', pagesOf(items(25), shapes.dataItems, { total: true }));
  const pages = [];
  for (const page of [1, 2, 3, 4]) {
    pages.push(document(await route(pageRequest('a', page))).data);
  }
  assert.deepEqual(pages.map((page) => page.items.length), [10, 10, 5, 0]);
  assert.equal(pages[2].items[0].id, 'i-21');
  assert.ok(pages.every((page) => page.total === 25));
});

test('coordinator: a cap of its own is served and said', async (t) => {
  const { server, route } = await coordinator(t);
  server.script('a', pagesOf(items(7), shapes.dataArray,
    { limit: 4, hasMore: true }));
  const [first, second] = [await route(pageRequest('a', 1)),
    await route(pageRequest('a', 2, 4))].map(document);
  assert.equal(first.data.length, 4);
  assert.equal(first.limit, 4);
  assert.equal(first.has_more, true);
  assert.deepEqual(second.data.map((item) => item.id), ['i-5', 'i-6', 'i-7']);
  assert.equal(second.has_more, false);
});

test('coordinator: every shape puts the items where it should', async (t) => {
  const { server, route } = await coordinator(t);
  const places = {
    dataItems: (d) => d.data.items,
    dataArray: (d) => d.data,
    wrappedItems: (d) => d.successfulResult.data.items,
    wrappedArray: (d) => d.successfulResult.data,
    items: (d) => d.items,
    rootArray: (d) => d,
    legacyPayload: (d) => d.payload.data,
    single: (d) => [d.data],
    wrappedSingle: (d) => [d.successfulResult.data],
  };
  for (const [name, place] of Object.entries(places)) {
    server.script('a', shapes[name](items(1), { total: 9 }));
    const response = await route(pageRequest('a'));
    assert.deepEqual(place(document(response)), items(1), name);
    assert.equal(response.normalized_fields.successful_service, 'a');
    assert.match(JSON.stringify(response), /total\\*": ?"?9/, name);
  }
});

/** The same document with every leaf replaced by its type. */
function outline(value) {
  if (Array.isArray(value)) return value.map(outline);
  if (value === null || typeof value !== 'object') return value && typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, outline(part)]));
}

for (const [name, script] of [
  ['route-wrapped-page', (items) => shapes.wrappedItems(items,
    { page: 1, limit: 3, total: 2500 })],
  ['route-service-down', () => shapes.serviceDown()],
]) {
  test(`coordinator: answers in the form of ${name}`, async (t) => {
    const { server, route } = await coordinator(t);
    const { request, response } = sample(name);
    const data = JSON.parse(response.envelope_json).successfulResult?.data;
    server.script('assessment-service', script(data?.items));
    const answer = await route(request);
    for (const part of ['envelope_json', 'routing_metadata']) {
      assert.deepEqual(outline(JSON.parse(answer[part])),
        outline(JSON.parse(response[part])));
    }
    assert.deepEqual(Object.keys(answer.normalized_fields),
      Object.keys(response.normalized_fields));
    assert.equal(answer.normalized_fields.successful_service,
      response.normalized_fields.successful_service);
    assert.deepEqual(document(answer).successfulResult?.data, data);
    assert.deepEqual(answer.target_services, response.target_services);
  });
}

test('coordinator: other services, empty results, failures', async (t) => {
  const { server, route } = await coordinator(t);
  const answer = async (reply) => {
    server.script('a', reply);
    return route(pageRequest('a'));
  };
  const other = await answer(shapes.answeredBy('b', items(2),
    { rejectReason: 'empty_results' }));
  assert.equal(other.normalized_fields.successful_service, 'b');
  assert.deepEqual(document(other).cascadeAttempts.map((attempt) =>
    [attempt.serviceName, attempt.rejectReason]),
  [['a', 'empty_results'], ['b', null]]);

  const empty = await answer(shapes.emptyResults());
  assert.equal(document(empty).successfulResult, null);
  assert.equal(document(empty).cascadeAttempts[0].rejectReason,
    'empty_results');

  assert.deepEqual(document(await answer(shapes.failure('no'))),
    { success: false, error: 'no' });
  assert.equal((await answer({ envelope: '{"data":' })).envelope_json,
    '{"data":');
  assert.equal((await answer({})).envelope_json, '');
});

test('coordinator: fields are set, added and removed', async (t) => {
  const { server, route } = await coordinator(t);
  const fields = async (normalizedFields) => {
    server.script('a', { ...shapes.items([]), normalizedFields });
    return (await route(pageRequest('a'))).normalized_fields;
  };
  const some = await fields({ has_more: 'true', successful_service: null });
  assert.equal(some.has_more, 'true');
  assert.equal(some.source, 'coordinator');
  assert.ok(!('successful_service' in some));
  assert.deepEqual(await fields(null), {});
});

test('coordinator: statuses, sequences, delays', async (t) => {
  const { server, route } = await coordinator(t);
  server.script('a', failing(2, { grpcCode: 'UNAVAILABLE', details: 'down' },
    () => { throw new Error('No active services'); }));
  for (const [code, details] of [[14, 'down'], [14, 'down'],
    [2, 'No active services']]) {
    await assert.rejects(route(pageRequest('a')), { code, details });
  }
  server.script('b', sequence(shapes.items(items(1)),
    { ...shapes.items([]), delayMs: 120 }));
  await route(pageRequest('b'));
  const begun = Date.now();
  await route(pageRequest('b', 2));
  assert.ok(Date.now() - begun >= 110);
  assert.deepEqual(server.callsTo('b').map((call) => call.page), [1, 2]);
  assert.deepEqual(server.calls.map((call) => call.callNumber),
    [1, 2, 3, 1, 2]);
});

test('coordinator: a call that hangs is seen to be cancelled', async (t) => {
  const { server, route } = await coordinator(t);
  server.script('a', { hang: true });
  await assert.rejects(route(pageRequest('a'), {}, 100), { code: 4 });
  await until(() => server.calls[0].cancelled, 'the cancellation');
});

test('coordinator: a page of 8 MiB passes', async (t) => {
  const { server, route } = await coordinator(t);
  server.script('a', { envelope: { items: [{ id: 'x'.repeat(8 << 20) }] } });
  assert.ok((await route(pageRequest('a'))).envelope_json.length > 8 << 20);
});

test('coordinator: a service without a script is down', async (t) => {
  const { route } = await coordinator(t);
  const response = await route(pageRequest('nobody'));
  assert.equal(response.normalized_fields.successful_service, 'none');
  assert.equal(document(response).cascadeAttempts[0].error, 'fetch failed');
});

test('coordinator: TLS with a certificate of its own', async (t) => {
  const { server, route } = await coordinator(t, { tls: true });
  server.script('a', shapes.items([]));
  assert.equal((await route(pageRequest('a'))).envelope_json, '{"items":[]}');
});

test('signature: the known message', () => {
  assert.equal(coordinators.signedMessage({
    tenant_id: '5a1cb1d2-343c-438c-9f4b-76f0f1aac59d',
    user_id: 'system',
    query_text: 'sync_assessment-service_daily_page_1',
  }, 1766448000000), 'educoreai-rag-service-'
    + 'aa36467946befb5e28ef430778dae57a362b9b487aaa52129062b0750fd3c737');
});

test('signature: good ones pass, all others do not', async (t) => {
  const keys = signingKeys();
  const { server, route } = await coordinator(t,
    { publicKey: keys.publicKey });
  server.script('a', shapes.items([]));
  const request = pageRequest('a');
  const timestamp = Date.now();
  const digest = createHash('sha256').update(JSON.stringify({
    tenant_id: 'tenant-1', user_id: 'system',
    query_text: request.query_text,
    requester_service: 'rag-service', timestamp,
  })).digest('hex');
  const signature = (key) => sign('sha256',
    Buffer.from(`educoreai-rag-service-${digest}`), key).toString('base64');
  const headers = {
    'x-signature': signature(keys.pkcs8),
    'x-service-name': 'rag-service',
    'x-timestamp': String(timestamp),
    'x-requester-service': 'rag-service',
  };
  await route(request, headers);
  await route(request, { ...headers, 'x-signature': signature(keys.sec1) });
  for (const wrong of [
    { 'x-signature': signature(signingKeys().pkcs8) },
    { 'x-signature': 'not base64!' },
    { 'x-timestamp': String(timestamp + 1) },
    { 'x-timestamp': 'soon' },
    { 'x-service-name': 'somebody' },
  ]) {
    await assert.rejects(route(request, { ...headers, ...wrong }),
      { code: 16 });
  }
  await assert.rejects(route(request), { code: 16 });
  await assert.rejects(
    route({ ...request, tenant_id: 'other' }, headers), { code: 16 });
});

test('coordinator: HTTP lists the scripted services, or as told', async (t) => {
  const { server } = await coordinator(t);
  server.script('a', shapes.items([])).script('b', shapes.items([]));
  const get = (path) => fetch(server.httpUrl + path);
  assert.deepEqual(await (await get('/services/list')).json(),
    { success: true, services: ['a', 'b'] });
  assert.equal((await get('/services')).status, 404);
  server.http('/services/list', { status: 404, body: 'gone' });
  server.http('/services', { body: { services: [] } });
  assert.equal((await get('/services/list')).status, 404);
  assert.deepEqual(await (await get('/services')).json(), { services: [] });
  server.http('/services', { wire: 'hang' });
  await assert.rejects(fetch(`${server.httpUrl}/services`,
    { signal: AbortSignal.timeout(100) }));
  assert.equal(server.httpCalls.length, 5);
});

test('coordinator: comes back on the same ports', async (t) => {
  const first = await coordinators.start();
  await first.close();
  const again = await coordinators.start(
    { port: first.port, httpPort: first.httpPort });
  t.after(() => again.close());
  assert.equal(again.port, first.port);
  assert.equal((await fetch(`${again.httpUrl}/services/list`)).status, 200);
});

/* ---- embedder ---- */

async function embedder(t, options) {
  const server = await embedders.start(options);
  t.after(() => server.close());
  const post = (input, extra = {}, headers = {}) =>
    fetch(`${server.url}/embeddings`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model: 'm', input, dimensions: 8, ...extra }),
    });
  return { server, post };
}

const fromBase64 = (text) => {
  const bytes = Buffer.from(text, 'base64');
  return Float32Array.from({ length: bytes.length / 4 },
    (_, i) => bytes.readFloatLE(i * 4));
};

const embeddings = async (response) => (await response.json()).data;

test('vectorOf: unit length, repeatable, one text unlike another', () => {
  const [a, b] = [vectorOf('a', 1536), vectorOf('b', 1536)];
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  assert.ok(Math.abs(dot(a, a) - 1) < 1e-5);
  assert.ok(Math.abs(dot(a, b)) < 0.2);
  assert.deepEqual(vectorOf('a', 1536), a);
  assert.equal(vectorOf('a', 256).length, 256);
});

test('embedder: float and base64 carry the same vectors', async (t) => {
  const { server, post } = await embedder(t);
  const texts = ['one', 'zwei', 'שלוש'];
  const floats = await embeddings(await post(texts));
  const base64 = await embeddings(
    await post(texts, { encoding_format: 'base64' }));
  texts.forEach((text, i) => {
    assert.deepEqual(Float32Array.from(floats[i].embedding), vectorOf(text, 8));
    assert.deepEqual(fromBase64(base64[i].embedding), vectorOf(text, 8));
    assert.equal(floats[i].index, i);
  });
  assert.equal(server.embedded, 6);
  assert.equal(server.seen.get('zwei'), 2);
  assert.equal(server.requests[1].encodingFormat, 'base64');
});

test('embedder: 1536 dimensions unless asked, any vectors', async (t) => {
  const { post } = await embedder(t,
    { vectorOf: (text, n) => new Float32Array(n).fill(text.length) });
  const [{ embedding }] = await embeddings(
    await post('four', { dimensions: undefined }));
  assert.equal(embedding.length, 1536);
  assert.equal(embedding[0], 4);
});

test('embedder: counts what is in flight', async (t) => {
  const { server, post } = await embedder(t, { latencyMs: 80 });
  await Promise.all([post(['a']), post(['b']), post(['c'])]
    .map(async (answer) => (await answer).arrayBuffer()));
  assert.equal(server.maxConcurrent, 3);
  server.reset();
  assert.deepEqual([server.requests.length, server.embedded,
    server.maxConcurrent], [0, 0, 0]);
});

test('embedder: keeps connections alive, and counts them', async (t) => {
  const { server } = await embedder(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (const text of ['a', 'b', 'c']) {
    await new Promise((done, fail) => {
      http.request(`${server.url}/embeddings`, { method: 'POST', agent },
        (response) => response.resume().on('end', done))
        .on('error', fail)
        .end(JSON.stringify({ model: 'm', input: [text] }));
    });
  }
  assert.deepEqual(server.requests.map((request) => request.connection),
    [1, 1, 1]);
  assert.equal(server.connections, 1);
});

test('embedder: a request given up is in flight no more', async (t) => {
  const { server, post } = await embedder(t);
  server.script(faults.hang());
  const abort = new AbortController();
  const request = fetch(`${server.url}/embeddings`, {
    method: 'POST', signal: abort.signal,
    body: JSON.stringify({ model: 'm', input: ['a'] }),
  });
  await until(() => server.requests.length === 1, 'the request');
  abort.abort();
  await assert.rejects(request);
  await sleep(50);
  server.script();
  server.reset();
  await post(['b']);
  assert.equal(server.maxConcurrent, 1);
});

test('embedder: more in flight than it likes is 429', async (t) => {
  const { post } = await embedder(t, { latencyMs: 80, maxInFlight: 1 });
  const answers = await Promise.all([post(['a']), post(['b'])]);
  assert.deepEqual(answers.map((a) => a.status).sort(), [200, 429]);
});

test('embedder: insists on its token', async (t) => {
  const { post } = await embedder(t, { token: 'secret' });
  assert.equal((await post(['a'])).status, 401);
  assert.equal((await post(['a'], {}, { authorization: 'Bearer x' })).status,
    401);
  assert.equal(
    (await post(['a'], {}, { authorization: 'Bearer secret' })).status, 200);
});

test('embedder: the rules of the provider', async (t) => {
  const { server, post } = await embedder(t);
  const long = 'x'.repeat(8192 * 3);
  for (const input of [[], [''], ['a', 7], Array(2049).fill('a'), [long],
    Array(37).fill('x'.repeat(8191 * 3)), ['ש'.repeat(8192)]]) {
    const answer = await post(input);
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).error.type, 'invalid_request_error');
  }
  assert.equal(server.violations.length, 7);
  assert.equal((await post(Array(36).fill('x'.repeat(8191 * 3)))).status, 200);
  assert.equal((await post(['a'], { model: undefined })).status, 400);
});

test('embedder: errors in words of HTTP', async (t) => {
  const { server, post } = await embedder(t);
  const outcome = async (fault) => {
    server.script(fault);
    const response = await post(['a']);
    return [response.status, (await response.json()).error.code,
      response.headers.get('retry-after')];
  };
  assert.deepEqual(await outcome(faults.badRequest()), [400, null, null]);
  assert.deepEqual(await outcome(faults.unauthorized()),
    [401, 'invalid_api_key', null]);
  assert.deepEqual(await outcome(faults.forbidden()),
    [403, 'model_not_found', null]);
  assert.deepEqual(await outcome(faults.rateLimited(7)),
    [429, 'rate_limit_exceeded', '7']);
  assert.deepEqual(await outcome(faults.insufficientQuota()),
    [429, 'insufficient_quota', null]);
  assert.deepEqual(await outcome(faults.status(503, 'overloaded')),
    [503, null, null]);
  assert.equal(server.embedded, 0);
});

test('embedder: n faults, then fine; faults by text', async (t) => {
  const { server, post } = await embedder(t);
  server.script(embedders.times(2, faults.status(500, 'oops')));
  const codes = [];
  for (let i = 0; i < 3; i++) codes.push((await post(['a'])).status);
  assert.deepEqual(codes, [500, 500, 200]);
  server.script(embedders.rejecting((text) => text.includes('bad')));
  assert.equal((await post(['good', 'bad'])).status, 400);
  assert.equal((await post(['good'])).status, 200);
  assert.deepEqual(server.requests.map((request) => request.status),
    [500, 500, 200, 400, 200]);
});

test('embedder: answers that are wrong inside', async (t) => {
  const { server, post } = await embedder(t);
  const answer = async (fault, format = 'base64') => {
    server.script(fault);
    return embeddings(await post(['a', 'b'], { encoding_format: format }));
  };
  assert.deepEqual((await answer(faults.shuffled())).map((e) => e.index),
    [1, 0]);
  assert.equal(server.embedded, 2);
  assert.ok(Array.isArray((await answer(faults.floats()))[0].embedding));
  assert.equal(typeof (await answer(faults.base64(), 'float'))[0].embedding,
    'string');
  assert.equal(server.embedded, 6);
  assert.equal((await answer(faults.wrongCount())).length, 1);
  assert.equal((await answer(faults.wrongCount(2))).length, 4);
  assert.deepEqual((await answer(faults.duplicateIndex())).map((e) => e.index),
    [0, 0]);
  const [short] = await answer(faults.wrongLength(5));
  assert.equal(fromBase64(short.embedding).length, 5);
  const [nan, fine] = await answer(faults.nan());
  assert.ok(fromBase64(nan.embedding).every(Number.isNaN));
  assert.deepEqual(fromBase64(fine.embedding), vectorOf('b', 8));
  const [, zero] = await answer(faults.zero(1));
  assert.deepEqual(fromBase64(zero.embedding), new Float32Array(8));
  assert.equal(server.embedded, 6, 'spoiled answers do not count');
});

test('embedder: what goes wrong below HTTP', async (t) => {
  const { server, post } = await embedder(t);
  server.script(faults.garbage());
  await assert.rejects((await post(['a'])).json(), SyntaxError);
  server.script(faults.reset());
  await assert.rejects(post(['a']));
  server.script(faults.truncated());
  await assert.rejects(post(['a']).then((response) => response.json()));
  server.script(faults.slowDrip(4, 30));
  const begun = Date.now();
  assert.equal((await embeddings(await post(['a']))).length, 1);
  assert.ok(Date.now() - begun >= 90);
  server.script(faults.slow(60));
  await post(['a']);
  assert.ok(Date.now() - begun >= 150);
});

/* ---- database ---- */

const withDatabase = { skip: !process.env.E2E_PG_URL && 'no E2E_PG_URL' };

test('database: a fresh one, and none left behind', withDatabase, async () => {
  const database = await databases.start();
  const other = await databases.start({ extension: false });
  try {
    assert.notEqual(database.name, other.name);
    assert.equal(await database.value('SELECT count(*)::int FROM pg_tables'
      + " WHERE schemaname = 'public'"), 0);
    assert.equal(await other.value(
      "SELECT count(*)::int FROM pg_extension WHERE extname = 'vector'"), 0);
  } finally {
    await other.close();
  }
  const left = 'SELECT count(*)::int FROM pg_database WHERE datname = $1';
  assert.equal(await database.value(left, [other.name]), 0);
  await database.disconnectAll();
  await database.close();
});

test('database: vectors come back to the bit', withDatabase, async (t) => {
  const database = await databases.start();
  t.after(() => database.close());
  await database.script(`
    CREATE TABLE vector_embeddings (content_id text, content_type text,
      content_text text, chunk_index int, metadata jsonb, embedding vector)`);
  const vector = vectorOf('x', 64);
  await database.rows(`INSERT INTO vector_embeddings VALUES
    ('b', 'microservice_data', 'x', 0, '{"_source_service":"s"}', $1),
    ('a', 'microservice_data', 'y', 1, '{"_source_service":"s"}', NULL),
    ('a', 'microservice_data', 'z', 0, '{"_source_service":"t"}', NULL),
    ('c', 'somebody else', 'x', 0, '{"_source_service":"s"}', NULL)`,
  [`[${vector.join(',')}]`]);
  const rows = await database.vectors('s');
  assert.deepEqual(rows.map((row) => [row.contentId, row.chunkIndex]),
    [['a', 1], ['b', 0]]);
  assert.equal(rows[0].vector, null);
  assert.deepEqual(rows[1].vector, vector);
  assert.equal((await database.vectors()).length, 3);
});

/* ---- the program ---- */

const node = (script, options) => [['-e', script],
  { binary: process.execPath, ...options }];

test('program: output, log, result, peak memory', async () => {
  const end = await batchsync.run(...node(`
    console.error('{"level":"info","msg":"hi"}\\nplain');
    console.log('{"level":"info","msg":"out"}');
    console.log(JSON.stringify({ success: true, env: process.env }));
    setTimeout(() => process.exit(3), 100);
  `, { env: { MINE: '1' } }));
  assert.equal(end.code, 3);
  assert.equal(end.signal, null);
  assert.deepEqual(end.logs.map((line) => line.msg), ['hi', 'out']);
  assert.equal(end.result.success, true);
  assert.equal(end.result.env.MINE, '1');
  assert.ok(!('E2E_PG_URL' in end.result.env), 'a clean slate');
  assert.ok(end.maxRssKiB > 10_000);
});

test('program: a result of many lines', async () => {
  const end = await batchsync.run(...node(
    'console.log(JSON.stringify({ services: [1, 2] }, null, 2))'));
  assert.deepEqual(end.result, { services: [1, 2] });
});

test('program: one that hangs fails the test in its own words', async () => {
  const program = batchsync.start(...node(
    "console.error('stuck here'); setInterval(() => {}, 1000)"));
  await program.until((p) => p.stderr.includes('stuck'), 'its words');
  await assert.rejects(program.exit(100), /still running.*stuck here/s);
  await until(() => gone(program.pid), 'its end');
});

test('program: signals, and an end before its time', async () => {
  const waits = node('setInterval(() => {}, 1000)');
  assert.equal((await batchsync.start(...waits).stop()).signal, 'SIGTERM');
  const early = batchsync.start(...node("console.error('bad option')"));
  await assert.rejects(early.until(() => false, 'it listens'),
    /ended before it listens.*bad option/s);
});

test('program: a binary that is not there', async () => {
  await assert.rejects(
    batchsync.run([], { binary: '/nonexistent/batchsync' }), /ENOENT/);
});

function gone(pid) {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
