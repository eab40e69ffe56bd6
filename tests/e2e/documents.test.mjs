// Records of any size: what they cost, and where they end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pagesOf, world } from './support/world.mjs';

const schema = { service_name: 'alpha',
  data_structure: { id: 'string', body: 'text', hidden: 'object' } };
const text = (bytes) => 'some words '.repeat(bytes / 11);
const documents = (t, items, env) => world(t, { schemas: [schema],
  services: { alpha: pagesOf(items) }, env });

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
