// Pages of one service asked for side by side (BATCH_SYNC_FETCHES): how many,
// when, and what becomes of those that were asked for too early.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, countsOf, errorsOf, itemsOf, pagesOf, sanitized, sleep,
  until, world } from './support/world.mjs';

const ENV = { BATCH_SYNC_LIMIT: '10', BATCH_SYNC_CHUNK_SIZE: '5',
  BATCH_SYNC_FETCHES: '4' };

/** Pages that tell the total, which pagesOf does not. */
const withTotal = (items, total = items.length) => ({ page, limit }) => ({
  envelope: { data: {
    items: items.slice((page - 1) * limit, page * limit), total } } });

/** The same script; most() is how many of its calls were open at once. */
function counting(script) {
  let open = 0, most = 0;
  const step = async (context) => {
    most = Math.max(most, ++open);
    try {
      return await script(context);
    } finally {
      open--;
    }
  };
  return { step, most: () => most };
}

const start = (t, step, env) =>
  world(t, { services: { alpha: step }, env: { ...ENV, ...env } });

const NO_SUCH_PAGE = { grpcCode: 'NOT_FOUND', details: 'no such page' };

const pagesAsked = (w) => w.coordinator.calls.map(({ page }) => page);
/** The same, with their limits. */
const asked = (w) =>
  w.coordinator.calls.map(({ page, limit }) => `${page}x${limit}`);
const paidOnce = (w) =>
  [...w.embedder.seen.values()].every((times) => times === 1);

/** Everything is stored, and all of it was paid for once. */
async function checkAll(w, result, items) {
  const { totalItems, stored, failed } = countsOf(result);
  assert.deepEqual({ totalItems, stored, failed },
    { totalItems: items.length, stored: items.length, failed: 0 });
  await checkStored(w, 'alpha', items);
  assert.equal(w.embedder.embedded, items.length);
  assert.ok(paidOnce(w));
}

test('four pages are asked for at once, whichever comes first', async (t) => {
  const items = itemsOf(95);
  const serve = withTotal(items);
  // Each but the first waits until three behind it are asked for, or all are.
  const { step, most } = counting(async (context) => {
    if (context.page > 1) {
      const last = Math.min(context.page + 3, 10);
      await until(() => pagesAsked(w).includes(last), `page ${last}`);
    }
    return serve(context);
  });
  const w = await start(t, step);
  const result = await w.good();
  assert.equal(most(), 4);
  assert.equal(countsOf(result).totalPages, 10);
  assert.deepEqual(pagesAsked(w).sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await checkAll(w, result, items);
});

test('the later of two pages with one id wins, though it comes first',
  async (t) => {
    const items = itemsOf(40);
    const last = { ...items[39], body: 'The later one.' };
    const serve = withTotal([...items.slice(0, 15), { ...last, body: 'Before.' },
      ...items.slice(15, 39), last]);
    const w = await start(t, async (context) => {
      if (context.page === 2) {
        await until(() => pagesAsked(w).includes(4), 'page 4');
      }
      return serve(context);
    });
    await w.good();
    const rows = await checkStored(w, 'alpha', items);
    assert.match(rows.at(-1).text, /The later one/);
  });

for (const [what, env, total] of [
  ['one at a time is the default', { BATCH_SYNC_FETCHES: undefined }, 95],
  ['where no total is told, one at a time', {}, undefined],
  ['a total below what has come tells nothing', {}, 7],
]) {
  test(what, async (t) => {
    const items = itemsOf(95);
    const { step, most } = counting(
      total === undefined ? pagesOf(items) : withTotal(items, total));
    const w = await start(t, step, env);
    const result = await w.good();
    assert.equal(most(), 1);
    await checkAll(w, result, items);
  });
}

test('beyond the announced total nothing is asked for', async (t) => {
  const items = itemsOf(25);
  const w = await start(t, withTotal(items), { BATCH_SYNC_FETCHES: '16' });
  const result = await w.good();
  assert.deepEqual(pagesAsked(w).sort(), [1, 2, 3]);
  await checkAll(w, result, items);
});

test('a source that ends before its total: pages behind its end are no failure',
  async (t) => {
    const items = itemsOf(35);
    const serve = withTotal(items, 200);
    const w = await start(t, async (context) => {
      if (context.page === 3) {
        await until(() => pagesAsked(w).includes(6), 'page 6');
      }
      return context.page > 5 ? NO_SUCH_PAGE : serve(context);
    });
    const { code, result } = await w.sync();
    assert.equal(code, 1);
    assert.deepEqual(errorsOf(result),
      ['0: the source announced 200 items, and 35 came']);
    await checkAll(w, result, items);
  });

test('a total that shrinks: pages behind the new end are no failure',
  async (t) => {
    const items = itemsOf(35);
    const w = await start(t, (context) => context.page > 4 ? NO_SUCH_PAGE
      : withTotal(items, context.page === 1 ? 90 : 35)(context));
    await checkAll(w, await w.good(), items);
    assert.ok(pagesAsked(w).includes(5));
  });

test('an answer that is too large discards the pages behind it', async (t) => {
  const items = itemsOf(80).map((item, i) => i < 40 ? item
    : { ...item, body: `${item.body} ${'x'.repeat(3000)}` });
  const serve = withTotal(items);
  const w = await start(t, async (context) => {
    // Once a smaller page has come they are asked for side by side again.
    if (context.page === 10) {
      await until(() => asked(w).includes('13x5'), 'page 13');
    }
    return serve(context);
  }, { GRPC_MAX_MESSAGE_BYTES: '24000' });
  await checkAll(w, await w.good(), items);
  assert.ok(asked(w).includes('5x10') && asked(w).includes('9x5'));
});

test('a limit that the source changes discards the pages behind', async (t) => {
  const items = itemsOf(80);
  // Page 3 comes with five items, and those asked for beside it with ten.
  const w = await start(t, ({ page, limit }) => {
    const kept = page === 3 ? 5 : limit;
    return { envelope: { data: { limit: kept, total: 80,
      items: items.slice((page - 1) * kept, page * kept) } } };
  });
  const result = await w.good();
  await checkStored(w, 'alpha', items);
  assert.ok(paidOnce(w));
  // Pages 3 and 4 of five items have what page 2 had: unchanged by then.
  assert.equal(countsOf(result).stored, 80);
  assert.ok(asked(w).includes('4x10') && asked(w).includes('4x5'));
});

test('a page that fails: what was asked for behind it is left', async (t) => {
  const items = itemsOf(80);
  const serve = withTotal(items);
  const w = await start(t, (context) =>
    context.page === 3 ? { grpcCode: 'NOT_FOUND' } : serve(context));
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.match(errorsOf(result).join('|'), /^3: [^|]*$/);
  await checkStored(w, 'alpha', items.slice(0, 20));
  assert.equal(countsOf(result).totalItems, 20);
  w.coordinator.script('alpha', serve);
  assert.equal(countsOf(await w.good()).embedded, 60);
  await checkStored(w, 'alpha', items);
  assert.ok(paidOnce(w));
});

test('stopped with pages on their way: the next run goes on', async (t) => {
  const items = itemsOf(80);
  const serve = withTotal(items);
  const w = await start(t, (context) =>
    context.page > 2 ? { hang: true } : serve(context));
  const program = w.begin();
  await program.until(() => [3, 4, 5, 6].every((page) =>
    pagesAsked(w).includes(page)), 'pages 3 to 6');
  program.kill('SIGTERM');
  const { code } = await program.exit(60_000);
  assert.notEqual(code, 0);
  w.coordinator.script('alpha', serve);
  await w.good();
  await checkStored(w, 'alpha', items);
  assert.ok(paidOnce(w));
});

test('each page that is still to come has its room in the window',
  { skip: sanitized && 'a matter of sizes alone' }, async (t) => {
    // Three megabytes a page, of which next to nothing is stored.
    const items = itemsOf(120).map((item) =>
      ({ ...item, aside: 'x'.repeat(300_000) }));
    const serve = withTotal(items);
    // Each waits, so that all that may be on their way are.
    const { step, most } = counting(async (context) => {
      await sleep(context.page === 1 ? 0 : 200);
      return serve(context);
    });
    const w = await start(t, step, { BATCH_SYNC_FETCHES: '16' });
    const result = await w.good();
    assert.ok(most() > 1 && most() <= 5, `${most()} pages of 3 MB in 16 MiB`);
    await checkAll(w, result, items);
  });
