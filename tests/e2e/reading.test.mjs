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

/** Runs a snippet of the guide; `scope` has what it imports and refers to. */
function runSnippet(code, returns, scope) {
  const body = code.replace(/^import [^]*?;$/gm, '');
  return new Function(...Object.keys(scope),
    `return (async () => { ${body}\nreturn ${returns}; })();`)(
    ...Object.values(scope));
}

/** The statements and the program under a heading, for this world: its tenant,
 * its database, its service, and as the query a text that is stored. */
async function readerOf(heading, { items, w }) {
  const [sql, code] = snippets(heading);
  await w.db.script(sql.replace('my-tenant', TENANT)
    .replace('DATABASE app', `DATABASE "${w.db.name}"`));
  const { text } = (await w.db.vectors())
    .find((row) => row.contentId === items[7].id);
  return code.replaceAll('courses-service', 'alpha')
    .replace(`'linear algebra'`, JSON.stringify(text));
}

// LangChain needs Node 20.
const skip = Number(process.versions.node.split('.')[0]) < 20;

test('LangChain, JavaScript', { skip }, async (t) => {
  const world = await filled(t);
  const { items, w } = world;
  const { PGVectorStore } =
    await import('@langchain/community/vectorstores/pgvector');
  const { OpenAIEmbeddings } = await import('@langchain/openai');
  const code = await readerOf('LangChain, JavaScript', world);
  w.embedder.reset();
  const store = await runSnippet(code, '[store, found]', { PGVectorStore,
    OpenAIEmbeddings: class extends OpenAIEmbeddings {
      constructor(fields) {
        super({ ...fields, apiKey: 'any',
          configuration: { baseURL: w.embedder.url } });
      }
    },
    process: { env: { DATABASE_URL: w.db.url } } });
  const [reader, found] = store;
  await reader.end();
  assert.equal(found.length, 5);
  const [[document, distance]] = found;
  assert.equal(document.metadata.id, items[7].id);
  assert.ok(Math.abs(distance) < 1e-6);
  assert.equal(new Set(found.map(([{ metadata }]) => metadata.id)).size, 5);
  assert.equal(w.embedder.requests.length, 1);
});

/** As LlamaIndex's own class asks for an embedding. */
const embeddingOf = (w) => class {
  constructor(options) {
    this.options = options;
  }

  async getTextEmbedding(input) {
    const answer = await fetch(`${w.embedder.url}/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json',
        authorization: 'Bearer any' },
      body: JSON.stringify({ ...this.options, input: [input] }),
    });
    return (await answer.json()).data[0].embedding;
  }
};

test('LlamaIndex, JavaScript', { skip }, async (t) => {
  const world = await filled(t);
  const { items, w } = world;
  const { PGVectorStore } = await import('@llamaindex/postgres');
  const code = await readerOf('LlamaIndex, JavaScript', world);
  const [store, nodes, similarities] = await runSnippet(code,
    '[store, nodes, similarities]', { PGVectorStore,
      OpenAIEmbedding: embeddingOf(w),
      process: { env: { DATABASE_URL: w.db.url } } });
  await (await store.client()).close();
  assert.equal(nodes.length, 5);
  assert.equal(nodes[0].metadata.id, items[7].id);
  assert.match(nodes[0].text, /Name 8 of item/);
  assert.ok(Math.abs(similarities[0] - 1) < 1e-6);
  assert.equal(new Set(nodes.map(({ metadata }) => metadata.id)).size, 5);
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
