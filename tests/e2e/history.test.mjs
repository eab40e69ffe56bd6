// History is kept for a time: what is older is deleted by an idle replica.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, world } from './support/world.mjs';

const age = (w, days) => w.db.script(`
  UPDATE batch_sync_runs SET started_at = started_at - interval '${days} d',
    finished_at = finished_at - interval '${days} d';
  UPDATE batch_sync_service_runs
    SET started_at = started_at - interval '${days} d',
    finished_at = finished_at - interval '${days} d';
  UPDATE batch_sync_dead_letters
    SET first_seen = first_seen - interval '${days} d',
    last_seen = last_seen - interval '${days} d',
    resolved_at = resolved_at - interval '${days} d'`);

const runs = (w) => w.db.value('SELECT count(*)::int FROM batch_sync_runs');

const letters = (w) => w.db.rows(`SELECT resolved_at IS NOT NULL AS resolved
  FROM batch_sync_dead_letters ORDER BY 1`);

test('runs and resolved letters go after a time; the last success stays',
  async (t) => {
    const items = itemsOf(10);
    const bad = { ...items[0], id: null };
    const w = await world(t, { services: { alpha: pagesOf(items) },
      env: { BATCH_SYNC_HISTORY_DAYS: '30' } });
    w.coordinator.script('alpha', pagesOf([...items, bad]));
    await w.sync();
    w.coordinator.script('alpha', pagesOf(items));
    await w.good();
    await w.good();
    assert.equal(await runs(w), 3);
    await w.db.script(`INSERT INTO batch_sync_dead_letters (tenant_id, service,
      digest, reason, payload, resolved_at)
      VALUES ('tenant-7', 'alpha', 'x', 'was mended', '{}', now())`);
    await age(w, 31);
    const server = await serve(t, w);
    await server.untilLog(
      /history older than 30 days deleted: runs: 2, resolved dead letters: 1/);
    assert.equal(await runs(w), 1);
    assert.deepEqual(await letters(w), [{ resolved: false }]);
    const { watermark } = await w.db.rows(`SELECT max(started_at) AS watermark
      FROM batch_sync_service_runs WHERE status = 'success'`).then(([r]) => r);
    assert.ok(watermark, 'the last success stays');
    await server.end();
  });
