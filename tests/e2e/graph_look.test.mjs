// An item's neighbourhood in the graph: on the command line, and over HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordVector } from './rig/embedder.mjs';
import { checkError, ISO, serve } from './support/serve.mjs';
import { pagesOf, schemaOf, TENANT, world } from './support/world.mjs';

const ADMIN = '/admin/batch-sync';

const chain = (name, links) => schemaOf(name, { aliases: [`${name}-service`],
  data_structure: { id: 'string', title: 'string', body: 'text',
    next: 'array' }, title_field: undefined, url_field: undefined, links });

const LINKS = [{ field: 'next', service: 'alpha', type: 'leads_to' }];

/** a leads to b, b to c, and so on; d and e are much alike. */
const CHAIN = [
  { id: 'a', title: 'First "of" them\nall', body: 'apples', next: ['b'] },
  { id: 'b', title: 'Second', body: 'bolts', next: ['c', 'gone'] },
  { id: 'c', title: 'Third', body: 'cups', next: ['d'] },
  { id: 'd', title: 'Fourth', body: 'red dogs in the park', next: [] },
  { id: 'e', title: 'Fifth', body: 'red dogs in the park', next: [] }];

async function linked(t, items = CHAIN, env = {}) {
  const w = await world(t, { services: { alpha: pagesOf(items) },
    schemas: [chain('alpha', LINKS)],
    embedder: { vectorOf: bodyVector },
    env: { KG_ENABLED: 'true', EMBEDDING_DIMENSIONS: '64', ...env } });
  await w.good();
  return w;
}

/** Titles and labels would make all items alike. */
const bodyVector = (text, n) =>
  wordVector(/body: (.*)/.exec(text)?.[1] ?? text, n);

const ids = (graph) => graph.nodes.map((node) => node.contentId).join('');
const arrows = (graph) => graph.edges.map((edge) =>
  `${edge.source.at(-1)}${edge.target.at(-1)} ${edge.type}`);

test('neighbours step by step', async (t) => {
  const w = await linked(t);
  const graph = async (...args) => {
    const { code, stdout, stderr } = await w.run(
      ['graph', 'alpha', ...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const one = await graph('b');
  assert.deepEqual({ ...one, nodes: ids(one), edges: arrows(one) }, {
    tenantId: TENANT, service: 'alpha', contentId: 'b', nodeId: 'content:b',
    depth: 1, nodes: 'bac', edges: ['bc leads_to', 'ab leads_to'],
    waiting: [{ type: 'leads_to', service: 'alpha', contentId: 'gone' }],
    more: false });
  assert.deepEqual(one.nodes[1], { nodeId: 'content:a', service: 'alpha',
    contentId: 'a', title: 'First "of" them\nall', depth: 1 });
  assert.deepEqual([one.edges[0].weight, one.edges[0].method], [1, 'declared']);
  assert.match(one.edges[0].linkedAt, ISO);

  assert.equal(ids(await graph('a', '--depth', '2')), 'abc');
  assert.equal(ids(await graph('a', '--depth', '5')), 'abcde');
  const near = await graph('e');
  assert.deepEqual(arrows(near), ['ed strongly_related',
    'de strongly_related']);
  assert.ok(near.edges.every(({ weight, method }) =>
    weight > 0.85 && weight <= 1 && method === 'index'));
});

test('as lines, and as DOT', async (t) => {
  const w = await linked(t);
  const lines = await w.run(['graph', 'alpha-service', 'b']);
  assert.equal(lines.code, 0, lines.stderr);
  assert.deepEqual(lines.stdout.split('\n'), ['alpha  b  Second',
    '  -> 1.00  leads_to          alpha  c  Third',
    '  <- 1.00  leads_to          alpha  a  First "of" them all',
    '  -> waits leads_to          alpha  gone  (not stored)', '']);

  const { stdout: dot } = await w.run(['graph', 'alpha', 'b', '--dot']);
  assert.deepEqual(dot.split('\n'), ['digraph batchsync {',
    '  node [shape=box];',
    '  "content:b" [label="Second\\nalpha b", style=bold];',
    '  "content:a" [label="First \\"of\\" them all\\nalpha a"];',
    '  "content:c" [label="Third\\nalpha c"];',
    '  "content:b" -> "content:c" [label="leads_to 1.00", style=bold];',
    '  "content:a" -> "content:b" [label="leads_to 1.00", style=bold];',
    '}', '']);
});

test('what is wrong is said', async (t) => {
  const w = await linked(t);
  for (const [args, code, said] of [
    [['alpha', 'nobody'], 1, /graph: there is no item nobody/],
    [['beta', 'a'], 1, /graph: there is no item a/],
    [['alpha', 'a', '--depth', '6'], 64,
      /graph: --depth must be a whole number from 1 to 5/],
    [['alpha', 'a', '--depth', 'x'], 64, /whole number from 1 to 5/],
    [['alpha'], 64, /an argument is missing/]]) {
    const outcome = await w.run(['graph', ...args]);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, said);
  }
});

test('over HTTP, for a viewer too', async (t) => {
  const w = await linked(t);
  const s = await serve(t, w,
    { env: { ADMIN_TOKEN: 'all', VIEWER_TOKEN: 'look' } });
  const path = `${ADMIN}/graph`;
  const get = (query) => s.get(`${path}?${query}`,
    { headers: { authorization: 'Bearer look' } });
  const { status, json } = await get('service=alpha&id=a&depth=3');
  assert.equal(status, 200);
  assert.equal(ids(json), 'abcd');
  checkError(await get('service=alpha&id=nobody'), 404, path, /no item/);
  checkError(await get('service=alpha'), 400, path, /"id" is missing/);
  checkError(await get('service=alpha&id=a&depth=0'), 400, path,
    /"depth" must be a whole number from 1 to 5/);
  checkError(await get('service=alpha&id=a&tenant_id=x'), 404, path, /no item/);
  await s.end();
});

test('an item that waits to be linked; at most 200 items', async (t) => {
  const many = Array.from({ length: 250 }, (_, i) =>
    ({ id: `n${i}`, title: `N ${i}`, body: `word${i}`, next: ['hub'] }));
  const hub = { id: 'hub', title: 'Hub', body: 'hub', next: [] };
  const w = await linked(t, [...many, hub], { KG_ENABLED: 'false' });
  const show = async (...args) => JSON.parse((await w.run(
    ['graph', 'alpha', 'hub', '--json', ...args])).stdout);
  const before = await show();
  assert.deepEqual([before.nodeId, before.nodes, before.edges],
    [null, [], []]);
  assert.match((await w.run(['graph', 'alpha', 'hub'])).stdout,
    /stored and waits to be linked/);
  await w.good({ env: { KG_ENABLED: 'true' } });
  const after = await show();
  assert.equal(after.nodes.length, 200);
  assert.equal(arrows(after).filter((arrow) =>
    arrow.endsWith('b leads_to')).length, 199);
  assert.equal(after.more, true);
  assert.equal((await show('--depth', '2')).nodes.length, 200);
});

test('a run says how linking goes on: over HTTP and in the terminal',
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(Array.from(
      { length: 600 }, (_, i) => ({ id: `i${i}`, title: `Title ${i}`,
        body: 'red dogs in the park', next: [] }))) },
    schemas: [chain('alpha', [])], embedder: { vectorOf: bodyVector } });
    const s = await serve(t, w, { env: { KG_ENABLED: 'true',
      EMBEDDING_DIMENSIONS: '64', BATCH_SYNC_TRIES: '100' } });
    const url = `http://127.0.0.1:${s.port}`;
    const blocker = await w.db.connect();
    await blocker.query('BEGIN; LOCK TABLE knowledge_graph_edges IN SHARE MODE');
    await s.trigger();
    const { runs: [{ id }] } = (await s.get(`${ADMIN}/runs`)).json;
    const linking = async () => (await s.get(`${ADMIN}/runs/${id}`)).json.linking;
    await s.program.until(async () => (await linking())?.queued === 600,
      'linking');
    assert.equal((await linking()).method, 'exact');
    const shown = () => w.run(['run', id],
      { DATABASE_URL: '', BATCHSYNC_URL: url });
    assert.match((await shown()).stdout,
      /\n {2}linking, exact: [\d,]+\/s, 600 items wait\n/);
    await blocker.query('ROLLBACK');
    blocker.release();
    await s.program.until(async () => await linking() === null, 'the end');
    assert.doesNotMatch((await shown()).stdout, /linking/);
    await s.end();
  });
