// Sources whose words and pages do not agree: a pass is complete only when they
// do, an incomplete one deletes nothing, and a source that repeats itself is
// left.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, countsOf, errorsOf, itemsOf, schemaOf, shapes, world }
  from './support/world.mjs';

const LIMIT = 20;
const ENV = { BATCH_SYNC_LIMIT: String(LIMIT) };

const slice = (items, page, limit = LIMIT) =>
  items.slice((page - 1) * limit, page * limit);

/** A source that serves `items` and says a total. */
const saying = (items, total) => ({ page }) =>
  shapes.dataItems(slice(items, page), { total });

const one = (result) => result.services[0];
const calls = (w, name) => w.coordinator.callsTo(name).map((c) => c.page);
const ended = async (w) => (await w.sync()).result;
const rowsOf = async (w) => (await w.db.vectors()).length;

/** What a run says of each of its services. */
const verdicts = (result) => Object.fromEntries(result.services.map(
  ({ service, success, complete }) => [service, [success, complete]]));

/* ---- short of the total ---- */

test('a shortfall is an error once, and told from then on', async (t) => {
  const items = itemsOf(60);
  const w = await world(t, { env: ENV,
    services: { alpha: saying(items.slice(0, 40), 60) } });
  const first = await w.sync();
  assert.equal(first.code, 1);
  const reason = 'the source announced 60 items, and 40 came';
  assert.deepEqual(errorsOf(first.result), [`0: ${reason}`]);
  assert.deepEqual([one(first.result).complete, one(first.result).reason],
    [false, reason]);
  assert.equal(await rowsOf(w), 40);

  const second = await w.sync();
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual([one(second.result).success, one(second.result).complete,
    one(second.result).reason], [true, false, reason]);
  assert.match(second.stderr, /"warn","message":"the pass is not complete, as before: /);

  // A few more missing is as before, many more are not.
  w.coordinator.script('alpha', saying(items.slice(0, 38), 60));
  assert.equal((await w.sync()).code, 0);
  w.coordinator.script('alpha', saying(items.slice(0, 20), 60));
  assert.equal((await w.sync()).code, 1);
  assert.equal((await w.sync()).code, 0);

  // Whole again, so that the same shortfall is news.
  w.coordinator.script('alpha', saying(items, 60));
  const whole = await w.good();
  assert.equal(one(whole).complete, true);
  assert.ok(!('reason' in one(whole)));
  await checkStored(w, 'alpha', items);
  w.coordinator.script('alpha', saying(items.slice(0, 40), 60));
  assert.equal((await w.sync()).code, 1);

  const runs = await w.db.rows(`SELECT status, complete, shortfall::int, reason
    FROM batch_sync_service_runs ORDER BY started_at`);
  assert.deepEqual(runs.map((r) => [r.status, r.complete, r.shortfall]), [
    ['partial', false, 20], ['success', false, 20], ['success', false, 22],
    ['partial', false, 40], ['success', false, 40], ['success', true, 0],
    ['partial', false, 20]]);
  assert.equal(runs[0].reason, reason);
});

test('the watermark stays while a shortfall is news', async (t) => {
  const w = await world(t, { env: ENV,
    services: { alpha: saying(itemsOf(40), 40) } });
  const since = async () => {
    w.coordinator.calls.length = 0;
    const { code } = await w.sync({ args: ['--incremental'] });
    return [w.coordinator.calls[0].since, code];
  };
  await w.good();
  const [first, good] = await since();
  assert.ok(first !== undefined && good === 0);
  w.coordinator.script('alpha', saying(itemsOf(40), 99));
  const [second, short] = await since();
  assert.equal(short, 1);
  assert.ok(second > first);
  const [third, told] = await since();
  assert.deepEqual([third, told], [second, 0], 'it stayed');
  assert.ok((await since())[0] > third, 'and moves on');
});

test('an incomplete pass deletes nothing', async (t) => {
  const items = itemsOf(60);
  const w = await world(t, { env: { ...ENV, BATCH_SYNC_MAX_DELETE_PERCENT: '100' },
    services: { alpha: saying(items, 60) },
    schemas: [schemaOf('alpha', { delete_missing: true })] });
  await w.good();
  await w.good();
  for (const reply of [
    saying(items.slice(0, 50), 60),
    ({ page }) => shapes.dataItems(slice(items.slice(0, 40), page),
      { has_more: true }),
    ({ page }) => shapes.dataItems(slice(items.slice(0, 20), page),
      page === 1 ? { total: 60 } : { total: 0 }),
  ]) {
    w.coordinator.script('alpha', reply);
    for (let i = 0; i < 3; i += 1) {
      const result = await ended(w);
      assert.deepEqual([one(result).complete, one(result).deleted], [false, 0]);
    }
    assert.equal(await rowsOf(w), 60);
  }
  // Two complete ones do.
  w.coordinator.script('alpha', saying(items.slice(0, 50), 50));
  await w.good();
  assert.equal(one(await w.good()).deleted, 10);
});

test('what never agrees goes on after its first run', async (t) => {
  const items = (name, n) => itemsOf(n, 1, name);
  const kept = (name) => items(name, 60).filter((_, i) => i % 3 !== 0);
  const services = {
    // An array that ignores the page.
    array: () => shapes.rootArray(items('array', 15)),
    // The last page is served again beyond the end.
    clamped: ({ page }) =>
      shapes.dataItems(slice(items('clamped', 50), Math.min(page, 3))),
    // A total of rows that a filter drops.
    filtered: ({ page }) => shapes.dataItems(
      slice(items('filtered', 60), page).filter((_, i) => i % 3 !== 0),
      { total: 60 }),
    // One that grows.
    growing: ({ page }) => shapes.dataItems(
      slice(items('growing', 50), page), { total: 35 + page * 5 }),
    // One that counts the insides of a single item.
    single: ({ page }) => ({ envelope: page > 1 ? { data: {} }
      : { data: items('single', 1)[0], total: 12 } }),
    // One that is a number of pages.
    paged: ({ page }) => shapes.dataItems(
      slice(items('paged', 50), page), { total: 3 }),
    // One that is each page's own count.
    own: ({ page }) => {
      const all = slice(items('own', 35), page, 7);
      return shapes.dataItems(all, { total: all.length });
    },
  };
  const w = await world(t, { env: ENV, services });
  const first = await w.sync();
  assert.deepEqual(verdicts(first.result), {
    array: [true, true], clamped: [true, true], filtered: [false, false],
    growing: [true, true], single: [false, false], paged: [true, true],
    own: [true, true] });
  await checkStored(w, 'array', items('array', 15));
  await checkStored(w, 'clamped', items('clamped', 50));
  await checkStored(w, 'growing', items('growing', 50));
  await checkStored(w, 'paged', items('paged', 50));
  await checkStored(w, 'own', items('own', 35));
  assert.equal(kept('filtered').length > 0, true);
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1),
    'nothing is paid for twice');
  w.embedder.requests.length = 0;
  const second = await w.sync();
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(verdicts(second.result), { ...verdicts(first.result),
    filtered: [true, false], single: [true, false] });
  assert.equal(w.embedder.requests.length, 0);
});

test('a total that is to be ignored, and a has_more nobody understands',
  async (t) => {
    const w = await world(t, { env: ENV,
      services: { alpha: saying(itemsOf(25), 99),
        beta: ({ page }) => shapes.dataItems(slice(itemsOf(45, 1, 'beta'),
          page), { has_more: 'perhaps' }),
        gamma: ({ page }) => shapes.dataItems(
          slice(itemsOf(10, 1, 'gamma'), page, 5),
          { has_more: page < 2 ? 'Yes' : 'No' }) },
      schemas: [schemaOf('alpha', { total: 'ignore' }), schemaOf('beta'),
        schemaOf('gamma')] });
    const { code, result, stderr } = await w.sync();
    assert.equal(code, 0, stderr);
    assert.ok(result.services.every(({ complete }) => complete));
    assert.equal(stderr.match(/has_more is/g).length, 1, 'told once');
    assert.match(stderr, /has_more is \\"perhaps\\"; true, false/);
    assert.deepEqual(calls(w, 'gamma'), [1, 2]);
    await checkStored(w, 'gamma', itemsOf(10, 1, 'gamma'));
  });

test('what a server caps is read to its end', async (t) => {
  const items = itemsOf(60);
  const w = await world(t, { env: { BATCH_SYNC_LIMIT: '1000' },
    services: { alpha: ({ page }) => shapes.dataItems(slice(items, page)) } });
  await w.good();
  assert.deepEqual(calls(w, 'alpha'), [1, 2, 3, 4]);
  await checkStored(w, 'alpha', items);
});

/* ---- sources that repeat themselves ---- */

/** The first n distinct texts that were paid for, and how many in all. */
const paid = (w) => [...w.embedder.seen.values()].reduce((a, b) => a + b, 0);

test('a source that ignores the page is left', async (t) => {
  let served = 0;
  // Another time in each answer: neither bytes nor digests are equal.
  const stamped = (items) => items.map((item) => ({ ...item,
    seen: new Date(1.7e12 + served++ * 1e6).toISOString() }));
  const shuffled = (items) => {
    const by = served++ % items.length;
    return [...items.slice(by), ...items.slice(0, by)];
  };
  const of = (name, n = LIMIT) => itemsOf(n, 1, name);
  const services = {
    same: () => shapes.dataItems(of('same')),
    stamped: () => shapes.dataItems(stamped(of('stamped'))),
    shuffled: () => shapes.dataItems(shuffled(of('shuffled'))),
    alternating: ({ page }) =>
      shapes.dataItems(slice(of('alternating', 40), 1 + page % 2)),
    larger: () => shapes.dataItems(of('larger', 30)),
    small: () => shapes.dataItems(of('small', 5), { limit: 5 }),
    saying: () => shapes.dataItems(of('saying', 5), { has_more: true }),
  };
  const w = await world(t, { env: ENV, services });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  const pages = { same: 4, stamped: 4, shuffled: 4, alternating: 5, larger: 4,
    small: 7, saying: 7 };
  for (const [name, n] of Object.entries(pages)) {
    const entry = result.services.find((s) => s.service === name);
    assert.match(errorsOf(result, name).join(),
      new RegExp(`^${n}: source repeats: `), name);
    assert.equal(calls(w, name).length, n, name);
    assert.equal(entry.complete, false, name);
  }
  assert.equal(await rowsOf(w), 20 + 20 + 20 + 40 + 30 + 5 + 5, 'it stays');
});

test('a cycle of more pages than are remembered is found', async (t) => {
  const all = itemsOf(25 * 5);
  const w = await world(t, { env: { BATCH_SYNC_LIMIT: '5' }, services: {
    alpha: ({ page }) => shapes.dataItems(slice(all, 1 + (page - 1) % 25, 5)),
  } });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.match(errorsOf(result).join(), /^28: source repeats: 3 pages/);
  assert.equal(calls(w, 'alpha').length, 28);
  assert.equal(paid(w), 125, 'nothing is paid for twice');
  await checkStored(w, 'alpha', all);

  // Rows that are stored already do not look like repeats.
  w.coordinator.script('alpha', ({ page }) => shapes.dataItems(
    slice(all, page, 5)));
  assert.deepEqual(countsOf(await w.good()), { totalItems: 125, totalPages: 26,
    embedded: 0, unchanged: 125, stored: 0, failed: 0 });
});

test('items without ids count by what they are', async (t) => {
  const blank = itemsOf(LIMIT).map((item) => ({ ...item, id: null }));
  const w = await world(t, { env: ENV, services: {
    alpha: () => shapes.dataItems(blank),
    beta: ({ page }) => shapes.dataItems(slice(
      itemsOf(100).map((item) => ({ ...item, id: null })), page)),
  } });
  const { result } = await w.sync();
  assert.match(errorsOf(result, 'alpha').join('\n'),
    /^4: source repeats: /m);
  assert.deepEqual(calls(w, 'beta'), [1, 2, 3, 4, 5, 6]);
  assert.ok(errorsOf(result, 'beta').every((e) => !e.includes('repeats')));
});

test('pages that shift while they are read lose nothing', async (t) => {
  const items = itemsOf(100);
  const w = await world(t, { env: ENV, services: {
    // Two new records in front of each page but the first.
    alpha: ({ page }) => {
      const from = (page - 1) * (LIMIT - 2);
      return shapes.dataItems(items.slice(from, from + LIMIT),
        { total: 100 + (page - 1) * 2 });
    },
  } });
  const result = await w.good();
  assert.equal(one(result).complete, true);
  await checkStored(w, 'alpha', items);
});

test('without a limit of pages a long source is read to its end', async (t) => {
  const items = itemsOf(30);
  const w = await world(t, { env: { BATCH_SYNC_LIMIT: '1' }, services: {
    alpha: ({ page }) => shapes.dataItems(slice(items, page, 1)) } });
  await w.good();
  assert.equal(calls(w, 'alpha').length, 31);
  await checkStored(w, 'alpha', items);
});
