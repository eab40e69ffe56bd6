// New rows go by COPY, and whatever stands against that makes them an upsert:
// by themselves, and through a pooler, of which a COPY that the server refuses
// must leave the connection in order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing, pooler } from './support/pooler.mjs';
import { checkStored, itemsOf, onceProven, pagesOf, TENANT, world }
  from './support/world.mjs';

const N = 120, BAD = 'item-00007';
// Rows of 36 KB, with their metadata: a transaction of 50 is sent in pieces.
const ITEMS = itemsOf(N).map((item) =>
  ({ ...item, body: `${item.body} ${'lorem '.repeat(3000)}` }));

/** A row of another writer's, with the id of one that is being embedded. */
const taken = (id) => `INSERT INTO vector_embeddings (id, tenant_id,
  microservice_id, content_type, content_id, content_text, updated_at)
  SELECT 'theirs-${id}', '${TENANT}', id, 'microservice_data', '${id}',
  'theirs', now() FROM microservices WHERE name = 'alpha'
  ON CONFLICT DO NOTHING`;

const idsOf = ({ inputs }) =>
  inputs.map((text) => text.match(/item-\d{5}/)?.[0]).filter(Boolean);

/** The table, and what happens while a request is embedded. */
const CASES = [
  { name: 'nothing', copied: N },
  { name: 'NULs in texts', copied: N, items: ITEMS.map((item, i) =>
    i % 10 ? item : { ...item, body: `a\0b ${item.body}` }) },
  { name: 'a column more, with a default', copied: N,
    sql: 'ALTER TABLE vector_embeddings ADD COLUMN extra int DEFAULT 7' },
  { name: 'ids that come meanwhile',
    meanwhile: (w, request) => w.db.script(taken(idsOf(request)[0])) },
  { name: 'a queue that has them',
    sql: `INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,
      content_id) SELECT '${TENANT}', id, '${ITEMS[3].id}' FROM microservices`,
    late: true },
  { name: 'a row that is refused', failed: 1,
    sql: `ALTER TABLE vector_embeddings ADD CHECK (content_id <> '${BAD}')` },
  { name: 'a row whose check divides by zero', failed: 1,
    sql: `ALTER TABLE vector_embeddings
      ADD CHECK (1 / (content_id <> '${BAD}')::int = 1)` },
  { name: 'a trigger', copied: 0,
    sql: `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.metadata := NEW.metadata || '{"touched": 1}';
      RETURN NEW; END $$;
      CREATE TRIGGER touch BEFORE INSERT ON vector_embeddings
      FOR EACH ROW EXECUTE FUNCTION touch()` },
];

/** A world whose table says of each row which query has written it. */
async function watched(t, { items = ITEMS, sql = '', late, meanwhile },
  servers) {
  const w = await world(t, { services: { alpha: pagesOf(items) },
    env: { KG_ENABLED: 'true' } });
  await w.done(['migrate']);
  await w.db.script(`ALTER TABLE vector_embeddings
    ADD COLUMN how text DEFAULT current_query()`);
  if (!late) await w.db.script(sql);
  let first = true;
  w.embedder.script(onceProven(async (request) => {
    if (late && first) await w.db.script(sql);
    first = false;
    if (meanwhile) await meanwhile(w, request);
    return {};
  }));
  const env = servers > 0
    ? { DATABASE_URL: (await pooler(t, w, servers)).url } : {};
  return { w, env };
}

for (const servers of [0, 1]) {
  const skip = servers > 0 && missing;
  const where = servers > 0 ? `, a pooler of ${servers}` : '';

  for (const row of CASES.filter(({ sql }) => servers === 0 || !sql
    || sql.includes('CHECK') || sql.includes('queue'))) {
    test(`new rows: ${row.name}${where}`, { skip }, async (t) => {
      const { copied, failed = 0, items = ITEMS } = row;
      const { w, env } = await watched(t, row, servers);
      const { code, result, stderr } = await w.sync({ env });
      assert.equal(code, failed > 0 ? 1 : 0, stderr);
      assert.equal(result.services[0].stored, N - failed, stderr);
      assert.equal(result.services[0].failed, failed);
      await checkStored(w, 'alpha',
        items.filter(({ id }) => failed === 0 || id !== BAD));
      assert.equal(w.embedder.embedded, N, 'each is paid for once');
      const [rows] = await w.db.rows(`SELECT
        count(*) FILTER (WHERE how LIKE '%COPY%')::int AS copied,
        count(*) FILTER (WHERE how ~ 'item-|lorem|Name'
          AND id NOT LIKE 'theirs%')::int AS quoted,
        count(*) FILTER (WHERE content_text = 'theirs')::int AS theirs,
        count(*) FILTER (WHERE written_at IS DISTINCT FROM updated_at
          OR vector_hash IS NULL)::int
          AS incomplete FROM vector_embeddings`);
      assert.deepEqual({ ...rows, copied: 0 },
        { copied: 0, quoted: 0, theirs: 0, incomplete: 0 });
      if (servers > 0) assert.equal(rows.copied, 0, 'not through a pooler');
      else if (copied !== undefined) assert.equal(rows.copied, copied);
      else assert.ok(rows.copied < N, 'some were not copied');

      const versions = await w.versions();
      const again = await w.sync({ env });
      assert.equal(again.code, 0, again.stderr);
      assert.equal(again.result.services[0].unchanged, N - failed);
      assert.deepEqual(await w.versions(), versions);
    });
  }
}
