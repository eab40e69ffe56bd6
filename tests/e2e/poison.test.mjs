// Items that cannot be stored: once known they are left alone, until they, the
// model or the schema change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, countsOf, errorsOf, faults, itemsOf, pagesOf, rejecting,
  schemaOf, world } from './support/world.mjs';

const BAD = 'item-00007';
const ITEMS = itemsOf(20);
const GOOD = ITEMS.filter(({ id }) => id !== BAD);
const isBad = (text) => text.includes(BAD) && !text.includes('mended');

const letters = (w) => w.db.rows(`SELECT content_id, reason, times,
  resolved_at IS NOT NULL AS resolved FROM batch_sync_dead_letters
  ORDER BY first_seen, content_id`);

/** How often it was asked for, alone or among others. */
const asked = (w) => w.embedder.requests.filter(({ inputs }) =>
  inputs.some((text) => text.includes(BAD))).length;

/** One that the embedder refuses; `w.served.items` are the source's. */
async function poisoned(t, options = {}) {
  const served = { items: ITEMS };
  const w = await world(t, {
    services: { alpha: pagesOf(() => served.items) }, ...options });
  w.served = served;
  w.embedder.script(rejecting(isBad, 'this text is not allowed'));
  await partial(w);
  w.embedder.reset();
  return w;
}

/** A sync that meets it anew. */
async function partial(w, options) {
  const { code, result } = await w.sync(options);
  assert.equal(code, 1);
  assert.equal(result.success, false);
  assert.equal(result.services[0].failed, 1);
  assert.equal(result.services[0].knownFailures, 0);
  assert.match(errorsOf(result).join(),
    new RegExp(`^1: 1 of \\d+ items .*dead letters; first: item ${BAD}: `));
  return result;
}

/** A sync that knows it, and does nothing. */
async function known(w, options) {
  w.embedder.reset();
  const result = await w.good(options);
  assert.deepEqual(countsOf(result), { totalItems: 20, totalPages: 1,
    embedded: 0, unchanged: 19, stored: 0, failed: 1 });
  assert.equal(result.services[0].knownFailures, 1);
  assert.equal(w.embedder.requests.length, 0);
  return result;
}

test('a known poison is not sent again', async (t) => {
  const w = await poisoned(t);
  await known(w);
  await known(w);
  const [letter, ...others] = await letters(w);
  assert.deepEqual(others, []);
  assert.match(letter.reason, /this text is not allowed/);
  assert.equal(letter.times, 3);
  // And not with those that are new.
  w.served.items = [...ITEMS, ...itemsOf(5, 21)];
  const result = await w.good();
  assert.equal(result.services[0].stored, 5);
  // The settings are known to work: no trial comes before.
  assert.equal(w.embedder.requests.length, 1);
  assert.equal(asked(w), 0);
});

test('a changed item is sent again, and then known', async (t) => {
  const w = await poisoned(t);
  w.served.items = ITEMS.map((item) => item.id === BAD
    ? { ...item, name: 'another name' } : item);
  await partial(w);
  assert.equal(asked(w), 1);
  await known(w);
});

test('a field that the schema leaves out is part of the item', async (t) => {
  const w = await poisoned(t);
  w.served.items = ITEMS.map((item) => item.id === BAD
    ? { ...item, unknown: 1 } : item);
  await partial(w);
  await known(w);
});

for (const [what, env] of [
  ['model', { EMBEDDING_MODEL: 'text-embedding-3-large' }],
  ['schema', {}],
]) {
  test(`another ${what} tries it again`, async (t) => {
    const w = await poisoned(t);
    if (what === 'schema') {
      w.setSchema(schemaOf('alpha', { field_descriptions: { body: 'Words' } }));
    }
    await partial(w, { env });
    assert.ok(asked(w) > 1, 'sent among the others, and alone');
    await known(w, { env });
    if (what === 'schema') return;
    await partial(w); // back again: it is the last one that is remembered
  });
}

test('mended at the source it is stored, and its letter resolved',
  async (t) => {
    const w = await poisoned(t);
    w.served.items = ITEMS.map((item) => item.id === BAD
      ? { ...item, body: 'mended' } : item);
    const result = await w.good();
    assert.equal(result.services[0].stored, 1);
    assert.equal(asked(w), 1);
    await checkStored(w, 'alpha', w.served.items);
    assert.deepEqual((await letters(w)).map((row) => row.resolved), [true]);
    // As it was before it is new again.
    w.served.items = ITEMS;
    await partial(w);
    assert.deepEqual((await letters(w)).map((row) => row.resolved), [false]);
  });

test('taken back at the source, it is what was stored before', async (t) => {
  const served = { items: ITEMS };
  const w = await world(t, {
    services: { alpha: pagesOf(() => served.items) } });
  await w.good();
  w.embedder.script(rejecting((text) => text.includes('no good')));
  served.items = ITEMS.map((item) => item.id === BAD
    ? { ...item, body: 'no good' } : item);
  await partial(w);
  served.items = ITEMS;
  assert.equal((await w.good()).services[0].unchanged, 20);
  assert.deepEqual((await letters(w)).map((row) => row.resolved), [true]);
});

test('what the database refuses is known too', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(ITEMS) } });
  await w.done(['migrate']);
  await w.db.rows(`ALTER TABLE vector_embeddings
    ADD CHECK (content_id <> '${BAD}')`);
  await partial(w);
  await checkStored(w, 'alpha', GOOD);
  await known(w);
});

test('what the database refuses of every item is no fault of theirs',
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(51)),
      beta: pagesOf(itemsOf(3, 1, 'other')) } });
    await w.done(['migrate']);
    await w.db.rows('ALTER TABLE vector_embeddings ADD must int NOT NULL');
    const { code, result } = await w.sync();
    assert.equal(code, 1);
    assert.equal(result.failedServices, 2);
    assert.match(errorsOf(result, 'alpha').join('|'),
      /^1: the table is at fault: .* store: null value in column "must"/);
    assert.match(errorsOf(result, 'beta').join('|'),
      /^0: not begun: the table is at fault: .*"must"/);
    assert.equal(w.coordinator.callsTo('beta').length, 0);
    assert.deepEqual(await letters(w), []);
    await w.db.rows('ALTER TABLE vector_embeddings DROP must');
    assert.equal((await w.good()).services[0].stored, 51);
    await checkStored(w, 'alpha', itemsOf(51));
  });

test('one key that all rows have: the detail does not tell them apart',
  async (t) => {
    const served = { items: itemsOf(1) };
    const w = await world(t,
      { services: { alpha: pagesOf(() => served.items) } });
    await w.good();
    // Names the row in its detail, which is no other row's.
    await w.db.rows(`CREATE UNIQUE INDEX wrong ON vector_embeddings
      (tenant_id, (left(content_text, 3)), (chunk_index + length(content_id)))`);
    served.items = itemsOf(5);
    const { code, result } = await w.sync();
    assert.equal(code, 1);
    assert.match(errorsOf(result).join('|'), /refused alike: .*"wrong"/);
    assert.deepEqual(await letters(w), []);
    await w.db.rows('DROP INDEX wrong');
    assert.equal((await w.good()).services[0].stored, 4);
  });

test('several that the database refuses among good ones: only those',
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(ITEMS) } });
    await w.done(['migrate']);
    await w.db.rows(`ALTER TABLE vector_embeddings
      ADD CHECK (content_id NOT IN ('item-00003', 'item-00004', '${BAD}'))`);
    const { code, result } = await w.sync();
    assert.equal(code, 1);
    assert.equal(result.services[0].stored, 17);
    assert.deepEqual((await letters(w)).map((row) => row.content_id).sort(),
      ['item-00003', 'item-00004', BAD].sort());
  });

test('an answer that is garbage may be a bad moment: tried again, but known',
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(ITEMS) } });
    const zero = ({ inputs }) => {
      const at = inputs.findIndex(isBad);
      return at < 0 ? undefined : faults.zero(at);
    };
    w.embedder.script(zero);
    await partial(w);
    w.embedder.reset();
    const result = await w.good();
    assert.equal(result.services[0].knownFailures, 1);
    assert.ok(asked(w) > 0);
    w.embedder.script();
    assert.equal((await w.good()).services[0].stored, 1);
    await checkStored(w, 'alpha', ITEMS);
    assert.deepEqual((await letters(w)).map((row) => row.resolved), [true]);
  });

test('a known poison does not hold the watermark back', async (t) => {
  const w = await poisoned(t);
  const since = async () => {
    w.coordinator.calls.length = 0;
    await w.good({ args: ['--incremental'] });
    return w.coordinator.callsTo('alpha')[0].metadata.since;
  };
  assert.equal(await since(), undefined);
  assert.notEqual(await since(), undefined);
});
