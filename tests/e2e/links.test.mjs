// Links that schemas declare: edges by ids, without a vector.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordVector } from './rig/embedder.mjs';
import { countsOf, pagesOf, rejecting, schemaOf, TENANT, world }
  from './support/world.mjs';

const PART = { field: 'course', service: 'courses', type: 'part_of' };
const NEEDS = { field: 'needs', service: 'lessons-service', type: 'requires' };

const lessonsSchema = (links) => schemaOf('lessons', {
  aliases: ['lessons-service'],
  data_structure: { id: 'string', body: 'text', course: 'string',
    needs: 'array' },
  title_field: undefined, url_field: undefined, ...links && { links } });

const coursesSchema = (changes) => schemaOf('courses', {
  data_structure: { id: 'string', body: 'text' }, title_field: undefined,
  url_field: undefined, ...changes });

const lesson = (n, course, needs = []) =>
  ({ id: `l${n}`, body: `lesson ${n} of ${'xyz'[n % 3]}`, course, needs });
const course = (n) => ({ id: `c${n}`, body: `course ${n}` });

/** Lessons first, so that their courses are not stored yet. */
async function school(t, { links = [PART, NEEDS], courses, ...options } = {}) {
  const served = {
    lessons: [lesson(1, 'c1'), lesson(2, 'c1', ['l1']),
      lesson(3, 'c2', ['l1', 'l2', 'nowhere']), lesson(4, null)],
    courses: [course(1), course(2)],
  };
  const w = await world(t, {
    services: Object.fromEntries(Object.keys(served).map((name) =>
      [name, pagesOf(() => served[name])])),
    schemas: [lessonsSchema(links), coursesSchema(courses)],
    embedder: { vectorOf: wordVector },
    ...options,
    env: { KG_ENABLED: 'true', EMBEDDING_DIMENSIONS: '64', ...options.env },
  });
  return Object.assign(w, { served });
}

/** "l1 part_of c1" of each declared edge, or of the computed ones. */
async function edgesOf(w, declared = true) {
  const rows = await w.db.rows(`
    SELECT substr(source_node_id, 9) || ' ' || edge_type || ' '
        || substr(target_node_id, 9) AS edge, weight::float, tenant_id
      FROM knowledge_graph_edges
     WHERE (properties->>'method' = 'declared') = ${declared}
     ORDER BY 1`);
  assert.ok(rows.every((row) => row.tenant_id === TENANT));
  if (declared) assert.ok(rows.every((row) => row.weight === 1));
  return rows.map((row) => row.edge).sort();
}

const ALL = ['l1 part_of c1', 'l2 part_of c1', 'l2 requires l1',
  'l3 part_of c2', 'l3 requires l1', 'l3 requires l2'];

const waiting = (w) => w.db.value(`SELECT count(*)::int FROM batch_sync_links
  WHERE NOT linked AND NOT pending`);

/** How everything of ours stands, so that a write is seen. */
const stamps = (w) => w.db.rows(`
  SELECT 'link ' || id AS id, xmin::text FROM batch_sync_links
  UNION ALL SELECT 'edge ' || id, xmin::text FROM knowledge_graph_edges
  UNION ALL SELECT 'node ' || id, xmin::text FROM knowledge_graph_nodes
  UNION ALL SELECT 'row ' || id, xmin::text FROM vector_embeddings ORDER BY 1`);

test('links between services, in whatever order they are synced', async (t) => {
  const w = await school(t);
  await w.good();
  assert.deepEqual(await edgesOf(w), ALL);
  assert.equal(await waiting(w), 1);
  assert.equal(w.embedder.embedded, 6);

  const before = await stamps(w);
  await w.good();
  assert.deepEqual(await stamps(w), before);

  w.served.lessons.push({ ...lesson(5), id: 'nowhere' });
  await w.good();
  assert.deepEqual(await edgesOf(w), ['l1 part_of c1', 'l2 part_of c1',
    'l2 requires l1', 'l3 part_of c2', 'l3 requires l1', 'l3 requires l2',
    'l3 requires nowhere']);
});

test('links that come with a new schema embed and rewrite nothing', async (t) => {
  const w = await school(t, { links: null });
  await w.good();
  const rows = await w.versions();
  const related = await edgesOf(w, false);
  assert.deepEqual(await edgesOf(w), []);

  w.setSchema(lessonsSchema([PART, NEEDS]));
  const result = await w.good();
  assert.equal(countsOf(result, 'lessons').unchanged, 4);
  assert.equal(w.embedder.embedded, 6);
  assert.deepEqual(await w.versions(), rows);
  assert.deepEqual(await edgesOf(w), ALL);
  assert.deepEqual(await edgesOf(w, false), related);

  w.setSchema(lessonsSchema([NEEDS]));
  await w.good();
  assert.deepEqual(await edgesOf(w),
    ALL.filter((edge) => edge.includes('requires')));

  w.setSchema(lessonsSchema(null));
  await w.good();
  assert.deepEqual(await edgesOf(w), []);
  assert.equal(await w.db.value(
    'SELECT count(*)::int FROM batch_sync_links'), 0);
  assert.equal(w.embedder.embedded, 6);
  assert.deepEqual(await w.versions(), rows);
  assert.deepEqual(await edgesOf(w, false), related);
});

test('a changed field moves its edge; others\' edges stay', async (t) => {
  const w = await school(t);
  await w.good();
  await w.db.script(`INSERT INTO knowledge_graph_edges (id, tenant_id,
      source_node_id, target_node_id, edge_type, weight, updated_at)
    VALUES ('theirs', '${TENANT}', 'content:l1', 'content:c1', 'part_of', 0.5,
      now())`);
  w.served.lessons[0] = lesson(1, 'c2');
  w.served.lessons[2] = lesson(3, 'c2', ['l4']);
  await w.good();
  assert.deepEqual(await edgesOf(w), ['l1 part_of c2', 'l2 part_of c1',
    'l2 requires l1', 'l3 part_of c2', 'l3 requires l4']);
  assert.equal(await w.db.value(`SELECT count(*)::int
    FROM knowledge_graph_edges WHERE id = 'theirs'`), 1);
});

test('an end that is deleted takes its edges along, and may come back',
  async (t) => {
    const w = await school(t, { courses: { delete_missing: true } });
    await w.good();
    w.served.courses = [course(1)];
    await w.good();
    await w.good();
    assert.deepEqual(await edgesOf(w),
      ALL.filter((edge) => !edge.endsWith('c2')));
    w.served.courses = [course(1), course(2)];
    await w.good();
    assert.deepEqual(await edgesOf(w), ALL);
  });

test('step by step, or all at once: the same edges', async (t) => {
  const grown = await school(t);
  const last = [lesson(1, 'c2', ['l3']), lesson(3, 'c9'),
    lesson(4, 'c1', ['l1', 'l6']), lesson(6, 'c2')];
  await grown.good();
  grown.served.lessons[0] = last[0];
  await grown.good();
  grown.served.lessons = last;
  await grown.good();
  grown.served.courses = [course(9), course(2)];
  await grown.good();

  const rebuilt = await school(t);
  rebuilt.served.lessons = [...last, grown.served.lessons[1]];
  rebuilt.served.courses = [course(9), course(2), course(1)];
  await rebuilt.good();
  const gone = (edge) => !edge.startsWith('l2 ');
  assert.deepEqual((await edgesOf(grown)).filter(gone),
    (await edgesOf(rebuilt)).filter(gone));
  assert.deepEqual((await edgesOf(grown)).filter(gone), ['l1 part_of c2',
    'l1 requires l3', 'l3 part_of c9', 'l4 part_of c1', 'l4 requires l1',
    'l4 requires l6', 'l6 part_of c2']);

  await grown.db.script(`DELETE FROM knowledge_graph_edges;
    DELETE FROM knowledge_graph_nodes`);
  const before = await edgesOf(rebuilt);
  await grown.good();
  assert.deepEqual((await edgesOf(grown)).filter(gone), before.filter(gone));
});

test('without a graph nothing is kept; with one, the next run links',
  async (t) => {
    const w = await school(t, { env: { KG_ENABLED: 'false' } });
    await w.good();
    assert.equal(await w.db.value(
      'SELECT count(*)::int FROM batch_sync_links'), 0);
    await w.good({ env: { KG_ENABLED: 'true' } });
    assert.deepEqual(await edgesOf(w), ALL);
    assert.equal(w.embedder.embedded, 6);
  });

test('an item that fails keeps the links of what is stored', async (t) => {
  const w = await school(t);
  await w.good();
  w.embedder.script(rejecting((text) => text.includes('poison')));
  w.served.lessons[0] = { ...lesson(1, 'c2'), body: 'poison' };
  w.served.lessons[1] = lesson(2, 'c2', ['l1']);
  const { code } = await w.sync();
  assert.equal(code, 1);
  assert.deepEqual(await edgesOf(w), ['l1 part_of c1', 'l2 part_of c2',
    ...ALL.slice(2)]);
});

test('a schema whose links are wrong stops the start and says why',
  async (t) => {
    const w = await school(t, { links: [{ ...PART, type: 'related' }] });
    const { code, stderr } = await w.run(['sync']);
    assert.equal(code, 78);
    assert.match(stderr,
      /lessons\.json:1: key .?"links.?": the type .?"related.?" is that of computed edges/);
  });
