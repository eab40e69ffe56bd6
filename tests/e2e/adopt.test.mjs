// Taking over the database of an existing deployment, and syncing into it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import * as databases from './rig/database.mjs';
import { contentOf, deploy, digest, digestOf, fullDigest, indexes }
  from './support/deployment.mjs';
import { grants, roles } from './support/roles.mjs';
import { checkVectors, countsOf, itemsOf, pagesOf, sleep, until, world }
  from './support/world.mjs';

const DIMENSIONS = 8;
const MODEL = 'text-embedding-3-small';
const ALPHA = itemsOf(2000, 1);
const BETA = itemsOf(900, 1);
const ENV = { EMBEDDING_DIMENSIONS: String(DIMENSIONS),
  DEFAULT_TENANT_ID: 'tenant-7' };

/** What a sync stores of the items: the same for every test here. */
let rows;

/** A world whose database is a deployment's. */
async function deployment(t, changes = {}) {
  const w = await world(t, {
    services: { alpha: pagesOf(ALPHA), beta: pagesOf(BETA) }, env: ENV,
  });
  if (!rows) {
    await w.good();
    rows = await w.db.vectors();
    w.embedder.reset();
    const full = w.db;
    t.after(() => full.close());
    w.db = await databases.start();
    w.env.DATABASE_URL = w.db.url;
  }
  const mess = await deploy(w.db, changes.rows ?? rows, DIMENSIONS);
  return { w, mess, theirs: await digest(w.db) };
}

async function migrate(w, args = [], env = {}) {
  const { code, stdout, stderr } = await w.run(['migrate', ...args], env);
  return { code, lines: stdout.trim().split('\n'), stdout, stderr };
}

async function adopt(w, args = []) {
  const outcome = await migrate(w, args);
  assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
  return outcome;
}

/** The number that a line of the report begins with. */
function numberIn(lines, text) {
  const line = lines.find((l) => l.includes(text));
  return line === undefined ? 0 : Number(/: (\d+) /.exec(line)[1]);
}

const OURS = `content_type = 'microservice_data' AND id NOT LIKE 'lost-%'`;

/** Each item once, under its service, the newest row of it. */
async function checkAdopted(w, mess) {
  const state = (await w.db.rows(`SELECT count(*)::int AS rows,
      count(DISTINCT (v.tenant_id, microservice_id, content_id))::int AS items,
      count(*) FILTER (WHERE content_text LIKE 'Old%')::int AS old,
      count(*) FILTER (WHERE microservice_id IS NULL)::int AS unplaced,
      count(*) FILTER (WHERE m.tenant_id <> v.tenant_id
        OR m.name <> v.metadata->>'_source_service')::int AS astray,
      count(*) FILTER (WHERE v.id LIKE '0-%')::int AS lower
    FROM vector_embeddings v LEFT JOIN microservices m
      ON m.id = v.microservice_id
    WHERE v.${OURS.replace('id NOT', 'v.id NOT')}`))[0];
  const items = mess.ours - mess.doubles;
  assert.deepEqual(state,
    { rows: items, items, old: 0, unplaced: 0, astray: 0, lower: 0 });
  assert.deepEqual(await w.db.rows(`SELECT tenant_id, name, service_id,
      display_name FROM microservices ORDER BY 1, 2`), [
    ['tenant-7', 'alpha', null], ['tenant-7', 'beta', 'Beta'],
    ['tenant-8', 'alpha', null], ['tenant-8', 'beta', 'Beta'],
  ].map(([tenant_id, name, display_name]) => ({ tenant_id, name,
    service_id: `${name}-${tenant_id}`, display_name })));
}

test('a start-up leaves such a database alone and says what to do',
  async (t) => {
    const { w } = await deployment(t);
    const before = await fullDigest(w.db);
    for (const command of ['sync', 'serve']) {
      for (const migrates of ['true', 'false']) {
        const { code, stdout, stderr } = await w.run([command],
          { MIGRATE_ON_START: migrates, PORT: '0' });
        assert.equal(code, 78, stderr);
        assert.match(stdout + stderr,
          /batchsync migrate --dry-run.*then run.*batchsync migrate/s);
      }
    }
    assert.equal(w.embedder.requests.length, 0);
    assert.deepEqual(await fullDigest(w.db), before);
  });

test('the dry run tells all and changes nothing', async (t) => {
  const { w, mess } = await deployment(t);
  const before = await fullDigest(w.db);
  const { lines, stdout } = await adopt(w, ['--dry-run']);
  assert.deepEqual(await fullDigest(w.db), before);
  const all = Number(await w.db.value('SELECT count(*) FROM vector_embeddings'));
  assert.ok(all > 12_000, `${all} rows`);
  t.diagnostic(`${all} items and other rows to take over`);
  assert.ok(stdout.includes(`vector_embeddings: ${all} rows; `
    + `${mess.ours + 37} are microservice_data`), stdout);
  assert.equal(numberIn(lines, 'duplicates would be removed'), mess.doubles);
  assert.equal(numberIn(lines, 'name no microservice'), 37);
  assert.equal(numberIn(lines, 'would be created, for rows'), 2);
  assert.equal(numberIn(lines, 'duplicates (related'), 60);
  assert.match(stdout, /on \(tenant_id, content_id\): there as idx_ve_tenant/);
  assert.match(stdout, /on \(tenant_id, target_node_id\): would be created/);
  assert.match(stdout, /triggers that may fire: audit/);
  assert.match(stdout, /^locks: for about \d+ s /m);
  assert.match(stdout, /0001_core: would be applied/);
  const wet = await adopt(w);
  const pairs = [['duplicates would be removed', 'duplicates removed'],
    ['rows would be assigned', 'rows were assigned'],
    ['and would be left', 'and were left'],
    ['would be created, for rows', 'created'],
    ['duplicates (related', 'knowledge_graph_edges: 60 duplicates removed']];
  for (const [would, did] of pairs) {
    assert.ok(numberIn(lines, would) > 0, would);
    assert.equal(numberIn(wet.lines, did), numberIn(lines, would), did);
  }
  const assumed = await adopt(w, ['--assume-model', MODEL]);
  assert.equal(numberIn(assumed.lines, 'marked as embedded'),
    numberIn(lines, '--assume-model would keep'));
});

test('what is ours becomes unique; what is others\' stays, bit for bit',
  async (t) => {
    const { w, mess, theirs } = await deployment(t);
    const had = await indexes(w.db);
    await adopt(w);
    assert.deepEqual(await digest(w.db), theirs);
    await checkAdopted(w, mess);
    const has = await indexes(w.db);
    assert.deepEqual(had.filter((index) => !has.includes(index)), []);
    assert.equal(has.filter((i) => i.includes('batch_sync')).length > 0, true);
    assert.deepEqual(has.filter((index) => !had.includes(index)
      && !index.includes('batch_sync')).map((i) => /INDEX (\w+)/.exec(i)[1]), [
      'idx_knowledge_graph_edges_tenant_id_target',
      'knowledge_graph_edges_declared_key',
      'knowledge_graph_edges_related_key', 'vector_embeddings_item_key']);
    assert.equal(await w.db.value(
      `SELECT obj_description('tenants'::regclass)`), 'Their own words.');
    assert.deepEqual(await w.db.rows(`SELECT id FROM knowledge_graph_edges
      WHERE edge_type = 'related' AND id NOT LIKE '%-3'`), []);
    const after = await fullDigest(w.db);
    assert.equal((await adopt(w)).stdout, 'nothing to do\n');
    assert.deepEqual(await fullDigest(w.db), after);
  });

test('dry run, adoption, sync: each changes what it said, and no one else\'s',
  async (t) => {
    const { w, mess, theirs } = await deployment(t);
    const untouched = await fullDigest(w.db);
    const content = await contentOf(w.db, 'tenant-8');
    assert.match(content, /^2900 /);
    const dry = await adopt(w, ['--dry-run']);
    assert.deepEqual(await fullDigest(w.db), untouched);
    const wet = await adopt(w, ['--assume-model', MODEL]);
    assert.equal(numberIn(wet.lines, 'duplicates removed'), mess.doubles);
    assert.equal(numberIn(wet.lines, 'marked as embedded'),
      numberIn(dry.lines, '--assume-model would keep'));
    await checkAdopted(w, mess);
    assert.deepEqual(await digest(w.db), theirs);
    const neighbours = await digestOf(w.db, 'tenant-8');
    const result = await w.good({ env: { KG_ENABLED: 'true' } });
    assert.equal(result.totalItems, ALPHA.length + BETA.length);
    assert.equal(w.embedder.embedded, rows.filter((_, i) => i % 50 === 0)
      .length, 'those without a vector alone');
    assert.deepEqual(await digest(w.db), theirs);
    assert.deepEqual(await digestOf(w.db, 'tenant-8'), neighbours);
    assert.equal(await contentOf(w.db, 'tenant-8'), content);
    await checkAdopted(w, mess);
  });

test('with --assume-model only what has changed is embedded', async (t) => {
  const { w, theirs } = await deployment(t);
  const { stdout } = await adopt(w, ['--assume-model', MODEL]);
  assert.match(stdout, /\d+ rows marked as embedded by text-embedding-3-small/);
  assert.equal((await adopt(w, ['--assume-model', MODEL])).stdout
    .includes(' 0 rows marked'), true);
  const changed = ALPHA.map((item, i) =>
    i % 250 === 1 ? { ...item, body: `New body ${i}` } : item);
  w.coordinator.script('alpha', pagesOf([...changed, ...itemsOf(3, 5001)]));
  const result = await w.good();
  const bare = rows.filter((_, i) => i % 50 === 0);
  const bareOf = (s) =>
    bare.filter((row) => row.metadata._source_service === s).length;
  assert.deepEqual(countsOf(result, 'alpha'), { totalItems: 2003,
    totalPages: 3, embedded: 8 + 3 + bareOf('alpha'), unchanged: 0,
    stored: 2003, failed: 0 });
  assert.equal(countsOf(result, 'beta').embedded, bareOf('beta'));
  assert.equal(w.embedder.embedded, 8 + 3 + bare.length);
  w.embedder.reset();
  const again = await w.good();
  assert.equal(again.services.every((s) => s.unchanged === s.totalItems), true);
  assert.equal(w.embedder.requests.length, 0);
  assert.deepEqual(await digest(w.db), theirs);
  const stored = await w.db.rows(`SELECT content_id AS "contentId",
      content_text AS text, embedding::text FROM vector_embeddings
    WHERE ${OURS} AND tenant_id = 'tenant-7'`);
  assert.equal(stored.length, 2003 + 900);
  checkVectors(stored.map((row) =>
    ({ ...row, vector: databases.parseVector(row.embedding) })));
});

test('without it, everything is embedded, once', async (t) => {
  const { w, theirs } = await deployment(t);
  await adopt(w);
  const result = await w.good({ env: { KG_ENABLED: 'true' } });
  assert.equal(countsOf(result, 'alpha').embedded, ALPHA.length);
  assert.equal(w.embedder.embedded, ALPHA.length + BETA.length);
  assert.deepEqual(await digest(w.db), theirs);
  assert.ok(Number(await w.db.value(`SELECT count(*) FROM
    knowledge_graph_edges WHERE source_node_id LIKE 'content:%'`)) > 0);
});

test('another model than the one configured is warned of', async (t) => {
  const { w } = await deployment(t, { rows: rows?.slice(0, 100) });
  const { stdout } = await adopt(w, ['--assume-model', 'ada-002']);
  assert.match(stdout, /warning: a sync with this configuration embeds with text-emb/);
});

test('long texts keep their pieces; gaps do not', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf([
    { ...ALPHA[0], body: 'A sentence of words. '.repeat(90) },
    { ...ALPHA[1], body: 'Another sentence here. '.repeat(90) }]) },
  env: { ...ENV, EMBEDDING_MAX_TOKENS: '200' } });
  await w.good();
  await w.db.script(`UPDATE vector_embeddings SET embed_hash = NULL,
    row_hash = NULL; DELETE FROM vector_embeddings
    WHERE content_id = 'item-00002' AND chunk_index = 1`);
  w.embedder.reset();
  const pieces = Number(await w.db.value(`SELECT count(*)
    FROM vector_embeddings WHERE content_id = 'item-00001'`));
  assert.ok(pieces > 2);
  const dry = await adopt(w, ['--dry-run', '--assume-model', MODEL]);
  assert.equal(numberIn(dry.lines, 'rows would be marked'), pieces);
  const { lines } = await adopt(w, ['--assume-model', MODEL]);
  assert.equal(numberIn(lines, 'marked as embedded'), pieces);
  const result = await w.good();
  assert.equal(countsOf(result).embedded, 1);
  assert.equal(countsOf(result).stored, 2);
});

test('ended at any moment, it is done or not begun', async (t) => {
  const { w, mess, theirs } = await deployment(t);
  const before = await fullDigest(w.db);
  let undone = 0;
  for (const delay of [20, 60, 100, 200, 400, 800]) {
    const program = batchsync.start(['migrate', '--assume-model', MODEL],
      { env: w.env });
    await sleep(delay);
    program.kill('SIGKILL');
    // The server goes on with what it was sent; its end, too, is tried.
    await w.db.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'batchsync'`);
    await program.exit();
    await until(async () => (await w.connections()).length === 0, 'its end');
    if (await w.db.value(`SELECT to_regclass('batch_sync_migrations')`)) break;
    assert.deepEqual(await fullDigest(w.db), before);
    undone++;
  }
  assert.ok(undone > 0);
  t.diagnostic(`${undone} times undone`);
  await adopt(w, ['--assume-model', MODEL]);
  await checkAdopted(w, mess);
  assert.deepEqual(await digest(w.db), theirs);
  const hashed = await w.db.value(`SELECT count(*) FROM vector_embeddings
    WHERE embed_hash IS NOT NULL`);
  assert.equal(Number(hashed), await w.db.value(`SELECT count(*)::int
    FROM vector_embeddings WHERE ${OURS} AND embedding IS NOT NULL`));
});

/** What a deploy script of the other program drops, which does not know it. */
const DROPS = [
  ['everything', `DROP INDEX vector_embeddings_item_key;
    ALTER TABLE vector_embeddings DROP embed_hash, DROP row_hash,
      DROP written_at, DROP vector_hash, DROP repairs;
    DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class
      WHERE relkind = 'r' AND relname LIKE 'batch_sync%' LOOP
      EXECUTE format('DROP TABLE %I CASCADE', t); END LOOP; END $$`, 40],
  ['our columns and the index', `DROP INDEX vector_embeddings_item_key;
    ALTER TABLE vector_embeddings DROP embed_hash, DROP row_hash,
      DROP written_at, DROP vector_hash, DROP repairs`, 40],
  ['the index, and duplicates come', `DROP INDEX vector_embeddings_item_key;
    INSERT INTO vector_embeddings SELECT (jsonb_populate_record(v,
      jsonb_build_object('id', '0-' || id, 'updated_at', '2000-01-01'))).*
    FROM vector_embeddings v LIMIT 3`, 0],
  ['one column', 'ALTER TABLE vector_embeddings DROP repairs', 0],
];

for (const [name, sql, stored] of DROPS) {
  test(`after a deploy that drops ${name}, it is taken over again`,
    async (t) => {
      const w = await world(t, { services: { alpha: pagesOf(itemsOf(40)) } });
      await w.good();
      await w.db.script(sql);
      w.embedder.reset();
      const refused = await w.run(['sync']);
      assert.equal(refused.code, 78);
      assert.match(refused.stdout + refused.stderr, /batchsync migrate/);
      assert.match((await adopt(w, ['--dry-run'])).stdout, /would be applied/);
      await adopt(w, ['--assume-model', MODEL]);
      assert.deepEqual(countsOf(await w.good()), { totalItems: 40,
        totalPages: 1, embedded: 0, unchanged: 40 - stored, stored, failed: 0 });
      assert.equal(w.embedder.requests.length, 0);
      assert.equal((await adopt(w)).stdout, 'nothing to do\n');
    });
}

test('edges that look like declared ones stay, each of them once as ours',
  async (t) => {
    const { w } = await deployment(t, { rows: rows?.slice(0, 300) });
    const long = 'n'.repeat(1400);
    await w.db.script(`
      INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id, node_type,
        properties, updated_at) SELECT n, 'tenant-7', n, 'theirs', '{}', now()
        FROM unnest(ARRAY['one', 'two', '${long}1', '${long}2']) n;
      INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,
        target_node_id, edge_type, weight, properties, created_at, updated_at)
      SELECT 'theirs-' || i, 'tenant-7', source, target, 'part_of', 1,
        properties::jsonb, '2024-01-01'::timestamp + i * interval '1 day', now()
      FROM (VALUES (1, 'one', 'two', '{"method": "declared", "by": "them"}'),
        (2, 'one', 'two', '{"method": "declared", "linked_at": "2024"}'),
        (3, 'one', 'two', '{"method": "declared"}'),
        (4, 'one', 'two', '{"method": "theirs"}'),
        (5, 'one', 'two', '[1]'), (6, 'one', 'two', '"declared"'),
        (7, 'two', 'one', '{"method": "declared"}'),
        (8, '${long}1', '${long}2', '{"method": "declared"}'))
        e (i, source, target, properties)`);
    const theirs = () => w.db.rows(`SELECT id, properties
      FROM knowledge_graph_edges WHERE id LIKE 'theirs-%' ORDER BY id`);
    const before = await theirs();
    const plan = await adopt(w, ['--dry-run']);
    assert.equal(numberIn(plan.lines, 'no longer say that they are declared'), 3);
    assert.deepEqual(await theirs(), before);
    await adopt(w);
    const spare = 'declared by another';
    assert.deepEqual(await theirs(), before.map(({ id, properties }) => ({ id,
      properties: ['theirs-1', 'theirs-2', 'theirs-8'].includes(id)
        ? { ...properties, method: spare } : properties })));
    assert.equal((await adopt(w)).stdout, 'nothing to do\n');
  });

test('two at once: one waits', async (t) => {
  const { w, mess, theirs } = await deployment(t);
  const outcomes = await Promise.all([adopt(w), adopt(w)]);
  assert.deepEqual(outcomes.map(({ lines }) =>
    numberIn(lines, 'duplicates removed; the newest')).sort(),
  [0, mess.doubles].sort());
  await checkAdopted(w, mess);
  assert.deepEqual(await digest(w.db), theirs);
});

test('one role takes it over, another one runs', async (t) => {
  const { w, theirs } = await deployment(t, { rows: rows?.slice(0, 300) });
  const { owner, app, asOwner, asApp } = await roles(t, w);
  const refused = await migrate(w, ['--dry-run'], asOwner);
  assert.equal(refused.code, 78);
  assert.match(refused.stdout, new RegExp(
    `vector_embeddings belongs to batchsync: .*GRANT batchsync TO ${owner};`));
  assert.match((await migrate(w, [], asApp)).stdout,
    new RegExp(`GRANT CREATE ON SCHEMA public TO ${app};`));
  await w.db.script(['tenants', 'microservices', 'vector_embeddings',
    'knowledge_graph_nodes', 'knowledge_graph_edges'].map((table) =>
    `ALTER TABLE ${table} OWNER TO ${owner};`).join(''));
  const done = await migrate(w, [], asOwner);
  assert.equal(done.code, 0, done.stderr);
  await w.db.script(`SET ROLE ${owner}; ${grants(app)}; RESET ROLE`);
  await w.good({ env:
    { ...asApp, MIGRATE_ON_START: 'false', KG_ENABLED: 'true' } });
  assert.equal(await w.db.value('SELECT count(*)::int FROM batch_sync_link_queue'),
    0);
  assert.deepEqual(await digest(w.db), theirs);
});

test('tables of another kind are refused, and left alone', async (t) => {
  const cases = [
    ['ALTER TABLE vector_embeddings DROP content_id',
      /vector_embeddings has no column content_id/],
    ['ALTER TABLE vector_embeddings ALTER metadata DROP DEFAULT,'
      + ' ALTER metadata TYPE json',
    /vector_embeddings.metadata is json, but must be jsonb/],
    ['ALTER TABLE vector_embeddings ADD must integer NOT NULL DEFAULT 1;'
      + ' ALTER TABLE vector_embeddings ALTER must DROP DEFAULT',
      /vector_embeddings.must is NOT NULL without a default/],
    ['ALTER TABLE microservices DROP CONSTRAINT'
      + ' microservices_tenant_id_name_key',
    /microservices has no unique key.*UNIQUE \(tenant_id, name\)/],
    ['DROP TABLE knowledge_graph_edges, knowledge_graph_nodes,'
      + ' vector_embeddings, microservices',
    /no obstacle/],
    ['DROP TABLE tenants CASCADE', /tenants is missing, but microserv/],
    ['CREATE SCHEMA mine; ALTER TABLE tenants SET SCHEMA mine',
      /tenants is missing/],
  ];
  for (const [change, text] of cases) {
    const db = await databases.start();
    try {
      await deploy(db, [], DIMENSIONS);
      await db.script(`DROP VIEW documents; ${change}`);
      const before = await fullDigest(db);
      const env = { ...ENV, DATABASE_URL: db.url };
      const outcome = await batchsync.run(['migrate'], { env });
      if (text.source === 'no obstacle') {
        assert.equal(outcome.code, 0, outcome.stderr);
        continue;
      }
      assert.equal(outcome.code, 78, change);
      assert.match(outcome.stdout, text);
      assert.match(outcome.stderr, /nothing was changed/);
      assert.deepEqual(await fullDigest(db), before);
    } finally {
      await db.close();
    }
  }
});

test('vectors of another size are refused', async (t) => {
  const { w } = await deployment(t, { rows: [] });
  const { code, stderr } = await migrate(w, ['--dry-run'],
    { EMBEDDING_DIMENSIONS: '1536' });
  assert.equal(code, 78);
  assert.match(stderr, /has 8 dimensions.*set EMBEDDING_DIMENSIONS=8/);
});

test('rows that others refer to are not pulled away', async (t) => {
  const { w } = await deployment(t, { rows: rows?.slice(0, 50) });
  await w.db.script(`CREATE TABLE bookmarks (row text
    REFERENCES vector_embeddings (id) ON DELETE CASCADE)`);
  const before = await fullDigest(w.db);
  const dry = await migrate(w, ['--dry-run']);
  assert.equal(dry.code, 78);
  assert.match(dry.stdout, /obstacle: .*bookmarks/);
  const { code, stderr } = await migrate(w);
  assert.notEqual(code, 0);
  assert.match(stderr, /bookmarks.*NO ACTION/);
  assert.deepEqual(await fullDigest(w.db), before);
});

