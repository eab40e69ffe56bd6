// What a single row causes, in a database that is not ours alone: somebody's
// index, a trigger, row security. The row is set aside, its neighbours pass.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemsOf, pagesOf, TENANT, world } from './support/world.mjs';

const count = (w, table = 'vector_embeddings') =>
  w.db.value(`SELECT count(*)::int FROM ${table}`);

async function small(t, items, env = {}) {
  const w = await world(t, { services: { alpha: pagesOf(items) },
    env: { KG_ENABLED: 'false', BATCH_SYNC_LIMIT: '20', ...env } });
  await w.done(['migrate']);
  return w;
}

const guard = (when, what) => `CREATE FUNCTION guard() RETURNS trigger
  LANGUAGE plpgsql AS $$ BEGIN IF ${when} THEN ${what} END IF; RETURN NEW; END
  $$; CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON vector_embeddings
  FOR EACH ROW EXECUTE FUNCTION guard()`;

const POISONS = {
  'an index that takes no value so long (54000)': {
    sql: `CREATE INDEX ON vector_embeddings ((metadata->>'name'))`,
    change: (item) => { item.name = Array.from({ length: 3000 }, (_, i) =>
      String.fromCodePoint(0x4e00 + i * 7919 % 20000)).join(''); },
    says: /index row requires/,
  },
  'a trigger that raises (P0001)': {
    sql: guard(`NEW.content_id = 'item-00030'`,
      `RAISE EXCEPTION 'not allowed here: %', NEW.content_id;`),
    says: /not allowed here: item-00030/,
  },
  'a trigger that raises as if nobody had the right (28000)': {
    sql: guard(`NEW.content_id = 'item-00030'`,
      `RAISE EXCEPTION 'not yours' USING ERRCODE = '28000';`),
    says: /not yours/,
  },
  'a trigger that raises as if the transaction were at fault (25000)': {
    sql: guard(`NEW.content_id = 'item-00030'`,
      `RAISE EXCEPTION 'not now' USING ERRCODE = '25000';`),
    says: /not now/,
  },
  'a trigger that leaves the row out': {
    sql: guard(`NEW.content_id = 'item-00030'`, 'RETURN NULL;'),
    says: /left out or given another id by a trigger/,
  },
  'a trigger that changes the id': {
    sql: guard(`NEW.content_id = 'item-00030'`, `NEW.content_id := 'other';`),
    says: /left out or given another id by a trigger/,
    rows: 60,
  },
};

for (const [what, { sql, change, says, rows = 59 }] of Object.entries(POISONS)) {
  test(what, async (t) => {
    const items = itemsOf(60);
    change?.(items[29]);
    const w = await small(t, items);
    await w.db.script(sql);
    const { code, stdout } = await w.sync();
    assert.equal(code, 1, stdout);
    const json = JSON.parse(stdout);
    const [alpha] = json.services;
    assert.deepEqual([alpha.stored, alpha.failed], [59, 1]);
    assert.equal(await count(w), rows);
    const letters = await w.db.rows('SELECT * FROM batch_sync_dead_letters');
    assert.deepEqual(letters.map((l) => l.content_id), ['item-00030']);
    assert.match(letters[0].reason, says);
    const paid = w.embedder.requests.flatMap((r) => r.inputs ?? []).length;
    const again = await w.sync();
    assert.equal(again.code, 0, again.stdout);
    assert.equal(w.embedder.requests.flatMap((r) => r.inputs ?? []).length,
      paid, 'nothing is paid for again');
  });
}

const ALTERED = {
  'the text': { then: `NEW.content_text := upper(NEW.content_text);`,
    says: /changed 1 item as it was stored: item-00030 \(text\)/ },
  'metadata and vector': { then: `NEW.metadata := NEW.metadata || '{"x":1}';
      NEW.embedding := (NEW.embedding::real[])::vector * NEW.embedding;`,
    says: /changed 1 item.*: item-00030 \(metadata, vector\)/ },
  'the text, afterwards': { then: `UPDATE vector_embeddings SET content_text =
      '-' WHERE id = NEW.id AND content_text <> '-';`, after: true,
    says: /changed 1 item.*: item-00030 \(text\)/ },
  'when it was written': { then: `NEW.updated_at := '2000-01-01';` },
};

for (const [what, { then, after, says }] of Object.entries(ALTERED)) {
  test(`a trigger that changes ${what}`, async (t) => {
    const w = await small(t, itemsOf(60));
    const sql = guard(`NEW.content_id = 'item-00030'`, then);
    await w.db.script(after ? sql.replace('BEFORE', 'AFTER') : sql);
    const { stdout, stderr, code } = await w.sync();
    assert.equal(code, 0, stdout);
    const json = JSON.parse(stdout);
    const [alpha] = json.services;
    assert.deepEqual([alpha.stored, alpha.failed, alpha.altered, json.altered],
      says ? [60, 0, 1, 1] : [60, 0, undefined, undefined]);
    if (says) {
      assert.match(alpha.warnings.join(), says);
      assert.match(stderr, says);
    } else {
      assert.equal(alpha.warnings, undefined);
      assert.doesNotMatch(stderr, /a trigger of/);
    }
    const paid = w.embedder.requests.length;
    const again = JSON.parse((await w.sync()).stdout);
    assert.equal(again.services[0].unchanged, 60);
    assert.equal(w.embedder.requests.length, paid);
  });
}

test('many rows that a trigger changes: the first are named', async (t) => {
  const w = await small(t, itemsOf(60));
  await w.db.script(guard('true', `NEW.metadata := '{}';`));
  const [alpha] = (await w.good()).services;
  assert.deepEqual([alpha.stored, alpha.altered], [60, 60]);
  assert.match(alpha.warnings.join(),
    /changed 60 items as .* stored, among them: item-00001 \(metadata\)/);
});

/** A change of the metadata that the text does not show. */
const SAME_DAY = { seen: '2025-12-18T15:00:00Z' };

for (const [what, { sql, rows, changes }] of Object.entries({
  'a trigger that keeps a row as it was': { rows: 60,
    changes: ['text', 'metadata'], sql: `CREATE
    FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.content_id = 'item-00030' THEN RETURN NULL; END IF; RETURN NEW;
    END $$; CREATE TRIGGER keep BEFORE UPDATE ON vector_embeddings
    FOR EACH ROW EXECUTE FUNCTION keep()` },
  'a trigger that deletes a row it has seen': { rows: 59,
    changes: ['text'], sql: `CREATE
    FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      DELETE FROM vector_embeddings WHERE id = NEW.id AND content_id =
      'item-00030'; RETURN NULL; END $$; CREATE TRIGGER gone AFTER INSERT OR
    UPDATE ON vector_embeddings FOR EACH ROW EXECUTE FUNCTION gone()` },
})) {
  for (const change of changes) {
    test(`${what}: its ${change} changes`, async (t) => {
      const served = { items: itemsOf(60) };
      const w = await small(t, () => served.items);
      await w.good();
      await w.db.script(sql);
      served.items = served.items.map((item) => ({ ...item,
        ...(change === 'text' ? { name: `${item.name} again` } : SAME_DAY) }));
      const { code, stdout } = await w.sync();
      assert.equal(code, 1, stdout);
      const [alpha] = JSON.parse(stdout).services;
      assert.deepEqual([alpha.stored, alpha.failed], [59, 1], stdout);
      const [letter] = await w.db.rows('SELECT * FROM batch_sync_dead_letters');
      assert.equal(letter.content_id, 'item-00030');
      assert.match(letter.reason, /left out/);
      assert.equal(await count(w), rows);
      const paid = w.embedder.requests.length;
      assert.equal((await w.sync()).code, 0);
      assert.equal(w.embedder.requests.length, paid);
    });
  }
}

test('row security that hides one row', async (t) => {
  const w = await small(t, itemsOf(60));
  const role = `rls_${w.db.name}`;
  await w.db.script(`CREATE ROLE ${role} LOGIN;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
    ALTER TABLE vector_embeddings ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON vector_embeddings TO ${role}
      USING (content_id <> 'item-00030')`);
  const url = new URL(w.db.url);
  url.username = role;
  const { code, stdout } = await w.sync({ env: { DATABASE_URL: url.href,
    MIGRATE_ON_START: 'false' } });
  await w.db.script(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  assert.equal(code, 1, stdout);
  const json = JSON.parse(stdout);
  assert.deepEqual([json.services[0].stored, json.services[0].failed], [59, 1]);
  assert.equal(await count(w), 59);
});

test('row security that hides one row from updates alone', async (t) => {
  const served = { items: itemsOf(60) };
  const w = await small(t, () => served.items);
  const role = `rls_${w.db.name}`;
  await w.good();
  await w.db.script(`CREATE ROLE ${role} LOGIN;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
    ALTER TABLE vector_embeddings ENABLE ROW LEVEL SECURITY;
    CREATE POLICY r ON vector_embeddings FOR SELECT TO ${role} USING (true);
    CREATE POLICY i ON vector_embeddings FOR INSERT TO ${role}
      WITH CHECK (true);
    CREATE POLICY d ON vector_embeddings FOR DELETE TO ${role} USING (true);
    CREATE POLICY u ON vector_embeddings FOR UPDATE TO ${role}
      USING (content_id <> 'item-00030')`);
  const url = new URL(w.db.url);
  url.username = role;
  served.items = served.items.map((item) => ({ ...item, ...SAME_DAY }));
  const { code, stdout } = await w.sync({ env: { DATABASE_URL: url.href,
    MIGRATE_ON_START: 'false' } });
  await w.db.script(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  assert.equal(code, 1, stdout);
  const [alpha] = JSON.parse(stdout).services;
  assert.deepEqual([alpha.stored, alpha.failed, alpha.embedded], [59, 1, 0]);
  const letters = await w.db.rows('SELECT * FROM batch_sync_dead_letters');
  assert.deepEqual(letters.map((l) => l.content_id), ['item-00030']);
});

test('more than 50 rows are the table\'s fault', async (t) => {
  const w = await small(t, itemsOf(200));
  await w.db.script(guard(`NEW.content_id ~ '[05]$' OR NEW.content_id ~ '2$'`,
    `RAISE EXCEPTION 'no %', NEW.content_id;`));
  const { code, stdout } = await w.sync();
  assert.notEqual(code, 0);
  assert.match(stdout, /the table is at fault: the database refused 51 of/);
  assert.ok(await count(w) < 200);
});

test('what is refused of all alike stops the run', async (t) => {
  const w = await small(t, itemsOf(60));
  await w.db.script(guard('true', `RAISE EXCEPTION 'closed';`));
  const { code, stdout } = await w.sync();
  assert.notEqual(code, 0);
  assert.match(stdout, /refused alike.*closed/);
  assert.equal(await count(w, 'batch_sync_dead_letters'), 0);
});

test('a domain that another tenant has', async (t) => {
  const w = await small(t, itemsOf(3));
  await w.db.script(`INSERT INTO tenants (id, name, domain, updated_at)
    VALUES ('theirs', 'Theirs', '${TENANT}', now())`);
  await w.good();
  assert.equal(await w.db.value(`SELECT coalesce(domain, 'none') FROM tenants
    WHERE id = '${TENANT}'`), 'none');
  await w.db.script(`DELETE FROM vector_embeddings; DELETE FROM microservices;
    DELETE FROM tenants WHERE id = '${TENANT}';
    ALTER TABLE tenants ALTER domain SET NOT NULL`);
  const { stdout, code } = await w.sync();
  assert.notEqual(code, 0);
  assert.match(stdout, /belongs to tenant theirs.*DEFAULT_TENANT_ID=theirs/);
});

test('a service_id that another row has', async (t) => {
  const w = await small(t, itemsOf(3));
  await w.db.script(`INSERT INTO tenants (id, name, updated_at) VALUES
    ('theirs', 'Theirs', now()); INSERT INTO microservices (id, tenant_id, name,
    service_id, updated_at) VALUES ('x', 'theirs', 'y', 'alpha-${TENANT}',
    now())`);
  const { stdout, code } = await w.sync();
  assert.notEqual(code, 0);
  assert.match(stdout, /service_id 'alpha-tenant-7' belongs to another/);
});
