// What the service says of what it has stored: items, services, dead letters by
// their reasons, the nearest to a text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkError, ISO, serve } from './support/serve.mjs';
import { itemsOf, pagesOf, rejecting, schemaOf, TENANT, world }
  from './support/world.mjs';
import { wordVector } from './rig/embedder.mjs';

const ADMIN = '/admin/batch-sync';
const ITEMS = itemsOf(12);
const LONG = { ...ITEMS[0], id: 'long', body: Array.from({ length: 60 },
  (_, i) => `Sentence ${i} that says something.`).join(' ') };

const start = async (t, options = {}) => {
  const w = await world(t, { services: {
    alpha: pagesOf([...ITEMS, LONG]), beta: pagesOf(itemsOf(3, 1, 'b')) },
  schemas: [schemaOf('alpha-backend', { aliases: ['alpha'] }), schemaOf('beta')],
  ...options });
  return { w, s: await serve(t, w) };
};

test('an item: its pieces, its metadata, its run', async (t) => {
  const { s } = await start(t, { env: { EMBEDDING_MAX_TOKENS: '150' } });
  await s.good();
  const item = async (query) => s.get(`${ADMIN}/items?${query}`);
  const { status, json } = await item('service=alpha&id=long');
  assert.equal(status, 200);
  assert.deepEqual([json.tenantId, json.service, json.contentId],
    [TENANT, 'alpha-backend', 'long']);
  assert.ok(json.pieces.length > 1);
  assert.deepEqual(json.pieces.map(({ chunkIndex }) => chunkIndex),
    json.pieces.map((_, i) => i));
  assert.ok(json.pieces.every(({ hasVector }) => hasVector));
  assert.match(json.pieces[0].text, /^id: long/);
  assert.equal(json.metadata._source_service, 'alpha-backend');
  assert.match(json.createdAt, ISO);
  assert.match(json.updatedAt, ISO);
  const [{ id }] = (await s.get(`${ADMIN}/runs`)).json.runs;
  assert.match(json.run.startedAt, ISO);
  assert.deepEqual({ ...json.run, startedAt: undefined }, { id,
    provider: 'openai', model: 'text-embedding-3-small', dimensions: 1536,
    page: null, startedAt: undefined });
  assert.deepEqual((await item('service=alpha-backend&id=long')).json, json);

  const path = `${ADMIN}/items`;
  checkError(await item('service=alpha&id=nobody'), 404, path,
    /there is no item nobody/);
  checkError(await item('service=beta&id=long'), 404, path, /no item/);
  checkError(await item('service=alpha&id=long&tenant_id=x'), 404, path,
    /no item/);
  checkError(await item('service=alpha'), 400, path, /"id" is missing/);
  checkError(await item('id=long'), 400, path, /"service" is missing/);
  checkError(await item(`service=alpha&id=${'x'.repeat(1025)}`), 400, path,
    /"id" must be UTF-8 of at most 1024 bytes/);
  await s.end();
});

test('what lies near an item', async (t) => {
  const { w, s: first } = await start(t, { embedder: { vectorOf: wordVector },
    env: { KG_ENABLED: 'true' } });
  await first.good();
  await first.end();
  await w.good();
  const s = await serve(t, w);
  const { neighbours } = (await s.get(
    `${ADMIN}/items?service=alpha&id=item-00004`)).json;
  const ids = neighbours.map(({ contentId }) => contentId);
  const edges = await w.db.rows(`SELECT DISTINCT b.node_id, b.node_type
    FROM knowledge_graph_edges e
    JOIN knowledge_graph_nodes a ON a.node_id IN (e.source_node_id,
      e.target_node_id)
    JOIN knowledge_graph_nodes b ON b.node_id IN (e.source_node_id,
      e.target_node_id) AND b.node_id <> a.node_id
    WHERE a.node_type = 'alpha-backend' AND a.node_id LIKE '%item-00004'`);
  assert.ok(edges.length > 3);
  assert.deepEqual(neighbours.map(({ nodeId }) => nodeId).sort(),
    edges.map((edge) => edge.node_id).sort());
  assert.ok(ids.includes('item-00001'));
  assert.ok(ids.every((id) => /^(item-\d{5}|long|b-\d{5})$/.test(id)));
  assert.ok(neighbours.every(({ type, weight }) =>
    /related$/.test(type) && weight > 0.7));
  assert.equal(neighbours.find(({ contentId }) => contentId === 'item-00001')
    .title, 'Name 1 of item');
  await s.end();
});

test('advice: what is wrong, and what to do', async (t) => {
  const { w, s } = await start(t);
  const ask = async () => (await s.get(`${ADMIN}/advice`)).json;
  const idsOf = ({ advice }) => advice.map(({ id }) => id);
  const before = await ask();
  assert.equal(before.count, before.advice.length);
  assert.ok(idsOf(before).includes('token'));
  assert.ok(idsOf(before).includes('unsigned'));
  assert.ok(!idsOf(before).includes('last-run'));
  w.embedder.script(rejecting((text) => /Name 2 of item\b/.test(text)));
  await s.trigger({ services: ['alpha', 'nobody'] });
  await w.db.script(`INSERT INTO batch_sync_limits
    (address, model, kind, value) VALUES
    ('https://old.example', 'text-embedding-3-small', 'inputs', 10)`);
  const { advice } = await ask();
  const of = (name) => advice.find(({ id }) => id === name);
  assert.equal(advice[0].id, 'last-run');
  assert.match(of('last-run').view, /^#\/runs\/[0-9a-f-]{36}$/);
  assert.match(of('schema').text, /nobody has no schema/);
  assert.match(of('dead-letters').text, /^1 dead letter:/);
  assert.match(of('limit').text, /^https:\/\/old.example .* 10 texts/);
  assert.equal(of('limit').copy, 'EMBEDDING_MAX_INPUTS=10');
  assert.match(of('token').copy, /^ADMIN_TOKEN=/);
  await s.end();
  const guarded = await serve(t, w, { env: { ADMIN_TOKEN: 'open-sesame',
    BATCH_SYNC_ENABLED: 'false' } });
  const later = idsOf((await guarded.get(`${ADMIN}/advice`,
    { headers: { authorization: 'Bearer open-sesame' } })).json);
  assert.ok(!later.includes('token') && later.includes('disabled'));
  await guarded.end();
});

test('a service: its schema, its runs, what is stored', async (t) => {
  const { s } = await start(t);
  await s.good();
  await s.good({ services: ['alpha'] });
  const { json } = await s.get(`${ADMIN}/services?name=alpha`);
  assert.deepEqual([json.service, json.storedAs, json.items, json.moreItems,
    json.openLetters], ['alpha', 'alpha-backend', 13, false, 0]);
  assert.match(json.lastSuccess, ISO);
  assert.deepEqual(json.runs.map(({ status, complete, counts }) =>
    [status, complete, counts.stored, counts.unchanged]),
  [['success', true, 0, 13], ['success', true, 13, 0]]);
  assert.deepEqual([json.schema.name, json.schema.version,
    json.schema.deleteMissing], ['alpha-backend', '2.1.0', false]);
  assert.deepEqual(json.schema.fields[2],
    { name: 'body', label: 'Text', type: 'text' });

  const none = (await s.get(`${ADMIN}/services?name=nobody`)).json;
  assert.deepEqual([none.items, none.schema, none.runs, none.lastSuccess],
    [0, null, [], null]);
  checkError(await s.get(`${ADMIN}/services?name=`), 400, `${ADMIN}/services`,
    /"name" is missing/);
  assert.deepEqual((await s.get(`${ADMIN}/services?x=1`)).json.services,
    ['alpha', 'beta']);
  await s.end();
});

test('dead letters by their reasons, and a group retried', async (t) => {
  const { w, s } = await start(t);
  w.embedder.script(rejecting((text) => /Name [2-5] of item\b/.test(text)));
  await s.trigger();
  const letters = `${ADMIN}/dead-letters`;
  const { groups, count } = (await s.get(`${letters}/groups`)).json;
  assert.equal(count, 1);
  const [{ service, kind, reason, count: n, firstSeen }] = groups;
  assert.deepEqual([service, n], ['alpha', 4]);
  assert.equal(kind, reason.replace(/\d+/g, '#'));
  assert.match(firstSeen, ISO);
  const query = new URLSearchParams({ kind, service });
  const { deadLetters } = (await s.get(`${letters}?${query}`)).json;
  assert.equal(deadLetters.length, 4);
  assert.equal((await s.get(`${letters}?kind=other`)).json.count, 0);
  assert.equal((await s.get(`${letters}/groups?service=beta`)).json.count, 0);

  // One with its item, as it came.
  const [{ digest, contentId }] = deadLetters;
  const one = (await s.get(`${letters}?digest=${digest}`)).json;
  assert.equal(one.contentId, contentId);
  assert.deepEqual(JSON.parse(one.payload),
    ITEMS.find(({ id }) => id === contentId));
  checkError(await s.get(`${letters}?digest=00`), 404, letters,
    /there is no dead letter 00/);

  w.embedder.script(undefined);
  const retry = (body) => s.call('POST', `${letters}/retry`, { body });
  assert.equal((await retry({ kind: 'other' })).json.retried, 0);
  assert.equal((await retry({ kind: 3 })).status, 400);
  const { json } = await retry({ kind, services: [service] });
  assert.deepEqual([json.success, json.retried], [true, 4]);
  assert.equal((await s.get(`${letters}/groups`)).json.count, 0);
  assert.equal((await s.get(`${letters}/groups?status=resolved`))
    .json.groups[0].count, 4);
  await s.end();
});

test('the nearest to a text', async (t) => {
  const { s } = await start(t, { embedder: { vectorOf: wordVector } });
  await s.good();
  const search = (body) => s.call('POST', `${ADMIN}/search`, { body });
  const { status, json } = await search({ query: 'Name 7 of item', limit: 3 });
  assert.equal(status, 200);
  assert.deepEqual([json.count, json.hits.length], [3, 3]);
  assert.deepEqual(Object.keys(json.hits[0]).sort(), ['chunk_index',
    'content_id', 'preview', 'rank', 'service', 'similarity', 'title']);
  assert.ok(json.hits[0].similarity >= json.hits[1].similarity);
  const beta = (await search({ query: 'Name', service: 'beta' })).json;
  assert.deepEqual(beta.hits.map(({ service }) => service),
    ['beta', 'beta', 'beta']);
  assert.equal((await search({ query: 'Name', service: 'alpha', limit: 1 }))
    .json.hits[0].service, 'alpha-backend');

  for (const [body, message] of [[{}, /"query" must be/],
    [{ query: ' ' }, /"query" must be/], [{ query: 5 }, /"query" must be/],
    [{ query: 'x', limit: 0 }, /"limit" must be/],
    [{ query: 'x', limit: 1.5 }, /"limit" must be/],
    [{ query: 'x', limit: 1e6 }, /"limit" must be/],
    [{ query: 'x', service: 1 }, /"service" must be/], ['[', /JSON/]]) {
    checkError(await search(body), 400, `${ADMIN}/search`, message);
  }
  await s.end();
});
