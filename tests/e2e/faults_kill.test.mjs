// kill -9 at random moments: whoever comes next goes on, and the tables become
// those of an undisturbed run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, IN_FLIGHT, KILLS, bench } from './support/faults.mjs';
import { missing, pooler } from './support/pooler.mjs';
import { sleep } from './support/world.mjs';

/** Most of the time that an undisturbed run takes; the rest is the end's. */
const SPAN = 0.7;

/**
 * One sync after the other, each killed at a moment of its own, until one
 * ends first. Returns how many were killed.
 */
async function killed(b, random, most, env) {
  let kills = 0;
  for (;;) {
    await b.expire();
    const program = b.w.begin({ env });
    const ended = program.exit(60_000);
    ended.catch(() => {});
    if (kills < most) {
      await Promise.race([ended, sleep(random() * b.ms * SPAN)]);
      program.kill('SIGKILL');
    }
    const { code, signal, stdout, stderr } = await ended;
    if (signal === 'SIGKILL') {
      kills++;
    } else if (code === 0) {
      return kills;
    } else {
      // A statement of the one that was killed has renewed its lease.
      assert.equal(code, 75, `${stdout}\n${stderr}`);
    }
  }
}

async function kill(t, b, account, count, env) {
  let loads = 0, resumed = 0;
  while (account.tried < count) {
    const kills = await killed(b, account.random, count - account.tried, env);
    await account.add(b, { tried: kills, allowed: kills * IN_FLIGHT });
    assert.ok(b.mostAgain() <= kills, `${b.mostAgain()} after ${kills} kills`);
    resumed += Number(await b.w.db.value(
      `SELECT resumed FROM batch_sync_runs ORDER BY started_at DESC LIMIT 1`));
    loads++;
    await b.next();
  }
  account.end(`${loads} runs that ended, resumed ${resumed} times`);
}

test('kill -9 at random moments', async (t) => {
  const b = await bench(t, { embedder: { latencyMs: 5 } });
  await kill(t, b, new Account(t, 'kill -9 of the sync'), KILLS);
});

test('kill -9 behind a pooler', { skip: missing }, async (t) => {
  const b = await bench(t, { embedder: { latencyMs: 5 } });
  const { url } = await pooler(t, b.w, 2);
  await kill(t, b, new Account(t, 'kill -9 behind PgBouncer'),
    Math.ceil(KILLS / 2), { DATABASE_URL: url });
});

test('the account sees what is lost and doubled', async (t) => {
  const b = await bench(t);
  await b.w.good();
  const fresh = await b.verdict();
  assert.deepEqual({ lost: fresh.lost, doubled: fresh.doubled,
    again: fresh.again }, { lost: 0, doubled: 0, again: 0 });
  const change = (what) => b.w.db.rows(`UPDATE vector_embeddings SET ${what}
    WHERE id = (SELECT v.id FROM vector_embeddings v
      JOIN microservices m ON m.id = v.microservice_id
     WHERE m.name = 'beta' AND content_id = 'beta-00007'
       AND v.tenant_id = $1)`, [b.w.env.DEFAULT_TENANT_ID]);
  await change(`embedding = (SELECT embedding FROM vector_embeddings
    WHERE content_id = 'beta-00008' LIMIT 1)`);
  assert.deepEqual(await b.verdict(), { ...fresh, lost: 1 });
  await change("content_id = 'another'");
  assert.deepEqual(await b.verdict(), { ...fresh, lost: 1, doubled: 1 });
  await b.empty();
  await b.w.good();
  const twice = await b.verdict();
  assert.equal(twice.again, Number(await b.w.db.value(
    'SELECT count(*) FROM vector_embeddings WHERE tenant_id = $1',
    [b.w.env.DEFAULT_TENANT_ID])), 'each piece once more');
  assert.equal(b.mostAgain(), 1);
});
