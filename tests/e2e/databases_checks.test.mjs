// What `check` and the start find out about a database before anything is
// paid for: whether one can write, its encoding, pgvector's version, and whose
// items there are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, TENANT, until, world } from './support/world.mjs';

const TRY_LATER = 75;
const CONFIGURATION = 78;

async function small(t, env = {}) {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) },
    env: { KG_ENABLED: 'false', ...env } });
  await w.done(['migrate']);
  return w;
}

/** A role of the test's own; `drop` it before the database goes. */
async function role(w, options, grants = '') {
  const name = `r_${w.db.name}`;
  await w.db.script(`CREATE ROLE ${name} LOGIN ${options};
    ${grants.replaceAll('ROLE', name)}`);
  const url = new URL(w.db.url);
  url.username = name;
  return { url: url.href,
    drop: () => w.db.script(`DROP OWNED BY ${name}; DROP ROLE ${name}`) };
}

test('a database that takes no writes', async (t) => {
  const w = await small(t);
  const ro = await role(w, 'SUPERUSER');
  await w.db.script(`ALTER ROLE r_${w.db.name}
    SET default_transaction_read_only = on`);
  const env = { DATABASE_URL: ro.url };
  const checked = await w.run(['check'], env);
  assert.equal(checked.code, TRY_LATER, checked.stdout);
  assert.match(checked.stdout, /FAIL +database +the database is read-only/);
  const synced = await w.sync({ env });
  assert.equal(synced.code, TRY_LATER, synced.stdout);
  assert.match(synced.stdout, /default_transaction_read_only|primary/);
  const server = await serve(t, w, { env, ready: false });
  await until(async () => (await server.get('/readyz')).text
    .includes('read-only'));
  assert.equal((await server.get('/readyz')).status, 503);
  const { json } = await server.get('/health');
  assert.doesNotMatch(JSON.stringify(json.dependencies.database), /"ok"/);
  await w.db.script(`ALTER ROLE r_${w.db.name}
    RESET default_transaction_read_only`);
  await w.db.disconnectAll();
  await until(async () => (await server.get('/readyz')).status === 200);
  await server.end();
  await ro.drop();
});

test('rights that are missing', async (t) => {
  const w = await small(t);
  const app = await role(w, '', `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL
    TABLES IN SCHEMA public TO ROLE; REVOKE UPDATE ON microservices FROM ROLE;
    REVOKE DELETE ON vector_embeddings FROM ROLE`);
  const { code, stdout } = await w.run(['check'],
    { DATABASE_URL: app.url, MIGRATE_ON_START: 'false' });
  assert.equal(code, CONFIGURATION, stdout);
  assert.match(stdout, /GRANT UPDATE ON microservices, DELETE ON vector_emb/);
  await app.drop();
});

test('row security that lets nothing in', async (t) => {
  const w = await small(t);
  const app = await role(w, '', `GRANT ALL ON ALL TABLES IN SCHEMA public TO
    ROLE; ALTER TABLE vector_embeddings ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON vector_embeddings TO ROLE USING (tenant_id = 'other')`);
  const env = { DATABASE_URL: app.url, MIGRATE_ON_START: 'false' };
  for (const command of ['sync', 'check']) {
    const { code, stdout, stderr } = await w.run([command], env);
    assert.equal(code, CONFIGURATION, stdout + stderr);
    assert.match(stdout + stderr, /row-level security policy/);
    if (command === 'sync') assert.equal(w.embedder.requests.length, 0);
  }
  await app.drop();
});

/** What only a write meets: the question finds nothing wrong. */
const REFUSALS = {
  'row security': { on: `ALTER TABLE vector_embeddings ENABLE ROW LEVEL
      SECURITY`, off: `ALTER TABLE vector_embeddings DISABLE ROW LEVEL
      SECURITY`, says: /may not write.*row-level security policy/s },
  'a full disk': { on: `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE
      plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left
      on device' USING ERRCODE = '53100'; END $$; CREATE TRIGGER full_disk
      BEFORE INSERT ON vector_embeddings FOR EACH ROW EXECUTE FUNCTION
      full_disk()`, off: 'DROP TRIGGER full_disk ON vector_embeddings',
  says: /takes no writes: could not extend file/ },
};

for (const [what, { on, off, says }] of Object.entries(REFUSALS)) {
  test(`a write that is refused later on: ${what}`, async (t) => {
    const served = { items: itemsOf(3) };
    const w = await world(t, { services: { alpha: pagesOf(() => served.items) },
      env: { KG_ENABLED: 'false' } });
    await w.done(['migrate']);
    const app = await role(w, '', `GRANT ALL ON ALL TABLES IN SCHEMA public TO
      ROLE`);
    const server = await serve(t, w, { env: { DATABASE_URL: app.url,
      MIGRATE_ON_START: 'false' } });
    await w.db.script(on);
    assert.equal((await server.get('/readyz')).status, 200, 'nothing written');
    served.items = itemsOf(4);
    assert.equal((await server.triggerAsync()).status, 202);
    await until(async () => says.test((await server.get('/readyz')).text));
    assert.equal((await server.get('/readyz')).status, 503);
    await w.db.script(off);
    await until(async () => (await server.get('/readyz')).status === 200);
    assert.equal(await w.db.value(`SELECT count(*)::int FROM vector_embeddings
      WHERE id = 'batchsync-write-check'`), 0);
    await server.end();
    await app.drop();
  });
}

test('the try leaves nothing behind', async (t) => {
  const w = await small(t);
  await w.done(['check']);
  for (const table of ['tenants', 'microservices', 'vector_embeddings']) {
    assert.equal(await w.db.value(`SELECT count(*)::int FROM ${table}`), 0);
  }
});

test('a database that is not UTF8', async (t) => {
  const w = await small(t);
  const name = `${w.db.name}_l1`;
  await w.db.rows(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C'
    LC_CTYPE 'C' TEMPLATE template0`);
  const url = new URL(w.db.url);
  url.pathname = name;
  for (const command of ['check', 'sync', 'migrate']) {
    const { code, stdout, stderr } = await w.run([command],
      { DATABASE_URL: url.href });
    assert.equal(code, CONFIGURATION, command);
    assert.match(stdout + stderr, /encoded in LATIN1/);
  }
  await w.db.rows(`DROP DATABASE ${name}`);
});

test('pgvector\'s own faults are named', async (t) => {
  const w = await small(t);
  for (const [version, says, code] of [
    ['0.7.4', /FAIL +pgvector +pgvector 0.7.4 is older than 0.8/, 78],
    ['0.8.0', /warn +pgvector +0.8.0: .*CVE-2026-3172.*apt changelog/, 0],
    ['0.8.2', /warn +pgvector +0.8.2: vacuuming .*corrupt it or fail/, 0],
    ['0.8.3', /warn +pgvector +0.8.3: vacuuming .* can fail \(mended/, 0],
    ['0.8.4', undefined, 0],
  ]) {
    await w.db.rows(`UPDATE pg_extension SET extversion = $1
      WHERE extname = 'vector'`, [version]);
    const checked = await w.run(['check']);
    const library = await w.db.value(`SELECT default_version
      FROM pg_available_extensions WHERE name = 'vector'`);
    if (version < library) continue;
    assert.equal(checked.code, code, checked.stdout);
    if (says) assert.match(checked.stdout, says);
    else assert.doesNotMatch(checked.stdout, /warn +pgvector/);
    assert.match(checked.stdout, /schema +public, its tables owned by/);
    assert.match(checked.stdout, new RegExp(`pgvector ${version} in schema`));
  }
});

test('pgvector below 0.8 stops the start', async (t) => {
  const w = await small(t);
  await w.good();
  await w.db.rows(`UPDATE pg_extension SET extversion = '0.7.4'
    WHERE extname = 'vector'`);
  const checked = await w.run(['check']);
  assert.equal(checked.code, CONFIGURATION, checked.stdout);
  assert.match(checked.stdout, /FAIL +tables +pgvector 0.7.4 is older/);
  const paid = w.embedder.requests.length;
  for (const command of ['sync', 'migrate']) {
    const { code, stdout, stderr } = await w.run([command]);
    assert.equal(code, CONFIGURATION, command);
    assert.match(stdout + stderr,
      /pgvector 0.7.4 is older than 0.8: .*ALTER EXTENSION vector UPDATE;/);
  }
  assert.equal(w.embedder.requests.length, paid, 'nothing more was paid for');
});

test('whose tenant: forgotten, or another one', async (t) => {
  const w = await small(t);
  await w.good();
  const paid = w.embedder.requests.length;
  const forgotten = await w.sync({ env: { DEFAULT_TENANT_ID: undefined } });
  assert.equal(forgotten.code, CONFIGURATION, forgotten.stdout);
  assert.match(forgotten.stdout, new RegExp(`set DEFAULT_TENANT_ID=${TENANT}`));
  assert.equal(w.embedder.requests.length, paid, 'nothing more was paid for');
  const checked = await w.run(['check'], { DEFAULT_TENANT_ID: undefined });
  assert.equal(checked.code, CONFIGURATION, checked.stdout);

  const chosen = await w.sync({ env: { DEFAULT_TENANT_ID: 'another' } });
  assert.equal(chosen.code, 0, chosen.stdout);
  assert.match(chosen.stderr, /no items of tenant another yet.*tenant-7/);
  const both = await w.sync({ env: { DEFAULT_TENANT_ID: undefined } });
  assert.equal(both.code, 0, 'two others: nobody can say which');
});

test('an address of a standby', async (t) => {
  const w = await small(t);
  const client = new pg.Client({ connectionString: w.db.url });
  await client.connect();
  await client.end();
  const { code, stdout } = await w.run(['check'], { DATABASE_URL:
    `${w.db.url}?target_session_attrs=standby` });
  assert.equal(code, TRY_LATER, stdout);
});
