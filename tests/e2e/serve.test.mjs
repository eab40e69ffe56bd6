// The service's endpoints: triggers, what they accept, health.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkError, gate, ISO, serve } from './support/serve.mjs';
import { checkStored, countsOf, errorsOf, itemsOf, pagesOf, TENANT, until,
  world } from './support/world.mjs';

const TRIGGER = '/admin/batch-sync/trigger';
const ITEMS = itemsOf(30);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const alpha = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(ITEMS), beta: pagesOf(itemsOf(5, 1, 'beta')) },
  ...options });

/** A service whose only page comes when the gate is opened. */
const gated = (hold, items) => async (context) => {
  await hold.wait;
  return pagesOf(items)(context);
};

const R_KEYS = ['success', 'services', 'totalItems', 'totalErrors',
  'successfulServices', 'failedServices', 'duration_ms', 'status', 'collisions',
  'nulsDropped', 'deleteRefused', 'knownFailures', 'repaired', 'tokens']
  .sort();
const SERVICE_KEYS = ['service', 'success', 'totalItems', 'totalPages',
  'errors', 'duration_ms', 'embedded', 'unchanged', 'stored', 'deleted',
  'failed', 'collisions', 'nulsDropped', 'deleteRefused', 'knownFailures',
  'repaired', 'tokens', 'complete'].sort();

test('a trigger waits for its run', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const answer = await s.trigger();
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(Number(answer.headers['content-length']),
    Buffer.byteLength(answer.text));
  const { success, message, result, timestamp, ...others } = answer.json;
  assert.deepEqual(others, {});
  assert.equal(success, true);
  assert.equal(message, 'Batch sync completed');
  assert.match(timestamp, ISO);
  assert.deepEqual(Object.keys(result).sort(), R_KEYS);
  assert.deepEqual(result.services.map(({ service }) => service),
    ['alpha', 'beta']);
  for (const service of result.services) {
    assert.deepEqual(Object.keys(service).sort(), SERVICE_KEYS);
  }
  assert.deepEqual(countsOf(result, 'alpha'), { totalItems: 30, totalPages: 1,
    embedded: 30, unchanged: 0, stored: 30, failed: 0 });
  assert.equal(result.totalItems, 35);
  assert.equal(result.totalErrors, 0);
  assert.equal(result.successfulServices, 2);
  assert.equal(result.failedServices, 0);
  await checkStored(w, 'alpha', ITEMS);
  const again = await s.good({});
  assert.equal(countsOf(again, 'alpha').unchanged, 30);
  assert.equal(w.embedder.embedded, 35);
  await s.end();
});

test('a run that is no success says so outside and inside', async (t) => {
  const w = await alpha(t);
  w.coordinator.script('alpha', { envelope: { success: false,
    error: 'out of order' } });
  const s = await serve(t, w);
  const { status, json } = await s.trigger();
  assert.equal(status, 200);
  assert.equal(json.success, false);
  assert.equal(json.result.success, false);
  assert.deepEqual([json.result.successfulServices,
    json.result.failedServices], [1, 1]);
  assert.match(errorsOf(json.result, 'alpha').join(), /^1: .*out of order/);
  await checkStored(w, 'beta', itemsOf(5, 1, 'beta'));
  w.coordinator.script('alpha', pagesOf(ITEMS));
  await s.good();
  await s.end();
});

/* ---- what a trigger may say ---- */

test('a body may be absent, empty or say nothing', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  for (const body of [undefined, '', ' \r\n', {}, { services: null,
    sync_type: null, since: null, tenant_id: null }]) {
    const result = await s.good(body);
    assert.equal(result.services.length, 2, JSON.stringify(body));
  }
  for (const call of w.coordinator.calls) {
    assert.equal(call.syncType, 'batch');
    assert.equal(call.since, undefined);
    assert.equal(call.request.tenant_id, TENANT);
  }
  const { json } = await s.get('/admin/batch-sync/runs');
  assert.ok(json.runs.every((run) => run.kind === 'batch'
    && run.trigger === 'http' && run.source === 'env'));
  await s.end();
});

test('a body may name services, kind, time and tenant', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const newest = async () =>
    (await s.get('/admin/batch-sync/runs?limit=1')).json.runs[0];
  const result = await s.good({ services: ['beta'], sync_type: 'daily',
    tenant_id: 'somebody', since: '2026-01-31T08:30:00+01:00' });
  assert.deepEqual(result.services.map(({ service }) => service), ['beta']);
  const [call, ...others] = w.coordinator.calls;
  assert.ok(others.every(({ service }) => service === 'beta'));
  assert.equal(call.syncType, 'batch');
  assert.equal(call.since, '2026-01-31T07:30:00.000Z');
  assert.equal(call.request.tenant_id, 'somebody');
  let run = await newest();
  assert.deepEqual([run.tenantId, run.source], ['somebody', 'request']);
  assert.equal(run.kind, 'daily');
  assert.deepEqual(await w.db.rows(
    'SELECT DISTINCT tenant_id FROM vector_embeddings'),
  [{ tenant_id: 'somebody' }]);

  await s.good({ services: ['beta'], sync_type: 'incremental' });
  run = await newest();
  assert.equal(run.kind, 'incremental');
  assert.equal(run.tenantId, TENANT);
  assert.equal(w.coordinator.calls.at(-1).since, undefined, 'a first time');

  // Since the last success began, less the overlap.
  const overlapMs = 300_000;
  await s.good({ services: ['beta'], sync_type: 'incremental' });
  const { since } = w.coordinator.calls.at(-1);
  assert.ok(Math.abs(Date.parse(since) + overlapMs - Date.parse(run.startedAt))
    < 1000, `${since}, ${run.startedAt}`);
  await s.end();
});

test('a service that nobody knows fails alone', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const { status, json } = await s.trigger({ services: ['gamma', 'beta'] });
  assert.equal(status, 200);
  assert.equal(json.success, false);
  assert.match(errorsOf(json.result, 'gamma').join(),
    /no schema for service gamma/);
  assert.equal(countsOf(json.result, 'beta').stored, 5);
  assert.equal(w.coordinator.callsTo('gamma').length, 0);
  await s.end();
});

test('a body that cannot be understood is 400', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const names = /"services" must be an array of at most 1000 names/;
  const name = /"services"\[1\] must be the name of a service/;
  const kind = /"sync_type" must be "batch", "daily" or "incremental"/;
  const time = /"since" must be a date or a time such as 2026-01-31 or/;
  const tenant = /"tenant_id" must be a string of 1 to 200 bytes/;
  for (const [body, message] of [
    ['{', /not valid JSON/], ['nonsense', /not valid JSON/], ['{}{}', /not valid JSON/],
    ['{"tenant_id":"\xff', /not valid JSON/],
    ['[]', /must be a JSON object/],
    ['[{"services":["beta"]}]', /must be a JSON object/],
    ['null', /object|not valid JSON/], ['"x"', /object|not valid JSON/],
    ['1', /object|not valid JSON/],
    [{ services: 'beta' }, names], [{ services: { beta: 1 } }, names],
    [{ services: Array(1001).fill('beta') }, names],
    [{ services: ['beta', 1] }, name], [{ services: ['beta', ''] }, name],
    [{ services: ['beta', null] }, name],
    [{ services: ['beta', ['alpha']] }, name],
    [{ sync_type: 'weekly' }, kind], [{ sync_type: '' }, kind],
    [{ sync_type: 1 }, kind], [{ sync_type: ['batch'] }, kind],
    [{ since: 'yesterday' }, time], [{ since: 1_700_000_000_000 }, time],
    [{ since: '' }, time], [{ since: '2026-13-01T00:00:00Z' }, time],
    [{ tenant_id: '' }, tenant], [{ tenant_id: 7 }, tenant],
    [{ tenant_id: 'x'.repeat(201) }, tenant],
    [{ tenant_id: 'a\0b' }, /tenant_id|not valid JSON/],
    [{ services: ['beta', 'a\0b'] }, /"services"\[1\]|not valid JSON/],
  ]) {
    for (const headers of [{}, { prefer: 'respond-async' }]) {
      const answer = await s.trigger(body, { headers });
      assert.equal(answer.status, 400, JSON.stringify(body));
      checkError(answer, 400, TRIGGER, message);
    }
  }
  assert.equal(w.coordinator.calls.length, 0);
  assert.equal((await s.get('/admin/batch-sync/runs')).json.count, 0);
  await s.good();
  await s.end();
});

test('a body may have 1 MiB and no more', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const bodyOf = (bytes) => `{"services":["beta"]${' '.repeat(bytes - 21)}}`;
  assert.equal(bodyOf(100).length, 100);
  await s.good(bodyOf(1024 * 1024));
  const head = (bytes) => `POST ${TRIGGER} HTTP/1.1\r\nHost: localhost\r\n`
    + `Content-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;
  const answer = await s.raw(head(1024 * 1024 + 1));
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /"statusCode":413/);
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  assert.match(await s.raw(`POST ${TRIGGER} HTTP/1.1\r\nHost: localhost\r\n`
    + `Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(65)}`),
  /^HTTP\/1\.1 413 /);
  await s.good();
  await s.end();
});

/* ---- without waiting ---- */

test('Prefer: respond-async', async (t) => {
  const hold = gate();
  const w = await alpha(t);
  w.coordinator.script('alpha', gated(hold, ITEMS));
  const s = await serve(t, w);
  const answer = await s.triggerAsync();
  assert.equal(answer.status, 202, answer.text);
  const { success, runId, timestamp } = answer.json;
  assert.equal(success, true);
  assert.match(runId, UUID);
  assert.match(timestamp, ISO);
  const path = `/admin/batch-sync/runs/${runId}`;
  assert.equal(answer.headers.location, path);

  const under = await s.get(path);
  assert.equal(under.status, 200);
  assert.equal(under.json.id, runId);
  assert.equal(under.json.status, 'running');
  assert.equal(under.json.finishedAt, null);
  assert.equal((await s.get('/health/batch-sync')).json.scheduler.isRunning,
    true);
  hold.open();
  const run = await s.run(runId);
  assert.equal(run.status, 'success');
  assert.deepEqual(run.services.map(({ service, status, pages }) =>
    ({ service, status, pages })), [
    { service: 'alpha', status: 'success', pages: 1 },
    { service: 'beta', status: 'success', pages: 1 }]);
  assert.equal(run.totals.stored, 35);
  await checkStored(w, 'alpha', ITEMS);
  await s.end();
});

test('respond-async among other preferences, in any case', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  for (const prefer of ['respond-async, wait=10', 'return=minimal, '
    + 'respond-async', 'Respond-Async']) {
    const answer = await s.trigger({}, { headers: { prefer } });
    assert.equal(answer.status, 202, `${prefer}: ${answer.text}`);
    await s.run(answer.json.runId);
    await until(async () => !(await s.get('/health/batch-sync'))
      .json.scheduler.isRunning, 'its end');
  }
  for (const prefer of ['return=minimal', 'no-respond-asynchronous', '']) {
    const answer = await s.trigger({}, { headers: { prefer } });
    assert.equal(answer.status, 200, `${prefer}: ${answer.text}`);
  }
  await s.end();
});

test('a trigger that is refused', async (t) => {
  const hold = gate();
  const w = await alpha(t);
  w.coordinator.script('alpha', gated(hold, ITEMS));
  const s = await serve(t, w);
  const first = s.trigger();
  await until(() => w.coordinator.calls.length > 0, 'the run to begin');
  const second = await s.trigger();
  assert.equal(second.status, 200);
  assert.equal(second.json.success, false);
  assert.deepEqual(second.json.result,
    { success: false, reason: 'already_running' });
  assert.match(second.json.timestamp, ISO);
  const third = await s.triggerAsync({ services: ['beta'] });
  assert.equal(third.status, 409, third.text);
  assert.equal(third.headers.location, undefined);
  hold.open();
  assert.equal((await first).json.success, true);
  assert.equal(w.coordinator.callsTo('alpha').length, 1);
  await s.end();
});

for (const [name, reason] of [['BATCH_SYNC_ENABLED', 'disabled'],
  ['COORDINATOR_ENABLED', 'coordinator_disabled']]) {
  test(`${name}=false`, async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w, { env: { [name]: 'false' } });
    const waiting = await s.trigger();
    assert.equal(waiting.status, 200);
    assert.equal(waiting.json.success, false);
    assert.deepEqual(waiting.json.result, { success: false, reason });
    const asynchronous = await s.triggerAsync();
    assert.equal(asynchronous.status, 503, asynchronous.text);
    assert.equal(asynchronous.headers.location, undefined);
    const { scheduler, environment } =
      (await s.get('/health/batch-sync')).json;
    assert.equal(scheduler.enabled, name !== 'BATCH_SYNC_ENABLED');
    assert.equal(scheduler.isScheduled, false);
    assert.equal(scheduler.nextRun, null);
    assert.equal(environment[name], false);
    assert.equal((await s.get('/admin/batch-sync/runs')).json.count, 0);
    assert.equal(w.coordinator.calls.length, 0);
    await s.end();
  });
}

test('a client that goes away does not stop its run', async (t) => {
  const hold = gate();
  const w = await alpha(t);
  w.coordinator.script('alpha', gated(hold, ITEMS));
  const s = await serve(t, w);
  const gone = new AbortController();
  const answer = s.trigger({}, { signal: gone.signal });
  await until(() => w.coordinator.calls.length > 0, 'the run to begin');
  gone.abort();
  await assert.rejects(answer, { name: 'AbortError' });
  // It looks like a client that has closed its sending side and still reads.
  const { runs: [{ id, status }] } =
    (await s.get('/admin/batch-sync/runs')).json;
  assert.equal(status, 'running');
  hold.open();
  assert.equal((await s.run(id)).status, 'success');
  await checkStored(w, 'alpha', ITEMS);
  await s.good();
  await s.end();
});

/* ---- which services ---- */

test('the services from each source', async (t) => {
  const w = await alpha(t);
  const list = async (env) => {
    const s = await serve(t, w, { env });
    const answer = await s.get('/admin/batch-sync/services');
    await s.end();
    assert.equal(answer.status, 200);
    const { success, services, count, source, note, timestamp, ...others } =
      answer.json;
    assert.deepEqual(others, {});
    assert.equal(success, true);
    assert.equal(count, services.length);
    assert.ok(note.length > 0);
    assert.match(timestamp, ISO);
    return [source, ...services];
  };
  assert.deepEqual(await list({ BATCH_SYNC_SERVICES: ' b, ,a ' }),
    ['env', 'b', 'a']);
  const none = { BATCH_SYNC_SERVICES: undefined };
  const asked = { ...none, COORDINATOR_HTTP_URL: w.coordinator.httpUrl };
  w.coordinator.http('/services/list', { body: { success: true,
    services: ['one', 'RAG', 'rag-service', 'two'] } });
  assert.deepEqual(await list(asked), ['coordinator', 'one', 'two']);
  w.coordinator.http('/services/list', { status: 500, body: 'no' });
  assert.deepEqual(await list({ ...asked,
    BATCH_SYNC_FALLBACK_SERVICES: 'three,four' }),
  ['fallback', 'three', 'four']);
  assert.deepEqual(await list(none), ['fallback',
    'managementreporting-service', 'assessment-service', 'devlab-service']);
});

/* ---- health ---- */

test('/health/batch-sync has these keys and no others', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w, { env: { BATCH_SYNC_SCHEDULE: '30 4 * * *',
    BATCH_SYNC_TIMEZONE: 'Asia/Kolkata', BATCH_SYNC_ON_STARTUP: 'no',
    COORDINATOR_URL: 'http://user:secret@127.0.0.1:1/x?token=secret',
    LOG_LEVEL: 'http' } });
  await s.scheduled();
  let { status, json } = await s.get('/health/batch-sync');
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(json).sort(),
    ['environment', 'scheduler', 'timestamp']);
  assert.match(json.timestamp, ISO);
  const { nextRun, ...scheduler } = json.scheduler;
  assert.deepEqual(scheduler, { enabled: true, isScheduled: true,
    isRunning: false, cronAvailable: true, schedule: '30 4 * * *',
    timezone: 'Asia/Kolkata', lastRun: null, paused: null });
  assert.match(nextRun, /T23:00:00\.000Z$/);
  const wait = Date.parse(nextRun) - Date.now();
  assert.ok(wait > -60_000 && wait <= 86_400_000, nextRun);
  const { COORDINATOR_URL, ...environment } = json.environment;
  assert.deepEqual(environment, { BATCH_SYNC_ENABLED: true,
    BATCH_SYNC_SCHEDULE: '30 4 * * *', BATCH_SYNC_ON_STARTUP: false,
    BATCH_SYNC_TIMEZONE: 'Asia/Kolkata', COORDINATOR_ENABLED: true,
    COORDINATOR_GRPC_ENDPOINT: w.coordinator.endpoint,
    COORDINATOR_GRPC_URL: 'not set' });
  assert.equal(COORDINATOR_URL, 'http://127.0.0.1:1/x');
  await s.good();
  ({ json } = await s.get('/health/batch-sync/'));
  assert.match(json.scheduler.lastRun, ISO);
  assert.equal(json.scheduler.isRunning, false);
  await s.end();
});

test('/health tells what was last known of the others', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  let { status, json } = await s.get('/health');
  assert.equal(status, 200);
  const { status: word, service, timestamp, dependencies, details,
    ...others } = json;
  assert.deepEqual(others, {});
  assert.equal(word, 'ok');
  assert.equal(service, 'batchsync');
  assert.match(timestamp, ISO);
  assert.deepEqual(dependencies, { database: 'ok', coordinator: 'ok',
    embedder: 'ok', private_key: 'down' });
  assert.equal(details.database.status, 'ok');
  assert.match(details.database.since, ISO);
  assert.match(details.database.checkedAt, ISO);
  assert.deepEqual(details.coordinator, { status: 'unknown' });
  assert.deepEqual(details.embedder, { status: 'unknown' });
  assert.deepEqual(details.private_key, { status: 'not set' });
  // It asked nobody.
  assert.equal(w.coordinator.calls.length, 0);
  assert.equal(w.embedder.requests.length, 0);

  await s.good();
  ({ json } = await s.get('/health'));
  assert.equal(json.status, 'ok');
  assert.equal(json.details.coordinator.status, 'ok');
  assert.equal(json.details.embedder.status, 'ok');

  w.coordinator.script('alpha', { grpcCode: 'UNAVAILABLE', details: 'gone' });
  await s.trigger({ services: ['alpha'] });
  ({ status, json } = await s.get('/health'));
  assert.equal(status, 200);
  assert.equal(json.status, 'degraded');
  assert.equal(json.dependencies.coordinator, 'down');
  assert.match(json.details.coordinator.error, /gone/);
  assert.equal(json.dependencies.database, 'ok');
  await s.good({ services: ['beta'] });
  ({ json } = await s.get('/health'));
  assert.equal(json.status, 'ok');
  await s.end();
});

test('/livez and /readyz', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  for (const path of ['/livez', '/readyz', '/livez?x=1']) {
    const { status, text, headers } = await s.get(path);
    assert.deepEqual([status, text], [200, 'ok\n'], path);
    assert.match(headers['content-type'], /^text\/plain/);
  }
  await s.end();
});

/* ---- HTTP itself ---- */

test('paths and methods that are not there', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  for (const path of ['/nothing', '/livez//', '//livez', '/admin/nothing',
    '/admin/batch-sync/runs/a/b', '/admin/batch-sync', '/LIVEZ',
    '/admin/batch-sync/runs//cancel']) {
    checkError(await s.get(path), 404, path, /./);
  }
  checkError(await s.get('/nothing?a=b'), 404, '/nothing', /./);
  const id = '/admin/batch-sync/runs/6f9619ff-8b86-d011-b42d-00c04fc964ff';
  for (const [method, path, allow] of [
    ['POST', '/livez', 'GET, HEAD'], ['DELETE', '/metrics', 'GET, HEAD'],
    ['PUT', '/health', 'GET, HEAD'], ['PATCH', '/readyz', 'GET, HEAD'],
    ['OPTIONS', '/health/batch-sync', 'GET, HEAD'],
    ['POST', '/admin/batch-sync/services', 'GET, HEAD'],
    ['POST', '/admin/batch-sync/runs', 'GET, HEAD'],
    ['DELETE', id, 'GET, HEAD'],
    ['POST', '/admin/batch-sync/dead-letters', 'GET, HEAD'],
    ['GET', TRIGGER, 'POST'], ['PUT', TRIGGER, 'POST'],
    ['GET', `${id}/cancel`, 'POST'],
  ]) {
    const answer = await s.call(method, path);
    checkError(answer, 405, path, /./);
    assert.equal(answer.headers.allow, allow, `${method} ${path}`);
  }
  assert.equal((await s.call('HEAD', TRIGGER)).status, 405);
  assert.equal(w.coordinator.calls.length, 0);
  await s.end();
});

test('HEAD is GET without the body', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  for (const path of ['/livez', '/readyz', '/health', '/health/batch-sync',
    '/admin/batch-sync/services', '/admin/batch-sync/runs', '/nothing']) {
    const get = await s.get(path);
    const head = await s.call('HEAD', path);
    assert.equal(head.status, get.status, path);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-length'],
      get.headers['content-length'], path);
    assert.equal(head.headers['content-type'], get.headers['content-type']);
  }
  const { status, headers } = await s.call('HEAD', '/metrics');
  assert.equal(status, 200);
  assert.ok(Number(headers['content-length']) > 1000);
  await s.end();
});

test('what is no request is refused', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  for (const [bytes, status] of [
    ['nonsense\r\n\r\n', 400],
    ['GET /livez\r\n\r\n', 505],
    ['GET /livez HTTP/1.1\r\nHost x\r\n\r\n', 400],
    [`POST ${TRIGGER} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n`
      + 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    [`POST ${TRIGGER} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`, 400],
    [`GET /${'x'.repeat(5000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
    [`GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
      431],
    [`GET /livez HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(70)}\r\n`, 431],
  ]) {
    const text = await s.raw(bytes);
    const what = `${bytes.slice(0, 60)}: ${text}`;
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), what);
    assert.match(text, /\r\nConnection: close\r\n/i, what);
    const { error } = JSON.parse(text.slice(text.indexOf('\r\n\r\n')));
    assert.equal(error.statusCode, status, what);
    assert.ok(error.message.length > 0);
  }
  assert.equal((await s.get('/livez')).status, 200);
  await s.end();
});
