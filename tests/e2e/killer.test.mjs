// An item that ends the process: whoever comes next dies of it, too, until it
// is set aside.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, itemsOf, pagesOf, shapes, world } from './support/world.mjs';

const MOST = 12;
const ITEMS = itemsOf(20);
const REASON = 'ended the process 3 times';

/** Runs over and over, as a supervisor would; how many processes it took. */
async function persist(w, env) {
  for (let lives = 1; lives <= MOST; lives++) {
    await w.db.script(`
      UPDATE batch_sync_runs SET expires_at = now() - interval '1 minute'
        WHERE status = 'running';
      UPDATE batch_sync_service_runs
        SET expires_at = now() - interval '1 minute'
        WHERE status = 'running'`).catch(() => {});
    w.program = w.begin({ env });
    const { code, signal, result, stderr } = await w.program.exit(60_000);
    if (signal !== 'SIGKILL') {
      assert.equal(code, 1, stderr);
      return { lives, result };
    }
  }
  return assert.fail(`it has ended ${MOST} processes`);
}

/** All but that one are stored, and it is told. */
async function check(w, id, reason) {
  const stored = await w.db.rows(`SELECT DISTINCT content_id AS id
    FROM vector_embeddings ORDER BY 1`);
  assert.deepEqual(stored.map((row) => row.id), [...ITEMS, ...itemsOf(3, 1,
    'beta')].map((item) => item.id).filter((each) => each !== id).sort());
  const letters = await w.db.rows(
    'SELECT content_id, reason FROM batch_sync_dead_letters');
  assert.equal(letters.length, 1);
  assert.match(letters[0].reason, reason);
  return letters[0];
}

const services = { alpha: pagesOf(ITEMS), beta: pagesOf(itemsOf(3, 1, 'beta')) };

for (const limit of [20, 6, 1]) {
  test(`a text that ends the process, in pages of ${limit}`, async (t) => {
    const w = await world(t, { services });
    const bad = ITEMS[7];
    w.embedder.script(({ inputs }) => {
      if (!inputs.some((text) => text.includes(bad.name))) return undefined;
      w.program.kill('SIGKILL');
      return faults.hang();
    });
    const env = { BATCH_SYNC_LIMIT: String(limit) };
    const { lives, result } = await persist(w, env);
    assert.ok(lives > 3);
    const letter = await check(w, bad.id, new RegExp(`^${REASON}$`));
    assert.equal(letter.content_id, bad.id);
    assert.equal(result.totalItems, 23);

    // It is known, and no process dies of it again.
    const { code, result: again } = await w.sync({ env });
    assert.equal(code, 0);
    assert.equal(again.knownFailures, 1);
  });
}

test('a source that ignores the limit is not taken for one that has ended',
  async (t) => {
    const w = await world(t, { services: {
      alpha: ({ page }) =>
        shapes.dataItems(ITEMS.slice(page * 10 - 10, page * 10)),
      beta: services.beta } });
    w.embedder.script(({ inputs }) => {
      if (!inputs.some((text) => text.includes(ITEMS[17].name))) return undefined;
      w.program.kill('SIGKILL');
      return faults.hang();
    });
    const { result } = await persist(w, { BATCH_SYNC_LIMIT: '10' });
    const [alpha, beta] = result.services;
    assert.equal(alpha.success, false);
    assert.match(alpha.errors.at(-1).error, /ignores? the limit/);
    assert.equal(beta.success, true);
  });

test('a page that ends the process when it is read', async (t) => {
  const w = await world(t, { services });
  const honest = pagesOf(ITEMS);
  w.coordinator.script('alpha', (context) => {
    const { page, limit } = context;
    if (7 < (page - 1) * limit || 7 >= page * limit) return honest(context);
    w.program.kill('SIGKILL');
    return new Promise(() => {});
  });
  const { result } = await persist(w, { BATCH_SYNC_LIMIT: '10' });
  assert.equal((await check(w, ITEMS[7].id, /^ended the process 3 times, when/))
    .content_id, null);
  assert.equal(result.totalItems, 23);
});
