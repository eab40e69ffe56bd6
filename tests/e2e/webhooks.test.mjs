// What is told to the webhook: signed as Standard Webhooks has it, checked with
// its own library, at least once, whatever receiver and process do.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { listen } from './rig/http.mjs';
import { gate, serve, valueOf } from './support/serve.mjs';
import { itemsOf, pagesOf, schemaOf, shapes, sleep, until, world }
  from './support/world.mjs';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;

/**
 * A receiver that breaks every third call off. `taken` are the messages that
 * it has answered with 200, each verified; `calls` all that came.
 * options.answer   (call) -> the answer of rig/http.mjs, instead
 */
async function receiver(t, { answer } = {}) {
  const it = { calls: [], taken: [] };
  const verifier = new Webhook(SECRET);
  const server = await listen(async ({ method, headers, body }) => {
    const call = { id: headers['webhook-id'], body, headers, method };
    it.calls.push(call);
    call.message = verifier.verify(body, headers); // throws: a 500 with why
    const said = answer === undefined
      ? (it.calls.length % 3 === 0 ? { wire: 'reset' } : { status: 200 })
      : await answer(call, it.calls.length);
    if (said.wire === undefined && (said.status ?? 200) < 300)
      it.taken.push(call);
    return said;
  });
  t.after(() => server.close());
  it.url = `http://127.0.0.1:${server.port}/hook`;
  it.env = { BATCH_SYNC_WEBHOOK_URL: it.url,
    BATCH_SYNC_WEBHOOK_SECRET: SECRET };
  /** The messages by what they tell and of which run, in order. */
  it.told = () => [...new Map(it.taken.map(({ id, message }) =>
    [id, message])).values()];
  it.types = () => it.told().map(({ type }) => type);
  it.until = (type, n = 1) => until(() =>
    it.types().filter((one) => one === type).length >= n,
  `${n} ${type}`, 60_000);
  return it;
}

/** No message has two forms, and none was told as two. */
function checkOnce(it) {
  const forms = new Map();
  for (const { id, body } of it.calls) {
    assert.equal(forms.get(id) ?? body, body, 'a message was changed');
    forms.set(id, body);
  }
  const causes = it.told().map(({ type, data }) => `${type} ${data.runId}`);
  assert.equal(new Set(causes).size, causes.length, causes.join());
}

const NO_ID = { name: 'no id', body: 'A record without an id' };

test('failure, dead letter, incomplete pass, refused delete, recovery',
  async (t) => {
    const hook = await receiver(t);
    const held = { items: itemsOf(40), total: undefined };
    const w = await world(t, {
      services: { alpha: ({ page, limit }) => shapes.dataItems(
        held.items.slice((page - 1) * limit, page * limit),
        held.total === undefined ? {} : { total: held.total }) },
      schemas: [schemaOf('alpha', { delete_missing: true })],
      env: { BATCH_SYNC_MAX_DELETE_PERCENT: '30' } });
    const s = await serve(t, w, { env: hook.env });
    await s.good();
    await s.good();

    held.items = [...itemsOf(40), NO_ID];
    assert.equal((await s.trigger()).json.success, false);
    await hook.until('run.failed');
    await hook.until('run.dead_letters');
    const [letters] = hook.told().filter(({ type }) =>
      type === 'run.dead_letters');
    assert.deepEqual(letters.data.services.map(({ service, reason }) =>
      [service, reason]), [['alpha', 'no content id']]);
    const [failed] = hook.told().filter(({ type }) => type === 'run.failed');
    assert.equal(failed.data.runId, letters.data.runId);
    assert.equal(failed.data.status, 'partial');
    assert.match(failed.data.services[0].error, /no content id/);
    assert.ok(!JSON.stringify(hook.calls).includes(NO_ID.body));

    await s.good(); // the letter is known
    await hook.until('run.recovered');

    held.items = itemsOf(40);
    held.total = 90;
    await s.trigger();
    await hook.until('run.incomplete');
    const incomplete = hook.told().find(({ type }) =>
      type === 'run.incomplete');
    assert.equal(incomplete.data.services[0].shortfall, 50);

    held.total = undefined;
    held.items = itemsOf(5);
    for (let i = 0; i < 3; i++) await s.trigger();
    await hook.until('run.delete_refused');
    const refused = hook.told().find(({ type }) =>
      type === 'run.delete_refused');
    assert.equal(refused.data.services[0].deleteRefused, 35);
    await s.untilMetrics((m) => valueOf(m, 'webhooks_waiting') === 0
      && valueOf(m, 'webhooks_total', { outcome: 'delivered' })
        === hook.taken.length, 'all to be delivered, and counted');
    checkOnce(hook);
    assert.ok(hook.calls.length > hook.taken.length, 'no call was dropped');
    await s.end();
  });

test('each message is signed by the secret, and stands in no log',
  async (t) => {
    const hook = await receiver(t);
    const w = await world(t, { services: { alpha: pagesOf([NO_ID]) } });
    const s = await serve(t, w, { env: hook.env });
    await s.trigger();
    await hook.until('run.failed');
    const [{ body, headers, method }] = hook.taken;
    assert.equal(method, 'POST');
    assert.equal(headers['content-type'], 'application/json');
    assert.match(headers['webhook-id'], /^msg_[0-9a-f]{32}$/);
    const other = new Webhook(randomBytes(32).toString('base64'));
    assert.throws(() => other.verify(body, headers));
    assert.throws(() => new Webhook(SECRET).verify(`${body} `, headers));
    await s.end();
    const { stdout } = s.program;
    assert.ok(!stdout.includes(SECRET.slice(6)));
  });

test('a run does not wait for a receiver that says nothing', async (t) => {
  const hold = gate();
  const hook = await receiver(t, { answer: async () => {
    await hold.wait;
    return { status: 200 };
  } });
  const held = { items: [NO_ID] };
  const w = await world(t, { services: { alpha: pagesOf(() => held.items) } });
  const s = await serve(t, w, { env: hook.env });
  await s.trigger();
  await until(() => hook.calls.length === 1, 'the first call', 60_000);
  held.items = itemsOf(30);
  await s.good();
  assert.equal(hook.taken.length, 0);
  hold.open();
  await hook.until('run.recovered');
  checkOnce(hook);
  await s.end();
});

test('a run that cannot begin is told, once', async (t) => {
  const hook = await receiver(t);
  const w = await world(t, { services: {}, schemas: [schemaOf('alpha')],
    env: { BATCH_SYNC_FALLBACK_SERVICES: ',' } });
  const s = await serve(t, w, { env: hook.env });
  for (let i = 0; i < 3; i++) await s.trigger();
  await hook.until('run.failed');
  await s.untilMetrics((m) => valueOf(m, 'webhooks_waiting') === 0,
    'all to be delivered');
  const [{ data }] = hook.told();
  assert.equal(data.runId, null);
  assert.match(data.error, /service/);
  assert.deepEqual(hook.types(), ['run.failed']);
  await s.end();
});

test('410 ends a message; what ended before the webhook is not told',
  async (t) => {
    const hook = await receiver(t, { answer: async () => ({ status: 410 }) });
    const held = { items: [NO_ID] };
    const w = await world(t, { services: { alpha: pagesOf(() => held.items) } });
    assert.equal((await w.sync()).code, 1);
    const s = await serve(t, w, { env: hook.env });
    await until(async () => (await w.db.rows(`SELECT FROM batch_sync_webhooks
      WHERE cause = 'since'`)).length === 1, 'the first look', 60_000);
    held.items = itemsOf(3);
    await s.good();
    await s.untilMetrics((m) =>
      valueOf(m, 'webhooks_total', { outcome: 'given_up' }) === 1,
    'the message to be given up');
    assert.equal(hook.calls.length, 1);
    assert.equal(hook.calls[0].message.type, 'run.recovered');
    await s.end();
  });

test('kill -9 at any moment: every failure is told', async (t) => {
  const hook = await receiver(t);
  const held = { items: [] };
  const w = await world(t, { services: { alpha: pagesOf(() => held.items),
    beta: pagesOf(itemsOf(4, 1, 'beta')) },
  env: { BATCH_SYNC_LEASE_SECONDS: '1' } });
  let s = await serve(t, w, { env: hook.env });
  for (let round = 0; round < 6; round++) {
    held.items = [{ ...NO_ID, rank: round }]; // new to each run
    const ran = async () => (await s.trigger()).json.result?.reason
      !== 'already_running';
    const answer = round % 2 === 0 ? until(ran, 'a run', 60_000)
      : s.trigger().catch(() => {}); // its connection breaks
    if (round % 2 === 0) await answer;
    await sleep(round * 13);
    s.program.kill('SIGKILL');
    await s.program.exit();
    await answer;
    s = await serve(t, w, { env: hook.env });
  }
  held.items = [{ ...NO_ID, rank: 99 }];
  await until(async () => (await s.trigger()).json.result?.reason
    !== 'already_running', 'the last run', 60_000);
  const failed = await until(async () => {
    const runs = await w.db.rows(`SELECT id, status FROM batch_sync_runs
      WHERE status IN ('partial', 'failed', 'running', 'interrupted')`);
    return runs.every(({ status }) => status !== 'running') && runs
      .filter(({ status }) => status !== 'interrupted').map(({ id }) => id);
  }, 'the runs to end', 60_000);
  assert.ok(failed.length >= 3, `${failed.length} failures`);
  await until(() => {
    const told = new Set(hook.told().filter(({ type }) =>
      type === 'run.failed').map(({ data }) => data.runId));
    return failed.every((id) => told.has(id));
  }, 'every failure', 90_000);
  checkOnce(hook);
  await s.end();
});

test('killed between the receiver\'s answer and its note: told once more',
  async (t) => {
    const hold = gate();
    const hook = await receiver(t, { answer: async () => {
      await hold.wait;
      return { status: 200 };
    } });
    const w = await world(t, { services: { alpha: pagesOf([NO_ID]) } });
    let s = await serve(t, w, { env: hook.env });
    await s.trigger();
    await until(() => hook.calls.length === 1, 'the first call', 60_000);
    s.program.kill('SIGKILL');
    await s.program.exit();
    hold.open();
    await until(() => hook.taken.length === 1, 'the answer', 60_000);
    const waiting = () => w.db.rows(`SELECT id, tries FROM batch_sync_webhooks
      WHERE cause <> 'since' AND delivered_at IS NULL ORDER BY number`);
    const [first] = hook.calls;
    assert.ok((await waiting()).some(({ id, tries }) => id === first.id
      && tries === 1));
    // Whoever held it is gone; its lease is waited for otherwise.
    await w.db.script('UPDATE batch_sync_webhooks SET next_try = now()');
    s = await serve(t, w, { env: hook.env });
    await until(async () => (await waiting()).length === 0,
      'all to be delivered', 60_000);
    await s.end();
    const same = hook.calls.filter(({ id }) => id === first.id);
    assert.equal(same.length, 2);
    assert.equal(same[1].body, first.body);
    checkOnce(hook);
  });

test('each try waits twice as long, and as long as Retry-After says',
  async (t) => {
    const held = { status: 503 };
    const hook = await receiver(t, { answer: () => held });
    const w = await world(t, { services: { alpha: pagesOf([NO_ID]) } });
    const env = { ...hook.env, BATCH_SYNC_RETRY_BASE_MS: '600000' };
    /** Seconds until the next try, once there have been so many. */
    const tried = (n) => until(async () => {
      const rows = await w.db.rows(`SELECT extract(epoch FROM next_try
          - now())::float8 AS wait, tries FROM batch_sync_webhooks
        WHERE cause LIKE 'run.failed %' AND error IS NOT NULL`);
      return rows.length === 1 && rows[0].tries === n && rows[0].wait > 300
        && rows[0].wait;
    }, `${n} tries`, 60_000);
    const between = (wait, least, most) =>
      assert.ok(wait > least && wait <= most, `${wait} s`);
    const waits = [];
    for (let n = 1; n <= 3; n++) {
      if (n === 3) held.headers = { 'retry-after': '3000' };
      const s = await serve(t, w, { env });
      if (n === 1) await s.trigger();
      waits.push(await tried(n));
      await s.end();
      await w.db.script('UPDATE batch_sync_webhooks SET next_try = now()');
    }
    between(waits[0], 300, 600);
    between(waits[1], 600, 1200);
    between(waits[2], 2400, 3000);
  });

for (const [name, env, said] of [
  ['no secret', { BATCH_SYNC_WEBHOOK_URL: 'http://127.0.0.1:1/' },
    /BATCH_SYNC_WEBHOOK_SECRET/],
  ['a secret that is none', { BATCH_SYNC_WEBHOOK_URL: 'http://127.0.0.1:1/',
    BATCH_SYNC_WEBHOOK_SECRET: 'whsec_tooshort' },
  /BATCH_SYNC_WEBHOOK_SECRET=\*+.*whsec_/],
]) {
  test(`refused at the start: ${name}`, async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
    const { code, stderr } = await w.run(['serve'], env);
    assert.equal(code, 78);
    assert.match(stderr, said);
    assert.ok(!stderr.includes('tooshort'));
  });
}

test('sync alone delivers what it has to tell before it ends', async (t) => {
  const hook = await receiver(t); // which breaks every third call off
  const w = await world(t, { services: {
    alpha: pagesOf([...itemsOf(5), NO_ID]) }, env: hook.env });
  assert.equal((await w.sync()).code, 1);
  assert.deepEqual(hook.types().sort(), ['run.dead_letters', 'run.failed']);
  assert.equal((await w.sync()).code, 0, 'known by now');
  assert.ok(hook.types().includes('run.recovered'));
  checkOnce(hook);
  assert.equal(await w.db.value(`SELECT count(*)::int FROM batch_sync_webhooks
    WHERE cause <> 'since' AND delivered_at IS NULL`), 0);
});

test('what a sync cannot deliver waits for the next process', async (t) => {
  const held = { status: 503 };
  const hook = await receiver(t, { answer: () => held });
  const w = await world(t, { services: {
    alpha: pagesOf([...itemsOf(5), NO_ID]) },
  env: { ...hook.env, BATCH_SYNC_RETRY_BASE_MS: '100' } });
  assert.equal((await w.sync()).code, 1, 'it ends all the same');
  assert.deepEqual(hook.types(), []);
  held.status = 200;
  await w.db.script('UPDATE batch_sync_webhooks SET next_try = now()');
  await w.sync();
  assert.ok(hook.types().includes('run.failed'));
  assert.ok(hook.types().includes('run.dead_letters'));
});
