// The service from its start to its end, and what may fail meanwhile.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import { freePort } from './rig/wait.mjs';
import { postgres } from './support/postgres.mjs';
import { checkError, checkServeLogs, gate, serve, valueOf }
  from './support/serve.mjs';
import { checkStored, errorsOf, faults, itemsOf,
  onceProven, pagesOf, sanitized, sleep,
  until, world } from './support/world.mjs';

const TRIGGER = '/admin/batch-sync/trigger';
const ITEMS = itemsOf(60);
const STARTS = 10;
const MOST_READY_MS = sanitized ? 30_000 : 5_000;

const alpha = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(ITEMS), beta: pagesOf(itemsOf(5, 1, 'beta')) },
  ...options,
  env: { BATCH_SYNC_LIMIT: '30', BATCH_SYNC_CHUNK_SIZE: '5',
    ...options.env } });

/* ---- the start ---- */

const status = (port, path) => new Promise((done) => {
  http.get({ port, path, host: '127.0.0.1', agent: false }, (response) => {
    response.resume();
    done(response.statusCode);
  }).on('error', () => done(0));
});

test('the time to ready', async (t) => {
  const w = await alpha(t);
  const start = async () => {
    const port = await freePort();
    const begunMs = performance.now();
    const program = batchsync.start(['serve'],
      { env: w.with({ HOST: '127.0.0.1', PORT: String(port) }) });
    t.after(() => program.kill('SIGKILL'));
    while (await status(port, '/readyz') !== 200) {
      assert.ok(performance.now() - begunMs < 60_000, program.stdout);
      await sleep(2);
    }
    const ms = performance.now() - begunMs;
    const outcome = await program.stop(60_000);
    assert.equal(outcome.code, 0, outcome.stdout);
    return ms;
  };
  const first = await start();
  const later = [];
  for (let i = 0; i < STARTS; i++) later.push(await start());
  later.sort((a, b) => a - b);
  const median = later[STARTS / 2];
  const text = `ready within ${median.toFixed(0)} ms, the median of ${STARTS} `
    + `starts (${later[0].toFixed(0)} to ${later.at(-1).toFixed(0)} ms); `
    + `${first.toFixed(0)} ms with an empty database, no items yet`;
  t.diagnostic(text);
  console.log(text);
  assert.ok(median < MOST_READY_MS, text);
});

test('the database comes and goes', async (t) => {
  const pg = await postgres(t);

  await t.test('started while it is down', async (t) => {
    pg.upAfter(t);
    const w = await alpha(t, { database: { url: pg.url } });
    assert.equal(await pg.stop(), 'down');
    const s = await serve(t, w, { ready: false });
    assert.equal((await s.get('/livez')).status, 200);
    await s.untilLog(/trying again/);
    const { status: code, text } = await s.get('/readyz');
    assert.deepEqual([code, text], [503, 'the database is down\n']);
    const health = await s.get('/health');
    assert.equal(health.status, 503);
    assert.equal(health.json.status, 'degraded');
    assert.equal(health.json.dependencies.database, 'down');
    assert.ok(health.json.details.database.error.length > 0);
    assert.equal((await s.get('/health/batch-sync')).json.scheduler.isScheduled,
      false);
    assert.equal((await s.get('/metrics')).status, 200);
    checkError(await s.trigger(), 503, TRIGGER, /./);
    checkError(await s.triggerAsync(), 503, TRIGGER, /./);
    const runs = '/admin/batch-sync/runs';
    checkError(await s.get(runs), 503, runs, /./);
    assert.equal((await s.get('/admin/batch-sync/services')).status, 200);
    assert.equal(w.coordinator.calls.length, 0);

    assert.equal(await pg.start(), pg.url);
    await s.ready();
    assert.equal((await s.get('/health')).status, 200);
    await s.scheduled();
    await s.good();
    await checkStored(w, 'alpha', ITEMS);
    await s.end();

    // One that never gets ready can be told to end, too.
    await pg.stop();
    const other = await serve(t, w, { ready: false });
    await other.untilLog(/trying again/);
    await other.end();
    await pg.start();
  });

  await t.test('stopped and started while it serves', async (t) => {
    pg.upAfter(t);
    const w = await alpha(t, { database: { url: pg.url } });
    const s = await serve(t, w);
    await s.good();
    for (let round = 0; round < 2; round++) {
      await pg.stop();
      await s.ready(503);
      assert.equal((await s.get('/readyz')).text, 'the database is down\n');
      assert.equal((await s.get('/livez')).status, 200);
      assert.equal((await s.get('/health')).status, 503);
      checkError(await s.trigger(), 503, TRIGGER, /./);
      checkError(await s.triggerAsync(), 503, TRIGGER, /./);
      await pg.start();
      await s.ready();
      const result = await s.good();
      assert.equal(result.services[0].unchanged, 60);
      assert.equal((await s.get('/health')).status, 200);
    }
    const m = await s.metrics();
    assert.equal(valueOf(m, 'triggers_total',
      { trigger: 'http', outcome: 'failed' }), 4);
    assert.equal(valueOf(m, 'run_in_progress'), 0);
    await s.end();
  });

  await t.test('stopped and started in mid-run: the run goes on', async (t) => {
    pg.upAfter(t);
    const w = await alpha(t, { database: { url: pg.url },
      env: { BATCH_SYNC_RETRY_BASE_MS: '20' } });
    const hold = gate();
    w.embedder.script(() => w.embedder.requests.length > 2
      ? hold.wait : undefined);
    const s = await serve(t, w);
    const answer = s.trigger();
    await until(() => w.embedder.requests.length >= 5, 'some requests', 30_000);
    await pg.stop();
    await s.ready(503);
    assert.equal((await s.get('/livez')).status, 200);
    hold.open();
    await sleep(3000); // many more tries than a call gets otherwise
    await pg.start();
    await s.ready();
    const { status: code, json } = await answer;
    assert.equal(code, 200, JSON.stringify(json));
    assert.equal(json.success, true, JSON.stringify(json));
    await checkStored(w, 'alpha', ITEMS);
    // What was paid for was held, not embedded again.
    for (const [text, times] of w.embedder.seen) assert.equal(times, 1, text);
    await s.end();
  });
});

test('started while the coordinator is down', async (t) => {
  const w = await alpha(t);
  const nobody = `127.0.0.1:${await freePort()}`;
  const s = await serve(t, w, { env: { COORDINATOR_GRPC_ENDPOINT: nobody } });
  assert.equal((await s.get('/health')).status, 200);
  const { status: code, json } = await s.trigger({ services: ['alpha'] });
  assert.equal(code, 200);
  assert.equal(json.success, false);
  assert.equal(json.result.failedServices, 1);
  assert.match(errorsOf(json.result)[0], /^1: /);
  const health = await s.get('/health');
  assert.equal(health.status, 200);
  assert.equal(health.json.status, 'degraded');
  assert.equal(health.json.dependencies.coordinator, 'down');
  assert.equal((await s.get('/readyz')).status, 200);
  await s.end();
});

/* ---- what ends the start ---- */

/** It must not start: ends with `code`, and standard error says why. */
async function refused(w, env, code, message) {
  const program = batchsync.start(['serve'], { env: w.with({
    HOST: '127.0.0.1', PORT: '0', ...env }) });
  const outcome = await program.exit(30_000);
  assert.equal(outcome.code, code, `${outcome.stdout}\n${outcome.stderr}`);
  assert.match(outcome.stderr, message);
  return outcome;
}

test('the port is in use', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const { code, stderr } = await refused(w, { PORT: String(s.port) }, 75,
    /in use/);
  assert.equal(code, 75);
  assert.match(stderr, new RegExp(`127\\.0\\.0\\.1.*${s.port}`));
  assert.equal((await s.get('/readyz')).status, 200);
  await s.end();
});

test('what is configured wrongly is named', async (t) => {
  const w = await alpha(t);
  for (const [env, message] of [
    [{ BATCH_SYNC_SCHEDULE: '0 25 * * *' },
      /BATCH_SYNC_SCHEDULE="0 25 \* \* \*": .*hour/],
    [{ BATCH_SYNC_SCHEDULE: 'daily' }, /BATCH_SYNC_SCHEDULE="daily"/],
    [{ BATCH_SYNC_TIMEZONE: 'Europe/Atlantis' },
      /BATCH_SYNC_TIMEZONE="Europe\/Atlantis"/],
    [{ BATCH_SYNC_TIMEZONE: '../../etc/passwd' }, /BATCH_SYNC_TIMEZONE=/],
    [{ PORT: 'http' }, /PORT="?http.*0 to 65535/],
    [{ BATCH_SYNC_ON_STARTUP: 'perhaps' }, /BATCH_SYNC_ON_STARTUP="?perhaps/],
    [{ HOST: 'no host at all' }, /no host at all/],
    [{ DATABASE_URL: undefined }, /DATABASE_URL/],
  ]) {
    await refused(w, env, 78, message);
  }
  await refused(w, { PORT: '65536', BATCH_SYNC_ENABLED: 'x' }, 78,
    /(?=[^]*BATCH_SYNC_ENABLED="?x)(?=[^]*PORT="?65536)/);
});

test("another's tables end the start", async (t) => {
  const w = await alpha(t);
  await w.db.rows('CREATE TABLE tenants (id text PRIMARY KEY)');
  const { stdout } = await refused(w, {}, 78,
    /tables that another program created \(tenants\)/);
  checkServeLogs({ stdout, stderr: '' });
  assert.deepEqual(await w.db.rows(`SELECT relname FROM pg_class
    WHERE relname LIKE 'batch_sync_%' OR relname = 'vector_embeddings'`), []);
});

test('MIGRATE_ON_START=false', async (t) => {
  const w = await alpha(t);
  const env = { MIGRATE_ON_START: 'false' };
  await refused(w, env, 78, /migrate/);
  const { code } = await w.run(['migrate']);
  assert.equal(code, 0);
  const s = await serve(t, w, { env });
  await s.good();
  await s.end();
});

/* ---- the end ---- */

test('told to end while nothing happens', async (t) => {
  const w = await alpha(t);
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const s = await serve(t, w);
    // A client that keeps its connection does not keep the service.
    const agent = new http.Agent({ keepAlive: true });
    assert.equal((await s.get('/livez', { agent })).status, 200);
    const begunMs = Date.now();
    const { logs } = await s.end({ signal });
    const ms = Date.now() - begunMs;
    agent.destroy();
    assert.ok(ms < 5000, `${ms} ms to end`);
    assert.ok(logs.some(({ message }) => message.startsWith(`${signal}: `)));
    assert.equal(logs.at(-1).message, 'ended');
    await until(async () => (await w.connections()).length === 0,
      'its connections to be gone');
  }
});

test('told to end while a run is under way and a client waits', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_GRACE_SECONDS: '30' } });
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const s = await serve(t, w);
  const waiting = s.trigger();
  await until(() => w.embedder.requests.length === 6, 'six requests', 30_000);
  s.program.kill();
  await s.ready(503);
  assert.equal((await s.get('/readyz')).text, 'shutting down\n');
  // It goes on being watched, and takes on nothing new.
  assert.equal((await s.get('/livez')).status, 200);
  const m = await s.metrics();
  assert.equal(valueOf(m, 'run_in_progress'), 1);
  assert.equal(valueOf(m, 'chunks_in_flight'), 5);
  checkError(await s.trigger(), 503, TRIGGER, /shutting down/);
  checkError(await s.triggerAsync(), 503, TRIGGER, /shutting down/);
  assert.equal((await s.get('/health/batch-sync')).json.scheduler.isScheduled,
    false);
  assert.equal((await s.get('/admin/batch-sync/runs')).json.runs[0].status,
    'running');
  hold.open();
  checkError(await waiting, 503, TRIGGER, /shutting down/);
  await s.ended();
  assert.equal(w.embedder.requests.length, 6);
  await checkStored(w, 'alpha', ITEMS.slice(0, 25));
  await until(async () => (await w.connections()).length === 0,
    'its connections to be gone');
  assert.deepEqual(await w.db.rows('SELECT status FROM batch_sync_runs'),
    [{ status: 'interrupted' }]);

  // The next one goes on where it ended, by itself.
  w.embedder.script();
  const next = await serve(t, w);
  await until(async () => await w.db.value(
    'SELECT status FROM batch_sync_runs') === 'success', 'its end', 30_000);
  const [{ id, resumed }] = (await next.get('/admin/batch-sync/runs')).json.runs;
  assert.equal(resumed, 1);
  const { counts } = (await next.run(id)).services[0];
  assert.equal(counts.unchanged, 25);
  assert.equal(counts.embedded, 35);
  await checkStored(w, 'alpha', ITEMS);
  await next.end();
});

test('told to end while a run by schedule is under way', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_GRACE_SECONDS: '30' } });
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const s = await serve(t, w, { env: { BATCH_SYNC_SCHEDULE: '* * * * * *' } });
  await until(() => w.embedder.requests.length === 6, 'six requests', 30_000);
  s.program.kill();
  await s.ready(503);
  hold.open();
  await s.ended();
  await checkStored(w, 'alpha', ITEMS.slice(0, 25));
});

test('the time to finish is over', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_GRACE_SECONDS: '1' } });
  w.embedder.script(onceProven(faults.hang()));
  const s = await serve(t, w);
  const waiting = s.trigger();
  await until(() => w.embedder.requests.length === 6, 'six requests', 30_000);
  s.program.kill();
  checkError(await waiting, 503, TRIGGER, /shutting down/);
  const { logs } = await s.ended();
  assert.ok(logs.some(({ message }) =>
    /the grace period is over/.test(message)));
  assert.deepEqual(await w.db.vectors(), []);
});

test('told to end while a page is awaited', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_GRACE_SECONDS: '60' } });
  w.coordinator.script('alpha', { hang: true });
  const s = await serve(t, w);
  const waiting = s.trigger();
  await until(() => w.coordinator.calls.length === 1, 'the call', 30_000);
  s.program.kill();
  checkError(await waiting, 503, TRIGGER, /shutting down/);
  await s.ended();
});

test('told to end when the client that waits has gone', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_GRACE_SECONDS: '30' } });
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const s = await serve(t, w);
  const gone = new AbortController();
  const waiting = s.trigger({}, { signal: gone.signal });
  await until(() => w.embedder.requests.length === 6, 'six requests', 30_000);
  gone.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  s.program.kill();
  await s.ready(503);
  hold.open();
  await s.ended();
  await checkStored(w, 'alpha', ITEMS.slice(0, 25));
});

test('a second signal ends at once', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_GRACE_SECONDS: '60' } });
  w.embedder.script(onceProven(faults.hang()));
  for (const [signal, code] of [['SIGTERM', 143], ['SIGINT', 130]]) {
    w.embedder.reset();
    const s = await serve(t, w, { env: { BATCH_SYNC_LEASE_SECONDS: '1' } });
    // What the one before has left is gone on with by itself.
    const waiting = signal === 'SIGTERM' ? s.trigger() : Promise.reject();
    waiting.catch(() => {});
    await until(() => w.embedder.requests.length > 0, 'a request', 30_000);
    s.program.kill();
    await s.untilLog(/^SIGTERM: shutting down/);
    s.program.kill(signal);
    await s.ended({ code });
    await assert.rejects(waiting);
    await until(async () => (await w.connections()).length === 0,
      'its connections to be gone');
  }
});
