// Dead letters that may pass are tried again from what was kept of them, when
// they are due, whatever the source sends by then. Each text is paid for once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, itemsOf, pagesOf, world } from './support/world.mjs';

const CURSED = 'item-00030';

const open = (w) => w.db.rows(`SELECT content_id, failures, payload,
    round(extract(epoch FROM next_try - last_seen) / 3600)::int AS hours
  FROM batch_sync_dead_letters WHERE resolved_at IS NULL`);

const due = (w) => w.db.script(
  'UPDATE batch_sync_dead_letters SET next_try = now()');

const curse = (w) => w.embedder.script(({ inputs }) =>
  inputs.some((text) => text.includes(CURSED)) ? faults.status(500, 'NaN')
    : undefined);

/** 60 items are stored but for one; then the source sends nothing more. */
async function cursed(t, body) {
  const items = itemsOf(60);
  items[29].body = body;
  const w = await world(t, { services: { alpha: pagesOf(items) },
    env: { KG_ENABLED: 'false' } });
  curse(w);
  assert.equal((await w.sync()).code, 1);
  w.coordinator.script('alpha', pagesOf([]));
  w.embedder.reset();
  return { w, item: items[29] };
}

const again = async (w) => {
  w.embedder.reset();
  return (await w.good({ args: ['--incremental'] })).services[0];
};

const stored = async (w) => (await w.db.vectors()).length;

for (const [what, body] of Object.entries({ small: 'Some text.',
  'larger than what other letters keep': 
    Array.from({ length: 8000 }, (_, i) => `Word ${i}. `).join('') })) {
  test(`what is due is tried, though it is not sent: ${what}`, async (t) => {
    const { w, item } = await cursed(t, body);
    const [letter, ...others] = await open(w);
    assert.deepEqual(others, []);
    assert.equal(JSON.parse(letter.payload).body, item.body, 'kept whole');
    assert.deepEqual([letter.failures, letter.hours], [1, 1]);

    await again(w);
    assert.equal(w.embedder.requests.length, 0, 'left alone for an hour');

    for (const [failures, hours] of [[2, 2], [3, 4]]) {
      await due(w);
      const { failed, knownFailures } = await again(w);
      assert.deepEqual([failed, knownFailures], [1, 1]);
      assert.ok(w.embedder.requests.length > 0);
      const [still] = await open(w);
      assert.deepEqual([still.failures, still.hours], [failures, hours]);
      assert.equal(await stored(w), 59);
    }

    await due(w);
    w.embedder.script();
    const { totalItems, totalPages, ...counts } = await again(w);
    assert.deepEqual([totalItems, counts.stored, counts.failed], [1, 1, 0]);
    const rows = await w.db.rows(`SELECT content_text FROM vector_embeddings
      WHERE content_id = '${CURSED}' ORDER BY chunk_index`);
    assert.ok(rows.map((row) => row.content_text).join('').includes(body.trim()));
    assert.equal(counts.embedded, 1);
    assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
    assert.deepEqual(await open(w), []);
    await again(w);
    assert.equal(w.embedder.requests.length, 0);
  });
}

test('what the source sends meanwhile counts, not what was kept', async (t) => {
  const { w, item } = await cursed(t, 'Some text.');
  w.embedder.script();
  w.coordinator.script('alpha', pagesOf([{ ...item, body: 'Newer text.' }]));
  await due(w);
  await again(w);
  const [row] = await w.db.rows(`SELECT content_text FROM vector_embeddings
    WHERE content_id = '${CURSED}'`);
  assert.match(row.content_text, /Newer text/);
  assert.deepEqual(await open(w), []);
  assert.equal(w.embedder.requests.flatMap(({ inputs }) => inputs).length, 1);
});

const textOf = async (w, id) => (await w.db.rows(
  'SELECT content_text FROM vector_embeddings WHERE content_id = $1',
  [id])).map((row) => row.content_text).join('');

// An id that comes twice: the later one counts, whichever of them fails.
for (const [what, bodies] of Object.entries({
  'the earlier one fails': ['CURSED', 'The later.'],
  'the later one fails': ['The earlier.', 'CURSED The later.'],
  'both fail': ['CURSED', 'CURSED The later.'],
})) {
  test(`an id on two pages, and ${what}`, async (t) => {
    const items = itemsOf(30);
    items[2].body = bodies[0];
    items[25] = { ...items[2], body: bodies[1] };
    const w = await world(t, { services: { alpha: pagesOf(items) },
      env: { KG_ENABLED: 'false', BATCH_SYNC_LIMIT: '10' } });
    w.embedder.script(({ inputs }) => inputs.some((text) =>
      text.includes('CURSED')) ? faults.status(500, 'NaN') : undefined);
    await w.sync();
    w.coordinator.script('alpha', pagesOf([]));
    w.embedder.script();
    await due(w);
    await again(w);
    assert.match(await textOf(w, items[2].id), /The later/);
    await due(w);
    await again(w);
    assert.equal(w.embedder.requests.length, 0, 'and nothing more is tried');
  });
}

// They say nothing new of the embedder.
test('many that still fail do not end the run', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(30)) },
    env: { KG_ENABLED: 'false' } });
  await w.good();
  await w.db.script(`INSERT INTO batch_sync_dead_letters (tenant_id, service,
      digest, content_id, reason, payload, registered, passing, next_try)
    SELECT 'tenant-7', 'alpha', sha256(n::text::bytea), 'old-' || n, 'HTTP 500',
      json_build_object('id', 'old-' || n, 'name', 'Name', 'body', '${CURSED}'
        || n), 'alpha', true, now() FROM generate_series(1, 25) n`);
  curse(w);
  w.coordinator.script('alpha', pagesOf([]));
  const failed = [];
  for (let run = 0; run < 3; run++) {
    const { code, result } = await w.sync();
    assert.notEqual(code, 75, 'the embedder is not at fault');
    failed.push(result.services[0].failed);
  }
  assert.deepEqual(failed, [20, 5, 0], 'each once');
});
