// The full-text index where databases are as other programs have them: behind a
// pooler, in a schema that only the address names, built by somebody else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing as skip, pooler } from './support/pooler.mjs';
import { itemsOf, pagesOf, schemaOf, world } from './support/world.mjs';

const ENV = { BATCH_SYNC_FULL_TEXT: 'true' };
const OURS = `c.relname LIKE 'idx_vector_embeddings_text_%'`;

const ITEMS = [...itemsOf(60),
  { ...itemsOf(1)[0], id: 'joins', body: 'Joining tables repeats rows.' }];

const start = (t) => world(t, { services: { alpha: pagesOf(ITEMS) }, env: ENV,
  schemas: [schemaOf('alpha', { language: 'english' })] });

/** Each index of ours: its schema, name, oid and whether it is valid. */
const indexes = (w) => w.db.rows(`SELECT n.nspname AS schema, c.relname AS name,
    c.oid::int AS oid, i.indisvalid AS valid
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}`);

/** By words, through the index, in the service's language. */
async function checkFinds(w, env = {}) {
  const { code, stdout, stderr } = await w.run(
    ['search', 'table join', '--text', '--explain'], env);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /joins/);
  assert.doesNotMatch(stderr, /no full-text index/);
}

test('behind a pooler of transactions', { skip }, async (t) => {
  const w = await start(t);
  const { url } = await pooler(t, w, 2);
  const env = { DATABASE_URL: url };
  await w.good({ env });
  const [built, ...more] = await indexes(w);
  assert.equal(built.valid, true);
  assert.deepEqual(more, []);
  await checkFinds(w, env);
  w.setSchema(schemaOf('alpha', { language: 'german' }), 'alpha');
  await w.good({ env });
  const [other, ...rest] = await indexes(w);
  assert.notEqual(other.name, built.name);
  assert.deepEqual(rest, []);
});

test('in a schema that only the address names', async (t) => {
  const w = await start(t);
  await w.db.script('CREATE SCHEMA "An app"');
  const env = { DATABASE_URL: `${w.db.url}?schema=An%20app` };
  await w.good({ env });
  const [{ schema, valid }, ...more] = await indexes(w);
  assert.deepEqual([schema, valid, more], ['An app', true, []]);
  await checkFinds(w, env);
});

test('one that somebody else has built is taken, others are left', async (t) => {
  const w = await start(t);
  await w.good();
  const [{ name, oid }] = await indexes(w);
  const { definition } = (await w.db.rows(
    `SELECT pg_get_indexdef($1::oid) AS definition`, [oid]))[0];
  await w.db.script(`DROP INDEX "${name}"; ${definition};
    CREATE INDEX their_words ON vector_embeddings
      USING gin (to_tsvector('english', content_text))`);
  const [theirs] = await indexes(w);
  assert.notEqual(theirs.oid, oid);
  await w.good();
  assert.deepEqual(await indexes(w), [theirs]);
  await checkFinds(w);
  assert.equal(await w.db.value(
    `SELECT count(*)::int FROM pg_class WHERE relname = 'their_words'`), 1);
});
