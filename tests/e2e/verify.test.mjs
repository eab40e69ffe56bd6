// What is stored is what was written, and the graph follows from it; what is not
// so is found, and nothing else; what is mended is mended once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import { wordVector } from './rig/embedder.mjs';
import { checkStored, faults, folderOf, itemsOf, pagesOf, schemaOf, until,
  world } from './support/world.mjs';

const N = 200;

async function stored(t, { items = itemsOf(N), env = {}, ...options } = {}) {
  const served = { items };
  const w = await world(t, { services: { alpha: pagesOf(() => served.items) },
    embedder: { vectorOf: wordVector }, ...options,
    env: { EMBEDDING_DIMENSIONS: '64', KG_ENABLED: 'true', ...env } });
  const timeoutMs = Math.max(120_000, items.length * 60);
  w.run = (args, env) => batchsync.run(args, { env: w.with(env), timeoutMs });
  // Items that wait to be linked are left out: none does.
  const waits = async () => (await w.db.rows(
    'SELECT FROM batch_sync_link_queue LIMIT 1')).length > 0;
  do await w.good(); while (await waits());
  w.embedder.reset();
  return Object.assign(w, { served });
}

/** { kind: found } and the whole answer. */
async function verify(w, args = [], env = {}) {
  const outcome = await w.run(['verify', '--json', ...args], env);
  assert.ok([0, 1].includes(outcome.code), outcome.stderr);
  assert.ok(outcome.stdout.length > 0, outcome.stderr);
  const json = JSON.parse(outcome.stdout);
  const texts = w.embedder.embedded;
  w.embedder.reset();
  if (json.run === null) assert.equal(json.paid.texts, texts);
  assert.equal(outcome.code, json.left === 0 ? 0 : 1);
  return { json, texts, code: outcome.code, found: Object.fromEntries(
    json.kinds.map(({ kind, found }) => [kind, found])) };
}

const clean = async (w) => {
  const { found, json } = await verify(w);
  assert.deepEqual(found, {}, JSON.stringify(json));
};

/** The n first items that end so. */
const LIKE = (digit) => `content_id LIKE '%${digit}'`;
const OTHER = `(SELECT o.embedding FROM vector_embeddings o
  WHERE o.content_id = 'item-00003')`;
const LONG = 'A sentence of words. '.repeat(90);

/** Rows broken one way each: what is found, and what mends it at what price. */
const BROKEN = [
  { name: 'nothing', found: {}, texts: 0 },
  { name: 'texts', sql: `UPDATE vector_embeddings
      SET content_text = content_text || '!' WHERE ${LIKE(5)}`,
    found: { text_changed: 20 }, left: { text_changed: 20 }, texts: 0,
    source: 20 },
  { name: 'vectors', sql: `UPDATE vector_embeddings SET embedding = ${OTHER}
      WHERE ${LIKE(5)}`, found: { vector_changed: 20 }, texts: 20 },
  { name: 'vectors, and updated_at as well', sql: `UPDATE vector_embeddings
      SET embedding = ${OTHER}, updated_at = updated_at + interval '1 s'
      WHERE ${LIKE(5)}`, found: { vector_changed: 20 }, texts: 20 },
  { name: 'vectors taken away', sql: `UPDATE vector_embeddings
      SET embedding = NULL WHERE ${LIKE(5)}`, found: { vector_missing: 20 },
    texts: 20 },
  { name: 'vectors of zeros', sql: `UPDATE vector_embeddings
      SET embedding = array_fill(0, ARRAY[64])::vector WHERE ${LIKE(5)}`,
    found: { vector_zero: 20 }, texts: 20 },
  { name: 'vectors of another size', sql: `DROP INDEX IF EXISTS
      idx_vector_embeddings_embedding_hnsw;
      ALTER TABLE vector_embeddings ALTER embedding TYPE vector;
      UPDATE vector_embeddings SET embedding = '[1,2,3]' WHERE
      content_id = 'item-00005'`, found: { vector_size: 1 }, texts: 1,
    env: { KG_ENABLED: 'false' } },
  { name: 'metadata, which others may change', sql: `UPDATE vector_embeddings
      SET metadata = metadata || '{"theirs": 1}'`, found: {}, texts: 0 },
  { name: 'rows of before vector_hash', sql: `UPDATE vector_embeddings
      SET vector_hash = NULL, written_at = NULL, content_text = 'old'`,
    found: {}, texts: 0 },
  { name: 'nodes', sql: `DELETE FROM knowledge_graph_edges; DELETE FROM
      knowledge_graph_nodes`, found: { row_without_node: N }, texts: 0 },
  { name: 'items deleted', sql: `DELETE FROM vector_embeddings
      WHERE content_id = 'item-00005'`,
    found: ({ edges }) => ({ node_without_row: 1, edge_dangling: edges }),
    left: ({ edges }) => ({ node_without_row: 1, edge_dangling: edges }),
    texts: 0, source: 1 },
  { name: 'edges cut', sql: `DELETE FROM knowledge_graph_edges
      WHERE source_node_id LIKE '%5'`,
    found: ({ out }) => ({ edge_missing: out }), texts: 0 },
  { name: 'weights', sql: `UPDATE knowledge_graph_edges SET weight = 0.11
      WHERE source_node_id LIKE '%5'`,
    found: ({ out }) => ({ edge_outdated: out }), texts: 0 },
];

for (const { name, sql, found, left, texts, source, env } of BROKEN) {
  test(`broken: ${name}`, async (t) => {
    const w = await stored(t, { env });
    const [edges] = await w.db.rows(`SELECT
      (count(*) FILTER (WHERE 'content:item-00005' IN (source_node_id,
        target_node_id)))::int AS edges,
      (count(*) FILTER (WHERE source_node_id LIKE '%5'))::int AS out
      FROM knowledge_graph_edges`);
    const as = (expected) =>
      typeof expected === 'function' ? expected(edges) : expected;
    await clean(w);
    const before = await w.versions();
    if (sql) await w.db.script(sql);
    const seen = await verify(w);
    assert.deepEqual(seen.found, as(found), JSON.stringify(seen.json));
    assert.equal(seen.texts, 0);
    const mended = await verify(w, ['--repair']);
    assert.deepEqual(mended.found, as(found));
    assert.equal(mended.texts, texts);
    const after = await verify(w);
    assert.deepEqual(after.found, as(left ?? {}), JSON.stringify(after.json));
    if (source) {
      const run = await verify(w, ['--source', '--repair']);
      assert.equal(run.texts, source);
      assert.equal(run.json.left, 0, JSON.stringify(run.json));
      await clean(w);
    }
    if (!sql) assert.deepEqual(await w.versions(), before);
    if (!/size|before/.test(name)) {
      await checkStored(w, 'alpha', w.served.items, wordVector);
    }
  });
}

/** Three pieces an item. */
const long = (n) => itemsOf(n).map((item) => ({ ...item, body: LONG }));
const PIECES = [
  { name: 'in the middle', sql: 'chunk_index = 1' },
  { name: 'at the end', sql: 'chunk_index = 2' },
  { name: 'all but the first', sql: 'chunk_index > 0' },
];

for (const { name, sql } of PIECES) {
  test(`pieces are missing ${name}`, async (t) => {
    const w = await stored(t, { items: long(6),
      env: { EMBEDDING_MAX_TOKENS: '300', KG_ENABLED: 'false' } });
    await clean(w);
    const before = await w.db.vectors('alpha');
    assert.ok(before.length >= 18);
    await w.db.script(`DELETE FROM vector_embeddings WHERE ${sql}
      AND content_id IN ('item-00002', 'item-00004')`);
    const { found, json } = await verify(w);
    assert.deepEqual(Object.keys(found), ['piece_missing']);
    assert.deepEqual(json.kinds[0].examples.map(({ id }) => id),
      ['item-00002', 'item-00004']);
    const { texts } = await verify(w, ['--source', '--repair']);
    assert.equal(texts, before.length / 3);
    await clean(w);
    assert.deepEqual(await w.db.vectors('alpha').then((rows) =>
      rows.map(({ contentId, chunkIndex, text }) =>
        [contentId, chunkIndex, text])), before.map(
      ({ contentId, chunkIndex, text }) => [contentId, chunkIndex, text]));
  });
}

const COPY = (changes) => `INSERT INTO vector_embeddings (id, tenant_id,
    microservice_id, content_id, content_type, embedding, content_text,
    chunk_index, metadata, embed_hash, row_hash, vector_hash, written_at,
    created_at, updated_at)
  SELECT gen_random_uuid()::text, tenant_id, microservice_id, content_id,
    content_type, embedding, content_text, ${changes}, row_hash, vector_hash,
    written_at, created_at, updated_at - interval '1 s'
  FROM vector_embeddings WHERE content_id = 'item-00005' AND chunk_index = 0`;

test('rows that should not be there go with --delete alone', async (t) => {
  const w = await stored(t);
  await w.db.script(COPY("1, metadata, decode(repeat('ab', 32), 'hex')"));
  await w.db.script(COPY('2, metadata, NULL'));
  assert.deepEqual((await verify(w, ['--repair'])).found,
    { piece_surplus: 2 });
  assert.equal((await verify(w, ['--repair', '--delete'])).json.left, 0);
  await clean(w);
  // As after a new version of the system's collations: a unique index that is
  // none.
  const unique = (yes) => w.db.script(`UPDATE pg_index SET indisunique = ${yes}
    WHERE indexrelid = 'vector_embeddings_item_key'::regclass`);
  await unique(false);
  await w.db.script(COPY('0, metadata, embed_hash'));
  await unique(true);
  assert.deepEqual((await verify(w, ['--repair'])).found, { duplicate: 1 });
  assert.equal((await verify(w, ['--repair', '--delete'])).json.left, 0);
  await w.db.script(`UPDATE pg_index SET indisvalid = false
    WHERE indexrelid = 'knowledge_graph_nodes_node_id_key'::regclass`);
  const { found, json } = await verify(w);
  assert.deepEqual(found, { index_invalid: 1 });
  assert.match(json.kinds[0].todo, /REINDEX INDEX CONCURRENTLY/);
  await checkStored(w, 'alpha', w.served.items, wordVector);
});

test('nodes without a row: the guard of a run, then --delete', async (t) => {
  const w = await stored(t);
  await w.db.script(`DELETE FROM vector_embeddings
    WHERE content_id > 'item-00100'`);
  const refused = await verify(w, ['--repair', '--delete']);
  assert.equal(refused.json.deleteRefused, true);
  assert.equal(refused.found.node_without_row, 100);
  assert.equal((await verify(w, ['--repair', '--delete'],
    { BATCH_SYNC_MAX_DELETE_PERCENT: '60' })).json.left, 0);
  await clean(w);
  const [{ nodes }] = await w.db.rows(
    'SELECT count(*)::int AS nodes FROM knowledge_graph_nodes');
  assert.equal(nodes, 100);
});

test('declared links, services without a schema, rows of no service',
  async (t) => {
    const items = itemsOf(9).map((item, i) => ({ ...item,
      tags: [`item-0000${(i + 1) % 9 + 1}`] }));
    const w = await stored(t, { items, schemas: [schemaOf('alpha', {
      links: [{ field: 'tags', service: 'alpha', type: 'leads_to' }] })] });
    await clean(w);
    await w.db.script(`DELETE FROM knowledge_graph_edges
      WHERE edge_type = 'leads_to' AND source_node_id < 'content:item-00004'`);
    assert.deepEqual((await verify(w, ['--repair'])).found,
      { link_without_edge: 3 });
    await clean(w);
    await w.db.script(`UPDATE vector_embeddings SET microservice_id = NULL
      WHERE content_id = 'item-00009'`);
    const loose = await verify(w);
    assert.deepEqual(Object.keys(loose.found),
      ['node_without_row', 'edge_dangling', 'service_unknown']);
    const { found, json } = await verify(w, [], { SCHEMA_DIR: folderOf(t,
      { 'beta.json': schemaOf('beta') }) });
    assert.deepEqual(found, { service_unknown: 2 });
    assert.deepEqual(json.kinds[0].examples.map(({ id }) => id),
      ['(no service)', 'alpha']);
    const none = await w.run(['verify', '--service', 'nobody']);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /verify: nothing is stored of service nobody/);
  });

/** What was found but for the index's own chance: of twenty searches one or two
 * may miss some of the nearest. */
function withoutChance({ recall_low: missed = 0, ...found }) {
  assert.ok(missed <= 2, `${missed} searches found too few`);
  return found;
}

test('a sample is searched for and embedded again', async (t) => {
  const w = await stored(t, { items: itemsOf(1200) });
  const good = await verify(w, ['--sample', '20']);
  assert.deepEqual([withoutChance(good.found), good.texts,
    good.json.sample.rows], [{}, 20, 20]);
  assert.ok(good.json.sample.recall > 0.9);
  w.embedder.set({ vectorOf: (text, n) => wordVector(`${text} drift`
    .repeat(2).split('').reverse().join(''), n) });
  const drifted = await verify(w, ['--sample', '20']);
  assert.deepEqual(withoutChance(drifted.found), { embedding_differs: 20 });
  assert.match(drifted.json.kinds[0].todo, /provider has changed its model/);
});

/** Items that the store holds when it is broken; VERIFY_ITEMS=20000 for more. */
const ITEMS = Number(process.env.VERIFY_ITEMS ?? 1000);

/** The content ids of that share of the items, from one thousandth to another.
 * Ids are in the order of their numbers. */
function share(from, to, prefix = '') {
  const id = (thousandth) => String(thousandth * ITEMS / 1000).padStart(5, '0');
  return `BETWEEN '${prefix}item-${id(from)}x' AND '${prefix}item-${id(to)}x'`;
}

/** 3% of the rows deleted, 1% of the vectors and 1% of the texts changed, edges
 * cut; what is found then. */
async function breakStore(w) {
  // The broken vectors crowd around items whose edges are cut.
  const [{ crowd }] = await w.db.rows(`SELECT target_node_id AS crowd
    FROM knowledge_graph_edges WHERE source_node_id
      ${share(300, 301, 'content:')} AND target_node_id
      ${share(210, 1000, 'content:')} ORDER BY weight DESC, 1 LIMIT 1`);
  await w.db.script(`
    DELETE FROM vector_embeddings WHERE content_id ${share(0, 30)};
    UPDATE vector_embeddings SET embedding = (SELECT o.embedding
      FROM vector_embeddings o WHERE 'content:' || o.content_id = '${crowd}')
      WHERE content_id ${share(100, 110)};
    UPDATE vector_embeddings SET content_text = content_text || ' and more'
      WHERE content_id ${share(200, 210)};`);
  const gone = share(0, 30, 'content:');
  const [{ dangling }] = await w.db.rows(`SELECT count(*)::int AS dangling
    FROM knowledge_graph_edges WHERE source_node_id ${gone}
      OR target_node_id ${gone}`);
  const cut = await w.db.rows(`DELETE FROM knowledge_graph_edges
    WHERE source_node_id ${share(300, 320, 'content:')}
      AND target_node_id ${share(210, 1000, 'content:')}
    RETURNING 1`);
  assert.ok(dangling > 0 && cut.length > 20);
  return { text_changed: ITEMS / 100, vector_changed: ITEMS / 100,
    node_without_row: ITEMS * 3 / 100, edge_missing: cut.length,
    edge_dangling: dangling };
}

test('the source has something else than is stored', async (t) => {
  const w = await stored(t, { items: itemsOf(40) });
  const items = itemsOf(42);
  items[0] = { ...items[0], body: 'Body of something else.' };
  items[1] = { ...items[1], seen: '2025-12-18T09:00:00Z' };
  w.served.items = items;
  await w.db.script(`UPDATE vector_embeddings
    SET content_text = content_text || '!' WHERE content_id = 'item-00009'`);
  assert.deepEqual((await verify(w)).found, { text_changed: 1 });
  const compared = await verify(w, ['--source']);
  assert.deepEqual(compared.found,
    { text_changed: 1, source_new: 2, source_changed: 2 });
  assert.equal(compared.texts, 0);
  w.coordinator.script('alpha', { envelope: { success: false, error: 'gone' } });
  const failed = await w.run(['verify', '--source', '--json'],
    { BATCH_SYNC_RETRIES: '1' });
  assert.equal(failed.code, 1);
  const { sourceError, kinds } = JSON.parse(failed.stdout);
  assert.match(sourceError, /^alpha: .*gone/);
  assert.deepEqual(kinds.map(({ kind }) => kind), ['text_changed']);
  w.coordinator.script('alpha', pagesOf(items));
  const mended = await verify(w, ['--source', '--repair']);
  assert.equal(mended.texts, 4, 'the new, the changed, the edited');
  assert.deepEqual((await verify(w, ['--source'])).found, {});
});

const edgesOf = (w) => w.db.rows(`SELECT source_node_id, target_node_id,
  edge_type, weight FROM knowledge_graph_edges ORDER BY 1, 2`);

test('all that is broken is found, nothing else, and mended once', async (t) => {
  const w = await stored(t, { items: itemsOf(ITEMS) });
  await clean(w);
  const before = await edgesOf(w);
  const broken = await breakStore(w);
  assert.deepEqual((await verify(w)).found, broken);
  const { texts, found, json } = await verify(w, ['--source', '--repair']);
  assert.deepEqual(found, broken);
  assert.equal(texts, ITEMS * 5 / 100);
  assert.equal(json.left, 0);
  assert.equal(json.run.services[0].stored, ITEMS * 4 / 100);
  await checkStored(w, 'alpha', w.served.items, wordVector);
  await clean(w);
  assert.equal((await edgesOf(w)).length, before.length);
});

test('what has been mended hides nothing of what is still to come', async (t) => {
  const w = await stored(t, { items: itemsOf(450) }); // several batches
  await clean(w);
  const before = await edgesOf(w);
  await w.db.script(`DELETE FROM knowledge_graph_edges
    WHERE source_node_id LIKE '%0'`);
  const cut = before.length - (await edgesOf(w)).length;
  assert.deepEqual((await verify(w)).found, { edge_missing: cut });
  const { found, json, texts } = await verify(w, ['--repair']);
  assert.deepEqual(found, { edge_missing: cut }, JSON.stringify(json));
  assert.equal(texts, 0);
  await clean(w);
  assert.equal((await edgesOf(w)).length, before.length);
});

test('killed in the middle it loses nothing', async (t) => {
  const w = await stored(t, { items: itemsOf(ITEMS),
    env: { BATCH_SYNC_LEASE_SECONDS: '3' } });
  await breakStore(w);
  const mend = ['verify', '--source', '--repair'];
  // Once while it embeds broken vectors; then, these are mended, in its run.
  for (let kill = 0; kill < 2; kill++) {
    const seen = w.embedder.requests.length;
    w.embedder.script(() => faults.hang());
    const program = batchsync.start(mend, { env: w.with() });
    await program.until(() => w.embedder.requests.length > seen, 'a request',
      ITEMS * 60);
    program.kill('SIGKILL');
    await program.exit();
    w.embedder.script(undefined);
    if (kill > 0) continue;
    const { code, stderr } = await w.run(['verify', '--repair']);
    assert.equal(code, 1, stderr);
  }
  // Until the lease of the run that was killed has expired.
  let last;
  await until(async () => (last = await w.run(mend)).code !== 75,
    'the lease', 60_000);
  assert.equal(last.code, 0, last.stdout + last.stderr);
  assert.equal(w.embedder.embedded, ITEMS * 5 / 100);
  await checkStored(w, 'alpha', w.served.items, wordVector);
  w.embedder.reset();
  await clean(w);
});

test('beside a run it mends nothing that the run has written', async (t) => {
  const w = await stored(t);
  await w.db.script(`UPDATE vector_embeddings SET embedding = ${OTHER}
    WHERE ${LIKE(5)}`);
  // The new vectors are on their way when a run stores another text.
  let answer;
  const held = new Promise((done) => { answer = done; });
  w.embedder.script(({ callNumber }) => callNumber === 1 ? held : undefined);
  const program = batchsync.start(['verify', '--repair', '--json'],
    { env: w.with() });
  await program.until(() => w.embedder.requests.length > 0, 'a request');
  w.served.items = w.served.items.map((item) =>
    item.id === 'item-00005' ? { ...item, body: 'a new body' } : item);
  await w.good();
  answer(undefined);
  const { code, result } = await program.exit();
  assert.equal(code, 1);
  assert.deepEqual(result.kinds.map(({ kind, mended }) => [kind, mended]),
    [['vector_changed', 19]]);
  await checkStored(w, 'alpha', w.served.items, wordVector);
  w.embedder.reset();
  await clean(w);
});

/** Items of which some are like others, and some are not. */
function unlike(n, salt = 0) {
  let state = 1 + salt;
  const words = (k) => Array.from({ length: k }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return `word${Math.floor((state / 2 ** 31) ** 2 * 40)}`;
  }).join(' ');
  return itemsOf(n).map((item) =>
    ({ ...item, name: words(4), body: words(8) }));
}

test('neighbours that move away or go are no fault; an edge that is cut is',
  async (t) => {
    const w = await stored(t, { items: unlike(200),
      schemas: [schemaOf('alpha', { delete_missing: true })] });
    const linkAll = async () => {
      do await w.good(); while (Number(await w.db.value(
        'SELECT count(*) FROM batch_sync_link_queue')) > 0);
      w.embedder.reset();
    };
    const others = unlike(200, 7);
    w.served.items = w.served.items.map((item, i) =>
      i % 20 === 3 ? others[i] : item);
    await linkAll();
    await clean(w);
    w.served.items = w.served.items.filter((_, i) => i % 20 !== 5);
    for (let pass = 0; pass < 3; pass++) await linkAll();
    await clean(w);
    const lost = 'content:item-00010';
    w.served.items = w.served.items.filter(({ id }) => !lost.endsWith(id));
    const forgotten = await w.run(['forget', 'alpha', 'item-00010']);
    assert.equal(forgotten.code, 0, forgotten.stderr);
    await clean(w);
    // Of items whose neighbours have gone, too; to items that are as they were.
    const cut = await w.db.rows(`DELETE FROM knowledge_graph_edges e
      USING knowledge_graph_nodes n WHERE n.node_id = e.source_node_id
        AND n.properties ? 'lost_neighbours' AND e.id IN (SELECT id
          FROM knowledge_graph_edges WHERE right(target_node_id, 5)::int % 20 <> 4
          ORDER BY md5(id) LIMIT 400) RETURNING 1`);
    assert.ok(cut.length > 10, `${cut.length}`);
    assert.deepEqual((await verify(w, ['--repair'])).found,
      { edge_missing: cut.length });
    await clean(w);
  });

test('an edge between two nodes without a row counts once', async (t) => {
  const w = await stored(t, { items: itemsOf(5) });
  await w.db.script(`INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id,
      node_type, properties, updated_at) SELECT 'n' || i, tenant_id,
      'content:old-' || lpad(i::text, 5, '0'), 'alpha',
      '{"batch_processed": true}', now() FROM (SELECT DISTINCT tenant_id
      FROM vector_embeddings) t, generate_series(1, 2500) i;
    INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,
      target_node_id, edge_type, weight, updated_at) SELECT 'e' || n.id,
      tenant_id, node_id, 'content:old-' || lpad((substr(n.id, 2)::int + 2000)
      ::text, 5, '0'), 'related', 0.9, now() FROM knowledge_graph_nodes n
      WHERE node_id BETWEEN 'content:old-' AND 'content:old-005'`);
  assert.deepEqual((await verify(w)).found,
    { node_without_row: 2500, edge_dangling: 499 });
});

test('an index that is just being built is none that is invalid', async (t) => {
  const w = await stored(t, { items: itemsOf(5) });
  const [old, builder] = [await w.db.connect(), await w.db.connect()];
  await old.query('BEGIN; UPDATE vector_embeddings SET chunk_index = 0');
  const built = builder.query(
    'CREATE INDEX CONCURRENTLY theirs ON vector_embeddings (updated_at)');
  await until(async () => await w.db.value(`SELECT NOT indisvalid FROM pg_index
    WHERE indexrelid = to_regclass('theirs')`), 'an index');
  await clean(w);
  await old.query('ROLLBACK');
  await built;
  await w.db.script(`UPDATE pg_index SET indisvalid = false
    WHERE indexrelid = 'theirs'::regclass`);
  assert.deepEqual((await verify(w)).found, { index_invalid: 1 });
  old.release();
  builder.release();
});
