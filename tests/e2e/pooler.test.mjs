// Behind PgBouncer in transaction mode, where two statements may meet two
// different servers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { missing as skip, pooler } from './support/pooler.mjs';
import { checkStored, faults, itemsOf, onceProven, pagesOf, world }
  from './support/world.mjs';

for (const servers of [1, 3]) {
  test(`a sync through a pooler of ${servers}`, { skip }, async (t) => {
    const items = itemsOf(400);
    const served = { items };
    const w = await world(t, { services: {
      alpha: pagesOf(() => served.items),
      beta: pagesOf(itemsOf(30, 1, 'beta')),
    }, env: { BATCH_SYNC_LIMIT: '150', BATCH_SYNC_CHUNK_SIZE: '10' } });
    const { url, ask } = await pooler(t, w, servers);
    const env = { DATABASE_URL: `${url}?pgbouncer=true` };

    const migrated = await w.run(['migrate'], env);
    assert.equal(migrated.code, 0, migrated.stderr);
    const first = await w.good({ env });
    assert.deepEqual(first.services.map((s) => s.stored), [400, 30]);
    await checkStored(w, 'alpha', items);
    const [stats] = (await ask('SHOW STATS'))
      .filter((row) => row.database === w.db.name);
    assert.ok(Number(stats.total_xact_count) > 43, 'it went through there');

    const versions = await w.versions();
    const second = await w.good({ env });
    assert.deepEqual(second.services.map((s) => s.unchanged), [400, 30]);
    assert.deepEqual(await w.versions(), versions);

    served.items = items.map((item, i) =>
      i % 4 === 0 ? { ...item, body: 'changed' } : item);
    const third = await w.good({ env });
    assert.equal(third.services[0].stored, 100);
    await checkStored(w, 'alpha', items);
    const found = await w.run(['search', 'changed', '--json'], env);
    assert.equal(JSON.parse(found.stdout).length, 10, found.stderr);
    const checked = await w.run(['check'], env);
    assert.equal(checked.code, 0, checked.stdout);
  });
}

test('the vector index is built without settings of a session', { skip },
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(1100)) },
      env: { KG_ENABLED: 'true' } });
    await w.db.script(`ALTER DATABASE "${w.db.name}"
      SET maintenance_work_mem = '1MB'`);
    const { url } = await pooler(t, w, 2);
    const { code, stderr } = await w.sync({ env: { DATABASE_URL: url } });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /1 MiB of memory, 0 workers; behind a pooler only/);
    assert.equal(await w.db.value(`SELECT count(*)::int FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      WHERE m.amname = 'hnsw' AND indisvalid`), 1);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (let i = 0; i < 10; i++) {
      const { rows } = await client.query('SHOW maintenance_work_mem');
      assert.deepEqual(rows, [{ maintenance_work_mem: '1MB' }]);
    }
    await client.end();
  });

test('a pooled server is never held by a run that waits', { skip },
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(60)) } });
    const { url, ask } = await pooler(t, w, 1);
    w.embedder.script(onceProven(faults.hang()));
    const run = w.begin({ env: { DATABASE_URL: url,
      BATCH_SYNC_GRACE_SECONDS: '1' } });
    await run.until(() => w.embedder.requests.length >= 2, 'its requests');
    // The only server is free for others meanwhile.
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    assert.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1);
    await client.end();
    const [pool] = (await ask('SHOW POOLS'))
      .filter((row) => row.database === w.db.name);
    assert.equal(Number(pool.sv_active), 0);
    const { code } = await run.stop(30_000);
    assert.equal(code, 1);
    w.embedder.script();
    await w.good({ env: { DATABASE_URL: url } });
    await checkStored(w, 'alpha', itemsOf(60));
  });

test('a schema in options that the pooler does not take', { skip },
  async (t) => {
    const items = itemsOf(30);
    const w = await world(t, { services: { alpha: pagesOf(items) },
      env: { KG_ENABLED: 'false' } });
    await w.db.script(`CREATE SCHEMA app; CREATE TABLE public.vector_embeddings
      (id text); CREATE TABLE public.tenants (id text)`);
    const { url, ask } = await pooler(t, w, 2);
    for (const options of ['-csearch_path=app', '-c search_path=app',
      '--search_path=app -c statement_timeout=5000']) {
      const env = { DATABASE_URL:
        `${url}?options=${encodeURIComponent(options)}` };
      for (const command of ['migrate', 'sync', 'check']) {
        const { code, stdout, stderr } = await w.run([command], env);
        assert.equal(code, 0, `${command} ${options} ${stdout}${stderr}`);
      }
    }
    assert.equal(await w.db.value(`SELECT count(*)::int
      FROM app.vector_embeddings`), 30);
    const [stats] = (await ask('SHOW STATS'))
      .filter((row) => row.database === w.db.name);
    assert.ok(Number(stats.total_xact_count) > 10, 'it went through there');

    const { code, stdout, stderr } = await w.run(['sync'], { DATABASE_URL:
      `${url}?options=${encodeURIComponent('-csearch_path=app -cwork_mem=9MB')}`
    });
    assert.equal(code, 78, stdout);
    assert.match(stdout + stderr, /unsupported startup parameter/);
    assert.match(stdout + stderr, /\?schema=NAME.*ALTER ROLE/);
  });
