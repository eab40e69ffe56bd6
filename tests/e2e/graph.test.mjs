// Stored items as a graph: who is near to whom, and that nothing depends on it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordVector } from './rig/embedder.mjs';
import { countsOf, pagesOf, schemaOf, TENANT, until, world }
  from './support/world.mjs';

const ON = { KG_ENABLED: 'true' };

/** A world whose embedder finds texts with the same words near. */
async function graphs(t, services, options = {}) {
  const served = structuredClone(services);
  const w = await world(t, {
    services: Object.fromEntries(Object.keys(services).map((name) =>
      [name, pagesOf(() => served[name])])),
    schemas: Object.keys(services).map((name) => bare(name)),
    embedder: { vectorOf: wordVector },
    ...options,
    env: { ...ON, EMBEDDING_DIMENSIONS: '64', ...options.env },
  });
  return Object.assign(w, { served });
}

/** Only the text counts: other fields would make all items alike. */
const bare = (name) => schemaOf(name, { data_structure:
  { id: 'string', body: 'text' }, field_descriptions: { body: '' },
  title_field: undefined, url_field: undefined });

/** Alpha's items are first in line for the short ids that readers ask for. */
const nodeOf = (id, service = 'alpha', tenant = TENANT) =>
  service === 'alpha' && tenant === TENANT ? `content:${id}`
    : `content:${tenant}:${service}:${id}`;

const edgesOf = (w, where = 'true') => w.db.rows(`
  SELECT tenant_id, source_node_id AS source, target_node_id AS target,
         edge_type AS type, weight::float AS weight
    FROM knowledge_graph_edges WHERE ${where}
   ORDER BY source_node_id COLLATE "C", target_node_id COLLATE "C"`);

const queued = (w) => w.db.value(
  'SELECT count(*)::int FROM batch_sync_link_queue');

/** What the edges of a tenant should be, from the stored vectors. */
async function expected(w, tenant = TENANT) {
  const rows = await w.db.rows(`
    SELECT v.content_id, m.name, v.embedding::text AS embedding
      FROM vector_embeddings v JOIN microservices m ON m.id = v.microservice_id
     WHERE v.tenant_id = $1 AND chunk_index = 0`, [tenant]);
  const items = rows.map((row) => ({
    node: nodeOf(row.content_id, row.name, tenant),
    vector: JSON.parse(row.embedding),
  }));
  return items.flatMap((a) => items.filter((b) => b !== a)
    .map((b) => ({ tenant_id: tenant, source: a.node, target: b.node,
      similarity: cosine(a.vector, b.vector) }))
    .filter(({ similarity }) => similarity > 0.7)
    .sort((x, y) => y.similarity - x.similarity).slice(0, 10)
    .map(({ similarity, ...edge }) => ({ ...edge,
      type: similarity > 0.85 ? 'strongly_related' : 'related',
      weight: Math.min(1, Number(similarity.toFixed(2))) })))
    .sort((x, y) => order(x.source, y.source) || order(x.target, y.target));
}

const order = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Edges as they should be; weights may differ by a rounding. */
async function checkEdges(w) {
  const edges = await edgesOf(w);
  const wanted = await expected(w);
  assert.deepEqual(edges.map(({ weight, ...edge }) => edge),
    wanted.map(({ weight, ...edge }) => edge));
  edges.forEach((edge, i) =>
    assert.ok(Math.abs(edge.weight - wanted[i].weight) < 0.011));
  return edges;
}

const subjects = ['apples pears plums cherries from the old orchard',
  'bolts nuts screws washers of stainless steel',
  'rivers lakes oceans streams and their fish'];

/** Items of three subjects, each with some words of its own. */
const library = (n, from = 0) => Array.from({ length: n }, (_, i) => ({
  id: `i-${String(from + i).padStart(4, '0')}`,
  body: `${subjects[(from + i) % 3]} ${'abcdefgh'[i % 8].repeat(4)}${i}`,
}));

test('nodes and edges of what was stored', async (t) => {
  const w = await graphs(t, { alpha: library(15) });
  await w.good();
  const edges = await checkEdges(w);
  assert.ok(edges.some((edge) => edge.type === 'strongly_related'));
  assert.equal(await queued(w), 0);

  const nodes = await w.db.rows(`SELECT *,
      properties->>'created_at' AS created FROM knowledge_graph_nodes
    ORDER BY node_id COLLATE "C"`);
  assert.deepEqual(nodes.map((node) => node.node_id),
    w.served.alpha.map(({ id }) => nodeOf(id)));
  const texts = new Map((await w.db.vectors()).map((row) =>
    [nodeOf(row.contentId), row.text]));
  for (const node of nodes) {
    assert.equal(node.tenant_id, TENANT);
    assert.equal(node.node_type, 'alpha');
    assert.match(node.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(node.properties, { source_service: 'alpha',
      batch_processed: true, created_at: node.created,
      content_preview: texts.get(node.node_id).slice(0, 200) });
  }
});

test('at most ten neighbours; no second request for a vector', async (t) => {
  const w = await graphs(t, { alpha: library(60) });
  const result = await w.good();
  assert.equal(w.embedder.embedded, 60);
  assert.equal(countsOf(result).stored, 60);
  const edges = await edgesOf(w);
  const perSource = new Map();
  for (const { source } of edges) {
    perSource.set(source, (perSource.get(source) ?? 0) + 1);
  }
  assert.equal(Math.max(...perSource.values()), 10);
  assert.ok(edges.every(({ source, target }) => source !== target));
  assert.ok(edges.every(({ weight }) => weight >= 0.7 && weight <= 1));
});

test('a second sync leaves the graph as it is', async (t) => {
  const w = await graphs(t, { alpha: library(12) });
  await w.good();
  const rows = () => w.db.rows(`SELECT id, xmin::text FROM
    knowledge_graph_edges UNION ALL SELECT id, xmin::text FROM
    knowledge_graph_nodes ORDER BY id`);
  const before = await rows();
  await w.good();
  assert.deepEqual(await rows(), before);
});

test('a changed item loses what no longer holds, on both sides', async (t) => {
  const w = await graphs(t, { alpha: library(9) });
  await w.good();
  const changed = nodeOf('i-0000');
  const about = `'${changed}' IN (source_node_id, target_node_id)`;
  await w.db.script(`INSERT INTO knowledge_graph_edges (id, tenant_id,
      source_node_id, target_node_id, edge_type, weight, updated_at)
    VALUES ('theirs', '${TENANT}', '${changed}', '${nodeOf('i-0003')}',
      'prerequisite', 0.4, now())`);
  assert.ok((await edgesOf(w, about)).length >= 5);
  w.served.alpha[0].body = 'nothing whatsoever in common with anybody';
  const result = await w.good();
  assert.equal(countsOf(result).stored, 1);
  assert.deepEqual((await edgesOf(w, about)).map(({ type, weight }) =>
    [type, weight]), [['prerequisite', 0.4]]);
  await w.db.script(`DELETE FROM knowledge_graph_edges WHERE id = 'theirs'`);
  await checkEdges(w);
  assert.match(await w.db.value(`SELECT properties->>'content_preview'
    FROM knowledge_graph_nodes WHERE node_id = $1`, [changed]), /whatsoever/);
});

test('services of a tenant meet, tenants do not', async (t) => {
  const w = await graphs(t, { alpha: library(6), beta: library(6) });
  await w.good();
  const edges = await checkEdges(w);
  assert.ok(edges.some(({ source, target }) =>
    !source.includes(':beta:') && target.includes(':beta:')));
  await w.good({ env: { DEFAULT_TENANT_ID: 'tenant-8' } });
  assert.deepEqual(await edgesOf(w, `tenant_id = '${TENANT}'`), edges);
  const others = await edgesOf(w, `tenant_id = 'tenant-8'`);
  assert.equal(others.length, edges.length);
  assert.ok(others.every(({ source, target }) =>
    source.startsWith('content:tenant-8:') &&
    target.startsWith('content:tenant-8:')));
});

test('readers that ask for content:<id> find node, edges, neighbours',
  async (t) => {
    const w = await graphs(t, { alpha: library(9), beta: library(3) });
    await w.good();
    const found = await w.db.rows(`
      SELECT n.node_type AS type, e.edge_type AS edge, t.node_id AS neighbour,
             t.properties->>'content_preview' AS preview
        FROM knowledge_graph_nodes n
        JOIN knowledge_graph_edges e ON e.source_node_id = n.node_id
        JOIN knowledge_graph_nodes t ON t.node_id = e.target_node_id
       WHERE n.node_id = 'content:i-0000' AND n.tenant_id = $1`, [TENANT]);
    assert.deepEqual(found.map((row) => row.neighbour).sort(),
      [nodeOf('i-0000', 'beta'), nodeOf('i-0003'), nodeOf('i-0006')].sort());
    assert.ok(found.every((row) => row.type === 'alpha'
      && row.edge === 'strongly_related' && /apples/.test(row.preview)));
  });

test('the nodes another program made are kept, and change with their items',
  async (t) => {
    const w = await graphs(t, { alpha: library(3) });
    await w.run(['migrate']);
    await w.db.script(`INSERT INTO tenants (id, name, updated_at)
      VALUES ('${TENANT}', 'theirs', now()) ON CONFLICT DO NOTHING;
      INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id, node_type,
        properties, updated_at) VALUES
      ('1', '${TENANT}', 'content:i-0000', 'alpha', '{"theirs": 1}', now()),
      ('2', '${TENANT}', 'content:i-0001', 'topic', '{}', now())`);
    await w.good();
    assert.deepEqual(await w.db.rows(`SELECT node_id AS node, node_type AS type,
        length(id) = 1 AS theirs, properties ? 'content_preview' AS ours
      FROM knowledge_graph_nodes ORDER BY node_id COLLATE "C"`), [
      { node: 'content:i-0000', type: 'alpha', theirs: true, ours: true },
      { node: 'content:i-0001', type: 'topic', theirs: true, ours: false },
      { node: 'content:i-0002', type: 'alpha', theirs: false, ours: true },
      { node: `content:${TENANT}:alpha:i-0001`, type: 'alpha', theirs: false,
        ours: true }]);
  });

test('a long text is one item', async (t) => {
  const body = Array.from({ length: 20 }, () => subjects[0]).join('\n\n');
  const w = await graphs(t, { alpha: [{ id: 'long', body },
    { id: 'near', body: subjects[0] }] },
  { env: { EMBEDDING_MAX_TOKENS: '40' } });
  await w.good();
  assert.ok((await w.db.vectors()).length > 5);
  const edges = await edgesOf(w);
  assert.deepEqual(edges.map(({ source, target }) => [source, target]),
    [[nodeOf('long'), nodeOf('near')], [nodeOf('near'), nodeOf('long')]]);
  assert.equal(await w.db.value(
    'SELECT count(*)::int FROM knowledge_graph_nodes'), 2);
});

test('KG_ENABLED=false: no queue, no nodes, no index', async (t) => {
  const w = await graphs(t, { alpha: library(1200) },
    { env: { KG_ENABLED: 'false' } });
  await w.good();
  for (const table of ['batch_sync_link_queue', 'knowledge_graph_nodes',
    'knowledge_graph_edges']) {
    assert.equal(await w.db.value(`SELECT count(*)::int FROM ${table}`), 0);
  }
  assert.equal(await indexes(w), 0);
});

test('KG_ENABLED switched on later: all that is stored is linked', async (t) => {
  const w = await graphs(t, { alpha: library(40) },
    { env: { KG_ENABLED: 'false' } });
  await w.good();
  const { result, logs } = await w.sync({ env: ON });
  assert.equal(countsOf(result).unchanged, 40);
  assert.ok(logs.some(({ message }) =>
    message === '40 stored items have no node yet: linking them, too'));
  assert.equal(await queued(w), 0);
  await checkEdgesCount(w, 40);
  const again = await w.sync({ env: ON });
  assert.ok(!again.logs.some(({ message }) => /no node/.test(message)));
});

const indexes = (w) => w.db.value(`SELECT count(*)::int FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
  WHERE m.amname = 'hnsw' AND indisvalid`);

test('the index is built after the first load, before linking', async (t) => {
  const w = await graphs(t, { alpha: library(1200) });
  const { stderr } = await w.sync();
  assert.equal(await indexes(w), 1);
  assert.equal(await queued(w), 0);
  assert.match(stderr, /building the vector index/);
  assert.ok((await edgesOf(w)).length > 5000);
  const again = await w.sync();
  assert.equal(again.code, 0);
  assert.doesNotMatch(again.stderr, /building/);
});

test('many items are linked exactly, and the edges say so', async (t) => {
  const w = await graphs(t, { alpha: library(700) });
  const { logs } = await w.sync();
  assert.equal(await queued(w), 0);
  assert.ok(logs.some(({ message }) =>
    /^linked 700 items exactly: \d+ edges changed in /.test(message)));
  assert.equal(await w.db.value(`SELECT count(*)::int
    FROM knowledge_graph_edges WHERE properties->>'method' <> 'exact'
      OR properties->>'linked_at' IS NULL`), 0);
  assert.ok((await edgesOf(w)).length >= 7000);
});

test('killed after storing: the next sync links', async (t) => {
  const w = await graphs(t, { alpha: library(30) });
  await w.run(['migrate']);
  const blocker = await w.db.connect();
  await blocker.query('BEGIN; LOCK TABLE knowledge_graph_nodes');
  const sync = w.begin();
  await sync.until(async () => await queued(w) === 30, 'all is queued');
  await sync.until(() => blocked(w), 'linking waits');
  sync.kill('SIGKILL');
  await sync.exit();
  await blocker.query('ROLLBACK');
  blocker.release();
  await until(async () => !await blocked(w), 'the statement has ended');
  await w.db.disconnectAll().catch(() => {});
  const result = await w.good();
  assert.equal(countsOf(result).unchanged, 30);
  assert.equal(await queued(w), 0);
  await checkEdgesCount(w, 30);
});

const blocked = (w) => w.db.value(`SELECT count(*)::int FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND query LIKE '%batch_sync_link_queue%'`);

async function checkEdgesCount(w, nodes) {
  assert.equal(await w.db.value(
    'SELECT count(*)::int FROM knowledge_graph_nodes'), nodes);
  assert.ok((await edgesOf(w)).length > nodes);
}

test('SIGTERM while linking: the result is printed, the rest stays queued',
  async (t) => {
    const w = await graphs(t, { alpha: library(30) });
    await w.run(['migrate']);
    const blocker = await w.db.connect();
    await blocker.query('BEGIN; LOCK TABLE knowledge_graph_nodes');
    const sync = w.begin();
    await sync.until(() => blocked(w), 'linking waits');
    const began = Date.now();
    const { code, result } = await sync.stop();
    assert.ok(Date.now() - began < 5000);
    assert.equal(code, 0);
    assert.equal(result.success, true);
    await blocker.query('ROLLBACK');
    blocker.release();
    assert.equal(await queued(w), 30);
    await w.good();
    assert.equal(await queued(w), 0);
    await checkEdgesCount(w, 30);
  });

test('linking that fails does not fail the sync', async (t) => {
  const w = await graphs(t, { alpha: library(10) });
  await w.run(['migrate']);
  await w.db.script('ALTER TABLE knowledge_graph_nodes RENAME TO away');
  const { code, result, logs } = await w.sync();
  assert.equal(code, 0);
  assert.equal(result.success, true);
  assert.equal(logs.filter(({ level }) => level === 'warn').length, 1);
  assert.match(logs.find(({ level }) => level === 'warn').message,
    /^linking: .*knowledge_graph_nodes.*waits for the next run$/);
  assert.equal(await queued(w), 10);
  await w.db.script('ALTER TABLE away RENAME TO knowledge_graph_nodes');
  await w.good();
  assert.equal(await queued(w), 0);
});

test('a failed service does not keep the others from being linked',
  async (t) => {
    const w = await graphs(t, { alpha: library(10) },
      { env: { BATCH_SYNC_SERVICES: 'nobody,alpha', BATCH_SYNC_TRIES: '1' } });
    const { code } = await w.sync();
    assert.equal(code, 1);
    await checkEdges(w);
  });
