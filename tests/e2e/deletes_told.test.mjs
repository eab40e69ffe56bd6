// Deletes that the source tells: by tombstones, in any run, with all that hangs
// on an item; and the last record of an id counts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordVector } from './rig/embedder.mjs';
import { checkVectors, pagesOf, rejecting, schemaOf, world }
  from './support/world.mjs';

const telling = (changes) => schemaOf('alpha', {
  data_structure: { id: 'string', body: 'text' },
  field_descriptions: { body: '' },
  title_field: undefined, url_field: undefined,
  deleted_when: { field: 'status', equals: 'deleted' }, ...changes });

const library = (n) => Array.from({ length: n }, (_, i) => ({
  id: `i-${String(i).padStart(4, '0')}`,
  body: `apples pears plums from the old orchard ${'abcdefgh'[i % 8]}${i}`,
}));
const tombstone = (id) => ({ id, status: 'deleted' });

/** A world whose service serves what `w.items` holds by then. */
async function started(t, items, { schema = {}, env, ...options } = {}) {
  const served = { items };
  const w = await world(t, {
    services: { alpha: pagesOf(() => served.items) },
    schemas: [telling(schema)],
    embedder: { vectorOf: wordVector },
    ...options,
    env: { EMBEDDING_DIMENSIONS: '64', BATCH_SYNC_LIMIT: '10', ...env } });
  return Object.assign(w, { served });
}

const idsOf = async (w) =>
  [...new Set((await w.db.vectors('alpha')).map((row) => row.contentId))];
const waiting = (w) =>
  w.db.value('SELECT count(*)::int FROM batch_sync_tombstones');

/** Every record is counted out, and so are the texts that were paid for. */
function checkCounts(result, expected) {
  const [s] = result.services;
  assert.equal(s.totalItems, s.stored + s.unchanged + s.failed + s.collisions
    + (s.tombstones ?? 0), JSON.stringify(s));
  for (const [name, n] of Object.entries(expected)) {
    assert.equal(s[name] ?? 0, n, `${name} of ${JSON.stringify(s)}`);
  }
}

test('a tombstone deletes its item, with pieces, node, edges and links',
  async (t) => {
    const items = library(25);
    items[3].body = `${items[3].body}. `.repeat(2000);
    items[5].of = items[3].id;
    const w = await started(t, items, { env: { KG_ENABLED: 'true' },
      schema: { data_structure: { id: 'string', body: 'text', of: 'string' },
        links: [{ field: 'of', service: 'alpha', type: 'part_of' }] } });
    const first = await w.good();
    checkCounts(first, { stored: 25, deleted: 0, tombstones: 0 });
    const { id } = items[3];
    const ofIt = () => w.db.value(`SELECT
      (SELECT count(*) FROM vector_embeddings WHERE content_id = $1)::int
      + (SELECT count(*) FROM knowledge_graph_nodes
          WHERE node_id LIKE '%' || $1)::int
      + (SELECT count(*) FROM knowledge_graph_edges
          WHERE source_node_id LIKE '%' || $1
             OR target_node_id LIKE '%' || $1)::int
      + (SELECT count(*) FROM batch_sync_links WHERE linked
          AND target_id = $1)::int`, [id]);
    assert.ok(await ofIt() > 4, 'pieces, a node, an edge, a link');

    // Nothing but an id, for what is stored and for what never was.
    w.served.items = [...items.filter((item) => item.id !== id),
      tombstone(id), tombstone('never-there')];
    const { requests } = w.embedder;
    const before = requests.length;
    checkCounts(await w.good(),
      { deleted: 1, tombstones: 1, unchanged: 25, stored: 0, failed: 0 });
    assert.equal(await ofIt(), 0);
    assert.equal(requests.length, before, 'nothing was embedded');
    assert.equal(await waiting(w), 0);
    assert.equal(await w.db.value(`SELECT totals->>'deleted'
      FROM batch_sync_runs ORDER BY started_at DESC LIMIT 1`), '1');

    // Told again, it is nothing new; and what comes back is an item.
    checkCounts(await w.good(), { deleted: 0, tombstones: 0, unchanged: 26 });
    w.served.items = items;
    checkCounts(await w.good(), { stored: 1, unchanged: 24, deleted: 0 });
    assert.equal((await idsOf(w)).length, 25);
    checkVectors(await w.db.vectors('alpha'), wordVector);
  });

test('of a living record and a tombstone the later one counts', async (t) => {
  const items = library(24);
  const w = await started(t, items);
  await w.good();
  const [a, b, c, d, e] = items;
  const rest = items.slice(5);
  // On one page: a dies, b lives. Across pages: c dies, d lives. e lives, for a
  // record that cannot be stored shows that it does.
  w.served.items = [a, tombstone(a.id), tombstone(b.id), b, c,
    tombstone(d.id), tombstone(e.id), { id: e.id, body: 'large '.repeat(1000) },
    ...rest, tombstone(c.id), d];
  const { result } = await w.sync(
    { env: { BATCH_SYNC_MAX_ITEM_BYTES: '4096' } });
  checkCounts(result, { deleted: 2, collisions: 3, failed: 1, stored: 0 });
  assert.deepEqual(await idsOf(w),
    [b.id, d.id, e.id, ...rest.map((item) => item.id)].sort());
  assert.equal(await waiting(w), 0);
});

test('incremental runs delete what they are told of', async (t) => {
  const items = library(15);
  const w = await started(t, items);
  await w.good();
  w.served.items = [tombstone(items[7].id), { ...items[2], body: 'changed' }];
  const result = await w.good({ args: ['--incremental'] });
  checkCounts(result, { deleted: 1, tombstones: 1, stored: 1 });
  assert.deepEqual(await idsOf(w), items.map((item) => item.id)
    .filter((id) => id !== items[7].id));
});

test('too many at once are not believed, and wait', async (t) => {
  const items = library(40);
  const w = await started(t, items);
  await w.good();
  const gone = items.slice(0, 13); // 32.5 %
  w.served.items = gone.map((item) => tombstone(item.id));
  const refused = await w.good({ args: ['--incremental'] });
  checkCounts(refused, { deleted: 0, deleteRefused: 13, tombstones: 13 });
  assert.equal((await idsOf(w)).length, 40);
  assert.equal(await waiting(w), 13);
  // The source has said it; it may not say it again.
  w.served.items = [];
  checkCounts(await w.good({ args: ['--incremental'] }),
    { deleted: 0, deleteRefused: 13 });
  const result = await w.good({ args: ['--incremental'],
    env: { BATCH_SYNC_MAX_DELETE_PERCENT: '40' } });
  checkCounts(result, { deleted: 13, deleteRefused: 0 });
  assert.deepEqual(await idsOf(w), items.slice(13).map((item) => item.id));
  assert.equal(await waiting(w), 0);
});

test('a run that does not reach the end deletes nothing; the next one does',
  async (t) => {
    const items = library(25);
    const w = await started(t, items, { env: { BATCH_SYNC_RETRIES: '0' } });
    await w.good();
    w.served.items = [tombstone(items[0].id), ...items.slice(1)];
    const pages = pagesOf(() => w.served.items);
    let broken = true;
    w.coordinator.script('alpha', (call) => (broken && call.page === 3
      ? { envelope: { success: false, error: 'no' } } : pages(call)));
    const { result } = await w.sync();
    assert.equal(result.success, false);
    assert.equal((await idsOf(w)).length, 25);
    assert.equal(await waiting(w), 1);
    broken = false;
    w.served.items = items.slice(1);
    checkCounts(await w.good(), { deleted: 1, unchanged: 24 });
    assert.equal((await idsOf(w)).length, 24);
  });

test('a tombstone resolves the dead letter of its id', async (t) => {
  const items = library(12);
  items[4].body = 'POISON';
  const w = await started(t, items);
  w.embedder.script(rejecting((text) => text.includes('POISON')));
  assert.equal((await w.sync()).result.services[0].failed, 1);
  w.served.items = [...items.filter((_, i) => i !== 4), tombstone(items[4].id)];
  checkCounts(await w.good(), { unchanged: 12, failed: 0 });
  assert.equal(await w.db.value(`SELECT count(*)::int
    FROM batch_sync_dead_letters WHERE resolved_at IS NULL`), 0);
});

test('a schema that no longer asks for it has nothing that waits', async (t) => {
  const items = library(40);
  const w = await started(t, items);
  await w.good();
  w.served.items = items.map((item) => tombstone(item.id));
  checkCounts(await w.good(), { deleteRefused: 40 });
  assert.equal(await waiting(w), 40);
  w.setSchema(telling({ deleted_when: undefined }));
  w.served.items = items;
  checkCounts(await w.good(), { unchanged: 40, deleted: 0 });
  assert.equal(await waiting(w), 0);
});
