// Deletes: what two complete passes in a row have not seen is gone, with all
// that hangs on it; and nothing else ever is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordVector } from './rig/embedder.mjs';
import { checkVectors, pagesOf, rejecting, schemaOf, TENANT, until, world }
  from './support/world.mjs';

const bare = (name, changes) => schemaOf(name, {
  data_structure: { id: 'string', body: 'text' },
  field_descriptions: { body: '' },
  title_field: undefined, url_field: undefined,
  delete_missing: true, ...changes });

/** Items so much alike that each is related to others. */
const library = (n, prefix = 'i') => Array.from({ length: n }, (_, i) => ({
  id: `${prefix}-${String(i).padStart(4, '0')}`,
  body: `apples pears plums from the old orchard ${'abcdefgh'[i % 8]}${i}`,
}));

/** A world whose services serve what `w.served` holds by then. */
async function deleting(t, services, options = {}) {
  const served = structuredClone(services);
  const w = await world(t, {
    services: Object.fromEntries(Object.keys(services).map((name) =>
      [name, pagesOf(() => served[name])])),
    schemas: Object.keys(services).map((name) => bare(name)),
    embedder: { vectorOf: wordVector },
    ...options,
    env: { EMBEDDING_DIMENSIONS: '64', BATCH_SYNC_LIMIT: '10',
      ...options.env },
  });
  return Object.assign(w, { served });
}

/** Takes the items with these numbers away; returns their ids. */
function drop(w, service, numbers) {
  const gone = numbers.map((i) => w.served[service][i].id);
  w.served[service] = w.served[service]
    .filter((item) => !gone.includes(item.id));
  return gone;
}

const idsOf = async (w, service = 'alpha') =>
  (await w.db.vectors(service)).map((row) => row.contentId);

const sorted = (items) => items.map((item) => item.id).sort();

const deletedOf = (result, service = 'alpha') =>
  result.services.find((s) => s.service === service).deleted;

/** Alpha's items are first in line for the short ids that readers ask for. */
const nodeOf = (id, service = 'alpha', tenant = TENANT) =>
  service === 'alpha' && tenant === TENANT ? `content:${id}`
    : `content:${tenant}:${service}:${id}`;

const nodes = async (w) => (await w.db.rows(
  'SELECT node_id FROM knowledge_graph_nodes')).map((row) => row.node_id);

/** Nothing is left that knows the ids. */
async function checkGone(w, ids, service = 'alpha') {
  for (const id of ids) {
    const node = nodeOf(id, service);
    const left = await w.db.value(`SELECT
        (SELECT count(*) FROM vector_embeddings v
           JOIN microservices m ON m.id = v.microservice_id
          WHERE content_id = $1 AND m.name = $3)
      + (SELECT count(*) FROM batch_sync_link_queue q
           JOIN microservices m ON m.id = q.microservice_id
          WHERE content_id = $1 AND m.name = $3)
      + (SELECT count(*) FROM batch_sync_seen s
           JOIN microservices m ON m.id = s.microservice_id
          WHERE content_id = $1 AND m.name = $3)
      + (SELECT count(*) FROM knowledge_graph_nodes WHERE node_id = $2)
      + (SELECT count(*) FROM knowledge_graph_edges
          WHERE $2 IN (source_node_id, target_node_id))`, [id, node, service]);
    assert.equal(Number(left), 0, id);
  }
}

test('missed by two complete passes: gone, and all that hangs on it',
  async (t) => {
    const w = await deleting(t, { alpha: library(35), beta: library(12) },
      { env: { KG_ENABLED: 'true' },
        schemas: [bare('alpha'), bare('beta', { delete_missing: undefined })] });
    await w.good();
    const gone = drop(w, 'alpha', [3, 17, 34]);
    drop(w, 'beta', [1]);
    const [item] = gone;
    assert.ok((await nodes(w)).includes(nodeOf(item)));

    const first = await w.good();
    assert.equal(deletedOf(first), 0);
    assert.equal((await idsOf(w)).length, 35);

    const second = await w.good();
    assert.equal(deletedOf(second), 3);
    assert.equal(second.services[0].deleteRefused, 0);
    assert.equal(second.services[0].unchanged, 32);
    assert.equal(deletedOf(second, 'beta'), 0);
    assert.deepEqual(await idsOf(w), sorted(w.served.alpha));
    await checkGone(w, gone);
    // Another service of the same ids, which nobody asked to delete from.
    assert.equal((await idsOf(w, 'beta')).length, 12);
    assert.ok((await nodes(w)).includes(nodeOf(item, 'beta')));
    assert.equal(await w.db.value(
      'SELECT count(DISTINCT microservice_id)::int FROM batch_sync_seen'), 1);
    assert.equal(await w.db.value(`SELECT totals->>'deleted'
      FROM batch_sync_runs ORDER BY started_at DESC LIMIT 1`), '3');

    const third = await w.good();
    assert.equal(deletedOf(third), 0);
    // What comes back is an item like any other.
    w.served.alpha = library(35);
    const back = await w.good();
    assert.equal(back.services[0].stored, 3);
    assert.equal(deletedOf(back), 0);
    assert.deepEqual(await idsOf(w), sorted(w.served.alpha));
    checkVectors(await w.db.vectors('alpha'), wordVector);
    assert.ok((await nodes(w)).includes(nodeOf(item)));
    assert.ok(await w.db.value(`SELECT count(*)::int FROM knowledge_graph_edges
      WHERE source_node_id = $1`, [nodeOf(item)]) > 0);
  });

test('switched on, off and on again: two passes each time', async (t) => {
  const w = await deleting(t, { alpha: library(15) },
    { schemas: [bare('alpha', { delete_missing: false })] });
  await w.good();
  drop(w, 'alpha', [2]);
  await w.good();
  await w.good();
  w.setSchema(bare('alpha'));
  assert.equal(deletedOf(await w.good()), 0);
  assert.equal((await idsOf(w)).length, 15);
  assert.equal(deletedOf(await w.good()), 1);

  drop(w, 'alpha', [4]);
  assert.equal(deletedOf(await w.good()), 0);
  w.setSchema(bare('alpha', { delete_missing: false }));
  await w.good();
  assert.equal(await w.db.value(
    'SELECT count(*)::int FROM batch_sync_seen'), 0);
  w.setSchema(bare('alpha'));
  assert.equal(deletedOf(await w.good()), 0);
  assert.equal((await idsOf(w)).length, 14);
  assert.equal(deletedOf(await w.good()), 1);
  assert.deepEqual(await idsOf(w), sorted(w.served.alpha));
});

test('too many at once are not believed', async (t) => {
  const w = await deleting(t, { alpha: library(40) });
  await w.good();
  w.served.alpha.length = 27; // 13 of 40: 32.5 %
  await w.good();
  const { code, result, logs, stderr } = await w.sync();
  assert.equal(code, 0, stderr);
  assert.equal(deletedOf(result), 0);
  assert.equal(result.services[0].deleteRefused, 13);
  assert.equal(result.deleteRefused, 13);
  assert.equal((await idsOf(w)).length, 40);
  assert.ok(logs.some(({ level, message }) => level === 'warn'
    && /^13 of 40 items .*BATCH_SYNC_MAX_DELETE_PERCENT \(30\)/.test(message)));
  const people = await w.run(['sync']);
  assert.match(people.stdout, /13 items are no longer in their source but were kept/);

  const env = { BATCH_SYNC_MAX_DELETE_PERCENT: '33' };
  assert.equal(deletedOf(await w.good({ env })), 13);
  assert.deepEqual(await idsOf(w), sorted(w.served.alpha));

  // Up to ten go, whatever part of a service they are.
  w.served.alpha.length = 17;
  await w.good();
  assert.equal(deletedOf(await w.good()), 10);
  w.served.alpha = library(17).slice(11);
  await w.good();
  assert.equal((await w.good()).services[0].deleteRefused, 11);
});

test('only complete passes without an error count', async (t) => {
  const w = await deleting(t, { alpha: library(25) });
  const failing = () => w.coordinator.script('alpha', (call) => call.page < 3
    ? pagesOf(w.served.alpha)(call)
    : { grpcCode: 'NOT_FOUND', details: 'away' });
  const working = () => w.coordinator.script('alpha',
    pagesOf(() => w.served.alpha));
  const failed = async () => {
    failing();
    assert.equal((await w.sync()).code, 1);
    working();
  };
  await w.good();
  const whole = w.served.alpha;
  drop(w, 'alpha', [5]);
  await failed();
  await failed();
  await w.good({ args: ['--incremental'] });
  await w.good({ args: ['--since', '2026-01-01'] });
  assert.equal((await idsOf(w)).length, 25);
  assert.equal(deletedOf(await w.good()), 0); // the first
  await failed();
  await w.good({ args: ['--incremental'] });
  assert.equal((await idsOf(w)).length, 25);
  assert.equal(deletedOf(await w.good()), 1); // the second
  assert.deepEqual(await idsOf(w), sorted(w.served.alpha));

  // What any page has shown in between is there.
  const without = drop(w, 'alpha', [7]);
  const rest = w.served.alpha;
  assert.equal(deletedOf(await w.good()), 0);
  w.served.alpha = whole.filter((item) => item.id !== 'i-0005');
  await failed();
  w.served.alpha = rest;
  assert.equal(deletedOf(await w.good()), 0);
  assert.ok((await idsOf(w)).includes(without[0]));
  assert.equal(deletedOf(await w.good()), 1);
  await checkGone(w, without);
});

test('a page that says nothing deletes nothing', async (t) => {
  const w = await deleting(t, { alpha: library(25) });
  await w.good();
  w.coordinator.script('alpha', { envelope: { success: false, error: 'no' } });
  for (let i = 0; i < 3; i++) assert.equal((await w.sync()).code, 1);
  w.coordinator.script('alpha', { cascade: [{ service: 'alpha',
    rejectReason: 'empty_results' }] });
  await w.good();
  assert.equal((await w.good()).services[0].deleteRefused, 25);
  assert.equal((await idsOf(w)).length, 25);
});

test('all pieces of a text go; an open dead letter keeps its rows',
  async (t) => {
    const long = Array.from({ length: 30 }, (_, i) =>
      `Paragraph ${i} has its own words.`).join('\n\n');
    const items = library(12);
    items[4].body = long;
    const w = await deleting(t, { alpha: items },
      { env: { EMBEDDING_MAX_TOKENS: '40' } });
    await w.good();
    assert.ok((await idsOf(w)).filter((id) => id === 'i-0004').length > 5);
    // The seventh cannot be embedded any more, and is then gone too.
    w.served.alpha = structuredClone(items);
    w.served.alpha[7].body = 'POISON in the orchard';
    w.embedder.script(rejecting((text) => text.includes('POISON')));
    assert.equal((await w.sync()).code, 1);
    drop(w, 'alpha', [4, 7]);
    await w.good();
    assert.equal(deletedOf(await w.good()), 1);
    assert.deepEqual(await idsOf(w),
      sorted(items).filter((id) => id !== 'i-0004'));
    // Until it is resolved.
    await w.db.script('UPDATE batch_sync_dead_letters SET resolved_at = now()');
    assert.equal(deletedOf(await w.good()), 1);
    await checkGone(w, ['i-0004', 'i-0007']);
  });

test("nodes that others' edges hold stay, and so do those edges", async (t) => {
  const w = await deleting(t, { alpha: library(20) },
    { env: { KG_ENABLED: 'true' } });
  await w.good();
  const held = [1, 2, 3].map((i) => nodeOf(`i-000${i}`));
  await w.db.rows(`INSERT INTO knowledge_graph_nodes
      (id, tenant_id, node_id, node_type, updated_at)
    VALUES ('n', $1, 'topic:fruit', 'topic', now())`, [TENANT]);
  const foreign = [
    ['topic:fruit', held[0], 'about'], [held[1], 'topic:fruit', 'cites'],
    ['topic:fruit', held[2], 'related'],
  ];
  for (const [source, target, type] of foreign) {
    await w.db.rows(`INSERT INTO knowledge_graph_edges (id, tenant_id,
        source_node_id, target_node_id, edge_type, updated_at)
      VALUES ($2, $1, $3, $4, $2, now())`, [TENANT, type, source, target]);
  }
  // Of another program's, by its type, although it has our form of an id.
  await w.db.rows(`DELETE FROM knowledge_graph_edges
    WHERE source_node_id = $1`, [nodeOf('i-0005')]);
  await w.db.rows(`UPDATE knowledge_graph_nodes SET node_type = 'other'
    WHERE node_id = $1`, [nodeOf('i-0005')]);
  const before = await w.db.rows(`SELECT * FROM knowledge_graph_edges
    WHERE 'topic:fruit' IN (source_node_id, target_node_id) ORDER BY id`);
  drop(w, 'alpha', [1, 2, 3, 4, 5]);
  await w.good();
  const { result, logs } = await w.sync();
  assert.equal(deletedOf(result), 5);
  assert.ok(logs.some(({ message }) =>
    /kept 3 graph nodes of deleted items/.test(message)));
  assert.deepEqual(await w.db.rows(`SELECT * FROM knowledge_graph_edges
    WHERE 'topic:fruit' IN (source_node_id, target_node_id) ORDER BY id`),
  before);
  const left = await nodes(w);
  for (const node of [...held, nodeOf('i-0005'), 'topic:fruit']) {
    assert.ok(left.includes(node), node);
  }
  assert.equal(left.length, 20);
  await checkGone(w, ['i-0004']);
  assert.equal(await w.db.value(`SELECT count(*)::int FROM knowledge_graph_edges
    WHERE edge_type <> 'about' AND edge_type <> 'cites' AND id <> 'related'
      AND (source_node_id = ANY($1) OR target_node_id = ANY($1))`, [held]), 0);
});

test('tenants: the other one keeps the same ids', async (t) => {
  const w = await deleting(t, { alpha: library(12) },
    { env: { KG_ENABLED: 'true' } });
  const other = { DEFAULT_TENANT_ID: 'tenant-8' };
  await w.good();
  await w.good({ env: other });
  const gone = drop(w, 'alpha', [0, 6]);
  await w.good();
  await w.good({ env: other });
  assert.equal(deletedOf(await w.good()), 2);
  assert.equal(await w.db.value(`SELECT count(*)::int FROM vector_embeddings
    WHERE tenant_id = 'tenant-8'`), 12);
  assert.ok((await nodes(w)).includes(nodeOf(gone[0], 'alpha', 'tenant-8')));
  await checkGone({ db: { value: (sql, [id, node, service]) => w.db.value(
    sql.replace('WHERE content_id = $1', `WHERE m.tenant_id = '${TENANT}'
      AND content_id = $1`).replaceAll('WHERE content_id = $1',
      `WHERE m.tenant_id = '${TENANT}' AND content_id = $1`),
    [id, node, service]) } }, gone);
});

test('in batches, each item once', async (t) => {
  const w = await deleting(t, { alpha: library(900) },
    { env: { BATCH_SYNC_LIMIT: '1000' } });
  await w.good();
  w.served.alpha = w.served.alpha.filter((_, i) => i % 4 !== 1);
  await w.good();
  assert.equal(deletedOf(await w.good()), 225);
  assert.deepEqual(await idsOf(w), sorted(w.served.alpha));
  assert.equal(await w.db.value(
    'SELECT count(*)::int FROM batch_sync_seen'), 675);
});

test('killed between the pages of a pass: it is one pass', async (t) => {
  const w = await deleting(t, { alpha: library(30) },
    { env: { BATCH_SYNC_LEASE_SECONDS: '1' } });
  await w.good();
  const gone = drop(w, 'alpha', [29]);
  for (let round = 0; round < 2; round++) {
    w.coordinator.script('alpha', (call) => call.page < 3
      ? pagesOf(w.served.alpha)(call) : { hang: true });
    const sync = w.begin();
    await sync.until(() => w.coordinator.calls.at(-1).page === 3, 'page 3');
    await sync.until(async () => await w.db.value(
      `SELECT next_page FROM batch_sync_service_runs
        WHERE status = 'running'`) === 3, 'page 2 is done');
    sync.kill('SIGKILL');
    await sync.exit();
    assert.equal((await idsOf(w)).length, 30);
    w.coordinator.script('alpha', pagesOf(() => w.served.alpha));
    w.coordinator.calls.length = 0;
    const result = await again(w);
    assert.equal(w.coordinator.calls[0].page, 3);
    assert.equal(deletedOf(result), round);
  }
  assert.deepEqual(await idsOf(w), sorted(w.served.alpha));
  await checkGone(w, gone);
});

/** Once the lease of the one that was killed has expired. */
async function again(w) {
  let outcome;
  await until(async () => {
    outcome = await w.sync();
    return outcome.code !== 75;
  }, 'the lease has expired');
  assert.equal(outcome.code, 0, outcome.stderr);
  return outcome.result;
}

test('killed while deleting: the next run deletes the rest', async (t) => {
  const w = await deleting(t, { alpha: library(60) },
    { env: { KG_ENABLED: 'true', BATCH_SYNC_LEASE_SECONDS: '1' } });
  await w.good();
  w.served.alpha = w.served.alpha.filter((_, i) => i % 5 !== 2);
  await w.good();
  const blocker = await w.db.connect();
  await blocker.query('BEGIN');
  await blocker.query(`SELECT 1 FROM vector_embeddings
    WHERE content_id = 'i-0002' FOR UPDATE`);
  const sync = w.begin();
  await sync.until(() => w.db.value(`SELECT count(*)::int FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND application_name = 'batchsync'`), 'a batch waits');
  sync.kill('SIGKILL');
  await sync.exit();
  await blocker.query('ROLLBACK');
  blocker.release();
  const result = await again(w);
  // The batch that waited has gone through, or has not: it is counted once.
  assert.deepEqual(await idsOf(w), sorted(w.served.alpha));
  assert.ok([0, 12].includes(deletedOf(result)));
  assert.equal(await w.db.value(`SELECT totals->>'deleted'
    FROM batch_sync_runs ORDER BY started_at DESC LIMIT 1`), '12');
  assert.equal(deletedOf(await w.good()), 0);
});
