// Twenty thousand items: all of them stored with their own vectors, none of
// them a second time, in little memory.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { render } from './render-oracle/oracle.mjs';
import { pagesOf, sanitized, schemaOf, shapes, vectorOf, world }
  from './support/world.mjs';

const MOST_KIB = 64 * 1024;

const WORDS = ('lesson chapter practice review question answer feedback course '
  + 'module skill level result example summary שיעור תרגול שאלה день урок')
  .split(' ');

/** About 600 bytes each. */
const items = (prefix, n) => Array.from({ length: n }, (_, i) => ({
  id: `${prefix}-${i}`,
  name: `${WORDS[i % WORDS.length]} number ${i}`,
  body: Array.from({ length: 50 }, (_, k) =>
    WORDS[(i * 7 + k * k + k) % WORDS.length]).join(' ') + ` ${prefix} ${i}`,
  link: `https://example.org/${prefix}/items/${i}?lang=en`,
  rank: i / 4,
  seen: new Date(1_700_000_000_000 + i * 60_000).toISOString(),
  tags: [WORDS[i % 5], WORDS[i % 11], `group-${i % 100}`],
}));

const corpus = {
  courses: [items('courses', 9000), shapes.wrappedItems],
  questions: [items('questions', 8000), shapes.dataArray],
  articles: [items('articles', 3000), shapes.rootArray],
};
const TOTAL = 20_000;

/** pgvector's binary form of a vector, in short. */
function digestOf(text) {
  const vector = vectorOf(text);
  const bytes = Buffer.alloc(4 + vector.length * 4);
  bytes.writeUInt16BE(vector.length, 0);
  vector.forEach((value, i) => bytes.writeFloatBE(value, 4 + i * 4));
  return createHash('md5').update(bytes).digest('hex');
}

function sayMemory(t, what, { maxRssKiB }) {
  const text = `${what}: ${(maxRssKiB / 1024).toFixed(1)} MiB at its peak`;
  t.diagnostic(text);
  console.log(text);
  assert.ok(maxRssKiB > 1024, 'memory was measured');
  if (!sanitized) assert.ok(maxRssKiB < MOST_KIB, text);
}

async function checkAll(w) {
  for (const [service, [list]] of Object.entries(corpus)) {
    const rows = await w.db.rows(`
      SELECT content_id, chunk_index, content_text,
             md5(vector_send(embedding)) AS vector
        FROM vector_embeddings WHERE metadata->>'_source_service' = $1`,
    [service]);
    assert.equal(rows.length, list.length, service);
    const byId = new Map(rows.map((row) => [row.content_id, row]));
    const schema = schemaOf(service);
    for (const item of list) {
      const { content_text: text } = render(schema, item);
      const row = byId.get(item.id);
      assert.ok(row, item.id);
      if (row.content_text !== text || row.vector !== digestOf(text)) {
        assert.fail(`another text or vector in ${item.id}`);
      }
    }
  }
}

test('20,000 items', async (t) => {
  const bytes = Buffer.byteLength(JSON.stringify(corpus.courses[0])) / 9000;
  assert.ok(bytes > 500 && bytes < 800, `${bytes} bytes an item`);
  const w = await world(t, { services: Object.fromEntries(
    Object.entries(corpus).map(([name, [list, shape]]) =>
      [name, pagesOf(list, shape)])) });

  const first = await w.sync();
  assert.equal(first.code, 0, first.stderr);
  const { totalItems, services } = first.result;
  assert.equal(totalItems, TOTAL);
  assert.deepEqual(services.map((s) => [s.stored, s.embedded, s.totalPages]),
    [[9000, 9000, 10], [8000, 8000, 9], [3000, 3000, 4]]);
  // Each chunk is one request, but for the first text, which goes alone.
  assert.equal(w.embedder.requests.length, TOTAL / 50 + 1);
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
  assert.ok(w.embedder.maxConcurrent <= 5);
  assert.deepEqual(w.embedder.violations, []);
  sayMemory(t, 'first sync', first);
  await checkAll(w);

  const before = await w.versions();
  w.embedder.reset();
  const second = await w.sync();
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(second.result.services.map((s) =>
    [s.unchanged, s.stored, s.embedded, s.failed]),
  [[9000, 0, 0, 0], [8000, 0, 0, 0], [3000, 0, 0, 0]]);
  assert.equal(w.embedder.requests.length, 0);
  assert.deepEqual(await w.versions(), before);
  sayMemory(t, 'second sync', second);
  t.diagnostic(`${first.result.duration_ms} ms, then `
    + `${second.result.duration_ms} ms`);
});
