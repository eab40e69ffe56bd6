// Forgetting an item: nothing of it is left, and nothing else is touched.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkError, serve } from './support/serve.mjs';
import { countsOf, itemsOf, pagesOf, schemaOf, until, world }
  from './support/world.mjs';

const ID = 'item-00003';
const ALIKE = 'The same words for all of them';

/** Every table with a column that may name an item. */
const traces = (w, id) => w.db.rows(`
  SELECT * FROM (
    SELECT 'row' AS what, count(*)::int AS n FROM vector_embeddings
      WHERE content_id = $1
    UNION ALL SELECT 'node', count(*)::int FROM knowledge_graph_nodes
      WHERE node_id LIKE 'content:%' || $1
    UNION ALL SELECT 'edge', count(*)::int FROM knowledge_graph_edges
      WHERE source_node_id LIKE '%' || $1 OR target_node_id LIKE '%' || $1
    UNION ALL SELECT 'letter', count(*)::int FROM batch_sync_dead_letters
      WHERE content_id = $1 OR payload LIKE '%' || $1 || '%'
    UNION ALL SELECT 'mark', count(*)::int FROM batch_sync_seen
      WHERE content_id = $1
    UNION ALL SELECT 'queued', count(*)::int FROM batch_sync_link_queue
      WHERE content_id = $1
    UNION ALL SELECT 'link', count(*)::int FROM batch_sync_links
      WHERE content_id = $1) t WHERE n > 0`, [id]).then((rows) =>
  Object.fromEntries(rows.map(({ what, n }) => [what, n])));

/** Items that are linked to each other; one is long, and had a dead letter. */
async function filled(t, env) {
  const items = itemsOf(8).map((item) => ({ ...item, name: ALIKE,
    body: item.id === ID ? `${`${ALIKE}. `.repeat(3000)}` : ALIKE }));
  const schema = schemaOf('alpha', { delete_missing: true,
    aliases: ['alpha-service'] });
  const w = await world(t, { services: { alpha: pagesOf(items) },
    schemas: [schema], env: { KG_ENABLED: 'true', ...env } });
  await w.good();
  await w.db.script(`INSERT INTO batch_sync_dead_letters (tenant_id, service,
    digest, content_id, reason, payload) VALUES ('tenant-7', 'alpha', 'x',
    '${ID}', 'too long once', '{"id":"${ID}"}');
    INSERT INTO batch_sync_link_queue (tenant_id, microservice_id, content_id)
    SELECT tenant_id, id, '${ID}' FROM microservices`);
  const before = await traces(w, ID);
  for (const what of ['row', 'node', 'letter', 'mark', 'queued']) {
    assert.ok(before[what] > 0, `there is a ${what}: ${JSON.stringify(before)}`);
  }
  assert.ok(before.row > 1, 'it has pieces');
  return { w, items, before };
}

const others = (w) => w.db.rows(`SELECT 'row' AS what, id, xmin::text
  FROM vector_embeddings WHERE content_id <> '${ID}' UNION ALL
  SELECT 'node', id, xmin::text FROM knowledge_graph_nodes
  WHERE node_id NOT LIKE '%${ID}' ORDER BY 1, 2`);

test('forget removes every trace of an item, and it comes back with its source',
  async (t) => {
    const { w, before } = await filled(t);
    const rest = await others(w);
    const { code, stdout, stderr } = await w.run(
      ['forget', 'alpha-service', ID, '--json']);
    assert.equal(code, 0, stderr);
    const { removed, ...what } = JSON.parse(stdout);
    assert.deepEqual(what, { service: 'alpha', contentId: ID });
    assert.deepEqual([removed.rows, removed.nodes, removed.edges,
      removed.deadLetters, removed.marks, removed.queued],
    [before.row, before.node, before.edge ?? 0, before.letter, before.mark,
      before.queued]);
    assert.deepEqual(await traces(w, ID), {});
    assert.deepEqual(await others(w), rest);
    const again = await w.run(['forget', 'alpha', ID]);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /^removed: rows: 0, nodes: 0, edges: 0/);
    const counts = countsOf(await w.good());
    assert.deepEqual([counts.stored, counts.unchanged], [1, 7]);
    assert.equal((await traces(w, ID)).row, before.row);
  });

const PATH = '/admin/batch-sync/items';
const of = (id) => `${PATH}?service=alpha&id=${id}`;

test('DELETE of an item: for admins, and not while a run is under way',
  async (t) => {
    const { w, before } = await filled(t,
      { ADMIN_TOKEN: 'a'.repeat(20), VIEWER_TOKEN: 'v'.repeat(20) });
    const server = await serve(t, w);
    const as = (token) => ({ headers: { authorization:
      `Bearer ${token.repeat(20)}` } });
    checkError(await server.call('DELETE', of(ID), as('v')), 403, PATH, /./);
    checkError(await server.call('DELETE', of(ID)), 401, PATH, /./);
    checkError(await server.call('DELETE', `${PATH}?service=alpha`, as('a')),
      400, PATH, /"id" is missing/);
    await w.db.script(`UPDATE batch_sync_runs SET status = 'running',
      expires_at = now() + interval '1 h'`);
    checkError(await server.call('DELETE', of(ID), as('a')), 409, PATH,
      /is under way and may be storing the item; nothing was deleted/);
    const busy = await w.run(['forget', 'alpha', ID]);
    assert.equal(busy.code, 75, busy.stderr);
    assert.equal((await traces(w, ID)).row, before.row);
    await w.db.script("UPDATE batch_sync_runs SET status = 'success'");
    const { status, json, text } = await server.call('DELETE', of(ID), as('a'));
    assert.equal(status, 200, text);
    assert.equal(json.removed.rows, before.row);
    await until(async () => Object.keys(await traces(w, ID)).length === 0,
      'no trace to be left', 20_000);
    const { status: none } = await server.get(of(ID), as('a'));
    assert.equal(none, 404);
    await server.end();
  });
