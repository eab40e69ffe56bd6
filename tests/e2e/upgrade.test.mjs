// An older version of the program beside this one, on one database: what was
// stored stays as it is, and runs are handed on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import { missing, previous } from './support/previous.mjs';
import { serve } from './support/serve.mjs';
import { checkStored, countsOf, itemsOf, pagesOf, until, world }
  from './support/world.mjs';

const skip = missing;
const LEASE = { BATCH_SYNC_LEASE_SECONDS: '2' };

/** Some texts are long: they are stored in pieces. */
const filled = () => itemsOf(60).map((item, i) => i % 20 > 0 ? item
  : { ...item, body: `${'Words of a long text. '.repeat(3000)}${i}` });

const oldSync = (w, env) => batchsync.run(['sync', '--json'],
  { env: w.with(env), binary: previous, timeoutMs: 120_000 });

const oldBegins = (w, env) => batchsync.start(['sync', '--json'],
  { env: w.with(env), binary: previous });

/** Who wrote each row of what a sync stores. */
const written = (w) => w.db.rows(`
  SELECT 'row' AS what, id, xmin::text FROM vector_embeddings
  UNION ALL SELECT 'node', id, xmin::text FROM knowledge_graph_nodes
  UNION ALL SELECT 'edge', id, xmin::text FROM knowledge_graph_edges
  ORDER BY 1, 2`);

const paid = (w) => [...w.embedder.seen.values()].reduce((a, b) => a + b, 0);

const statuses = (w) => w.db.rows(`SELECT status FROM batch_sync_runs
  ORDER BY started_at`).then((rows) => rows.map((row) => row.status));

test('upgrading a filled database embeds nothing and writes no row',
  { skip }, async (t) => {
    const env = { KG_ENABLED: 'true' };
    const w = await world(t, { services: { alpha: pagesOf(filled()),
      beta: pagesOf(itemsOf(40, 1, 'other')) }, env });
    const first = await oldSync(w);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(countsOf(first.result, 'beta').embedded, 40, 'it is filled');
    const rows = await written(w);
    const texts = paid(w);
    for (const round of ['the first', 'the second']) {
      const result = await w.good();
      for (const [service, n] of [['alpha', 60], ['beta', 40]]) {
        const { embedded, stored, unchanged } = countsOf(result, service);
        assert.deepEqual([embedded, stored, unchanged], [0, 0, n], round);
      }
    }
    const { stdout, code } = await oldSync(w);
    assert.equal(code, 0, `the older one beside it: ${stdout}`);
    assert.equal(paid(w), texts, 'texts paid for');
    assert.deepEqual(await written(w), rows);
  });

/** A world whose one service takes its time, and a sync that is at it. */
async function under(t, begin) {
  const items = itemsOf(200);
  const w = await world(t, { services: { alpha: pagesOf(items) },
    env: { ...LEASE, BATCH_SYNC_LIMIT: '20', BATCH_SYNC_CHUNK_SIZE: '10',
      BATCH_SYNC_WORKERS: '1' } });
  w.embedder.set({ latencyMs: 200 });
  const program = await begin(w);
  await until(() => w.db.value(`SELECT 1 FROM batch_sync_service_runs
    WHERE status = 'running' AND next_page > 1`).catch(() => undefined),
  'the first page', 60_000);
  return { w, items, program };
}

test('a newer replica waits for an older one, and resumes what it left',
  { skip }, async (t) => {
    const { w, items, program } = await under(t, (world) => oldBegins(world));
    const newer = await serve(t, w);
    const refused = await newer.trigger();
    assert.equal(refused.json.result.reason, 'already_running', refused.text);
    await newer.untilLog(/which is of an older version/);
    program.kill('SIGKILL');
    await program.exit();
    w.embedder.set({ latencyMs: 0 });
    await until(async () => (await statuses(w)).join() === 'success',
      'the run to be resumed', 60_000);
    await checkStored(w, 'alpha', items);
    const again = paid(w) - items.length;
    assert.ok(again <= 20, `${again} texts were paid for twice`);
    await newer.end();
  });

test('an older replica leaves alone what a newer one has begun, and says so',
  { skip }, async (t) => {
    const { w, items, program } = await under(t, async (world) => {
      const newer = await serve(t, world);
      const { status, text } = await newer.triggerAsync();
      assert.equal(status, 202, text);
      return newer;
    });
    program.program.kill('SIGKILL');
    await program.program.exit();
    const older = batchsync.start(['serve'], { binary: previous, env: w.with({
      HOST: '127.0.0.1', PORT: '0', BATCH_SYNC_SCHEDULE: '0 0 29 2 *' }) });
    t.after(() => older.kill('SIGKILL'));
    await older.until(({ stdout }) =>
      /begun by a newer version of batchsync/.test(stdout), 'it to say so',
    60_000);
    w.embedder.set({ latencyMs: 0 });
    assert.deepEqual(await w.db.rows(`SELECT resumed FROM batch_sync_runs`),
      [{ resumed: 0 }]);
    const next = await serve(t, w);
    await until(async () => (await statuses(w)).join() === 'success',
      'the newer one to resume it', 60_000);
    await checkStored(w, 'alpha', items);
    older.kill();
    assert.equal((await older.exit(60_000)).code, 0);
    await next.end();
  });
