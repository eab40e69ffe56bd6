// Records of any size: what they cost, and where they end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pagesOf, sanitized, shapes, world } from './support/world.mjs';

const schema = { service_name: 'alpha',
  data_structure: { id: 'string', body: 'text', hidden: 'object' } };
const text = (bytes) => 'some words '.repeat(bytes / 11);
const documents = (t, items, env) => world(t, { schemas: [schema],
  services: { alpha: pagesOf(items) }, env });

const MIB = 1024;

/** Syncs the items, which come on one page, in at most so much memory. */
async function syncWithin(t, mib, items) {
  const w = await documents(t, items, {});
  const { code, result, stderr, maxRssKiB } = await w.sync();
  assert.equal(code, 0, stderr);
  assert.equal(result.services[0].stored, items.length);
  const peak = `${(maxRssKiB / MIB).toFixed(1)} MiB at its peak`;
  t.diagnostic(peak);
  if (!sanitized) assert.ok(maxRssKiB < mib * MIB, peak);
  const [{ bytes, rows }] = await w.db.rows(`SELECT count(*)::int AS rows,
    sum(octet_length(content_text))::int AS bytes FROM vector_embeddings`);
  assert.ok(bytes > JSON.stringify(items).length * 0.9, `${bytes} stored`);
  assert.equal((await w.good()).services[0].unchanged, items.length);
  assert.equal([...w.embedder.seen.values()].reduce((a, n) => a + n), rows);
}

test('300 documents of 100 KB on a page', (t) => syncWithin(t, 96,
  Array.from({ length: 300 }, (_, i) =>
    ({ id: `d${i}`, body: `${i} ${text(100_000)}` }))));

test('a document of 4 MiB among others', (t) => syncWithin(t, 96, [
  ...Array.from({ length: 200 }, (_, i) =>
    ({ id: `d${i}`, body: `${i} ${text(2000)}` })),
  { id: 'large', body: Array.from({ length: 4 << 16 }, (_, i) =>
    `word ${i} of it `).join('').slice(0, 4 << 20) }]));

test('more records than a page may have are asked for in smaller pages',
  async (t) => {
    const items = [1, 2, 3].map((i) => ({ id: `s${i}`, body: 'a' }));
    const serve = pagesOf(items);
    const countless = shapes.dataArray(Array(600_000).fill({}));
    const w = await world(t, { schemas: [schema], services: { alpha: (context) =>
      (context.limit > 250 ? countless : serve(context)) } });
    const { code, result, stderr, maxRssKiB } = await w.sync();
    assert.equal(code, 0, stderr);
    assert.equal(result.services[0].stored, 3);
    assert.deepEqual(w.coordinator.calls.map(({ limit }) => limit),
      [1000, 500, 250]);
    assert.match(stderr, /600000 items takes more than the \d+ MiB that a page/);
    if (!sanitized) assert.ok(maxRssKiB < 200 * MIB, `${maxRssKiB} KiB`);
  });

test('a record that is too large is a dead letter that says so', async (t) => {
  const w = await documents(t, [{ id: 'small', body: 'a' },
    { id: 'large', body: text(200_000) },
    { id: 'wide', hidden: Object.fromEntries(Array.from({ length: 20_000 },
      (_, i) => [`k${i}`, i])) },
    { id: 'fits', body: text(90_000) }],
  { BATCH_SYNC_MAX_ITEM_BYTES: '100000' });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  const [{ stored, failed }] = result.services;
  assert.deepEqual([stored, failed], [2, 2]);
  const letters = await w.db.rows(`SELECT content_id, reason, payload
    FROM batch_sync_dead_letters ORDER BY content_id`);
  assert.deepEqual(letters.map((l) => l.content_id), ['large', 'wide']);
  for (const { reason, payload } of letters) {
    assert.match(reason,
      /^\d+ bytes as JSON, more than BATCH_SYNC_MAX_ITEM_BYTES \(100000\)$/);
    assert.equal(Buffer.byteLength(payload), 64 * 1024);
  }
  // Known by now, and no failure of the run any more; with more room stored.
  assert.equal((await w.sync()).result.services[0].failed, 2);
  const larger = await w.sync(
    { env: { BATCH_SYNC_MAX_ITEM_BYTES: '1000000' } });
  assert.equal(larger.code, 0, larger.stderr);
  assert.equal(larger.result.services[0].stored, 2);
});
