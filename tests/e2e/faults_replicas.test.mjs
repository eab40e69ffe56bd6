// Replicas that share a run, one of which is killed, told to end, or stopped: the
// others take over what it had, within the lease, and the run ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, IN_FLIGHT, ROUNDS, bench } from './support/faults.mjs';
import { missing, pooler } from './support/pooler.mjs';
import { serve } from './support/serve.mjs';
import { sanitized, until } from './support/world.mjs';

const LEASE_S = 2;
const NAMES = Array.from({ length: 8 }, (_, i) => `service${i}`);

const POOLED = 'behind a pooler';

/** A run must last until the others have looked for it. */
const LATENCY_MS = sanitized ? 400 : 300;

const world = (t) => bench(t, { names: NAMES, items: 80,
  env: { BATCH_SYNC_LEASE_SECONDS: String(LEASE_S) } });

const owners = (b, run) => b.w.db.rows(`SELECT DISTINCT owner
  FROM batch_sync_service_runs WHERE run_id = $1 AND owner <> ''`, [run]);

/** So many services, one of which got a trigger. Its run's id. */
async function together(t, b, n, env) {
  const replicas = [];
  for (let i = 0; i < n; i++) replicas.push(await serve(t, b.w, { env }));
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

/**
 * Has `n` replicas share a run, and `strike` one of them: the one that began
 * it, or one that takes part in it. `strike` returns what is to be done after
 * the end of the run, if anything. `given`: further variables, or POOLED.
 */
async function share(t, what, n, strike, given) {
  const b = await world(t);
  const account = new Account(t, what);
  const env = given === POOLED
    ? { DATABASE_URL: (await pooler(t, b.w, 4)).url } : given;
  let most = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const { replicas, run } = await together(t, b, n, env);
    await until(async () => (await owners(b, run)).length === n
      || b.w.embedder.requests.length > b.requests * 0.7,
    'the others to join', 60_000);
    most = Math.max(most, (await owners(b, run)).length);
    const [struck] = replicas.splice(i % 2 === 0 ? 0 : 1, 1);
    const after = await strike(struck);
    await success(replicas[0], run);
    assert.deepEqual(await b.w.db.rows(`SELECT position
      FROM batch_sync_service_runs WHERE run_id = $1
       AND status <> 'success'`, [run]), []);
    b.w.embedder.set({ latencyMs: 0 });
    await after?.();
    await Promise.all(replicas.map((replica) => replica.end()));
    await account.add(b, { allowed: IN_FLIGHT });
    await b.next();
  }
  assert.ok(most > 1, 'nobody joined');
  account.end(`up to ${most} processes shared the run; its services were taken over`);
}

async function kill(replica) {
  replica.program.kill('SIGKILL');
  await replica.program.exit();
}

for (const n of [2, 4]) {
  test(`${n} replicas, one of them killed`, (t) =>
    share(t, `one of ${n} replicas killed`, n, kill));
}

test('2 replicas with four services each at a time, one of them killed', (t) =>
  share(t, 'one of 2 replicas with four services each killed', 2, kill,
    { BATCH_SYNC_PARALLEL_SERVICES: '4' }));

test('replicas behind a pooler, one of them killed', { skip: missing }, (t) =>
  share(t, 'one of 2 replicas behind PgBouncer killed', 2, kill, POOLED));

test('one of three replicas is told to end', (t) =>
  share(t, 'SIGTERM to one of 3 replicas', 3, async (replica) => {
    await replica.end();
  }));

test('one of three replicas is stopped past its lease', (t) =>
  share(t, 'SIGSTOP of one of 3 replicas, then SIGCONT', 3, (replica) => {
    replica.program.kill('SIGSTOP');
    return async () => {
      replica.program.kill('SIGCONT');
      await replica.ready();
      await replica.end();
    };
  }));

/** Its vectors would mean something else: they must not mix with the run's. */
const STRANGERS = {
  'another document prefix': { EMBEDDING_DOCUMENT_PREFIX: 'passage: ' },
  'other document fields': { EMBEDDING_EXTRA: '{"input_type":"passage"}' },
  'another model': { EMBEDDING_MODEL: 'another-model' },
};

for (const [what, env] of Object.entries(STRANGERS)) {
  test(`a replica with ${what} does not join a run`, async (t) => {
    const b = await world(t);
    const stranger = await serve(t, b.w, { env });
    const { replicas, run } = await together(t, b, 2);
    await success(replicas[0], run);
    const { stdout, stderr } = stranger.program;
    assert.doesNotMatch(stdout + stderr, /taking part in the run/);
    assert.equal((await owners(b, run)).length, 2, 'its own kind joins');
    await new Account(t, `a replica with ${what}`).add(b);
    await Promise.all([stranger, ...replicas].map((one) => one.end()));
  });
}
