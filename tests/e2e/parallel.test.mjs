// Several services under way at once in one process
// (BATCH_SYNC_PARALLEL_SERVICES): how many, over one window and the same
// embedding slots, and that none of them is touched by another's end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, countsOf, errorsOf, faults, itemsOf, pagesOf, sanitized,
  sleep, until, world } from './support/world.mjs';

const ENV = { BATCH_SYNC_LIMIT: '10', BATCH_SYNC_CHUNK_SIZE: '5',
  BATCH_SYNC_PARALLEL_SERVICES: '2' };

const NAMES = ['alpha', 'beta', 'gamma', 'delta'];
const ITEMS = Object.fromEntries(
  NAMES.map((name, i) => [name, itemsOf(25 + i, 1, name)]));

/** The names' scripts, of which `changes` has others. */
const scripts = (names, changes = {}) => Object.fromEntries(names.map((name) =>
  [name, changes[name] ?? pagesOf(ITEMS[name])]));

const start = (t, services, env) => world(t, { services, env: { ...ENV, ...env } });

const askedOf = (w, name) =>
  w.coordinator.calls.filter(({ service }) => service === name);
const paidOnce = (w) =>
  [...w.embedder.seen.values()].every((times) => times === 1);

/** R without what differs from run to run. */
const stable = (result) => JSON.parse(JSON.stringify(result, (key, value) =>
  /duration|Ms$|runId|traceId|trace|startedAt|finishedAt|perSecond|requests/i
    .test(key) ? undefined : value));

test('a slow coordinator of one service: the others end meanwhile', async (t) => {
  const serve = pagesOf(ITEMS.alpha);
  const w = await start(t, scripts(NAMES, {
    alpha: async (context) => {
      // In the middle of alpha all the others are read to their end, though
      // two at once may be under way.
      if (context.page === 2) {
        await until(async () => (await w.db.vectors('delta')).length ===
          ITEMS.delta.length, 'the end of delta');
      }
      return serve(context);
    },
  }));
  const result = await w.good();
  assert.deepEqual(result.services.map(({ service }) => service), NAMES);
  for (const name of NAMES) {
    await checkStored(w, name, ITEMS[name]);
    assert.equal(countsOf(result, name).stored, ITEMS[name].length);
  }
  assert.equal(w.embedder.embedded,
    NAMES.reduce((n, name) => n + ITEMS[name].length, 0));
  assert.ok(paidOnce(w));
});

for (const [parallel, most] of [[undefined, 1], ['2', 2], ['16', 4]]) {
  test(`${parallel ?? 'by default 1'}: ${most} at once`, async (t) => {
    const open = new Map();
    let seen = 0;
    const gated = (name) => async (context) => {
      open.set(name, context.page);
      seen = Math.max(seen, open.size);
      if (context.page === 1 && NAMES.indexOf(name) < most) {
        await until(() => seen === most, `${most} services at once`);
      }
      const answer = await pagesOf(ITEMS[name])(context);
      if (context.page >= 3) open.delete(name); // its last one
      return answer;
    };
    const w = await start(t,
      Object.fromEntries(NAMES.map((name) => [name, gated(name)])),
      { BATCH_SYNC_PARALLEL_SERVICES: parallel });
    await w.good();
    assert.equal(seen, most);
    assert.ok(paidOnce(w));
    for (const name of NAMES) await checkStored(w, name, ITEMS[name]);
  });
}

test('R and the exit code are those of one at a time', async (t) => {
  const results = [];
  for (const parallel of ['1', '4']) {
    const w = await start(t, scripts(NAMES, {
      beta: ({ page }) => page === 2 ? { grpcCode: 'NOT_FOUND', details: 'no' }
        : pagesOf(ITEMS.beta)({ page, limit: 10 }),
    }), { BATCH_SYNC_PARALLEL_SERVICES: parallel });
    const { code, result } = await w.sync();
    assert.ok(paidOnce(w));
    for (const name of ['alpha', 'gamma', 'delta']) {
      await checkStored(w, name, ITEMS[name]);
      assert.deepEqual(errorsOf(result, name), []);
    }
    results.push({ code, result: stable(result) });
  }
  assert.deepEqual(results[1], results[0]);
  assert.equal(results[0].code, 1);
});

test('what is wrong with the embedder ends all of them', async (t) => {
  const w = await start(t, scripts(NAMES), { BATCH_SYNC_PARALLEL_SERVICES: '4' });
  w.embedder.script(() => faults.unauthorized());
  const { code, result } = await w.sync();
  assert.notEqual(code, 0);
  assert.deepEqual(result.services.map(({ service, success }) =>
    [service, success]), NAMES.map((name) => [name, false]));
  for (const name of NAMES) assert.match(errorsOf(result, name).join(), /401/);
  assert.equal(await w.db.value('SELECT count(*) FROM vector_embeddings'), '0');
  w.embedder.script();
  await w.good();
  for (const name of NAMES) await checkStored(w, name, ITEMS[name]);
});

test('stopped with four under way: the next run goes on', async (t) => {
  const w = await start(t, Object.fromEntries(NAMES.map((name) =>
    [name, (context) => context.page === 2 ? { hang: true }
      : pagesOf(ITEMS[name])(context)])),
  { BATCH_SYNC_PARALLEL_SERVICES: '4' });
  const program = w.begin();
  await program.until(() => NAMES.every((name) =>
    askedOf(w, name).some(({ page }) => page === 2)), 'page 2 of each');
  program.kill('SIGTERM');
  const { code } = await program.exit(60_000);
  assert.notEqual(code, 0);
  for (const name of NAMES) w.coordinator.script(name, pagesOf(ITEMS[name]));
  await w.good();
  for (const name of NAMES) await checkStored(w, name, ITEMS[name]);
  assert.ok(paidOnce(w));
});

test('killed with four under way: the next run goes on', async (t) => {
  const w = await start(t, Object.fromEntries(NAMES.map((name) =>
    [name, (context) => context.page === 2 ? { hang: true }
      : pagesOf(ITEMS[name])(context)])),
  { BATCH_SYNC_PARALLEL_SERVICES: '4', BATCH_SYNC_LEASE_SECONDS: '1' });
  const program = w.begin();
  await program.until(() => NAMES.every((name) =>
    askedOf(w, name).some(({ page }) => page === 2)), 'page 2 of each');
  program.kill('SIGKILL');
  await program.exit(60_000);
  for (const name of NAMES) w.coordinator.script(name, pagesOf(ITEMS[name]));
  await until(async () => (await w.sync()).code === 0, 'the lease is lost');
  for (const name of NAMES) await checkStored(w, name, ITEMS[name]);
});

test('the pages of all of them share one window',
  { skip: sanitized && 'a matter of sizes alone' }, async (t) => {
    // Three megabytes a page, of which next to nothing is stored.
    const large = Object.fromEntries(NAMES.map((name) => [name,
      itemsOf(60, 1, name).map((item) =>
        ({ ...item, aside: 'x'.repeat(300_000) }))]));
    let open = 0, most = 0;
    // Each waits, so that all that may be on their way are.
    const step = (name) => async (context) => {
      most = Math.max(most, ++open);
      await sleep(200);
      open--;
      return pagesOf(large[name])(context);
    };
    const w = await start(t,
      Object.fromEntries(NAMES.map((name) => [name, step(name)])),
      { BATCH_SYNC_PARALLEL_SERVICES: '4' });
    await w.good();
    assert.ok(most > 1 && most <= 5, `${most} pages of 3 MB in 16 MiB`);
    for (const name of NAMES) await checkStored(w, name, large[name]);
    assert.ok(paidOnce(w));
  });
