// The vector index while it is being built: who sees it, who goes on meanwhile,
// and what is left of it when the builder has to end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { countsOf, itemsOf, pagesOf, until, world } from './support/world.mjs';

const INDEX = 'idx_vector_embeddings_embedding_hnsw';
const ENV = { KG_ENABLED: 'true', EMBEDDING_DIMENSIONS: '16' };

const indexes = (w) => w.db.rows(`SELECT c.relname AS name, i.indisvalid AS valid
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am m ON m.oid = c.relam AND m.amname = 'hnsw'`);

const builders = (w) => w.db.value(`SELECT count(*)::int FROM pg_stat_activity
  WHERE datname = current_database() AND query LIKE 'CREATE INDEX%'
    AND state = 'active'`);

/** Somebody writes for as long as they like: the builder has to wait. */
async function writer(w) {
  const client = await w.db.connect();
  await client.query('BEGIN; LOCK TABLE vector_embeddings IN ROW EXCLUSIVE MODE');
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
}

/** Without its phase an answer is of a builder that has just begun. */
const detail = async (server, id) =>
  (await server.get(`/admin/batch-sync/runs/${id}`)).json.vectorIndex;

test('building is told; runs go on; SIGTERM ends it; the next one replaces it',
  async (t) => {
    const served = { items: itemsOf(1200) };
    const w = await world(t, { env: ENV,
      services: { alpha: pagesOf(() => served.items) } });
    await w.run(['migrate']);
    const server = await serve(t, w);
    const release = await writer(w);
    await server.good();
    const { json: { runs: [{ id }] } } =
      await server.get('/admin/batch-sync/runs');

    const building = await until(async () => {
      const index = await detail(server, id);
      return /waiting for/.test(index.build?.phase) && index;
    }, 'the building in the run', 30_000);
    assert.equal(building.state, 'building');
    const metrics = await server.untilMetrics((all) =>
      all.get('batchsync_vector_index_build_phase'
        + '{phase="waiting for writers before build"}') === 1 && all,
    'the phase');
    assert.equal(metrics.get('batchsync_vector_index_building'), 1);
    assert.equal(metrics.get('batchsync_vector_index_build_rows'), 1200);

    served.items = [...served.items, ...itemsOf(50, 2001)];
    assert.equal((await server.good()).services[0].stored, 50);
    assert.equal(await builders(w), 1);

    const began = Date.now();
    await server.end();
    assert.ok(Date.now() - began < 8000);
    assert.equal(await builders(w), 0);
    assert.deepEqual(await indexes(w), [{ name: INDEX, valid: false }]);
    await release();

    const second = await serve(t, w);
    await until(async () => (await indexes(w))[0]?.valid, 'the index', 30_000);
    await until(async () => (await detail(second, id)).state === 'valid',
      'the state');
    assert.equal((await detail(second, id)).build, null);
    assert.equal(await w.db.value(
      'SELECT count(*)::int FROM batch_sync_index_builds'), 0);
    await until(async () => await w.db.value(
      'SELECT count(*)::int FROM knowledge_graph_nodes') === 1250, 'nodes',
    30_000);
    await second.end();
  });

/* A run would have to store through what is built before it. */
test('with a run at start-up the index waits for its end', async (t) => {
  const w = await world(t, { env: ENV,
    services: { alpha: pagesOf(itemsOf(1200)) } });
  const first = await w.sync({ env: { KG_ENABLED: 'false' } });
  assert.equal(countsOf(first.result).stored, 1200);
  const server = await serve(t, w, { env: { BATCH_SYNC_ON_STARTUP: 'true' } });
  const built = await server.untilLog(/^building the vector index over 1200/);
  const ended = await server.untilLog(/^the run has ended/);
  assert.ok(built.time >= ended.time);
  await until(async () => await w.db.value(
    'SELECT count(*)::int FROM knowledge_graph_nodes') === 1200, 'nodes',
  30_000);
  await server.end();
});
