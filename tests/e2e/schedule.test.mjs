// The schedule across replicas and restarts: a fire is known by its instant.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, sleep, until, world } from './support/world.mjs';

const EVERY_2_SECONDS = '*/2 * * * * *';
const alpha = (t) => world(t, { services: { alpha: pagesOf(itemsOf(5)) } });
const fires = (w) => w.db.rows(
  `SELECT fire_at, owner FROM batch_sync_runs WHERE fire_at IS NOT NULL
   ORDER BY fire_at`);

test('three replicas: each fire of the schedule happens once', async (t) => {
  const w = await alpha(t);
  const env = { BATCH_SYNC_SCHEDULE: EVERY_2_SECONDS };
  const all = [];
  for (let i = 0; i < 3; i++) all.push(await serve(t, w, { env }));
  await until(async () => (await fires(w)).length >= 4, 'four fires', 60_000);
  await Promise.all(all.map((s) => s.end()));
  const rows = await fires(w);
  const instants = rows.map(({ fire_at: at }) => at.getTime());
  assert.equal(new Set(instants).size, instants.length);
  for (const at of instants) assert.equal(at % 2000, 0);
});

test('jitter delays a fire, and its instant stays', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w, { env: { BATCH_SYNC_JITTER_SECONDS: '3',
    BATCH_SYNC_SCHEDULE: '*/4 * * * * *' } });
  await until(async () => (await fires(w)).length >= 1, 'a fire', 60_000);
  await s.end();
  for (const { fire_at: at } of await fires(w))
    assert.equal(at.getTime() % 4000, 0);
});

const DAY_MS = 86_400_000;

/** A schedule that fired two days ago and will again in a year. */
function twoDaysAgo() {
  const at = new Date(Date.now() - 2 * DAY_MS);
  return [at.getUTCMinutes(), at.getUTCHours(), at.getUTCDate(),
    at.getUTCMonth() + 1, '*'].join(' ');
}

/** As if a process had taken a fire three days ago and then been gone. */
async function lastFireThreeDaysAgo(t, w) {
  const s = await serve(t, w); // for its tables
  await s.end();
  await w.db.rows(`INSERT INTO batch_sync_runs (tenant_id, kind, trigger,
      services, source, page_limit, provider, model, dimensions, status,
      fire_at, owner, expires_at, finished_at)
    VALUES ('t', 'daily', 'schedule', '{}', 'env', 1, 'p', 'm', 1, 'success',
      now() - interval '3 days', 'gone', now(), now())`);
}

for (const [catchUp, runs] of [['true', 1], ['false', 0]]) {
  test(`a fire missed while down, BATCH_SYNC_CATCH_UP=${catchUp}`,
    async (t) => {
      const w = await alpha(t);
      await lastFireThreeDaysAgo(t, w);
      const s = await serve(t, w, { env: { BATCH_SYNC_CATCH_UP: catchUp,
        BATCH_SYNC_SCHEDULE: twoDaysAgo() } });
      if (runs > 0) {
        await until(async () => (await fires(w)).length === 2, 'the missed run',
          30_000);
      } else {
        await sleep(1500);
      }
      await s.end();
      assert.equal((await fires(w)).length, 1 + runs);
    });
}
