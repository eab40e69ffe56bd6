// The service's history, and who may see it.

import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkError, gate, ISO, serve } from './support/serve.mjs';
import { checkStored, errorsOf, folderOf, itemsOf,
  onceProven, pagesOf, TENANT, until,
  world } from './support/world.mjs';

const RUNS = '/admin/batch-sync/runs';
const LETTERS = '/admin/batch-sync/dead-letters';
const ITEMS = itemsOf(30);
const NOBODY = '6f9619ff-8b86-d011-b42d-00c04fc964ff';

const alpha = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(ITEMS), beta: pagesOf(itemsOf(5, 1, 'beta')) },
  ...options });

/* ---- history ---- */

const RUN_KEYS = ['id', 'tenantId', 'kind', 'trigger', 'status', 'source',
  'since', 'limit', 'provider', 'model', 'dimensions', 'resumed', 'startedAt',
  'finishedAt', 'durationMs', 'totals', 'error'].sort();

test('the list of runs', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const list = async (query = '') => {
    const { status, json, text } = await s.get(RUNS + query);
    assert.equal(status, 200, text);
    assert.deepEqual(Object.keys(json), ['runs', 'count', 'next']);
    assert.equal(json.count, json.runs.length);
    return json.runs;
  };
  assert.deepEqual(await list(), []);
  for (let i = 0; i < 3; i++) await s.good({ services: ['beta'] });
  await s.trigger({ services: ['gamma'] });
  await s.trigger({ services: ['alpha', 'gamma'], tenant_id: 'other one' });
  const runs = await list();
  assert.deepEqual(runs.map(({ status }) => status),
    ['partial', 'failed', 'success', 'success', 'success']);
  for (const run of runs) {
    assert.deepEqual(Object.keys(run).sort(), RUN_KEYS);
    assert.match(run.startedAt, ISO);
    assert.match(run.finishedAt, ISO);
    assert.ok(run.durationMs >= 0);
    assert.deepEqual([run.trigger, run.kind, run.source, run.limit, run.model,
      run.dimensions, run.resumed], ['http', 'batch', 'request', 1000,
      'text-embedding-3-small', 1536, 0]);
  }
  assert.equal(runs.at(-1).totals.stored, 5);
  assert.equal(runs.at(-2).totals.unchanged, 5);
  const ids = runs.map(({ id }) => id);
  const idsOf = async (query) => (await list(query)).map(({ id }) => id);

  assert.deepEqual(await idsOf('?limit=2'), ids.slice(0, 2));
  assert.deepEqual(await idsOf(`?limit=2&before=${ids[1]}`), ids.slice(2, 4));
  assert.deepEqual(await idsOf(`?before=${ids[3]}`), ids.slice(4));
  assert.deepEqual(await idsOf(`?before=${ids[4]}`), []);
  assert.deepEqual(await idsOf('?status=success'), ids.slice(2));
  assert.deepEqual(await idsOf('?limit=1&status=%73uccess'), [ids[2]]);
  assert.deepEqual(await idsOf('?status=running'), []);
  assert.deepEqual(await idsOf('?tenant_id=other+one'), [ids[0]]);
  assert.deepEqual(await idsOf(`?tenant_id=${TENANT}`), ids.slice(1));
  assert.deepEqual(await idsOf('?limit=&other=x'), ids);
  assert.deepEqual(await idsOf('?service=gamma'), ids.slice(0, 2));
  assert.deepEqual(await idsOf('?trigger=schedule'), []);
  assert.deepEqual(await idsOf('?trigger=http&service=alpha'), [ids[0]]);

  // Page by page, until there is nothing more.
  const seen = [];
  for (let next = ''; next !== null;) {
    const { json } = await s.get(`${RUNS}?limit=2&before=${next}`);
    seen.push(...json.runs.map(({ id }) => id));
    next = json.next;
  }
  assert.deepEqual(seen, ids);

  for (const limit of ['0', '-1', '501', 'x', '1x', '1.5', '99999999999999',
    '%zz', '%00']) {
    checkError(await s.get(`${RUNS}?limit=${limit}`), 400, RUNS,
      /"limit" must be a whole number from 1 to 500/);
  }
  for (const query of ['status=%', 'before=%ff', `tenant_id=${'x'.repeat(300)}`,
    'before=%c3%28']) {
    checkError(await s.get(`${RUNS}?${query}`), 400, RUNS,
      /must be UTF-8 of at most 256 bytes, percent-encoded/);
  }
  await s.end();
});

test('one run', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  await s.trigger({ services: ['alpha', 'gamma'] });
  const [{ id }] = (await s.get(RUNS)).json.runs;
  const { status, json } = await s.get(`${RUNS}/${id}`);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(json).sort(), [...RUN_KEYS, 'linking',
    'services', 'vectorIndex'].sort());
  assert.deepEqual(json.vectorIndex, { state: 'none', build: null });
  assert.equal(json.id, id);
  assert.equal(json.status, 'partial');
  const [one, two] = json.services;
  assert.deepEqual([one.service, one.status, one.pages, one.counts.stored],
    ['alpha', 'success', 1, 30]);
  assert.deepEqual([two.service, two.status, two.pages],
    ['gamma', 'failed', 0]);
  assert.match(two.errors[0].error, /no schema for service gamma/);
  assert.equal((await s.get(`${RUNS}/${id.replace('-', '%2D')}`)).status, 200);

  checkError(await s.get(`${RUNS}/${NOBODY}`), 404, `${RUNS}/${NOBODY}`,
    /there is no run 6f9619ff/);
  checkError(await s.get(`${RUNS}/x'--`), 404, `${RUNS}/x'--`, /no run/);
  for (const wrong of ['%', '%ff', '%00', 'x'.repeat(300)]) {
    checkError(await s.get(`${RUNS}/${wrong}`), 400, `${RUNS}/${wrong}`,
      /the id of the run is not valid/);
  }
  await s.end();
});

test('a run is canceled', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_CHUNK_SIZE: '5' } });
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const s = await serve(t, w);
  const first = s.trigger();
  await until(() => w.embedder.requests.length === 6, 'requests', 30_000);
  const [{ id }] = (await s.get(RUNS)).json.runs;
  const other = `${RUNS}/${NOBODY}/cancel`;
  checkError(await s.call('POST', other), 404, other, /no such run/);
  const answer = await s.call('POST', `${RUNS}/${id}/cancel`);
  assert.equal(answer.status, 202, answer.text);
  assert.equal(answer.json.success, true);
  assert.equal(answer.json.runId, id);
  assert.equal((await s.call('POST', `${RUNS}/${id}/cancel`)).status, 202);
  const begun = w.embedder.requests.length;
  hold.open();
  const { status, json } = await first;
  assert.equal(status, 200);
  assert.equal(json.success, false);
  assert.equal(json.result.success, false);
  assert.match(errorsOf(json.result, 'alpha').join(), /stopped/);
  assert.match(errorsOf(json.result, 'beta').join(), /stopped/);
  assert.equal(w.embedder.requests.length, begun);
  await checkStored(w, 'alpha', ITEMS.slice(0, (begun - 1) * 5));
  const run = await s.run(id);
  assert.equal(run.status, 'canceled');
  assert.equal((await s.call('POST', `${RUNS}/${id}/cancel`)).status, 409);
  // For good: the next one is another run.
  await s.good();
  assert.equal((await s.get(RUNS)).json.count, 2);
  await checkStored(w, 'alpha', ITEMS);
  await s.end();
});

test('the list of dead letters', async (t) => {
  const served = { items: [...ITEMS.slice(0, 5), { name: 'no id' }, 7] };
  const w = await alpha(t, { services: { alpha: pagesOf(() => served.items),
    beta: pagesOf([{ ...ITEMS[0], id: '' }, ITEMS[1]]) } });
  const s = await serve(t, w);
  const list = async (query = '') => {
    const { status, json, text } = await s.get(LETTERS + query);
    assert.equal(status, 200, text);
    assert.deepEqual(Object.keys(json), ['deadLetters', 'count', 'next']);
    assert.equal(json.count, json.deadLetters.length);
    return json.deadLetters;
  };
  assert.deepEqual(await list(), []);
  const { json } = await s.trigger();
  assert.equal(json.success, false);
  assert.equal(json.result.totalErrors > 0, true);
  const letters = await list();
  assert.equal(letters.length, 3);
  for (const letter of letters) {
    assert.deepEqual(Object.keys(letter).sort(), ['tenantId', 'service',
      'contentId', 'digest', 'reason', 'model', 'firstSeen', 'lastSeen',
      'times', 'known', 'nextTry', 'resolvedAt'].sort());
    assert.equal(letter.tenantId, TENANT);
    assert.match(letter.digest, /^[0-9a-f]{64}$/);
    assert.match(letter.firstSeen, ISO);
    assert.equal(letter.times, 1);
    assert.equal(letter.resolvedAt, null);
  }
  assert.deepEqual(letters.map(({ reason }) => reason).sort(),
    ['no content id', 'no content id', 'not an object']);
  const services = async (query) =>
    (await list(query)).map(({ service }) => service);
  assert.deepEqual(await services('?service=alpha'), ['alpha', 'alpha']);
  assert.deepEqual(await services('?service=beta'), ['beta']);
  assert.deepEqual(await services('?service=gamma'), []);
  assert.equal((await services('?limit=2')).length, 2);
  assert.deepEqual(await services('?tenant_id=nobody'), []);
  assert.equal((await services(`?tenant_id=${TENANT}`)).length, 3);
  checkError(await s.get(`${LETTERS}?limit=0`), 400, LETTERS, /"limit"/);
  checkError(await s.get(`${LETTERS}?service=%`), 400, LETTERS, /must be UTF-8/);
  assert.deepEqual(await list('?status=open'), letters);
  assert.deepEqual(await list('?status=all'), letters);
  assert.deepEqual(await list('?status=resolved'), []);
  checkError(await s.get(`${LETTERS}?status=nonsense`), 400, LETTERS,
    /"status" must be open, resolved or all/);

  // Known ones do not fail the next run, and are seen once more.
  await s.good();
  assert.ok((await list()).every(({ times }) => times === 2));
  await s.end();
});

/* ---- who may ---- */

const TOKEN = 'correct-horse-battery-staple-1234';

/** Every path below /admin/, and some that are not there. */
const ADMIN = [['POST', '/admin/batch-sync/trigger'],
  ['GET', '/admin/batch-sync/trigger'], ['GET', '/admin/batch-sync/services'],
  ['GET', RUNS], ['GET', `${RUNS}/${NOBODY}`],
  ['POST', `${RUNS}/${NOBODY}/cancel`], ['GET', LETTERS],
  ['POST', `${LETTERS}/retry`],
  ['GET', '/admin/nothing'], ['GET', '/admin/']];

const OPEN = ['/livez', '/readyz', '/health', '/health/batch-sync', '/metrics'];

async function checkToken(w, s, token) {
  const as = (value) => ({ headers: { authorization: value } });
  for (const [method, path] of ADMIN) {
    for (const options of [{}, as(''), as('Bearer'), as('Bearer '),
      as('Bearer wrong'), as(`Bearer ${token}x`),
      as(`Bearer ${token.slice(0, -1)}`), as(`Basic ${token}`), as(token),
      as(`Bearer x${token}`)]) {
      const answer = await s.call(method, path, options);
      checkError(answer, 401, path, /Bearer/);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
  }
  assert.equal(w.coordinator.calls.length, 0);
  for (const path of OPEN) assert.equal((await s.get(path)).status, 200, path);
  checkError(await s.get('/nothing'), 404, '/nothing', /./);

  const auth = as(`Bearer ${token}`);
  assert.equal((await s.get(RUNS, auth)).status, 200);
  assert.equal((await s.get(RUNS, as(`bearer ${token}`))).status, 200);
  assert.equal((await s.get('/admin/nothing', auth)).status, 404);
  assert.equal((await s.get('/admin/batch-sync/trigger', auth)).status, 405);
  const answer = await s.trigger({}, auth);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.success, true);
}

/** The secret is nowhere in what the process said. */
function checkSecret({ stdout, stderr }, secret) {
  assert.ok(!`${stdout}${stderr}`.includes(secret));
}

test('ADMIN_TOKEN: nobody without it', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w, { env: { ADMIN_TOKEN: TOKEN } });
  await checkToken(w, s, TOKEN);
  for (const path of OPEN) {
    assert.ok(!(await s.get(path)).text.includes(TOKEN), path);
  }
  checkSecret(await s.end(), TOKEN);
});

test('ADMIN_TOKEN_FILE', async (t) => {
  const w = await alpha(t);
  const folder = folderOf(t, { token: `${TOKEN}\n` });
  const s = await serve(t, w, {
    env: { ADMIN_TOKEN_FILE: join(folder, 'token') } });
  await checkToken(w, s, TOKEN);
  checkSecret(await s.end(), TOKEN);
});

test('without ADMIN_TOKEN this machine may', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  for (const options of [{}, { headers: { authorization: 'Bearer x' } }]) {
    assert.equal((await s.get(RUNS, options)).status, 200);
  }
  for (const host of ['localhost', `localhost:${s.port}`, 'LocalHost',
    '127.0.0.1:1', '[::1]:1', '[::1]']) {
    assert.equal((await s.get(RUNS, { headers: { host } })).status, 200, host);
  }
  // Our own page sends its origin, when it posts.
  assert.equal((await s.get(RUNS,
    { headers: { origin: `http://127.0.0.1:${s.port}` } })).status, 200);
  // A page in a browser on this machine is a client on this machine, too.
  for (const headers of [{ origin: 'https://example.org' }, { origin: 'null' },
    { origin: `http://127.0.0.1:${s.port + 1}` }, { host: 'example.org' },
    { 'x-forwarded-for': '192.0.2.1' },
    { host: 'localhost.example.org' }, { host: 'localhosted:80' }]) {
    for (const [method, path] of ADMIN) {
      checkError(await s.call(method, path, { headers }), 403, path,
        /ADMIN_TOKEN/);
    }
    assert.equal((await s.get('/readyz', { headers })).status, 200);
  }
  assert.equal(w.coordinator.calls.length, 0);
  await s.end();

  // With one, the token decides.
  const guarded = await serve(t, w, { env: { ADMIN_TOKEN: TOKEN } });
  assert.equal((await guarded.get(RUNS, { headers: { host: 'example.org',
    origin: 'https://example.org', authorization: `Bearer ${TOKEN}` } }))
    .status, 200);
  await guarded.end();
});

/** An address of this machine that is not a loopback one. */
const own = Object.values(networkInterfaces()).flat().find((address) =>
  !address.internal && address.family === 'IPv4')?.address;

test('without ADMIN_TOKEN others may not',
  { skip: own ? false : 'this machine has no address but loopback' },
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w, { env: { HOST: '0.0.0.0' } });
    const outside = { host: own };
    for (const [method, path] of ADMIN) {
      for (const headers of [{}, { authorization: 'Bearer x' },
        { 'x-forwarded-for': '127.0.0.1' }, { host: 'localhost' }]) {
        const answer = await s.call(method, path, { ...outside, headers });
        checkError(answer, 403, path, /ADMIN_TOKEN/);
      }
    }
    for (const path of OPEN) {
      assert.equal((await s.get(path, outside)).status, 200, path);
    }
    assert.equal((await s.get('/nothing', outside)).status, 404);
    assert.equal((await s.get(RUNS)).status, 200);
    assert.equal(w.coordinator.calls.length, 0);
    await s.end();

    const guarded = await serve(t, w,
      { env: { HOST: '0.0.0.0', ADMIN_TOKEN: TOKEN } });
    assert.equal((await guarded.get(RUNS, outside)).status, 401);
    assert.equal((await guarded.get(RUNS, { ...outside,
      headers: { authorization: `Bearer ${TOKEN}` } })).status, 200);
    await guarded.end();
  });

test('HOST may be an IPv6 address',
  { skip: Object.values(networkInterfaces()).flat().some(({ address }) =>
    address === '::1') ? false : 'this machine has no ::1' },
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w, { env: { HOST: '::1' }, ready: false });
    const there = { host: '::1' };
    await until(async () => (await s.get('/readyz', there)).status === 200,
      '/readyz', 60_000);
    assert.equal((await s.get(RUNS, there)).status, 200);
    await s.end();
  });
