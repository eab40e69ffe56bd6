// vector_embeddings partitioned by somebody: adopted where one item can be one
// row in all partitions, else refused with what stands in the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, itemsOf, pagesOf, schemaOf, TENANT, world }
  from './support/world.mjs';

const CONFIGURATION = 78;

/** Our own tables gone, and the vectors' made anew with such partitions. */
const partitioned = (by, partitions) => `
  DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class
    WHERE relname LIKE 'batch\\_sync%' AND relkind = 'r' LOOP
    EXECUTE format('DROP TABLE %I CASCADE', t); END LOOP; END $$;
  ALTER TABLE vector_embeddings RENAME TO plain;
  ALTER TABLE plain DROP embed_hash, DROP row_hash, DROP written_at,
    DROP vector_hash, DROP repairs;
  CREATE TABLE vector_embeddings (LIKE plain INCLUDING DEFAULTS)
    PARTITION BY ${by};
  DROP TABLE plain;
  ${partitions.map((bounds, i) => `CREATE TABLE part_${i} PARTITION OF
    vector_embeddings ${bounds};`).join('\n')}`;

async function deployment(t, by, partitions) {
  const served = { items: itemsOf(60) };
  const w = await world(t, { services: { alpha: pagesOf(() => served.items) },
    env: { KG_ENABLED: 'true', BATCH_SYNC_LIMIT: '20' } });
  w.setSchema({ ...schemaOf('alpha'), delete_missing: true });
  await w.done(['migrate']);
  await w.db.script(partitioned(by, partitions));
  return { w, served };
}

const HALVES = ['FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
  'FOR VALUES WITH (MODULUS 2, REMAINDER 1)'];

const ADOPTED = {
  'LIST (tenant_id)': [`FOR VALUES IN ('${TENANT}')`, 'DEFAULT'],
  'HASH (tenant_id)': HALVES,
  'HASH (content_id)': HALVES,
  'LIST (microservice_id)': ['DEFAULT'],
  'RANGE (tenant_id, content_id)': [`FOR VALUES FROM (MINVALUE, MINVALUE) TO
    ('${TENANT}', 'item-00030')`, 'DEFAULT'],
};

for (const [by, partitions] of Object.entries(ADOPTED)) {
  test(`adopted: ${by}`, async (t) => {
    const { w, served } = await deployment(t, by, partitions);
    assert.equal((await w.sync()).code, CONFIGURATION, 'nobody was asked');
    const { code, stdout, stderr } = await w.run(['migrate']);
    assert.equal(code, 0, stdout + stderr);
    const first = await w.good();
    assert.equal(first.services[0].stored, 60);
    await checkStored(w, 'alpha', served.items);
    const paid = w.embedder.requests.length;
    const versions = await w.versions();
    assert.equal((await w.good()).services[0].unchanged, 60);
    assert.deepEqual(await w.versions(), versions);
    assert.equal(w.embedder.requests.length, paid);

    served.items = [{ ...served.items[0], name: 'another name' },
      { ...served.items[1], seen: '2025-12-18T15:00:00Z' },
      ...served.items.slice(2, 55)];
    const third = (await w.good()).services[0];
    assert.deepEqual([third.stored, third.embedded, third.unchanged],
      [2, 1, 53]);
    assert.equal((await w.good()).services[0].deleted, 5);
    await checkStored(w, 'alpha', served.items);
    assert.equal(await w.db.value(
      'SELECT count(*)::int FROM knowledge_graph_nodes'), 55);
    const found = await w.run(['search', 'another name', '--json']);
    assert.equal(JSON.parse(found.stdout).length, 10, found.stderr);
    const checked = await w.run(['check']);
    assert.equal(checked.code, 0, checked.stdout);
  });
}

const REFUSED = {
  'HASH (id)': [HALVES, /partitioned by HASH \(id\).*only columns of/],
  'RANGE (created_at)': [['DEFAULT'], /partitioned by RANGE \(created_at\)/],
  'LIST (content_type)': [['DEFAULT'], /partitioned by LIST \(content_type\)/],
  'LIST (lower(tenant_id))': [['DEFAULT'], /by LIST \(lower\(tenant_id\)\)/],
  'LIST (tenant_id)': [['DEFAULT PARTITION BY RANGE (created_at)'],
    /part_0 is partitioned by RANGE \(created_at\)/],
};

for (const [by, [partitions, says]] of Object.entries(REFUSED)) {
  test(`refused: ${by} ${partitions}`, async (t) => {
    const { w } = await deployment(t, by, partitions);
    for (const args of [['migrate', '--dry-run'], ['migrate']]) {
      const { code, stdout, stderr } = await w.run(args);
      assert.equal(code, CONFIGURATION, stdout + stderr);
      assert.match(stdout, says);
      assert.match(stderr, says);
    }
    assert.equal(await w.db.value(`SELECT count(*)::int FROM pg_class
      WHERE relname LIKE 'batch_sync%'`), 0);
  });
}

test('refused: ids that repeat in several partitions', async (t) => {
  const { w } = await deployment(t, ...Object.entries(ADOPTED)[0]);
  await w.db.script(`INSERT INTO tenants (id, name, updated_at) VALUES
      ('${TENANT}', 'a', now()), ('other', 'b', now());
    INSERT INTO microservices (id, tenant_id, name, service_id, updated_at)
      SELECT id, id, 'x', 'x-' || id, now() FROM tenants;
    INSERT INTO vector_embeddings (id, tenant_id, microservice_id, content_id,
      content_type, content_text, updated_at)
      SELECT '1', id, id, 'c', 'other', '', now() FROM tenants`);
  const { code, stdout, stderr } = await w.run(['migrate']);
  assert.notEqual(code, 0);
  assert.match(stdout + stderr, /several rows of vector_embeddings have the same/);
});

test('a tenant without a partition is told before anything is paid for',
  async (t) => {
    const { w } = await deployment(t, 'LIST (tenant_id)',
      [`FOR VALUES IN ('other')`]);
    await w.done(['migrate']);
    for (const command of ['check', 'sync']) {
      const paid = w.embedder.requests.length;
      const { code, stdout, stderr } = await w.run([command]);
      assert.equal(code, CONFIGURATION, stdout + stderr);
      assert.match(stdout + stderr, new RegExp(`no partition for the tenant .*${
        ''}\\(tenant_id\\) = \\(${TENANT}\\)`));
      if (command === 'sync') assert.equal(w.embedder.requests.length, paid);
    }
  });
