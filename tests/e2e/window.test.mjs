// The window: pages read ahead, chunks across their borders, rows stored
// without waiting for the page before, checkpoints in order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, countsOf, errorsOf, faults, itemsOf, pagesOf, until,
  world } from './support/world.mjs';

const ENV = { BATCH_SYNC_LIMIT: '10', BATCH_SYNC_CHUNK_SIZE: '5' };

/** Its tables are there before the first run is. */
async function alpha(t, items, env) {
  const w = await world(t, {
    services: { alpha: pagesOf(items) }, env: { ...ENV, ...env } });
  await w.done(['migrate']);
  return w;
}

/** Requests with a text that has the word in it wait until open() is called. */
function holdBack(w, word) {
  let open;
  const gate = new Promise((done) => { open = done; });
  w.embedder.script(async ({ inputs }) => {
    if (inputs.some((text) => text.includes(word))) await gate;
  });
  return open;
}

const nextPage = (w) =>
  w.db.value('SELECT next_page FROM batch_sync_service_runs');
const stored = async (w) => Number(await w.db.value(
  'SELECT count(*) FROM vector_embeddings'));
const paidOnce = (w) =>
  [...w.embedder.seen.values()].every((times) => times === 1);

test('all pages are read, and stored, while the first one waits', async (t) => {
  const items = itemsOf(50);
  const w = await alpha(t, items);
  const open = holdBack(w, 'item-00007');
  const program = w.begin();
  await program.until(async () => await stored(w) === 45,
    'all but one chunk to be stored');
  assert.deepEqual(w.coordinator.calls.map((call) => call.page),
    [1, 2, 3, 4, 5, 6]);
  assert.equal(await nextPage(w), 1);
  open();
  const { code, result } = await program.exit(60_000);
  assert.equal(code, 0);
  await checkStored(w, 'alpha', items);
  assert.ok(paidOnce(w));
  assert.deepEqual(countsOf(result), { totalItems: 50, totalPages: 6,
    embedded: 50, unchanged: 0, stored: 50, failed: 0 });
});

test('no more than 16 pages are read ahead', async (t) => {
  const items = itemsOf(200);
  const w = await alpha(t, items);
  const open = holdBack(w, 'item-00007');
  const program = w.begin();
  await program.until(async () => await stored(w) === 155,
    'all but one chunk of 16 pages to be stored');
  assert.equal(w.coordinator.calls.length, 16);
  open();
  assert.equal((await program.exit(60_000)).code, 0);
  await checkStored(w, 'alpha', items);
});

test('of a large service little has changed: few requests', async (t) => {
  const items = itemsOf(2000);
  const env = { BATCH_SYNC_LIMIT: '100', BATCH_SYNC_CHUNK_SIZE: undefined };
  const w = await alpha(t, items, env);
  await w.good();
  w.embedder.reset();
  const changed = items.map((item, i) => i % 20 > 0 ? item
    : { ...item, body: `${item.body} And more.` });
  w.coordinator.script('alpha', pagesOf(changed));
  const result = await w.good();
  assert.deepEqual(countsOf(result), { totalItems: 2000, totalPages: 21,
    embedded: 100, unchanged: 1900, stored: 100, failed: 0 });
  assert.equal(w.embedder.embedded, 100);
  // Page by page there would be 20.
  assert.ok(w.embedder.requests.length <= 100 / 50 + 4,
    `${w.embedder.requests.length} requests`);
  assert.ok(w.embedder.requests.some(({ inputs }) => inputs.length === 50));
});

/** One in ten has changed. */
const changed = (items) => items.map((item, i) => i % 10 > 0 ? item
  : { ...item, body: `${item.body} And more.` });

test('a window that is full sends no chunk in part', async (t) => {
  const items = itemsOf(430);
  const w = await alpha(t, items);
  await w.good();
  w.embedder.reset();
  w.embedder.set({ latencyMs: 200 });
  // An item a page: 16 pages are three chunks of five, and one item.
  w.coordinator.script('alpha', pagesOf(changed(items)));
  await w.good();
  const sent = w.embedder.requests;
  // After two seconds it may be; and the last one is.
  const short = sent.filter(({ inputs, at }, i) => inputs.length < 5 &&
    at - (sent[i - 1]?.at ?? 0) < 1900);
  assert.ok(short.length <= 1, `${sent.map(({ inputs }) => inputs.length)}`);
  assert.equal(w.embedder.embedded, 43);
  assert.ok(paidOnce(w));
});

test('a page of which little has changed holds little: more are read ahead',
  async (t) => {
    // Pages of a megabyte; with texts and metadata they take three.
    const items = itemsOf(700).map((item) =>
      ({ ...item, body: `${item.id} ${'word '.repeat(4000)}` }));
    const w = await alpha(t, items,
      { BATCH_SYNC_LIMIT: '50', BATCH_SYNC_CHUNK_SIZE: undefined });
    await w.good();
    w.coordinator.script('alpha', pagesOf(changed(items)));
    w.coordinator.calls.length = 0;
    const open = holdBack(w, 'word');
    const program = w.begin();
    await program.until(() => w.coordinator.calls.length >= 9,
      'nine pages to be read');
    open();
    assert.equal((await program.exit(60_000)).code, 0);
  });

test('killed with a window of pages: what it had stored is not paid for again',
  async (t) => {
    const items = itemsOf(50);
    const w = await alpha(t, items, { BATCH_SYNC_LEASE_SECONDS: '2' });
    const open = holdBack(w, 'item-00007');
    const program = w.begin();
    await program.until(async () => await stored(w) === 45,
      'all but one chunk to be stored');
    program.kill('SIGKILL');
    await program.exit();
    w.embedder.reset();
    w.embedder.script(() => undefined);
    let outcome;
    await until(async () => {
      outcome = await w.sync();
      assert.ok([0, 75].includes(outcome.code), `exit code ${outcome.code}`);
      return outcome.code === 0;
    }, 'the lease to run out', 30_000);
    const { embedded } = w.embedder;
    open();
    await checkStored(w, 'alpha', items);
    assert.equal(embedded, 5);
    assert.deepEqual(countsOf(outcome.result), { totalItems: 50, totalPages: 6,
      embedded: 5, unchanged: 45, stored: 5, failed: 0 });
  });

test('a page that fails within the window: what is behind it stays stored',
  async (t) => {
    const items = itemsOf(50);
    const w = await alpha(t, items);
    w.embedder.script(async ({ inputs }) => {
      if (!inputs.some((text) => text.includes('item-00027'))) return undefined;
      await until(() => w.embedder.embedded >= 45, 'all others');
      return faults.unauthorized();
    });
    const { code, result } = await w.sync();
    assert.notEqual(code, 0);
    assert.match(errorsOf(result).join('|'),
      /^3: embed: .*\|4: given up because page 3 failed$/);
    assert.deepEqual(countsOf(result), { totalItems: 50, totalPages: 2,
      embedded: 45, unchanged: 0, stored: 45, failed: 5 });
    assert.equal(await nextPage(w), 3);
    assert.equal(await stored(w), 45);
    w.embedder.reset();
    w.embedder.script(() => undefined);
    const again = await w.good();
    assert.deepEqual(countsOf(again), { totalItems: 50, totalPages: 6,
      embedded: 5, unchanged: 45, stored: 5, failed: 0 });
    await checkStored(w, 'alpha', items);
  });

/** Pages of ten with one more item on each, of one id: its n-th version. */
const withRepeats = (items, version) => ({ page }) => ({ envelope: { data: {
  items: [...items.slice(page * 9 - 9, page * 9), version(page)]
    .slice(0, page * 9 - 9 < items.length ? 10 : 0) } } });

test('an id on neighbouring pages: the later one waits, and wins',
  async (t) => {
    const items = itemsOf(18);
    const [same] = itemsOf(1, 99);
    const version = (page) => ({ ...same, body: `version ${page}` });
    const w = await world(t, { env: ENV,
      services: { alpha: withRepeats(items, version) } });
    const open = holdBack(w, 'version 1');
    const program = w.begin();
    await program.until(() => w.coordinator.calls.length === 3
      && w.embedder.embedded >= 14, 'the others to be embedded');
    assert.ok(![...w.embedder.seen.keys()].some((text) =>
      text.includes('version 2')));
    open();
    const { code, result } = await program.exit(60_000);
    assert.equal(code, 0);
    const rows = await checkStored(w, 'alpha', [...items, same]);
    assert.match(rows.at(-1).text, /version 2/);
    assert.equal(result.services[0].collisions, 0);
    assert.deepEqual(countsOf(result), { totalItems: 20, totalPages: 3,
      embedded: 20, unchanged: 0, stored: 20, failed: 0 });
    assert.ok(paidOnce(w));
  });

test('an id on three pages: of two that wait the later one is taken',
  async (t) => {
    const items = itemsOf(27);
    const [same] = itemsOf(1, 99);
    const version = (page) => ({ ...same, body: `version ${page}` });
    const w = await world(t, { env: ENV,
      services: { alpha: withRepeats(items, version) } });
    const open = holdBack(w, 'version 1');
    const program = w.begin();
    await program.until(() => w.coordinator.calls.length === 4
      && w.embedder.embedded >= 22, 'the others to be embedded');
    open();
    const { code, result } = await program.exit(60_000);
    assert.equal(code, 0);
    const rows = await checkStored(w, 'alpha', [...items, same]);
    assert.match(rows.at(-1).text, /version 3/);
    assert.equal(result.services[0].collisions, 1);
    assert.equal(w.embedder.embedded, 29);
    assert.ok(![...w.embedder.seen.keys()].some((text) =>
      text.includes('version 2')));
  });

test('an item that comes again as it was is embedded once', async (t) => {
  const items = itemsOf(18);
  const [same] = itemsOf(1, 99);
  const w = await world(t, { env: ENV,
    services: { alpha: withRepeats(items, () => same) } });
  const open = holdBack(w, same.name);
  const program = w.begin();
  await program.until(() => w.coordinator.calls.length === 3
    && w.embedder.embedded >= 14, 'the others to be embedded');
  open();
  const { code, result } = await program.exit(60_000);
  assert.equal(code, 0);
  await checkStored(w, 'alpha', [...items, same]);
  assert.equal(w.embedder.embedded, 19);
  assert.equal(countsOf(result).unchanged, 1);
});
