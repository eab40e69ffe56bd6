// `batchsync dead-letters` and `batchsync dead-letters retry`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, itemsOf, pagesOf, rejecting, TENANT, world }
  from './support/world.mjs';

const BAD = ['item-00003', 'item-00007'];
const ITEMS = itemsOf(10);

/** Two poisons in alpha, one record without an id in beta. */
async function poisoned(t) {
  const w = await world(t, { services: { alpha: pagesOf(ITEMS),
    beta: pagesOf([...itemsOf(1, 900), { ...itemsOf(1)[0], id: '' }]) } });
  w.bad = new Set(BAD);
  w.embedder.script(rejecting((text) => [...w.bad].some((id) =>
    text.includes(id)), 'not\nallowed'));
  const { code } = await w.sync();
  assert.equal(code, 1);
  w.embedder.reset();
  w.coordinator.calls.length = 0;
  w.letters = async (...args) => {
    const { code: exit, stdout, stderr } =
      await w.run(['dead-letters', ...args]);
    return { exit, stdout, stderr };
  };
  return w;
}

const asked = (w) => [...new Set(w.embedder.requests.flatMap(({ inputs }) =>
  inputs.flatMap((text) => text.match(/item-\d{5}/) ?? [])))].sort();

test('the list', async (t) => {
  const w = await poisoned(t);
  const { exit, stdout, stderr } = await w.letters();
  assert.deepEqual([exit, stderr.includes('error')], [0, false]);
  const [head, ...lines] = stdout.trimEnd().split('\n').map((line) =>
    line.split(/ {2,}/));
  assert.deepEqual(head, ['SERVICE', 'ID', 'TIMES', 'FIRST SEEN', 'LAST SEEN',
    'STATE', 'REASON']);
  assert.equal(lines.length, 3);
  const seen = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
  const poisons = lines.filter(([service]) => service === 'alpha');
  assert.equal(poisons.length, 2);
  for (const [, id, times, first, last, state, reason] of poisons) {
    assert.deepEqual([times, state], ['1', 'known']);
    assert.ok(BAD.includes(id));
    assert.match(first, seen);
    assert.match(last, seen);
    assert.match(reason, /not allowed/);
  }
  const only = await w.letters('list', '--service', 'beta', '--json');
  const { deadLetters, count } = JSON.parse(only.stdout);
  assert.equal(count, 1);
  assert.equal(deadLetters[0].reason, 'no content id');
  assert.equal(deadLetters[0].known, false);
  assert.equal(deadLetters[0].tenantId, TENANT);
  const none = await w.letters('--status', 'resolved');
  assert.deepEqual([none.exit, none.stdout], [0, '']);
  assert.match(none.stderr, /no dead letters/);
  const limited = await w.letters('--limit', '1', '--json', '--status', 'all');
  assert.equal(JSON.parse(limited.stdout).count, 1);
});

test('a retry sends them once more, and runs their service alone',
  async (t) => {
    const w = await poisoned(t);
    const { code, result, stderr } =
      await w.run(['dead-letters', 'retry', '--id', BAD[0], '--json']);
    assert.equal(code, 1);
    assert.deepEqual(result.services.map(({ service }) => service), ['alpha']);
    assert.equal(result.services[0].failed, 2);
    assert.equal(result.services[0].knownFailures, 1);
    assert.match(stderr, /^1 dead letter of 1 service: this run retries them/);
    assert.deepEqual(asked(w), [BAD[0]]);
    assert.equal(w.coordinator.callsTo('beta').length, 0);
    w.embedder.reset();
    await w.good();
    assert.equal(w.embedder.requests.length, 0);
  });

test('a retry that succeeds resolves them', async (t) => {
  const w = await poisoned(t);
  w.bad.clear();
  const { exit, stdout } = await w.letters('retry', '--service', 'alpha');
  assert.equal(exit, 0);
  assert.match(stdout, /alpha/);
  await checkStored(w, 'alpha', ITEMS);
  const { stdout: left } = await w.letters('--service', 'alpha');
  assert.equal(left, '');
  const none = await w.run(['dead-letters', 'retry', '--service', 'alpha',
    '--json']);
  assert.equal(none.code, 0);
  assert.equal(none.result.success, true);
  assert.deepEqual(none.result.services, []);
  assert.match(none.stderr, /nothing to retry/);
});

test('a run that does not come about leaves them to the next', async (t) => {
  const w = await poisoned(t);
  const { exit, stderr } = await w.letters('retry', '--id', BAD[0], '--json',
    '--id', BAD[1]);
  assert.equal(exit, 1, stderr);
  w.embedder.reset();
  const off = await w.run(['dead-letters', 'retry'],
    { BATCH_SYNC_ENABLED: 'false' });
  assert.equal(off.code, 1, off.stderr);
  assert.match(off.stderr, /3 dead letters of 2 services/);
  assert.equal(w.embedder.requests.length, 0);
  await w.sync();
  assert.deepEqual(asked(w), BAD);
});

test('what is wrong on the command line', async (t) => {
  const w = await poisoned(t);
  for (const [args, words] of [
    [['again'], /"again" is neither list nor retry/],
    [['retry', 'x'], /"x" is one argument too many/],
    [['--id', 'x'], /--id is only for a retry/],
    [['retry', '--limit', '3'], /--limit is only for the list/],
    [['--status', 'nonsense'], /--status nonsense must be open, resolved or all/],
    [['--limit', '0'], /--limit 0 must be a whole number from 1 to 500/],
  ]) {
    const { exit, stdout, stderr } = await w.letters(...args);
    assert.deepEqual([exit, stdout], [64, '']);
    assert.match(stderr, words);
  }
  const empty = await world(t, {});
  const { code, stderr } = await empty.run(['dead-letters']);
  assert.equal(code, 78);
  assert.match(stderr, /batchsync migrate/);
});
