// Told to stop, in every situation: what is in flight finishes, the rest is
// done by the next run, nothing is left behind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLogs, checkStored, errorsOf, faults, itemsOf,
  onceProven, pagesOf, TENANT,
  until, world } from './support/world.mjs';

const ITEMS = itemsOf(300);
const ENV = { BATCH_SYNC_LIMIT: '100', BATCH_SYNC_CHUNK_SIZE: '10' };

const alpha = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(ITEMS), beta: pagesOf(itemsOf(20, 1, 'beta')) },
  ...options, env: { ...ENV, ...options.env } });

/** All that two databases with the same content have in common. */
const tables = (w) => w.db.rows(`
  SELECT tenant_id, metadata->>'_source_service' AS service, content_id,
         chunk_index, content_type, content_text,
         metadata - '_stored_at' AS metadata, embed_hash, row_hash,
         md5(vector_send(embedding)) AS vector
    FROM vector_embeddings
   ORDER BY service, content_id COLLATE "C", chunk_index`);

const runs = (w) => w.db.rows(`SELECT status, resumed
  FROM batch_sync_runs ORDER BY started_at`);

/** Locks of clients, a client of the test's own that ends just now included. */
const locks = (w) => w.db.rows(`SELECT l.* FROM pg_locks l
  JOIN pg_database d ON d.oid = l.database
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE d.datname = current_database() AND l.pid <> pg_backend_pid()
   AND coalesce(a.backend_type, 'client backend') = 'client backend'`);

async function checkGone(w) {
  await until(async () => (await w.connections()).length === 0,
    'its connections to be gone');
  await until(async () => (await locks(w)).length === 0,
    'all locks to be gone');
}

/**
 * After an end of any kind the next run completes the tables to what an
 * undisturbed one leaves.
 */
async function checkCompletes(t, w, env) {
  const result = await w.good({ env });
  const undisturbed = await alpha(t);
  await undisturbed.good();
  assert.deepEqual(await tables(w), await tables(undisturbed));
  return result;
}

const stopping = (program) => program.logs.find((line) =>
  /^SIG(TERM|INT): finishing/.test(line.message));

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} in mid-run`, async (t) => {
    const w = await alpha(t, { env: { BATCH_SYNC_CHUNK_SIZE: '5' } });
    let open;
    const gate = new Promise((done) => { open = done; });
    w.embedder.script(async ({ callNumber }) => {
      if (callNumber > 6) await gate;
    });
    const program = w.begin();
    await program.until(() => w.embedder.embedded === 25
      && w.embedder.requests.length === 11, 'five chunks, and five more');
    program.kill(signal);
    await program.until(() => stopping(program), 'its word that it stops');
    const asked = w.coordinator.calls.length;
    open();
    const outcome = await program.exit(60_000);
    checkLogs(outcome);
    assert.equal(outcome.code, 1);
    assert.equal(outcome.result.success, false);
    assert.match(errorsOf(outcome.result, 'alpha').join('|'), /stopped/);
    assert.match(errorsOf(outcome.result, 'beta').join('|'),
      /^0: stopped before the service was begun$/);
    // Nothing new was begun, and what was in flight has been stored.
    assert.equal(w.embedder.requests.length, 11);
    const stored = await checkStored(w, 'alpha', ITEMS.slice(0, 50));
    assert.equal(outcome.result.services[0].stored, stored.length);
    assert.equal(outcome.result.services[0].embedded, stored.length);
    assert.equal(w.coordinator.calls.length, asked);
    await checkGone(w);
    assert.deepEqual(await runs(w), [{ status: 'interrupted', resumed: 0 }]);

    w.embedder.reset();
    const result = await checkCompletes(t, w);
    assert.equal(result.services[0].unchanged, stored.length);
    assert.equal(result.services[0].embedded, 300 - stored.length);
    assert.equal(w.embedder.embedded, 320 - stored.length);
    assert.deepEqual(await runs(w), [{ status: 'success', resumed: 1 }]);
  });
}

test('SIGTERM on a later page: its run goes on there', async (t) => {
  const w = await alpha(t);
  // The last chunk of the second page is slow.
  w.embedder.script(({ inputs }) => inputs.some((text) =>
    text.includes('item-00200')) ? faults.slow(800) : undefined);
  const program = w.begin();
  await program.until(() => w.embedder.embedded >= 190, 'the second page');
  program.kill();
  const outcome = await program.exit(60_000);
  assert.equal(outcome.code, 1);
  // Both pages are complete; of the third, what was in flight is kept.
  await checkStored(w, 'alpha', ITEMS.slice(0, w.embedder.embedded));
  assert.ok(w.embedder.embedded < 300, 'it was stopped before the end');
  assert.equal(outcome.result.services[0].totalPages, 2);
  await checkGone(w);
  w.coordinator.calls.length = 0;
  w.embedder.script();
  await checkCompletes(t, w);
  assert.deepEqual(w.coordinator.callsTo('alpha').map((call) => call.page),
    [3, 4]);
});

test('SIGTERM among pages that are not full: none is left out', async (t) => {
  const total = 50;
  const reply = ({ page }) => ({ envelope: { data: {
    items: ITEMS.slice(4 * (page - 1), Math.min(4 * page, total)), total } } });
  const w = await world(t, { services: { alpha: reply },
    env: { ...ENV, BATCH_SYNC_LIMIT: '10' } });
  // Of the sixth page.
  w.embedder.script(({ inputs }) => inputs.some((text) =>
    text.includes('item-00022')) ? faults.slow(800) : undefined);
  const program = w.begin();
  await program.until(() => w.embedder.embedded >= 20, 'the sixth page');
  program.kill();
  assert.equal((await program.exit(60_000)).code, 1);
  w.coordinator.calls.length = 0;
  w.embedder.script();
  await w.good();
  assert.ok(w.coordinator.calls[0].page >= 6, 'it goes on there');
  await checkStored(w, 'alpha', ITEMS.slice(0, total));
});

test('the time to finish is over', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_GRACE_SECONDS: '1' } });
  w.embedder.script(onceProven(faults.hang()));
  const program = w.begin();
  await program.until(() => w.embedder.requests.length === 6, 'six requests');
  program.kill();
  const outcome = await program.exit(30_000);
  checkLogs(outcome);
  assert.equal(outcome.code, 1);
  assert.equal(outcome.result.success, false);
  assert.ok(outcome.logs.some((line) =>
    /the grace period is over/.test(line.message)));
  assert.deepEqual(await w.db.vectors(), []);
  await checkGone(w);
  w.embedder.script();
  await checkCompletes(t, w);
});

test('a second signal ends at once', async (t) => {
  const env = { BATCH_SYNC_GRACE_SECONDS: '60', BATCH_SYNC_LEASE_SECONDS: '2' };
  const w = await alpha(t, { env });
  w.embedder.script(onceProven(faults.hang()));
  const program = w.begin();
  await program.until(() => w.embedder.requests.length === 6, 'six requests');
  program.kill();
  await program.until(() => stopping(program), 'its word that it stops');
  program.kill('SIGINT');
  const outcome = await program.exit(10_000);
  assert.equal(outcome.code, 130);
  assert.equal(outcome.stdout, '');
  await checkGone(w);
  w.embedder.script();
  // Its lease has to run out first.
  await until(async () => {
    const { code } = await w.sync();
    assert.ok(code === 0 || code === 75, `exit code ${code}`);
    return code === 0;
  }, 'the lease to run out', 30_000);
  await checkCompletes(t, w);
});

test('killed in mid-run: another one takes over', async (t) => {
  const w = await alpha(t, { embedder: { latencyMs: 60 },
    env: { BATCH_SYNC_LEASE_SECONDS: '2' } });
  const program = w.begin();
  await program.until(async () => w.embedder.embedded >= 150, 'some vectors');
  program.kill('SIGKILL');
  const { signal } = await program.exit();
  assert.equal(signal, 'SIGKILL');
  await until(async () => {
    const { code } = await w.sync();
    assert.ok(code === 0 || code === 75, `exit code ${code}`);
    return code === 0;
  }, 'the lease to run out', 30_000);
  const undisturbed = await alpha(t);
  await undisturbed.good();
  assert.deepEqual(await tables(w), await tables(undisturbed));
  assert.deepEqual(await runs(w), [{ status: 'success', resumed: 1 }]);
});

/* ---- what it may be waiting for when the signal comes ---- */

/** One SIGTERM as soon as `waiting`; then it must end by itself. */
async function stop(w, waiting, what, env) {
  const program = w.begin({ env: { BATCH_SYNC_GRACE_SECONDS: '1', ...env } });
  await program.until(waiting, what);
  program.kill();
  const outcome = await program.exit(20_000);
  checkLogs(outcome);
  assert.equal(outcome.result.success, false);
  assert.notEqual(outcome.code, 0);
  await checkGone(w);
  return outcome;
}

test('SIGTERM while a page is awaited', async (t) => {
  const w = await alpha(t);
  w.coordinator.script('alpha', { hang: true });
  await stop(w, () => w.coordinator.calls.length === 1, 'the call',
    { BATCH_SYNC_GRACE_SECONDS: '60' });
  assert.equal(w.coordinator.calls.length, 1);
  w.coordinator.script('alpha', pagesOf(ITEMS));
  await checkCompletes(t, w);
});

test('SIGTERM while another try is awaited', async (t) => {
  const w = await alpha(t);
  w.coordinator.script('alpha', { grpcCode: 'UNAVAILABLE', details: 'no' });
  await stop(w, () => w.coordinator.calls.length >= 1, 'the call',
    { BATCH_SYNC_GRACE_SECONDS: '60', BATCH_SYNC_RETRY_BASE_MS: '600000' });
  w.coordinator.script('alpha', pagesOf(ITEMS));
  await checkCompletes(t, w);
});

test('SIGTERM while the provider asks for patience', async (t) => {
  const w = await alpha(t);
  w.embedder.script(onceProven(faults.rateLimited(600)));
  await stop(w, () => w.embedder.requests.length === 6, 'six requests');
  assert.deepEqual(await w.db.vectors(), []);
  w.embedder.script();
  await checkCompletes(t, w);
});

test('SIGTERM while the list of services is awaited', async (t) => {
  const w = await alpha(t);
  w.coordinator.http('/services/list', { wire: 'hang' });
  const env = { BATCH_SYNC_SERVICES: undefined,
    COORDINATOR_HTTP_URL: w.coordinator.httpUrl };
  await stop(w, () => w.coordinator.httpCalls.length === 1, 'the question',
    env);
  assert.equal(w.coordinator.calls.length, 0);
  await checkCompletes(t, w);
});

test('SIGTERM while the database is locked', async (t) => {
  const w = await alpha(t);
  await w.good({ args: ['--service', 'beta'] });
  const holder = await w.db.connect();
  try {
    let open;
    const gate = new Promise((done) => { open = done; });
    w.coordinator.script('alpha', async (context) => {
      await gate;
      return pagesOf(ITEMS)(context);
    });
    w.coordinator.calls.length = 0;
    const program = w.begin({ env: { BATCH_SYNC_GRACE_SECONDS: '1' } });
    await program.until(() => w.coordinator.calls.length > 0, 'the run');
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE vector_embeddings IN ACCESS EXCLUSIVE MODE');
    open();
    await program.until(async () => (await w.connections())
      .some(({ waits }) => waits === 'Lock'), 'a query that waits');
    program.kill();
    const outcome = await program.exit(20_000);
    assert.equal(outcome.code, 1);
    assert.equal(outcome.result.success, false);
  } finally {
    holder.release(true);
  }
  await checkGone(w);
  await checkCompletes(t, w);
});

test('SIGTERM before anything was started', async (t) => {
  const w = await alpha(t);
  const program = w.begin();
  program.kill();
  const { code, signal } = await program.exit();
  assert.ok(signal === 'SIGTERM' || code === 1, `${code} ${signal}`);
  await until(async () => (await w.connections()).length === 0,
    'its connections to be gone');
  await checkCompletes(t, w);
});

test('SIGTERM while another tenant is served leaves its rows', async (t) => {
  const w = await alpha(t);
  await w.good({ env: { DEFAULT_TENANT_ID: 'other' } });
  const others = () => w.db.rows(`SELECT id, xmin::text FROM vector_embeddings
    WHERE tenant_id <> $1 ORDER BY id`, [TENANT]);
  const before = await others();
  w.embedder.set({ latencyMs: 250 });
  const program = w.begin();
  await program.until(() => w.embedder.embedded >= 330, 'some vectors');
  program.kill();
  await program.exit(60_000);
  assert.deepEqual(await others(), before);
  await checkGone(w);
});
