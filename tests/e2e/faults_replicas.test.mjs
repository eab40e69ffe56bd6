// Replicas that share a run, some of which are killed: the others take over
// what they had, within the lease, and the run ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, IN_FLIGHT, ROUNDS, bench } from './support/faults.mjs';
import { serve } from './support/serve.mjs';
import { sanitized, until } from './support/world.mjs';

const LEASE_S = 2;
const NAMES = Array.from({ length: 8 }, (_, i) => `service${i}`);

/** A run must last until the others have looked for it. */
const LATENCY_MS = sanitized ? 400 : 300;

const world = (t) => bench(t, { names: NAMES, items: 80,
  env: { BATCH_SYNC_LEASE_SECONDS: String(LEASE_S) } });

const owners = (b, run) => b.w.db.rows(`SELECT DISTINCT owner
  FROM batch_sync_service_runs WHERE run_id = $1 AND owner <> ''`, [run]);

/** So many services, one of which got a trigger. Its run's id. */
async function together(t, b, n) {
  const replicas = [];
  for (let i = 0; i < n; i++) replicas.push(await serve(t, b.w));
  b.w.embedder.set({ latencyMs: LATENCY_MS });
  const { status, json, text } = await replicas[0].triggerAsync();
  assert.equal(status, 202, text);
  return { replicas, run: json.runId };
}

/** Waits for the end of the run, as one that is alive tells it. */
async function success(alive, run) {
  const { status, services } = await until(async () => {
    const { json } = await alive.get(`/admin/batch-sync/runs/${run}`);
    return ['running', 'interrupted'].includes(json.status) ? undefined : json;
  }, 'the run to end', 90_000);
  assert.equal(status, 'success', JSON.stringify(services));
}

for (const n of [2, 4]) {
  test(`${n} replicas, one of them killed`, async (t) => {
    const b = await world(t);
    const account = new Account(t, `one of ${n} replicas killed`);
    let most = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const { replicas, run } = await together(t, b, n);
      await until(async () => (await owners(b, run)).length === n
        || b.w.embedder.requests.length > b.requests * 0.7,
      'the others to join', 60_000);
      most = Math.max(most, (await owners(b, run)).length);
      // The one that began the run, and one that takes part in it.
      const [dead] = replicas.splice(i % 2 === 0 ? 0 : 1, 1);
      const pid = dead.pid;
      dead.program.kill('SIGKILL');
      await dead.program.exit();
      await success(replicas[0], run);
      assert.deepEqual(await b.w.db.rows(`SELECT position
        FROM batch_sync_service_runs WHERE run_id = $1
         AND (owner LIKE '%:' || $2 || ':%' AND finished_at IS NULL
          OR status <> 'success')`, [run, pid]), []);
      b.w.embedder.set({ latencyMs: 0 });
      await Promise.all(replicas.map((replica) => replica.end()));
      await account.add(b, { allowed: IN_FLIGHT });
      await b.next();
    }
    assert.ok(most > 1, 'nobody joined');
    account.end(`up to ${most} at work on one run; its services taken over`);
  });
}
