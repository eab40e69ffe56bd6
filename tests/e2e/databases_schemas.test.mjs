// Tables in a schema that only DATABASE_URL names, beside another program's in
// the usual one; and the places in which nothing may be made.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, TENANT, world } from './support/world.mjs';

const CONFIGURATION = 78;
const OURS = `SELECT count(*)::int FROM pg_tables
  WHERE tablename LIKE 'batch_sync%' AND schemaname = 'public'`;

const state = (w) => w.db.value(`SELECT md5(string_agg(line, '|' ORDER BY line))
  FROM (SELECT attrelid::regclass || ' ' || attname AS line FROM pg_attribute
    WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class
      WHERE relnamespace = 'public'::regnamespace)
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public') l`);

/** Another program's tables, in public; nobody has handed them over. */
const OTHERS = `CREATE TABLE tenants (id text PRIMARY KEY, name text);
  CREATE TABLE vector_embeddings (id text PRIMARY KEY, content_text text);
  INSERT INTO tenants VALUES ('theirs', 'theirs')`;

for (const [what, name] of [['a plain one', 'app'],
  ['one with odd characters', 'My "App" o\'clock']]) {
  test(`everything works in ${what}`, async (t) => {
    const served = { items: itemsOf(1200) };
    const w = await world(t, { services: { alpha: pagesOf(() => served.items) },
      schemas: undefined, env: { KG_ENABLED: 'true' } });
    w.setSchema({ ...(await import('./support/world.mjs')).schemaOf('alpha'),
      delete_missing: true });
    const quoted = `"${name.replaceAll('"', '""')}"`;
    await w.db.script(`CREATE SCHEMA ${quoted}; ${OTHERS}`);
    const before = await state(w);
    const env = { DATABASE_URL:
      `${w.db.url}?schema=${encodeURIComponent(name)}` };

    const first = await w.good({ env });
    assert.equal(first.services[0].stored, 1200);
    const rows = (table, where = 'true') => w.db.value(
      `SELECT count(*)::int FROM ${quoted}.${table} WHERE ${where}`);
    assert.equal(await rows('vector_embeddings'), 1200);
    assert.equal(await rows('knowledge_graph_nodes'), 1200);
    assert.equal(await rows('tenants', `id = '${TENANT}'`), 1);
    assert.equal(await w.db.value(`SELECT count(*)::int FROM pg_indexes
      WHERE indexname = 'idx_vector_embeddings_embedding_hnsw'
      AND schemaname = $1`, [name]), 1);

    served.items = served.items.slice(0, 1100);
    await w.good({ env });
    const third = await w.good({ env });
    assert.equal(third.services[0].deleted, 100, JSON.stringify(third));
    assert.equal(await rows('knowledge_graph_nodes'), 1100);
    const found = await w.run(['search', 'Body 7', '--json'], env);
    assert.equal(JSON.parse(found.stdout).length, 10, found.stderr);
    const checked = await w.run(['check'], env);
    assert.equal(checked.code, 0, checked.stdout);
    const server = await serve(t, w, { env });
    const runs = await server.get('/admin/batch-sync/runs');
    assert.equal(runs.json.runs.length, 3);
    await server.end();
    assert.equal(await w.db.value(OURS), 0, 'nothing of ours in public');
    assert.equal(await state(w), before, 'theirs is as it was');
  });
}

test('a schema that is not there stops everything', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  for (const query of ['schema=nowhere', 'search_path=nowhere',
    'options=-c%20search_path%3Dnowhere']) {
    for (const command of ['sync', 'migrate', 'check']) {
      const { code, stdout, stderr } = await w.run([command],
        { DATABASE_URL: `${w.db.url}?${query}` });
      assert.equal(code, CONFIGURATION, `${command} ${query}`);
      assert.match(stdout + stderr, /CREATE SCHEMA NAME AUTHORIZATION/);
    }
  }
  assert.equal(await w.db.value(OURS), 0);
});

test('two schemas with the table: one has to be named', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) },
    env: { KG_ENABLED: 'false' } });
  await w.db.script(`CREATE SCHEMA a; CREATE SCHEMA b;
    CREATE TABLE a.vector_embeddings (); CREATE TABLE b.vector_embeddings ()`);
  const { code, stdout } = await w.sync({ env: { DATABASE_URL:
    `${w.db.url}?search_path=a,b` } });
  assert.equal(code, CONFIGURATION);
  assert.match(stdout, /several schemas of the search_path \(a, b\)/);
  await w.good({ env: { DATABASE_URL: `${w.db.url}?schema=public` } });
});

test('triggers of the tables keep the role\'s search_path', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(5)) },
    env: { KG_ENABLED: 'false' } });
  await w.db.script('CREATE SCHEMA app');
  const env = { DATABASE_URL: `${w.db.url}?schema=app` };
  await w.done(['migrate'], env);
  await w.db.script(`CREATE TABLE public.audit (id text);
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO audit VALUES (NEW.content_id); RETURN NEW; END $$;
    CREATE TRIGGER note AFTER INSERT ON app.vector_embeddings FOR EACH ROW
      EXECUTE FUNCTION public.note()`);
  await w.good({ env });
  assert.equal(await w.db.value('SELECT count(*)::int FROM public.audit'), 5);
});
