// Records that break a page: they cost themselves where the page can still be
// read; where it cannot, the error says where it breaks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, countsOf, errorsOf, itemsOf, pagesOf, world }
  from './support/world.mjs';

const ITEMS = itemsOf(7);
const BAD = [2, 5]; // indexes

const DEEP = `${'['.repeat(400)}1${']'.repeat(400)}`;

/** The page as text, with `value` as the rank of the bad ones. */
const broken = (value) => ({
  envelope: JSON.stringify({ data: { items: ITEMS, has_more: false } })
    .replace(/"rank":(\d+)/g, (all, rank) =>
      BAD.includes(rank - 1) ? `"rank":${value}` : all),
});

const letters = (w) => w.db.rows(`SELECT content_id, reason,
  resolved_at IS NOT NULL AS resolved, times FROM batch_sync_dead_letters
  ORDER BY content_id`);

for (const [what, value, reason] of [
  ['NaN', 'NaN',
    'cannot be read: has a number that JSON does not know (NaN or Infinity)'],
  ['nesting over the limit', DEEP, 'cannot be read: nested too deep'],
]) {
  test(`${what} costs its record alone`, async (t) => {
    const w = await world(t, { services: { alpha: broken(value) } });
    const first = await w.sync();
    assert.equal(first.code, 1);
    assert.deepEqual(countsOf(first.result), { totalItems: 7, totalPages: 1,
      embedded: 5, unchanged: 0, stored: 5, failed: 2 });
    const [error, ...others] = errorsOf(first.result);
    assert.equal(error, '1: 2 of 7 items could not be stored and are dead '
      + `letters; first: item ${ITEMS[BAD[0]].id}: ${reason}`);
    assert.deepEqual(others, []);
    await checkStored(w, 'alpha', ITEMS.filter((_, i) => !BAD.includes(i)));
    assert.deepEqual(await letters(w), BAD.map((i) => ({
      content_id: ITEMS[i].id, reason, resolved: false, times: 1 })));

    // Known by now, and not paid for.
    const { requests } = w.embedder;
    requests.length = 0;
    const second = await w.good();
    assert.equal(second.services[0].knownFailures, 2);
    assert.equal(requests.length, 0);

    // Mended.
    w.coordinator.script('alpha', pagesOf(ITEMS));
    assert.equal((await w.good()).services[0].stored, 2);
    await checkStored(w, 'alpha', ITEMS);
    assert.ok((await letters(w)).every(({ resolved }) => resolved));
  });
}

test('a page that cannot be read says where it breaks', async (t) => {
  const page = JSON.stringify({ data: ITEMS });
  const at = page.indexOf('"name"', page.indexOf(ITEMS[4].id));
  const w = await world(t, { services: {
    alpha: { envelope: `${page.slice(0, at)}?${page.slice(at)}` },
  } });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  const [error] = errorsOf(result);
  assert.ok(error.startsWith(
    `1: envelope_json is not JSON: byte ${at}: `), error);
  assert.ok(error.endsWith(
    `; the last id before that is ${ITEMS[4].id}`), error);
});

test('a raw control character in a string is read as it is', async (t) => {
  const items = itemsOf(7).map((item, i) =>
    ({ ...item, body: `${item.body}\nline ${i}\tand \\ "quoted"` }));
  const raw = JSON.stringify({ data: items })
    .replaceAll('\\n', '\n').replaceAll('\\t', '\t');
  const w = await world(t, { services: {
    alpha: ({ page }) => ({ envelope: page > 1 ? '{"data":[]}' : raw }) } });
  await w.good();
  await checkStored(w, 'alpha', items);
});

test('a byte order mark costs nothing', async (t) => {
  const w = await world(t, { services: {
    alpha: ({ page }) => ({ envelope:
      `\uFEFF${JSON.stringify({ data: page > 1 ? [] : ITEMS })}` }),
  } });
  await w.good();
  await checkStored(w, 'alpha', ITEMS);
});
