// The database's own guard: a running role with the rights of
// schema/grants.sql and its row security does all its work, and cannot touch
// what others keep in the same tables.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { wordVector } from './rig/embedder.mjs';
import { grants, policies, roles } from './support/roles.mjs';
import { countsOf, itemsOf, pagesOf, schemaOf, TENANT, world }
  from './support/world.mjs';

const ENV = { KG_ENABLED: 'true', EMBEDDING_DIMENSIONS: '64',
  MIGRATE_ON_START: 'false' };

/** What others have there: a text, nodes (one with an id that an item would
 * have), and an edge between them. */
const OTHERS = `
  INSERT INTO tenants (id, name, updated_at) VALUES ('${TENANT}', 'x', now());
  INSERT INTO vector_embeddings (id, tenant_id, content_id, content_type,
    content_text, updated_at)
    VALUES ('theirs', '${TENANT}', 'item-1', 'document', 'a text', now());
  INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id, node_type,
    updated_at) VALUES
    ('n1', '${TENANT}', 'content:item-1', 'person', now()),
    ('n2', '${TENANT}', 'topic:2', 'alpha', now());
  INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,
    target_node_id, edge_type, updated_at)
    VALUES ('e1', '${TENANT}', 'content:item-1', 'topic:2', 'mentions', now())`;

const theirs = (db) => db.rows(`
  SELECT to_jsonb(v) AS row FROM vector_embeddings v WHERE id = 'theirs'
  UNION ALL SELECT to_jsonb(n) FROM knowledge_graph_nodes n
    WHERE id IN ('n1', 'n2')
  UNION ALL SELECT to_jsonb(e) FROM knowledge_graph_edges e WHERE id = 'e1'`);

/** What the role must not do; of updates and deletes, no row is there for it. */
const FORBIDDEN = [
  `INSERT INTO vector_embeddings (id, tenant_id, content_id, content_type,
    content_text, updated_at)
    VALUES ('y', '${TENANT}', 'y', 'document', 'y', now())`,
  "UPDATE vector_embeddings SET content_text = 'y' WHERE id = 'theirs'",
  "UPDATE vector_embeddings SET content_type = 'document'",
  "DELETE FROM vector_embeddings WHERE id = 'theirs'",
  "UPDATE knowledge_graph_nodes SET properties = '{}' WHERE id IN ('n1', 'n2')",
  "DELETE FROM knowledge_graph_nodes WHERE id IN ('n1', 'n2')",
  `INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id, node_type,
    updated_at) VALUES ('y', '${TENANT}', 'content:y', 'person', now())`,
  "UPDATE knowledge_graph_edges SET weight = 1 WHERE id = 'e1'",
  "UPDATE knowledge_graph_edges SET edge_type = 'mentions'",
  "DELETE FROM knowledge_graph_edges WHERE id = 'e1'",
  'DELETE FROM tenants', 'DELETE FROM batch_sync_migrations',
  'DROP TABLE tenants', 'ALTER TABLE vector_embeddings ADD x int',
  'CREATE TABLE x (i int)', 'DROP POLICY everybody ON vector_embeddings',
  'ALTER TABLE vector_embeddings DISABLE ROW LEVEL SECURITY',
];

async function secured(t) {
  const items = itemsOf(30).map((item, i) =>
    ({ ...item, after: i > 0 ? `item-${String(i).padStart(5, '0')}` : null }));
  const served = { items };
  const w = await world(t, {
    services: { alpha: pagesOf(() => served.items) },
    schemas: [schemaOf('alpha', { delete_missing: true,
      data_structure: { ...schemaOf('').data_structure, after: 'string' },
      links: [{ field: 'after', service: 'alpha', type: 'follows' }] })],
    embedder: { vectorOf: wordVector }, env: ENV });
  const r = await roles(t, w);
  const migrated = await w.run(['migrate'], r.asOwner);
  assert.equal(migrated.code, 0, migrated.stderr);
  await w.db.script(`SET ROLE ${r.owner};
    ${grants(r.app)} ${policies(r.app)} RESET ROLE; ${OTHERS}`);
  return { w, served, ...r };
}

test('a running role under row security does all its work', async (t) => {
  const { w, served, asApp, app } = await secured(t);
  const before = await theirs(w.db);
  const ungranted = await w.db.rows(`SELECT c.relname FROM pg_class c
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND NOT has_table_privilege('${app}', c.oid, 'SELECT')`);
  assert.deepEqual(ungranted, [], 'a table without a grant');

  const first = await w.good({ env: asApp });
  assert.equal(countsOf(first, 'alpha').stored, 30);
  const edges = (type) => w.db.value(`SELECT count(*)::int
    FROM knowledge_graph_edges WHERE edge_type LIKE $1`, [type]);
  assert.ok(await edges('%related') > 0, 'nothing was linked');
  assert.equal(await edges('follows'), 29);
  assert.equal(await w.db.value(
    'SELECT count(*)::int FROM batch_sync_link_queue'), 0);
  assert.deepEqual(await theirs(w.db), before);

  // Changed, deleted, and linked anew.
  served.items = served.items.slice(3).map((item, i) => i > 4 ? item
    : { ...item, body: `${item.body} and more`, after: null });
  for (let missed = 0; missed < 2; missed++) await w.good({ env: asApp });
  assert.equal(await w.db.value(`SELECT count(*)::int FROM vector_embeddings
    WHERE content_type = 'microservice_data'`), 27);
  assert.equal(await w.db.value(
    'SELECT count(*)::int FROM batch_sync_link_queue'), 0);
  assert.deepEqual(await theirs(w.db), before);
});

test('and cannot write what others keep there', async (t) => {
  const { w, asApp } = await secured(t);
  await w.good({ env: asApp });
  const before = await theirs(w.db);
  const client = new pg.Client({ connectionString: asApp.DATABASE_URL });
  await client.connect();
  try {
    for (const sql of FORBIDDEN) {
      const done = await client.query(sql).catch((error) => error);
      if (done instanceof Error) {
        assert.match(done.message, /row-level security|denied|must be owner/,
          sql);
      } else {
        assert.equal(done.rowCount, 0, sql);
      }
    }
  } finally {
    await client.end();
  }
  assert.deepEqual(await theirs(w.db), before);
});
