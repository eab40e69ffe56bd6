// A store is broken at random, in many ways at once: all of it is found, and
// nothing else; it is mended at exactly the price that has to be paid, also
// when that is killed on the way or a run is beside it; then nothing is found.
//
// VERIFY_SEED=SEED repeats one, VERIFY_SEEDS=N has more of them, from there on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import { wordVector } from './rig/embedder.mjs';
import { DAMAGE, GRAPH_DAMAGE, NAN_SQL, SOUND, STRANGERS }
  from './support/damage.mjs';
import { inspect } from './support/inspect.mjs';
import { checkVectors, faults, pagesOf, sanitized, schemaOf, TENANT, until,
  world } from './support/world.mjs';

const { VERIFY_SEED, VERIFY_SEEDS } = process.env;
const FIRST = Number(VERIFY_SEED ?? 1);
const SEEDS = Number(VERIFY_SEEDS ?? (VERIFY_SEED ? 1 : sanitized ? 4 : 12));
const ITEMS = { alpha: 230, beta: 12 }; // several batches
const PIECES = { alpha: 1, beta: 3 };
const SERVICES = Object.keys(ITEMS);
const GRAPH_KINDS = ['row_without_node', 'node_without_row', 'edge_missing',
  'edge_outdated', 'edge_dangling', 'link_without_edge'];
const EXAMPLES = 20;
const CHUNK = 4;

/** Numbers in [0, 1): mulberry32. */
function generator(seed) {
  let state = Math.imul(seed, 0x9E3779B1) >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z ^= z + Math.imul(z ^ (z >>> 7), 61 | z);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WORDS = Array.from({ length: 40 }, (_, i) =>
  `w${(i * 7919 % 1000).toString(36)}${'aeiou'[i % 5]}${i}`);

/** Items that are like some others, more or less. */
function itemsOf(service, n) {
  const random = generator(7);
  const sentence = (words) => Array.from({ length: words }, () =>
    WORDS[Math.floor(random() ** 2 * WORDS.length)]).join(' ');
  return Array.from({ length: n }, (_, i) => ({
    id: `${service === 'alpha' ? 'item' : service}-${
      String(i + 1).padStart(5, '0')}`,
    name: sentence(4),
    body: service === 'alpha' ? sentence(8)
      : Array.from({ length: 35 }, () => `${sentence(10)}.`).join(' '),
    tags: service === 'alpha' ? [] : [`item-${String(i + 1).padStart(5, '0')}`],
  }));
}

const STORE = Object.fromEntries(SERVICES.map((name) =>
  [name, itemsOf(name, ITEMS[name])]));

const options = {
  schemas: [schemaOf('alpha'), schemaOf('beta', {
    links: [{ field: 'tags', service: 'alpha', type: 'leads_to' }] })],
  embedder: { vectorOf: wordVector },
  env: { EMBEDDING_DIMENSIONS: '64', KG_ENABLED: 'true',
    EMBEDDING_MAX_TOKENS: '300', BATCH_SYNC_LEASE_SECONDS: '3',
    BATCH_SYNC_CHUNK_SIZE: String(CHUNK), BATCH_SYNC_MAX_DELETE_PERCENT: '100' },
};

const queued = async (w) =>
  Number(await w.db.value('SELECT count(*) FROM batch_sync_link_queue'));

const linkAll = async (w) => {
  do await w.good(); while (await queued(w) > 0);
};

/** What others have in these tables, which is none of our business. */
const BYSTANDERS = `
  INSERT INTO tenants (id, name, updated_at)
    VALUES ('tenant-8', 'tenant-8', now());
  INSERT INTO microservices (id, tenant_id, name, service_id, display_name,
      updated_at)
    VALUES ('theirs-id', 'tenant-8', 'alpha', 'alpha-tenant-8', 'Alpha', now());
  INSERT INTO vector_embeddings (id, tenant_id, microservice_id, content_id,
      content_type, embedding, content_text, chunk_index, metadata, embed_hash,
      row_hash, vector_hash, written_at, updated_at)
    SELECT 'theirs' || id, 'tenant-8', 'theirs-id', content_id, content_type,
      embedding, 'edited', chunk_index, metadata, embed_hash, row_hash,
      vector_hash, written_at, updated_at FROM vector_embeddings
      WHERE chunk_index = 1;
  INSERT INTO knowledge_graph_nodes (id, tenant_id, node_id, node_type,
      properties, updated_at)
    VALUES ('theirs-node', '${TENANT}', 'topic:1', 'topic', '{}', now());
  INSERT INTO knowledge_graph_edges (id, tenant_id, source_node_id,
      target_node_id, edge_type, weight, properties, updated_at)
    VALUES ('theirs-edge', '${TENANT}', 'topic:1', 'content:${SOUND[0]}',
      'about', 0.3, '{}', now())`;

/** A store to copy: filled, linked, with bystanders. */
async function fill(t) {
  const w = await world(t, { ...options, services: Object.fromEntries(
    SERVICES.map((name) => [name, pagesOf(STORE[name])])) });
  await linkAll(w);
  assert.deepEqual(await w.db.rows(`SELECT DISTINCT count(*)::int AS n
    FROM vector_embeddings WHERE content_id LIKE 'beta%' GROUP BY content_id`),
  [{ n: PIECES.beta }]);
  await w.db.script(BYSTANDERS);
  await w.db.script(NAN_SQL);
  // So that each item was linked when all of them were stored.
  await w.db.script(`INSERT INTO batch_sync_link_queue (tenant_id,
      microservice_id, content_id) SELECT DISTINCT tenant_id, microservice_id,
      content_id FROM vector_embeddings WHERE tenant_id = '${TENANT}'`);
  await linkAll(w);
  await w.db.disconnectAll();
  return w.db.name;
}

/** What is drawn of a seed, all of it before anything happens. */
class Plan {
  constructor(seed) {
    this.random = generator(seed);
    this.unsized = this.chance(0.3);
    this.foreignKeys = this.chance(0.7);
    this.strangers = this.chance(0.4);
    this.way = Object.keys(WAYS)[seed % Object.keys(WAYS).length];
    this.damage = this.#damage();
    this.graph = Object.keys(GRAPH_DAMAGE).filter((kind) =>
      this.chance(0.5) && !(kind === 'loose' && this.foreignKeys))
      .map((kind) => ({ kind, n: 1 + this.below(8) }));
    this.salt = String(seed);
    this.killAt = 1 + this.below(4);
    this.inFlight = this.way === 'killed' ? (this.killAt - 1) * CHUNK : 0;
  }

  below(n) { return Math.floor(this.random() * n); }
  chance(p) { return this.random() < p; }
  one(list) { return list[this.below(list.length)]; }

  /** Each item is broken in one way at most. */
  #damage() {
    const ids = Object.fromEntries(SERVICES.map((name) => [name,
      STORE[name].map(({ id }) => id).filter((id) => !SOUND.includes(id))
        .map((id) => [this.random(), id]).sort().map(([, id]) => id)]));
    const list = Object.entries(DAMAGE).filter(([, how]) =>
      this.chance(0.5) && (!how.unsized || this.unsized)
      && (!how.keyless || !this.foreignKeys)
      && !(how.run && this.way === 'beside')).map(([name, how]) =>
      ({ name, ...how, ids: ids[how.of].splice(0,
        how.of === 'beta' ? 1 + this.below(2) : 1 + this.below(9)) }));
    this.sound = ids.alpha.splice(0, 5);
    return list.filter((one) => one.ids.length > 0);
  }

  /** [kind, id, piece] of each row that is wrong. */
  get rows() {
    const strangers = this.strangers ? [['service_unknown', '(no service)'],
      ['service_unknown', 'ghost']] : [];
    return [...this.damage.flatMap(({ ids, found }) => ids.flatMap((id) =>
      found.map(([kind, piece]) => [kind, id, piece]))), ...strangers];
  }

  /** Texts that a step pays for: 'repair', 'source'. */
  texts(step) {
    return this.damage.reduce((sum, how) =>
      sum + how.ids.length * (how[step] ?? 0), 0);
  }

  toString() {
    return `${this.way}: ${[...this.damage.map(({ name, ids }) =>
      `${ids.length} ${name}`), ...this.graph.map(({ kind, n }) =>
      `${n} ${kind}`)].join(', ')}`;
  }
}

async function breakStore(w, plan) {
  if (plan.unsized) {
    await w.db.script(`DROP INDEX IF EXISTS idx_vector_embeddings_embedding_hnsw;
      ALTER TABLE vector_embeddings ALTER embedding TYPE vector`);
  }
  if (!plan.foreignKeys) {
    const keys = await w.db.rows(`SELECT conname FROM pg_constraint WHERE
      conrelid = 'knowledge_graph_edges'::regclass AND contype = 'f'
      AND confrelid = 'knowledge_graph_nodes'::regclass`);
    for (const { conname } of keys) {
      await w.db.script(`ALTER TABLE knowledge_graph_edges
        DROP CONSTRAINT "${conname}"`);
    }
  }
  if (plan.strangers) for (const sql of STRANGERS) await w.db.script(sql);
  for (const { sql, ids } of plan.damage) {
    for (const one of sql) await w.db.rows(one, one.includes('$1') ? [ids] : []);
  }
  for (const { kind, n } of plan.graph) {
    for (const [sql, params] of GRAPH_DAMAGE[kind](plan.salt, n)) {
      await w.db.rows(sql, params);
    }
  }
}

const countsOf = (rows) => rows.reduce((counts, [kind]) =>
  ({ ...counts, [kind]: (counts[kind] ?? 0) + 1 }), {});

const ofGraph = (found) => Object.fromEntries(Object.entries(found)
  .filter(([kind]) => GRAPH_KINDS.includes(kind)));
const ofRows = (found) => Object.fromEntries(Object.entries(found)
  .filter(([kind]) => !GRAPH_KINDS.includes(kind)));

/** What it found of rows is what was broken: how many, and which. */
function checkRows(json, plan) {
  const found = Object.fromEntries(json.kinds.map(({ kind, found: n }) =>
    [kind, n]));
  assert.deepEqual(ofRows(found), countsOf(plan.rows), JSON.stringify(json));
  for (const { kind, found: n, examples } of json.kinds) {
    if (GRAPH_KINDS.includes(kind) || n > EXAMPLES) continue;
    assert.deepEqual(
      examples.map(({ id, chunkIndex }) => `${id} ${chunkIndex}`).sort(),
      plan.rows.filter(([of]) => of === kind)
        .map(([, id, piece]) => `${id} ${piece}`).sort());
  }
  return found;
}

/** A verification to its end, with what it has paid for. */
async function verify(w, args = []) {
  const { code, stdout, stderr } = await w.run(['verify', '--json', ...args]);
  assert.ok([0, 1].includes(code), `${code}\n${stdout}\n${stderr}`);
  const json = JSON.parse(stdout);
  assert.equal(code, json.left === 0 ? 0 : 1, stdout);
  const texts = w.embedder.embedded;
  w.embedder.reset();
  return { json, texts };
}

const WAYS = {
  /** First what needs no source, then all the rest. */
  async repair(w, plan, graph) {
    const { json, texts } = await verify(w, ['--repair']);
    assert.deepEqual(ofGraph(checkRows(json, plan)), graph);
    assert.equal(texts, plan.texts('repair'), JSON.stringify(json));
    return plan.texts('source');
  },

  /** All at once. */
  async source(w, plan) {
    return plan.texts('repair') + plan.texts('source');
  },

  /** The embedder is asked once more, says nothing, and that was it. */
  async killed(w, plan) {
    let over = false;
    w.embedder.script(({ callNumber }) =>
      callNumber < plan.killAt ? undefined : faults.hang());
    const program = batchsync.start(
      ['verify', '--source', '--repair', '--delete'], { env: w.with() });
    const ended = program.exit(60_000).finally(() => { over = true; });
    await until(() => over || w.embedder.requests.length >= plan.killAt,
      'a request, or the end', 60_000);
    program.kill('SIGKILL');
    await ended;
    w.embedder.script(undefined);
    await w.db.script(`UPDATE batch_sync_runs SET expires_at = now();
      UPDATE batch_sync_service_runs SET expires_at = now()`);
    const paid = w.embedder.embedded;
    w.embedder.reset();
    return plan.texts('repair') + plan.texts('source') - paid;
  },

  /** A run stores other items meanwhile, at its own price. */
  async beside(w, plan) {
    const items = STORE.alpha.map((item) => plan.sound.includes(item.id)
      ? { ...item, body: `${item.body} again` } : item);
    w.coordinator.script('alpha', pagesOf(items));
    w.items = { ...STORE, alpha: items };
    const run = w.begin();
    const verification = batchsync.start(['verify', '--repair', '--json'],
      { env: w.with() });
    const { result } = await verification.exit(60_000);
    await run.exit(60_000);
    checkRows(result, plan);
    const paid = w.embedder.embedded;
    w.embedder.reset();
    return plan.texts('repair') + plan.texts('source') + plan.sound.length
      - paid;
  },
};

/** All that is left to do, then nothing: texts are what is still to be paid. A
 * kill may cost texts of answers that were not stored yet. */
async function mend(w, plan, texts) {
  let last;
  await until(async () => (last = await w.run(['verify', '--json', '--source',
    '--repair', '--delete'])).code !== 75, 'the lease', 60_000);
  const unknown = plan.strangers ? { service_unknown: 2 } : {};
  assert.equal(last.code, plan.strangers ? 1 : 0, last.stdout + last.stderr);
  assert.equal(JSON.parse(last.stdout).left, plan.strangers ? 2 : 0,
    last.stdout);
  const twice = w.embedder.embedded - texts;
  assert.ok(twice >= 0 && twice <= plan.inFlight,
    `${twice} texts too many\n${last.stdout}`);
  w.embedder.reset();
  const { json } = await verify(w);
  assert.deepEqual(Object.fromEntries(json.kinds.map(({ kind, found }) =>
    [kind, found])), unknown, JSON.stringify(json));
}

const THEIRS = `SELECT v.id, v.content_text, v.xmin::text FROM
    vector_embeddings v WHERE tenant_id = 'tenant-8'
  UNION ALL SELECT id, node_id, xmin::text FROM knowledge_graph_nodes
    WHERE node_type = 'topic'
  UNION ALL SELECT id, edge_type, xmin::text FROM knowledge_graph_edges
    WHERE edge_type = 'about' ORDER BY 1`;

/** Each item's pieces, each with the vector of its text. */
async function checkWhole(w) {
  for (const name of SERVICES) {
    const rows = (await w.db.vectors(name)).filter(({ text }) =>
      text !== 'edited');
    checkVectors(rows, wordVector);
    assert.deepEqual(rows.map((row) => `${row.contentId} ${row.chunkIndex}`),
      STORE[name].flatMap(({ id }) => Array.from({ length: PIECES[name] }, (_, i) =>
        `${id} ${i}`)));
    assert.ok(rows.every(({ text }) => !/ edited$/.test(text)));
  }
}

async function series(t, seed, template) {
  const plan = new Plan(seed);
  const w = await world(t, { ...options, database: { template },
    services: Object.fromEntries(SERVICES.map((name) =>
      [name, pagesOf(STORE[name])])) });
  t.diagnostic(String(plan));
  await breakStore(w, plan);
  const theirs = await w.db.rows(THEIRS);
  const graph = await inspect(w.db, SERVICES);
  const { json, texts } = await verify(w);
  assert.deepEqual(ofGraph(checkRows(json, plan)), graph, JSON.stringify(json));
  assert.equal(texts, 0);
  const left = await WAYS[plan.way](w, plan, graph);
  await mend(w, plan, left);
  assert.deepEqual(await inspect(w.db, SERVICES), {});
  await checkWhole(w);
  assert.deepEqual(await w.db.rows(THEIRS), theirs, 'what is not ours');
}

test('a store broken at random', async (t) => {
  const template = await fill(t);
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    await t.test(`VERIFY_SEED=${seed}`, (t2) => series(t2, seed, template));
  }
});
