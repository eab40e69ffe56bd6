// Rows that another program has changed: found by the next full run, embedded
// again where text or vector differ, and left alone where that does not end.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as embedders from './rig/embedder.mjs';
import { serve } from './support/serve.mjs';
import { checkStored, checkVectors, countsOf, itemsOf, pagesOf, TENANT, world }
  from './support/world.mjs';

const N = 60;
const LONG = 'A sentence of words. '.repeat(90);

/** What the old program does to a row: all that its upsert sets. */
const overwrite = (where, changes = {}) => {
  const set = { content_text: `'an old text'`,
    embedding: `(SELECT embedding FROM vector_embeddings
      ORDER BY content_id DESC, chunk_index LIMIT 1)`,
    updated_at: `(now() AT TIME ZONE 'UTC') + interval '1 s'`, ...changes };
  return `UPDATE vector_embeddings SET ${Object.entries(set)
    .filter(([, value]) => value).map((pair) => pair.join(' = ')).join(', ')}
    WHERE ${where}`;
};

/** A service of N items, stored; `before`: SQL that comes first. */
async function stored(t, { items = itemsOf(N), before = '', env = {} } = {}) {
  const served = { items };
  const w = await world(t, { env,
    services: { alpha: pagesOf(() => served.items) } });
  if (before) {
    await w.done(['migrate']);
    await w.db.script(before);
  }
  await w.good();
  w.embedder.reset();
  return Object.assign(w, { served });
}

/** A run's numbers, and what it paid for. */
async function repair(w, options) {
  const result = await w.good(options);
  const { stored: rows, unchanged, embedded } = countsOf(result);
  const texts = w.embedder.embedded;
  w.embedder.reset();
  assert.equal(result.repaired, result.services[0].repaired);
  return { stored: rows, unchanged, embedded, texts,
    repaired: result.repaired, warnings: result.services[0].warnings };
}

const unchanged = { stored: 0, unchanged: N, embedded: 0, texts: 0,
  repaired: 0, warnings: undefined };
const repaired = (n) => ({ stored: n, unchanged: N - n, embedded: n, texts: n,
  repaired: n, warnings: undefined });

const FIRST_7 = `content_id <= 'item-00007'`;

/** What happens to rows, and how many are embedded again. */
const CHANGES = [
  { name: 'text, vector and time', sql: overwrite(FIRST_7), n: 7 },
  { name: 'the text', sql: overwrite(FIRST_7, { embedding: '' }), n: 7 },
  { name: 'the vector', sql: overwrite(FIRST_7, { content_text: '' }), n: 7 },
  { name: 'the time alone',
    sql: overwrite('true', { content_text: '', embedding: '' }), n: 0 },
  { name: 'metadata', sql: overwrite('true', { content_text: '',
    embedding: '', metadata: `metadata || '{"theirs": 1}'` }), n: 0 },
  { name: 'the vector taken away',
    sql: overwrite(FIRST_7, { content_text: '', embedding: 'NULL' }), n: 7 },
];

for (const { name, sql, n } of CHANGES) {
  test(`another program changes ${name}`, async (t) => {
    const w = await stored(t);
    const before = await w.versions();
    await w.db.script(sql);
    assert.deepEqual(await repair(w), repaired(n));
    await checkStored(w, 'alpha', w.served.items);
    if (n > 0) assert.notDeepEqual(await w.versions(), before);
    assert.deepEqual(await repair(w), unchanged);
  });
}

/** Triggers that the table has from the beginning; with them, what was written
 * is never what is there, and still nothing is paid for twice. */
const trigger = (body, when = 'BEFORE', also = '') => `
  CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    ${body} RETURN NEW; END $$;
  CREATE TRIGGER meddle ${when} INSERT OR UPDATE ON vector_embeddings
    FOR EACH ROW ${also} EXECUTE FUNCTION meddle();`;
const TOUCH = `NEW.updated_at := clock_timestamp() AT TIME ZONE 'UTC'
  + interval '1 min';`;
const TRIGGERS = [
  { name: 'touches updated_at', sql: trigger(TOUCH), same: true },
  { name: 'changes the text', sql: trigger(`${TOUCH}
    NEW.content_text := upper(NEW.content_text);`) },
  { name: 'changes the text each time anew', sql: trigger(`${TOUCH}
    NEW.content_text := NEW.content_text || '!';`) },
  { name: 'changes the vector', sql: trigger(`${TOUCH}
    NEW.embedding := (SELECT array_agg(1)::vector FROM
      generate_series(1, vector_dims(NEW.embedding)));`) },
  { name: 'changes the row behind it', sql: trigger(`UPDATE vector_embeddings
      SET content_text = 'short', updated_at = now() + interval '1 h'
      WHERE id = NEW.id;`, 'AFTER', 'WHEN (pg_trigger_depth() = 0)') },
];

for (const { name, sql, same } of TRIGGERS) {
  test(`a trigger ${name}`, async (t) => {
    const w = await stored(t, { before: sql });
    assert.deepEqual(await repair(w), unchanged);
    if (same) await checkStored(w, 'alpha', w.served.items);
    await w.db.script(`ALTER TABLE vector_embeddings DISABLE TRIGGER meddle;
      ${overwrite(FIRST_7)};
      ALTER TABLE vector_embeddings ENABLE TRIGGER meddle;`);
    const { warnings, ...counts } = await repair(w);
    assert.deepEqual({ ...counts, warnings: undefined }, repaired(7));
    assert.equal(warnings === undefined, same === true);
    if (same) await checkStored(w, 'alpha', w.served.items);
    assert.deepEqual(await repair(w), unchanged);
  });
}

test('times with a zone', async (t) => {
  const w = await stored(t, { before: `
    ALTER TABLE vector_embeddings ALTER updated_at TYPE timestamptz(3),
      ALTER written_at TYPE timestamptz(3);
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L',
      current_database(), 'Asia/Kolkata'); END $$` });
  assert.deepEqual(await repair(w), unchanged);
  await w.db.script(overwrite(FIRST_7,
    { updated_at: `now() + interval '1 day'` }));
  assert.deepEqual(await repair(w), repaired(7));
  assert.deepEqual(await repair(w), unchanged);
});

const PIECES = [{ ...itemsOf(1)[0], body: LONG }, ...itemsOf(N - 1, 2)];

test('pieces: what was changed is mended, and surplus ones are dropped',
  async (t) => {
    const w = await stored(t, { items: PIECES,
      env: { EMBEDDING_MAX_TOKENS: '200' } });
    const rows = () => w.db.rows(`SELECT chunk_index, content_text, embedding
      FROM vector_embeddings WHERE content_id = 'item-00001'
      ORDER BY chunk_index`);
    const before = await rows();
    assert.ok(before.length > 2);
    const surplus = `INSERT INTO vector_embeddings (id, tenant_id,
        microservice_id, content_id, content_type, content_text, chunk_index,
        updated_at)
      SELECT 'their-' || id, tenant_id, microservice_id, content_id,
        content_type, 'their piece', chunk_index + ${before.length}, updated_at
      FROM vector_embeddings WHERE content_id = 'item-00001'`;
    await w.db.script(surplus);
    assert.deepEqual(await repair(w),
      { ...repaired(1), embedded: 0, texts: 0 });
    assert.deepEqual(await rows(), before);
    // The old program keeps the whole text in the first row.
    await w.db.script(`${surplus};
      ${overwrite(`content_id = 'item-00001' AND chunk_index = 0`)}`);
    assert.deepEqual(await repair(w), repaired(1));
    assert.deepEqual(await rows(), before);
    await w.db.script(`DELETE FROM vector_embeddings
      WHERE content_id = 'item-00001' AND chunk_index > 0`);
    assert.equal((await repair(w)).texts, before.length);
    assert.deepEqual(await rows(), before);
    assert.deepEqual(await repair(w), unchanged);
  });

test('pieces: one that has become too long for the provider', async (t) => {
  const w = await stored(t, { items: PIECES,
    env: { EMBEDDING_MAX_TOKENS: '200' } });
  const rows = async () => (await w.db.vectors())
    .filter((row) => row.contentId === 'item-00001');
  const before = await rows();
  await w.db.script(
    overwrite(`content_id = 'item-00001' AND chunk_index = 1`));
  const stricter = await embedders.start({ limits: { tokensPerInput: 100 } });
  t.after(() => stricter.close());
  const result = await w.good({ env: { OPENAI_API_URL: stricter.url } });
  assert.equal(result.repaired, 1);
  const after = await rows();
  assert.ok(after.length > before.length);
  checkVectors(after);
  const whole = (pieces) => pieces.map(({ text }) => text).join('');
  assert.equal(whole(after), whole(before));
  assert.deepEqual(after.map((row) => row.chunkIndex), [...after.keys()]);
});

test('rows of before the upgrade are taken as they are', async (t) => {
  const w = await stored(t);
  await w.db.script(`ALTER TABLE vector_embeddings DROP COLUMN written_at,
      DROP COLUMN vector_hash, DROP COLUMN repairs;
    DROP TABLE batch_sync_trigger_hashes;
    DELETE FROM batch_sync_migrations WHERE name = '0027_repair';
    ${overwrite(FIRST_7, { content_text: '' })}`);
  const before = await w.versions();
  assert.deepEqual(await repair(w), unchanged);
  assert.deepEqual(await w.versions(), before);
  assert.equal(await w.db.value(`SELECT count(written_at)::int
    FROM vector_embeddings`), 0);
});

test('an incremental run compares what comes', async (t) => {
  const w = await stored(t);
  await w.db.script(overwrite(FIRST_7));
  w.served.items = itemsOf(3);
  const args = ['--incremental'];
  const { texts, repaired: n } = await repair(w, { args });
  assert.deepEqual({ texts, n }, { texts: 3, n: 3 });
  w.served.items = itemsOf(N);
  assert.deepEqual(await repair(w), repaired(4));
  await checkStored(w, 'alpha', w.served.items);
});

test('a row that is changed a third time is contested', async (t) => {
  const w = await stored(t);
  for (let i = 0; i < 2; i++) {
    await w.db.script(overwrite(FIRST_7));
    assert.deepEqual(await repair(w), repaired(7));
  }
  await w.db.script(overwrite(`content_id <= 'item-00009'`));
  const before = await w.db.rows(`SELECT * FROM vector_embeddings
    WHERE ${FIRST_7} ORDER BY id`);
  const { stdout, stderr } = await w.run(['sync']);
  const warning = /contested: 7 items were changed again by another program/;
  assert.match(stdout, warning);
  assert.match(stderr, warning);
  assert.equal(w.embedder.embedded, 2);
  w.embedder.reset();
  const { warnings, ...counts } = await repair(w);
  assert.deepEqual({ ...counts, warnings: undefined }, unchanged);
  assert.match(warnings[0], warning);
  assert.equal(await w.db.value(`SELECT (totals->>'contested')::int
    FROM batch_sync_runs ORDER BY started_at DESC LIMIT 1`), 7);
  assert.deepEqual(await w.db.rows(`SELECT * FROM vector_embeddings
    WHERE ${FIRST_7} ORDER BY id`), before);
  // The source's own changes come all the same.
  w.served.items = itemsOf(N).map((item, i) =>
    i === 0 ? { ...item, body: 'New.' } : item);
  assert.equal((await repair(w)).texts, 1);
  await w.db.script(`UPDATE vector_embeddings
    SET written_at = written_at - interval '8 days' WHERE ${FIRST_7}
    AND content_id > 'item-00001'`);
  assert.deepEqual(await repair(w), repaired(6));
  await checkStored(w, 'alpha', w.served.items);
  assert.deepEqual(await repair(w), unchanged);
});

test('the metrics tell', async (t) => {
  const w = await stored(t);
  await w.db.script(overwrite(FIRST_7));
  const s = await serve(t, w);
  const answer = await s.trigger();
  assert.equal(answer.json.result.repaired, 7);
  const { text } = await s.get('/metrics');
  assert.match(text, /^batchsync_items_repaired_total\{service="alpha"\} 7$/m);
  assert.match(text, /^batchsync_items_contested_total\{service="alpha"\} 0$/m);
});

test('what docs/migrating.md clears is embedded again', async (t) => {
  const guide = readFileSync(new URL('../../docs/migrating.md',
    import.meta.url), 'utf8');
  const [, sql] = /^( {4}UPDATE vector_embeddings[^]*?)\n\n/m.exec(guide);
  const w = await stored(t);
  await w.db.script(`UPDATE vector_embeddings SET written_at = NULL,
      vector_hash = NULL;
    ${overwrite(FIRST_7, { updated_at: `'2099-01-01'` })};
    ${sql.replace(/'20[^']*'/, `'2098-12-31'`)}`);
  const counts = await repair(w);
  assert.deepEqual({ stored: counts.stored, texts: counts.texts },
    { stored: 7, texts: 7 });
  await checkStored(w, 'alpha', w.served.items);
  assert.equal(await w.db.value(`SELECT count(*)::int FROM vector_embeddings
    WHERE tenant_id = $1`, [TENANT]), N);
});
