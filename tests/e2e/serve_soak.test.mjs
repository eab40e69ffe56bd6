// Many runs in one process: it holds as much after the last as after the
// hundredth. LONG=1 makes it a thousand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve, valueOf } from './support/serve.mjs';
import { countsOf, itemsOf, pagesOf, sanitized, world }
  from './support/world.mjs';

const RUNS = process.env.LONG === '1' ? 1000 : 200;
const SETTLED = 100;
const ITEMS = itemsOf(60);
const GROWTH_KIB = 2 * 1024;

const mib = (kib) => `${(kib / 1024).toFixed(1)} MiB`;

test(`${RUNS} runs, one after another`, async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(ITEMS) },
    env: { BATCH_SYNC_LIMIT: '25', BATCH_SYNC_CHUNK_SIZE: '5' } });
  const s = await serve(t, w);
  await s.good();
  let settled;
  for (let i = 1; i <= RUNS; i++) {
    const result = await s.good();
    assert.deepEqual(countsOf(result), { totalItems: 60, totalPages: 3,
      embedded: 0, unchanged: 60, stored: 0, failed: 0 });
    if (i % 10 === 0) {
      assert.equal((await s.get('/metrics')).status, 200);
      assert.equal((await s.get('/admin/batch-sync/runs')).status, 200);
    }
    if (i === SETTLED) settled = s.resources();
  }
  const last = s.resources();
  const text = `${mib(settled.rssKiB)} and ${settled.fds} descriptors after `
    + `${SETTLED} runs, ${mib(last.rssKiB)} and ${last.fds} after ${RUNS}`;
  t.diagnostic(text);
  console.log(text);
  assert.ok(last.fds <= settled.fds + 2, text);
  if (!sanitized) assert.ok(last.rssKiB < settled.rssKiB + GROWTH_KIB, text);
  assert.equal(w.embedder.embedded, 60);
  const m = await s.metrics();
  assert.equal(valueOf(m, 'runs_total', { outcome: 'success' }), RUNS + 1);
  assert.equal(valueOf(m, 'run_duration_seconds_count'), RUNS + 1);
  await s.end();
});
