// Records of any size: what they cost, and where they end.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pagesOf, sanitized, shapes, sleep, world }
  from './support/world.mjs';

const schema = { service_name: 'alpha',
  data_structure: { id: 'string', body: 'text', hidden: 'object' } };
const text = (bytes) => 'some words '.repeat(bytes / 11);
const documents = (t, items, env) => world(t, { schemas: [schema],
  services: { alpha: typeof items === 'function' ? items : pagesOf(items) },
  env: { LOG_LEVEL: 'debug', ...env } });

const MIB = 1024, TURN_MS = 50;

/** How long it kept its loop from everything else, at most: processor time. */
const longestTurn = ({ stderr }) =>
  Number(/event loop: .* the longest ([\d.]+) ms/.exec(stderr)[1]);

/** One sync, in at most so much memory, that keeps its loop free. */
async function within(t, w, mib, env) {
  const outcome = await w.run(['sync', '--json'], env);
  const turn = longestTurn(outcome);
  const cost = `${(outcome.maxRssKiB / MIB).toFixed(1)} MiB at its peak, `
    + `${turn} ms the longest turn of the loop`;
  t.diagnostic(cost);
  if (!sanitized) {
    assert.ok(outcome.maxRssKiB < mib * MIB, cost);
    assert.ok(turn < TURN_MS, cost);
  }
  return outcome;
}

/** Syncs the items, which come on one page, in at most so much memory. */
async function syncWithin(t, mib, items) {
  const w = await documents(t, items, {});
  const { code, result, stderr } = await within(t, w, mib);
  assert.equal(code, 0, stderr);
  assert.equal(result.services[0].stored, items.length);
  const [{ bytes, rows }] = await w.db.rows(`SELECT count(*)::int AS rows,
    sum(octet_length(content_text))::int AS bytes FROM vector_embeddings`);
  assert.ok(bytes > JSON.stringify(items).length * 0.9, `${bytes} stored`);
  assert.equal((await w.good()).services[0].unchanged, items.length);
  assert.equal([...w.embedder.seen.values()].reduce((a, n) => a + n), rows);
}

test('300 documents of 100 KB on a page', (t) => syncWithin(t, 96,
  Array.from({ length: 300 }, (_, i) =>
    ({ id: `d${i}`, body: `${i} ${text(100_000)}` }))));

test('a document of 4 MiB among others', (t) => syncWithin(t, 96, [
  ...Array.from({ length: 200 }, (_, i) =>
    ({ id: `d${i}`, body: `${i} ${text(2000)}` })),
  { id: 'large', body: Array.from({ length: 4 << 16 }, (_, i) =>
    `word ${i} of it `).join('').slice(0, 4 << 20) }]));

const pageMib = (items) => JSON.stringify(items).length / MIB / MIB;

test('a page of 40 MB', (t) => {
  const items = Array.from({ length: 400 }, (_, i) =>
    ({ id: `d${i}`, body: `${i} ${text(100_000)}` }));
  return syncWithin(t, 4 * pageMib(items) + 64, items);
});

/** Pages of more than 250 have a million records, whatever was asked for. */
function countless() {
  const serve = pagesOf([1, 2, 3].map((i) => ({ id: `s${i}`, body: 'a' })));
  const million = { envelope: JSON.stringify(Array.from(
    { length: 1_000_000 }, (_, id) => ({ id, body: 'a' }))) };
  return (context) => (context.limit > 250 ? million : serve(context));
}

const residentMib = ({ pid }) => Number(
  /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / MIB;

test('the memory of an answer that was refused is given back', async (t) => {
  const w = await documents(t, countless());
  let open;
  const gate = new Promise((done) => { open = done; });
  w.embedder.script(() => gate);
  const program = w.begin();
  await program.until(() => w.embedder.requests.length > 0,
    'what is on the smaller page', 60_000);
  const resident = residentMib(program);
  open();
  const { code, stderr, maxRssKiB } = await program.exit(60_000);
  assert.equal(code, 0, stderr);
  if (sanitized) return;
  assert.ok(maxRssKiB > 100 * MIB, `${maxRssKiB} KiB at its peak`);
  assert.ok(resident < 48, `${resident} MiB afterwards`);
});

test('a million records on a page are asked for in smaller pages',
  async (t) => {
    const w = await documents(t, countless());
    const { code, result, stderr } = await within(t, w, 256);
    assert.equal(code, 0, stderr);
    assert.equal(result.services[0].stored, 3);
    assert.deepEqual(w.coordinator.calls.map(({ limit }) => limit),
      [1000, 500, 250]);
    assert.match(stderr,
      /1000000 items takes more than the \d+ MiB that a page/);
  });

test('a page of nothing but records that cannot be stored', async (t) => {
  const LETTERS = 20_000;
  const line = (i) => `{"id":"é${i}","rank":NaN,"body":"${text(550)}"}`;
  const page = `[${Array.from({ length: LETTERS }, (_, i) => line(i)).join(',')}]`;
  const w = await documents(t, ({ page: number }) =>
    ({ envelope: number === 1 ? page : { data: [] } }));
  for (const times of [1, 2]) {
    const { result } = await within(t, w, 4 * page.length / MIB / MIB + 64);
    assert.equal(result.services[0].failed, LETTERS);
    const [letters] = await w.db.rows(`SELECT count(*)::int AS n,
      min(times)::int AS times, sum(octet_length(payload))::int AS bytes,
      min(octet_length(payload))::int AS least FROM batch_sync_dead_letters`);
    assert.equal(letters.n, LETTERS);
    assert.equal(letters.times, times);
    // All of them together; each says at least which record it is.
    assert.ok(letters.bytes <= 4 * MIB * MIB, `${letters.bytes} bytes`);
    assert.ok(letters.least > 100, `${letters.least} bytes`);
  }
});

test('records that are wide and too large', async (t) => {
  const wide = (id) => ({ id, hidden: Object.fromEntries(Array.from(
    { length: 600_000 }, (_, i) => [`k${i}`, i])) });
  const items = [1, 2, 3].map((i) => wide(`w${i}`));
  const w = await documents(t, items);
  const { result } = await within(t, w, 4 * pageMib(items) + 64);
  assert.equal(result.services[0].failed, 3);
});

test('SIGTERM ends it soon, however large what it is at', async (t) => {
  const items = Array.from({ length: 400 }, (_, i) =>
    ({ id: `d${i}`, body: `${i} ${text(100_000)}` }));
  const w = await documents(t, items, { BATCH_SYNC_GRACE_SECONDS: '1' });
  const moments = [
    ['the call', () => w.coordinator.calls.length > 0],
    ['the answer', async () => w.coordinator.calls.length > 0
      && (await sleep(300), true)],
    ['a request', () => w.embedder.requests.length > 0],
  ];
  let open;
  const gate = new Promise((done) => { open = done; });
  w.embedder.script(() => gate);
  for (const [what, reached] of moments) {
    w.coordinator.calls.length = w.embedder.requests.length = 0;
    const program = w.begin();
    await program.until(reached, what, 60_000);
    program.kill();
    const { code, result } = await program.exit(120_000);
    assert.notEqual(code, 0, what);
    assert.equal(result.success, false, what);
  }
  open();
});

test('a record that is too large is a dead letter that says so', async (t) => {
  const w = await documents(t, [{ id: 'small', body: 'a' },
    { id: 'large', body: text(200_000) },
    { id: 'wide', hidden: Object.fromEntries(Array.from({ length: 20_000 },
      (_, i) => [`k${i}`, i])) },
    { id: 'fits', body: text(90_000) }],
  { BATCH_SYNC_MAX_ITEM_BYTES: '100000' });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  const [{ stored, failed }] = result.services;
  assert.deepEqual([stored, failed], [2, 2]);
  const letters = await w.db.rows(`SELECT content_id, reason, payload
    FROM batch_sync_dead_letters ORDER BY content_id`);
  assert.deepEqual(letters.map((l) => l.content_id), ['large', 'wide']);
  for (const { reason, payload } of letters) {
    assert.match(reason,
      /^\d+ bytes as JSON, more than BATCH_SYNC_MAX_ITEM_BYTES \(100000\)$/);
    assert.equal(Buffer.byteLength(payload), 64 * 1024);
  }
  // Known by now, and no failure of the run any more; with more room stored.
  assert.equal((await w.sync()).result.services[0].failed, 2);
  const larger = await w.sync(
    { env: { BATCH_SYNC_MAX_ITEM_BYTES: '1000000' } });
  assert.equal(larger.code, 0, larger.stderr);
  assert.equal(larger.result.services[0].stored, 2);
});
