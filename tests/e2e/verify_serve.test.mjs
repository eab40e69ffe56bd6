// verify as a job of the service: over HTTP and on a schedule of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordVector } from './rig/embedder.mjs';
import { checkError, ISO, serve } from './support/serve.mjs';
import { checkStored, itemsOf, pagesOf, world } from './support/world.mjs';

const PATH = '/admin/batch-sync/verify';
const N = 60;

async function stored(t, env = {}) {
  const items = itemsOf(N);
  const w = await world(t, { services: { alpha: pagesOf(items) },
    embedder: { vectorOf: wordVector },
    env: { EMBEDDING_DIMENSIONS: '64', KG_ENABLED: 'true', ...env } });
  await w.good();
  w.embedder.reset();
  return Object.assign(w, { items });
}

const BREAK = `UPDATE vector_embeddings SET embedding = (SELECT o.embedding
    FROM vector_embeddings o WHERE o.content_id = 'item-00001')
    WHERE content_id > 'item-00057';
  UPDATE vector_embeddings SET content_text = 'theirs'
    WHERE content_id = 'item-00010';
  DELETE FROM vector_embeddings WHERE content_id = 'item-00020'`;

const post = (s, body, options) =>
  s.call('POST', PATH, { body, ...options });

const kinds = ({ kinds: list }) =>
  Object.fromEntries(list.map(({ kind, found }) => [kind, found]));

test('begun over HTTP, it says how it goes and what it found', async (t) => {
  const w = await stored(t);
  const s = await serve(t, w);
  const done = (trigger, error = null) => s.program.until(async () => {
    const { json } = await s.get(PATH);
    return json.running === null && json.last?.trigger === trigger
      && json.last.error === error && json.last;
  }, 'its end');
  const ask = async (body) => {
    const answer = await post(s, body);
    assert.equal(answer.status, 202, answer.text);
    return done('http');
  };
  assert.deepEqual((await s.get(PATH)).json,
    { running: null, last: null, next: null });
  const clean = await ask({});
  assert.deepEqual([clean.found, clean.items, kinds(clean)], [0, N, {}]);
  assert.match(clean.finishedAt, ISO);
  assert.match((await s.get('/metrics')).text, /batchsync_verify_wrong 0\n/);

  await w.db.script(BREAK);
  const seen = await ask({ services: ['alpha'] });
  const { edge_dangling: dangling, ...others } = kinds(seen);
  assert.deepEqual(others,
    { text_changed: 1, vector_changed: 3, node_without_row: 1 });
  assert.match((await s.get('/metrics')).text,
    new RegExp(`batchsync_verify_wrong ${5 + dangling}\n`));
  const mended = await ask({ source: true, repair: true });
  assert.equal(mended.left, 0, JSON.stringify(mended));
  assert.equal(w.embedder.embedded, 5);
  await s.program.until(async () => (await ask({})).found === 0, 'no faults');
  await checkStored(w, 'alpha', w.items, wordVector);
  assert.equal((await s.get('/admin/batch-sync/runs')).json.runs[0].trigger,
    'verify');
  await s.end();
});

test('one at a time; what is wrong with a request', async (t) => {
  const w = await stored(t);
  const s = await serve(t, w,
    { env: { ADMIN_TOKEN: 'all', VIEWER_TOKEN: 'look' } });
  const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
  for (const [body, said] of [
    [{ sample: -1 }, /"sample" must be a whole number from 0 to 1000/],
    [{ repair: 'yes' }, /"repair" must be true or false/],
    [{ delete: true }, /"delete" goes with "repair"/],
    [{ services: [] }, /"services" is empty/],
    [{ service: 'alpha' }, /"service"/]]) {
    checkError(await post(s, body, bearer('all')), 400, PATH, said);
  }
  checkError(await s.get(PATH, bearer('look')), 403, PATH, /./);
  checkError(await post(s, {}, bearer('look')), 403, PATH, /./);

  // A lock keeps the first one at its first statement.
  const client = await w.db.connect();
  await client.query('BEGIN; LOCK TABLE vector_embeddings');
  assert.equal((await post(s, {}, bearer('all'))).status, 202);
  checkError(await post(s, {}, bearer('all')), 409, PATH, /under way/);
  assert.equal((await s.get(PATH, bearer('all'))).json.running.trigger, 'http');
  await client.query('ROLLBACK');
  client.release();
  await s.program.until(async () =>
    (await s.get(PATH, bearer('all'))).json.last !== null, 'its end');
  await s.end();
});

test('on a schedule, each fire in one of two replicas; it mends nothing',
  async (t) => {
    const w = await stored(t);
    await w.db.script(BREAK);
    const versions = await w.versions();
    const env = { BATCH_SYNC_VERIFY_SCHEDULE: '* * * * * *' };
    const all = [await serve(t, w, { env }), await serve(t, w, { env })];
    const lasts = async () => (await Promise.all(all.map(async (s) =>
      (await s.get(PATH)).json.last))).filter((last) => last?.error === null);
    await all[0].program.until(async () => (await lasts()).length > 0, 'it');
    const [{ trigger, found, left }] = await lasts();
    assert.equal(trigger, 'schedule');
    assert.ok(found > 4 && left === found);
    assert.match((await all[1].get(PATH)).json.next, ISO);
    for (const s of all) await s.end();
    assert.deepEqual(await w.versions(), versions);
    assert.equal(w.embedder.embedded, 0);
    const fires = await w.db.rows(`SELECT FROM batch_sync_fires
      WHERE schedule = '(verify)' AND outcome = 'verified'`);
    assert.ok(fires.length > 0);
    const begun = all.flatMap((s) => s.program.logs).reduce(
      (n, { message, repeated = 1 }) =>
        n + (/^verify: (?!the schedule)/.test(message) ? repeated : 0), 0);
    assert.ok(begun <= fires.length, `${begun} of ${fires.length}`);
  });

test('a schedule that cannot be read', async (t) => {
  const w = await world(t);
  const { code, stderr } = await w.run(['check'],
    { BATCH_SYNC_VERIFY_SCHEDULE: '0 25 * * *' });
  assert.equal(code, 78);
  assert.match(stderr, /BATCH_SYNC_VERIFY_SCHEDULE="0 25 \* \* \*".*5 fields/);
});

test('a verification that is ended in the middle ends at once', async (t) => {
  const w = await stored(t);
  await w.db.script(BREAK);
  const versions = await w.versions();
  // Over HTTP while a vector is embedded, and while the source is read.
  const held = [];
  const hold = () => new Promise((done) => held.push(done));
  for (const body of [{ repair: true }, { source: true }]) {
    w.embedder.script(hold);
    w.coordinator.script('alpha', hold);
    const s = await serve(t, w);
    const n = held.length;
    assert.equal((await post(s, body)).status, 202);
    await s.program.until(() => held.length > n, 'a request');
    await s.end();
    held.splice(0).forEach((open) => open(undefined));
  }
  w.embedder.script(undefined);
  w.coordinator.script('alpha', pagesOf(w.items));
  assert.deepEqual(await w.versions(), versions, 'nothing is half done');
  const mended = await w.run(['verify', '--source', '--repair', '--json']);
  assert.equal(mended.code, 0, mended.stdout + mended.stderr);
  await checkStored(w, 'alpha', w.items, wordVector);
});
