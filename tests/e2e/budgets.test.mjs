// Budgets of tokens: what the embedder counts never crosses one, what was
// embedded is stored, and the next run goes on from there. Money is counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve, valueOf } from './support/serve.mjs';
import { faults, itemsOf, onceProven, pagesOf, times, world }
  from './support/world.mjs';

const ITEMS = 200;
const EXIT_TRY_LATER = 75;

const start = (t, env, services = { alpha: pagesOf(itemsOf(ITEMS)) }) =>
  world(t, { services, env: { BATCH_SYNC_LIMIT: '50',
    BATCH_SYNC_CHUNK_SIZE: '10', KG_ENABLED: 'false', ...env } });

const stored = async (w) =>
  Number((await w.db.rows('SELECT count(*) FROM vector_embeddings'))[0].count);

/** Each text once, and each that was paid for is stored. */
async function nothingLost(w, n) {
  assert.equal(w.embedder.embedded, n);
  assert.equal(await stored(w), n);
  assert.ok([...w.embedder.seen.values()].every((count) => count === 1));
}

const statusOf = async (w) =>
  (await w.db.rows('SELECT status FROM batch_sync_runs'))[0].status;

/** Syncs until it is done; each run stays within the budget. Returns how many
 * were stopped. */
async function untilDone(w, budget) {
  for (let stopped = 0; stopped < 30; stopped++) {
    const before = w.embedder.tokens;
    const { code, result } = await w.sync();
    const used = w.embedder.tokens - before;
    assert.ok(used <= budget, `${used} of ${budget}`);
    if (code === 0) return stopped;
    assert.equal(code, EXIT_TRY_LATER, JSON.stringify(result));
    assert.equal(await statusOf(w), 'budget');
    assert.ok(used > 0, 'it goes on');
    assert.equal(await stored(w), w.embedder.seen.size, 'and is stored');
  }
  return assert.fail('it never ends');
}

test("a run's budget is never crossed, and the next run goes on", async (t) => {
  const budget = 3000;
  const w = await start(t, { EMBEDDING_BUDGET_RUN: String(budget) });
  assert.ok(await untilDone(w, budget) >= 2);
  await nothingLost(w, ITEMS);
  const runs = await w.db.rows('SELECT status, resumed FROM batch_sync_runs');
  assert.equal(runs.length, 1, 'one run, resumed');
  assert.equal(runs[0].status, 'success');
  assert.ok(runs[0].resumed >= 2);
});

test('what stopped a run is said in words', async (t) => {
  const w = await start(t, { EMBEDDING_BUDGET_DAY: '2500' });
  const { code, result, stderr } = await w.sync();
  assert.equal(code, EXIT_TRY_LATER, stderr);
  assert.match(JSON.stringify(result), /EMBEDDING_BUDGET_DAY/);
  assert.equal(result.status, 'budget');
  const [run] = await w.db.rows(
    'SELECT status, error FROM batch_sync_runs');
  assert.equal(run.status, 'budget');
  assert.match(run.error, /EMBEDDING_BUDGET_DAY: \d+ of 2500 tokens are used/);
  assert.match(run.error, /the day ends at \d{4}-\d\d-\d\dT00:00:00\.000Z/);
  const listed = await w.run(['runs', '--status', 'budget', '--json']);
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /"budget"/);
});

test('the budget of a day stops every run of the day', async (t) => {
  const budget = 2500;
  const w = await start(t, { EMBEDDING_BUDGET_DAY: String(budget) });
  for (let i = 0; i < 3; i++) {
    const { code } = await w.sync();
    assert.equal(code, EXIT_TRY_LATER);
    assert.ok(w.embedder.tokens <= budget, `${w.embedder.tokens}`);
  }
  assert.ok(w.embedder.tokens > budget / 4, `${w.embedder.tokens}`);
  const [row] = await w.db.rows(`SELECT reserved::int AS reserved
    FROM batch_sync_budgets WHERE kind = 'day'`);
  assert.equal(row.reserved, w.embedder.tokens, 'settled by what was billed');
  await w.db.script(`UPDATE batch_sync_budgets SET key = '2001-01-01'
    WHERE kind = 'day'`);
  await w.good({ env: { EMBEDDING_BUDGET_DAY: '1000000' } });
  await nothingLost(w, ITEMS);
});

test('splits and repeated requests are billed to the budget', async (t) => {
  const budget = 2600;
  const w = await start(t, { EMBEDDING_BUDGET_RUN: String(budget),
    EMBEDDING_MAX_INPUTS: '3', BATCH_SYNC_TRIES: '5' });
  w.embedder.script(onceProven(times(4, faults.status(503))));
  await untilDone(w, budget);
  await nothingLost(w, ITEMS);
});

test('two replicas share the budget of a day', async (t) => {
  const budget = 4000;
  const w = await start(t, { EMBEDDING_BUDGET_DAY: String(budget) },
    { alpha: pagesOf(itemsOf(ITEMS)),
      beta: pagesOf(itemsOf(ITEMS, 1, 'beta')) });
  const a = await serve(t, w);
  const b = await serve(t, w);
  const { json } = await a.trigger({});
  assert.match(JSON.stringify(json), /EMBEDDING_BUDGET_DAY/);
  assert.ok(w.embedder.tokens <= budget, `${w.embedder.tokens}`);
  assert.ok(w.embedder.tokens > budget / 4, `${w.embedder.tokens}`);
  await a.untilMetrics((m) => valueOf(m, 'embedding_budget_used_tokens',
    { budget: 'day' }) > budget / 4, 'the budget');
  const { json: health } = await a.get('/health/batch-sync');
  assert.equal(health.budgets.day.variable, 'EMBEDDING_BUDGET_DAY');
  assert.equal(health.budgets.day.limit, budget);
  assert.ok(health.budgets.day.used <= budget);
  assert.match(health.budgets.day.endsAt, /T00:00:00\.000Z$/);
  await a.end();
  await b.end();
  const [row] = await w.db.rows(`SELECT reserved::int AS reserved
    FROM batch_sync_budgets WHERE kind = 'day'`);
  assert.equal(row.reserved, w.embedder.tokens, 'settled by what was billed');
  assert.equal(await stored(w), w.embedder.seen.size);
});

test('a process that dies leaves its block counted, no more', async (t) => {
  const budget = 1_000_000; // a block holds whatever is under way
  const w = await start(t, { EMBEDDING_BUDGET_DAY: String(budget),
    BATCH_SYNC_WORKERS: '1', BATCH_SYNC_LEASE_SECONDS: '5' });
  w.embedder.script(onceProven(times(1, faults.hang)));
  const run = w.begin();
  await run.until(() => w.embedder.requests.length >= 2, 'a request', 60_000);
  run.kill('SIGKILL');
  const [row] = await w.db.rows(`SELECT reserved::int AS reserved
    FROM batch_sync_budgets WHERE kind = 'day'`);
  assert.ok(row.reserved >= w.embedder.tokens);
  assert.ok(row.reserved <= w.embedder.tokens + 2 * budget / 100,
    `${row.reserved}`);
});

test('metrics and health without a budget', async (t) => {
  const w = await start(t, {});
  const s = await serve(t, w);
  const { json } = await s.get('/health/batch-sync');
  assert.equal(json.budgets, undefined);
  const { text } = await s.get('/metrics');
  assert.doesNotMatch(text, /embedding_budget/);
  await s.end();
});
