// What docs/reading.md tells other programs to run, taken from there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import pg from 'pg';
import { itemsOf, pagesOf, TENANT, world } from './support/world.mjs';

const GUIDE = readFileSync(new URL('../../docs/reading.md', import.meta.url),
  'utf8');

/** The indented blocks under a heading. */
function snippets(heading) {
  const [, section] = GUIDE.split(`## ${heading}\n`);
  assert.ok(section, heading);
  return section.split('\n## ')[0].split(/\n(?=\S)/)
    .map((part) => part.split('\n').filter((line) => /^ {4}|^$/.test(line))
      .map((line) => line.slice(4)).join('\n').trim())
    .filter(Boolean);
}

/** A filled database, another tenant's row in it, a client and a vector. */
async function filled(t) {
  const items = itemsOf(40);
  const w = await world(t, { services: { alpha: pagesOf(items) } });
  await w.good();
  await w.db.script(`INSERT INTO tenants SELECT (jsonb_populate_record(t,
      '{"id": "other", "name": "other", "domain": "other"}')).* FROM tenants t;
    INSERT INTO vector_embeddings (id, tenant_id, content_id, content_type,
      content_text, embedding, metadata, created_at, updated_at)
    SELECT 'o-' || id, 'other', content_id, content_type, content_text,
      embedding, metadata, created_at, updated_at FROM vector_embeddings`);
  const client = new pg.Client({ connectionString: w.db.url });
  await client.connect();
  client.on('error', () => {}); // its database goes first
  const vector = await w.db.value(`SELECT embedding::text
    FROM vector_embeddings WHERE tenant_id = $1 AND content_id = $2`,
  [TENANT, items[7].id]);
  return { items, w, client, vector };
}

test('SQL', async (t) => {
  const { items, client, vector } = await filled(t);
  const [block] = snippets('SQL');
  const rows = [];
  for (const statement of block.split(';').map((s) => s.trim())) {
    if (!statement) continue;
    const values = statement.includes('$1') ? [vector, TENANT] : [];
    rows.push(...(await client.query(statement, values)).rows);
  }
  assert.equal(rows.length, 10);
  assert.equal(rows[0].content_id, items[7].id);
  assert.ok(Math.abs(rows[0].similarity - 1) < 1e-6);
  assert.equal(new Set(rows.map((row) => row.content_id)).size, 10);
});

test('the view of one tenant', async (t) => {
  const { w } = await filled(t);
  const view = snippets('LangChain, JavaScript')
    .find((block) => block.startsWith('CREATE VIEW'));
  await w.db.script(view.replace('my-tenant', TENANT));
  assert.equal(await w.db.value('SELECT count(*)::int FROM my_embeddings'), 40);
});

test('Prisma: its tagged SQL', async (t) => {
  const { items, client, vector } = await filled(t);
  const [block] = snippets('Prisma');
  const $queryRaw = async (parts, ...values) => (await client.query(
    parts.reduce((sql, part, i) => `${sql}$${i}${part}`), values)).rows;
  const rows = await new Function('prisma', 'embedding', 'tenant',
    `return (async () => { ${block}\nreturn rows; })();`)(
    { $queryRaw }, JSON.parse(vector), TENANT);
  assert.equal(rows.length, 10);
  assert.equal(rows[0].content_id, items[7].id);
});
