// Where a stored item comes from, and why it would be embedded again now or
// would not: on the command line and over HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordVector } from './rig/embedder.mjs';
import { checkError, serve } from './support/serve.mjs';
import { failing, itemsOf, pagesOf, rejecting, TENANT, world } from './support/world.mjs';

const PATH = '/admin/batch-sync/items';
const ID = 'item-00003';

async function stored(t, { env = {}, ...options } = {}) {
  const served = { items: itemsOf(6) };
  const w = await world(t, { services: { alpha: pagesOf(() => served.items) },
    embedder: { vectorOf: wordVector }, ...options,
    env: { EMBEDDING_DIMENSIONS: '64', KG_ENABLED: 'true', ...env } });
  await w.good();
  w.embedder.reset();
  return Object.assign(w, { served });
}

async function explain(w, args = [], env = {}) {
  const { code, stdout, stderr } = await w.run(
    ['explain', 'alpha', ...args, '--json'], env);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

const HEX = /^[0-9a-f]{64}$/;

test('an item as it is stored', async (t) => {
  const w = await stored(t, { env: { EMBEDDING_DOCUMENT_PREFIX: 'passage: ' } });
  const [run] = await w.db.rows('SELECT id FROM batch_sync_runs');
  const x = await explain(w, [ID]);
  assert.deepEqual([x.tenantId, x.service, x.contentId, x.stored, x.queued],
    [TENANT, 'alpha', ID, true, false]);
  assert.deepEqual([x.schema.name, x.schema.version], ['alpha', '2.1.0']);
  assert.match(x.schema.fingerprint, HEX);
  const [piece] = x.pieces;
  assert.deepEqual([piece.textIntact, piece.vectorIntact, piece.dimensions,
    piece.repairs], [true, true, 64, 0]);
  assert.match(piece.embedHash, HEX);
  assert.match(piece.rowHash, HEX);
  assert.match(piece.vectorHash, /^[0-9a-f]{32}$/);
  assert.deepEqual(x.sent, [`passage: ${piece.text}`]);
  assert.deepEqual([x.run.id, x.run.dimensions, x.run.page],
    [run.id, 64, null]);
  assert.equal(x.run.model, x.now.model);
  assert.equal(x.now.prefix, 'passage: ');
  assert.equal(x.deadLetter, null);
  assert.equal(x.nodeId, `content:${ID}`);
  assert.equal(x.neighbours.length, 5);
  for (const n of x.neighbours) {
    assert.ok(Math.abs(n.similarity - n.weight) < 0.0051);
    assert.equal(n.holds, true);
  }
  assert.equal(x.verdict.embeds, false);
  assert.equal(x.source, undefined);
  assert.equal(w.embedder.embedded, 0);
  const { stdout } = await w.run(['explain', 'alpha', ID]);
  assert.match(stdout, /^service +alpha\nid +item-00003\nschema +alpha, version/);
  assert.match(stdout, /page +not recorded/);
  assert.match(stdout, /It would not be embedded again now:/);
});

/** What has happened since, and what is said of it. */
const SINCE = [
  { name: 'another model', env: { EMBEDDING_MODEL: 'other' }, embeds: true,
    why: /embedded with .*; the settings are now other/ },
  { name: 'another prefix', env: { EMBEDDING_DOCUMENT_PREFIX: 'x ' },
    embeds: true, why: /the settings are now/ },
  { name: 'another program has changed the text', embeds: true,
    sql: `UPDATE vector_embeddings SET content_text = 'theirs',
      updated_at = updated_at + interval '1 s'`,
    why: /another program has changed the text$/ },
  { name: 'another program has changed the vector, and not the time',
    embeds: false, sql: `UPDATE vector_embeddings
      SET embedding = (SELECT o.embedding FROM vector_embeddings o
        WHERE o.content_id = 'item-00006')`,
    why: /changed the vector and left updated_at .* verify --repair/ },
  { name: 'rows without hashes', embeds: true,
    sql: 'UPDATE vector_embeddings SET embed_hash = NULL',
    why: /no embed_hash/ },
  { name: 'the item was deleted', embeds: true, always: true,
    sql: 'DELETE FROM vector_embeddings', why: /not stored/ },
  { name: 'the source has another text', embeds: true, always: true,
    change: (item) => { item.body = 'another body'; }, differs: ['text'],
    why: /the source has another text/ },
  { name: 'the source has other metadata', embeds: false, always: true,
    change: (item) => { item.seen = '2025-12-18T15:00:00Z'; },
    differs: ['metadata'], why: /the source's text is the stored one/ },
  { name: 'the source has it no more', embeds: false, always: true,
    change: (item) => { item.id = 'renamed'; },
    why: /source did not send it/ },
];

for (const { name, env, sql, change, always, embeds, why, differs } of SINCE) {
  test(`why: ${name}`, async (t) => {
    const w = await stored(t);
    if (sql) await w.db.script(sql);
    if (change) change(w.served.items[2]);
    const x = await explain(w, always ? [ID, '--source'] : [ID], env);
    assert.equal(x.verdict.embeds, embeds, x.verdict.why);
    assert.match(x.verdict.why, why);
    if (differs) assert.deepEqual(x.source.differs, differs);
    assert.equal(w.embedder.embedded, 0);
  });
}

test('an edge that is no longer true; an item that is a dead letter',
  async (t) => {
    const w = await stored(t);
    await w.db.script(`UPDATE knowledge_graph_edges SET weight = 0.71`);
    const { neighbours } = await explain(w, [ID]);
    assert.ok(neighbours.length > 0);
    for (const n of neighbours) {
      assert.equal(n.holds, Math.abs(n.similarity - 0.71) < 0.006);
    }
    w.served.items[2] = { ...w.served.items[2], id: 'bad', body: 'poison' };
    w.embedder.script(rejecting((x) => x.includes('poison'), 'poison'));
    assert.equal((await w.sync()).code, 1);
    const x = await explain(w, ['bad']);
    assert.deepEqual([x.stored, x.pieces], [false, []]);
    assert.match(x.deadLetter.reason, /poison/);
    assert.equal(x.verdict.embeds, false);
    assert.match(x.verdict.why, /refused and is a dead letter/);
    const lines = await w.run(['explain', 'alpha', 'bad']);
    assert.match(lines.stdout, /stored +no\ndead letter +.*poison/);
  });

test('what is wrong is said', async (t) => {
  const w = await stored(t);
  const none = await w.run(['explain', 'alpha', 'nobody']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /explain: there is no item nobody/);
  const source = await explain(w, ['nobody', '--source']);
  assert.deepEqual(source.source, { found: false, pages: 1, items: 6,
    end: true });
  w.coordinator.script('alpha', failing(9, { grpcCode: 'PERMISSION_DENIED', details: 'no' }));
  const denied = await w.run(['explain', 'alpha', ID, '--source']);
  assert.notEqual(denied.code, 0);
  assert.match(denied.stderr, /explain: --source: page 1: coordinator: PERMISSION_DENIED: no/);
});

test('over HTTP; a viewer does not read from sources', async (t) => {
  const w = await stored(t);
  const s = await serve(t, w,
    { env: { ADMIN_TOKEN: 'all', VIEWER_TOKEN: 'look' } });
  const get = (query, token = 'all') => s.get(`${PATH}?service=alpha&${query}`,
    { headers: { authorization: `Bearer ${token}` } });
  const seen = await get(`id=${ID}`, 'look');
  assert.equal(seen.status, 200);
  assert.equal(seen.json.verdict.embeds, false);
  const asked = await get(`id=${ID}&source=true`);
  assert.equal(asked.status, 200);
  assert.deepEqual([asked.json.source.page, asked.json.source.differs],
    [1, []]);
  checkError(await get(`id=${ID}&source=true`, 'look'), 403, PATH,
    /needs ADMIN_TOKEN/);
  checkError(await get(`id=${ID}&source=maybe`), 400, PATH, /true or false/);
  checkError(await get('id=nobody'), 404, PATH, /no item/);
  await s.end();
});
