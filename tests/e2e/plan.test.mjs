// What a run would do is told beforehand, and the run that follows does just
// that: items, requests, tokens, deletes. A plan itself pays for nothing and
// changes nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import { gate, serve } from './support/serve.mjs';
import { DIMENSIONS, provider } from './support/provider.mjs';
import { itemsOf, pagesOf, schemaOf, world }
  from './support/world.mjs';

const ADMIN = '/admin/batch-sync';

/** A token per four bytes, as a bill has it. */
const bill = (texts) => texts.reduce((sum, text) =>
  sum + Math.ceil(Buffer.byteLength(text) / 4), 0);

/** Services whose items are `served` by then, and a provider that bills. */
async function start(t, served, { schema, env } = {}) {
  const account = await provider(t, ({ texts, ok }) => {
    const total = bill(texts);
    ok(undefined, { usage: { prompt_tokens: total, total_tokens: total } });
  });
  const w = await world(t, {
    services: Object.fromEntries(Object.keys(served).map((name) =>
      [name, pagesOf(() => served[name])])),
    schemas: Object.keys(served).map((name) => schemaOf(name, schema)),
    env: { OPENAI_API_URL: account.url, OPENAI_API_KEY: 'sk-1',
      EMBEDDING_DIMENSIONS: String(DIMENSIONS), EMBEDDING_ENCODING: 'float',
      BATCH_SYNC_LIMIT: '100', KG_ENABLED: 'false',
      EMBEDDING_PRICE_PER_MILLION_TOKENS: '0.02', ...env } });
  return { w, account, served };
}

/** All that the database holds, sequences and statistics aside. */
async function everything(w) {
  const tables = await w.db.rows(`SELECT tablename AS name FROM pg_tables
    WHERE schemaname = 'public' ORDER BY 1`);
  const rows = await Promise.all(tables.map(async ({ name }) => [name,
    await w.db.rows(`SELECT xmin::text, ctid::text FROM "${name}"
      ORDER BY ctid`)]));
  return Object.fromEntries(rows);
}

/** A plan, which must leave no trace. */
async function plan({ w, account }, args = [], { env, code = 0 } = {}) {
  const before = await everything(w);
  const requests = account.requests.length;
  const outcome = await w.run(['plan', '--json', ...args], env);
  assert.equal(outcome.code, code, outcome.stderr);
  assert.equal(account.requests.length, requests, 'nothing is sent');
  assert.deepEqual(await everything(w), before, 'nothing is written');
  return JSON.parse(outcome.stdout);
}

/** The run does what was told; returns what was paid. */
async function follows(at, told, options) {
  const { account, w } = at;
  const before = { requests: account.requests.length,
    paid: account.paid.length };
  const result = await w.good(options);
  const paid = account.paid.slice(before.paid);
  const tokens = bill(paid);
  for (const [i, s] of result.services.entries()) {
    const p = told.services[i];
    assert.equal(p.service, s.service);
    assert.deepEqual([p.items, p.new + p.changed + p.metadataOnly, p.unchanged,
      p.failed, p.collisions, p.toDelete],
    [s.totalItems, s.stored, s.unchanged, s.failed, s.collisions ?? 0,
      s.deleted ?? 0], JSON.stringify([p, s]));
    assert.equal(p.new + p.changed, s.embedded);
  }
  assert.equal(told.total.pieces, paid.length, 'a vector a piece');
  assert.equal(told.total.requests,
    account.requests.length - before.requests, 'requests');
  const { low, high } = told.total.tokens;
  assert.ok(low <= tokens && tokens <= high || Math.abs(low - tokens)
    <= tokens * 0.05, `${low} to ${high}, and ${tokens} were billed`);
  return { paid, tokens };
}

const long = (i) => ({ ...itemsOf(1, i, 'long')[0],
  body: `Body ${i} of long. ${'A sentence of some words. '.repeat(200)}` });

test('an empty database: all is new, no table is made', async (t) => {
  const at = await start(t, { alpha: [...itemsOf(130), long(900)],
    beta: itemsOf(5, 1, 'b') }, { env: { EMBEDDING_MAX_TOKENS: '512' } });
  const told = await plan(at);
  const [alpha, beta] = told.services;
  assert.equal(Object.keys(await everything(at.w)).length, 0);
  assert.deepEqual([alpha.new, beta.new], [131, 5]);
  assert.ok(alpha.pieces > 131, 'the long one has several');
  assert.equal(alpha.measured, false);
  assert.match(alpha.reasons[0], /nothing of the service is stored yet/);
  assert.ok(told.total.cost.low > 0 && told.total.seconds === null);
  await follows(at, told);
  const again = await plan(at);
  assert.deepEqual(again.services.map(({ unchanged, pieces, requests }) =>
    [unchanged, pieces, requests]), [[131, 0, 0], [5, 0, 0]]);
  assert.deepEqual(again.total.tokens, { low: 0, high: 0 });
});

test('round after round, the run does what was told', async (t) => {
  const at = await start(t, { alpha: itemsOf(1100) },
    { schema: { delete_missing: true } });
  const { served } = at;
  await follows(at, await plan(at));
  for (let round = 1; round <= 5; round++) {
    const items = served.alpha;
    items.splice(0, 7 * round);
    for (let i = 0; i < 60 * round; i += 3) {
      items[i] = { ...items[i], body: `Body ${i} of round ${round}, other.` };
      items[i + 1] = { ...items[i + 1], seen: `2025-12-18T0${round}:00:00Z` };
    }
    items.push(...itemsOf(40, 1, `new${round}`), { name: 'without an id' });
    served.alpha = items.filter((item) => round % 2 || item.id);
    const told = await plan(at, [], { code: round % 2 });
    assert.equal(told.services[0].measured, true);
    assert.equal(told.services[0].tokens.low, told.services[0].tokens.high);
    assert.equal(typeof told.total.seconds, 'number');
    assert.equal(told.services[0].metadataOnly, 20 * round);
    if (round % 2) {
      assert.equal(told.services[0].failed, 1);
      served.alpha = items.filter((item) => item.id);
      continue;
    }
    await follows(at, told);
  }
});

test('why: another model, deletes refused, no whole pass', async (t) => {
  const at = await start(t, { alpha: itemsOf(60) },
    { schema: { delete_missing: true } });
  await at.w.good();
  const other = { EMBEDDING_MODEL: 'text-embedding-3-large' };
  const told = await plan(at, [], { env: other });
  assert.equal(told.services[0].changed, 60);
  assert.match(told.services[0].reasons.join('\n'),
    /^another model, text-embedding-3-small \(openai, 8\) before: all 60$/m);
  await follows(at, told, { env: other });

  at.served.alpha = at.served.alpha.slice(30);
  await at.w.good({ env: other }); // missed once
  const refused = await plan(at, [], { env: other });
  assert.equal(refused.services[0].toDelete, 0);
  assert.match(refused.services[0].reasons.join('\n'),
    /30 of 60 items are gone: more than BATCH_SYNC_MAX_DELETE_PERCENT \(30\)/);
  const some = await plan(at, ['--incremental'], { env: other });
  assert.equal(some.services[0].toDelete, 0);
  assert.match(some.services[0].reasons.join('\n'),
    /only by a complete pass .* 30 items were missing at the last one/);
});

test('deletes that the source tells', async (t) => {
  const at = await start(t, { alpha: itemsOf(60) }, { schema: {
    delete_missing: true,
    deleted_when: { field: 'status', equals: 'deleted' } } });
  await at.w.good();
  const tell = (n) => { at.served.alpha = itemsOf(60).map((item, i) =>
    i < n ? { id: item.id, status: 'deleted' } : item); };
  tell(30);
  const refused = await plan(at);
  assert.equal(refused.services[0].toDelete, 0);
  assert.match(refused.services[0].reasons.join('\n'),
    /tells that 30 of 60 items are deleted: more than/);
  tell(9);
  const told = await plan(at);
  assert.equal(told.services[0].toDelete, 9);
  const result = await at.w.good();
  assert.equal(result.services[0].deleted, 9);
  // What a run has left behind goes with the next one, told again or not.
  const env = { BATCH_SYNC_MAX_DELETE_PERCENT: '10' };
  tell(20);
  await at.w.good({ env });
  at.served.alpha = itemsOf(60).slice(20);
  const left = await plan(at);
  assert.equal(left.services[0].toDelete, 11);
  assert.equal((await at.w.good()).services[0].deleted, 11);
});

test('incremental: asks the source for what the run asks', async (t) => {
  const at = await start(t, { alpha: itemsOf(10) });
  const { coordinator } = at.w;
  await at.w.good();
  await plan(at, ['--incremental']);
  const asked = coordinator.calls.at(-1).since;
  await at.w.good({ args: ['--incremental'] });
  const ran = coordinator.calls.at(-1).since;
  assert.ok(ran, 'the run asks for changes since');
  assert.equal(asked, ran);
});

test('in words; a service that fails is told of', async (t) => {
  const at = await start(t, { alpha: itemsOf(3), beta: itemsOf(2, 1, 'b') });
  const words = await at.w.run(['plan']);
  assert.equal(words.code, 0, words.stderr);
  assert.match(words.stdout, new RegExp('^alpha: 3 items: 3 new, 0 changed, 0 '
    + 'with other metadata, 0 unchanged\n {2}\\d requests, \\d+ to \\d+ tokens, '
    + '0\\.\\d+ to 0\\.\\d+ in money, for how long'));
  assert.match(words.stdout, /\nall: .*\nnothing was embedded or written\n$/);
  assert.equal(words.stderr, '');
  at.w.coordinator.script('beta',
    { envelope: { success: false, error: 'it is broken' } });
  const told = await plan(at, [], { code: 1,
    env: { BATCH_SYNC_RETRIES: '1' } });
  assert.equal(told.success, false);
  assert.deepEqual(told.services.map(({ success }) => success), [true, false]);
  assert.match(told.services[1].errors[0].error, /it is broken/);
  for (const price of ['cheap', '-1', '1e3', '.5', '1.2.3', '2000000']) {
    const { code, stderr } = await at.w.run(['plan'],
      { EMBEDDING_PRICE_PER_MILLION_TOKENS: price });
    assert.equal(code, 78, price);
    assert.match(stderr, /PRICE_PER_MILLION_TOKENS=.* must be a number from 0/);
  }
});

test('over HTTP, beside a run; not for those who only look', async (t) => {
  const at = await start(t, { alpha: itemsOf(250) });
  const hold = gate();
  const pages = pagesOf(at.served.alpha);
  at.w.coordinator.script('alpha', async (call) => {
    if (call.page === 2) await hold.wait;
    return pages(call);
  });
  const s = await serve(t, at.w, { env: { ADMIN_TOKEN: 'admin',
    VIEWER_TOKEN: 'viewer' } });
  const as = (token) => ({ headers: { authorization: `Bearer ${token}` } });
  const ask = (token = 'admin', body = {}) =>
    s.call('POST', `${ADMIN}/plan`, { body, ...as(token) });
  assert.equal((await ask('viewer')).status, 403);
  assert.equal((await ask('admin', { servises: [] })).status, 400);
  const first = ask();
  while ((await ask('admin', { services: ['nobody'] })).status !== 409);
  hold.open();
  const { status, json } = await first;
  assert.equal(status, 200, JSON.stringify(json));
  assert.equal(json.services[0].new, 250);
  const none = await ask('admin', { services: ['nobody'] });
  assert.match(none.json.services[0].errors[0].error, /no schema for service/);
  assert.equal(at.account.requests.length, 0);
  await s.end();
});

test('a plan that is ended in the middle ends at once', async (t) => {
  const at = await start(t, { alpha: itemsOf(250) });
  await at.w.good();
  const [before, paid] = [await everything(at.w), at.account.requests.length];
  const pages = pagesOf(at.served.alpha);
  let hold, asked;
  at.w.coordinator.script('alpha', async (call) => {
    if (call.page === 2) {
      asked();
      await hold.wait;
    }
    return pages(call);
  });
  const reached = () => new Promise((done) => {
    hold = gate();
    asked = done;
  });
  // Over HTTP, while the service ends.
  const s = await serve(t, at.w);
  let there = reached();
  const answer = s.call('POST', `${ADMIN}/plan`, { body: {} });
  await there;
  await s.end();
  assert.equal((await answer).status, 503);
  hold.open();
  // And on the command line.
  there = reached();
  const program = batchsync.start(['plan', '--json'], { env: at.w.with() });
  await there;
  program.kill('SIGTERM');
  const { code, signal, stdout } = await program.exit();
  assert.deepEqual([code, signal, stdout], [1, null, '']);
  hold.open();
  assert.deepEqual(await everything(at.w), before);
  assert.equal(at.account.requests.length, paid);
});

test('the log of a plan tells what would be', async (t) => {
  const at = await start(t, { alpha: itemsOf(3) });
  const s = await serve(t, at.w);
  await s.call('POST', `${ADMIN}/plan`, { body: {} });
  const { stdout, stderr } = await s.end();
  const said = stdout + stderr;
  for (const words of ['page: ', 'the service has ended: success, 1 pages, ',
    'the run has ended: success, ']) {
    assert.ok(said.includes(`${words}3 items: 3 would be stored, `), said);
  }
  assert.doesNotMatch(said, /\d stored/);
});
