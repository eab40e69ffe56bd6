// Dead letters that are to be tried again, over HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkError, gate, serve } from './support/serve.mjs';
import { checkStored, itemsOf, pagesOf, rejecting, schemaOf, TENANT, world }
  from './support/world.mjs';

const RUNS = '/admin/batch-sync/runs';
const LETTERS = '/admin/batch-sync/dead-letters';
const RETRY = `${LETTERS}/retry`;
const BAD = ['item-00003', 'item-00007'];
const ITEMS = itemsOf(10);

/** Two poisons in alpha, whose rows are named otherwise; one in beta. */
async function poisoned(t, { env } = {}) {
  const w = await world(t, {
    services: { alpha: pagesOf(ITEMS),
      beta: pagesOf(itemsOf(5, 1, 'beta')), gamma: pagesOf([]) },
    schemas: [schemaOf('alpha-backend', { aliases: ['alpha'] }),
      schemaOf('beta'), schemaOf('gamma')],
    env });
  const bad = new Set([...BAD, 'beta-00002']);
  w.bad = bad;
  w.embedder.script(rejecting((text) => [...bad].some((id) =>
    text.includes(id))));
  const s = await serve(t, w);
  s.retry = (body, prefer) => s.call('POST', RETRY, { body,
    headers: prefer ? { prefer: 'respond-async' } : {} });
  const { json } = await s.trigger();
  assert.equal(json.success, false);
  w.embedder.reset();
  w.coordinator.calls.length = 0;
  return { w, s };
}

/** Which of the poisons were asked for. */
const asked = (w) => [...new Set(w.embedder.requests.flatMap(({ inputs }) =>
  inputs.flatMap((text) => text.match(/(?:item|beta)-\d{5}/) ?? [])))].sort();

const called = (w) => [...new Set(w.coordinator.calls.map((call) =>
  call.service))].sort();

async function open(s, query = '') {
  const { json } = await s.get(LETTERS + query);
  return json.deadLetters.map(({ contentId, known }) =>
    known ? contentId : `${contentId}?`).sort();
}

test('those asked for are tried again, once', async (t) => {
  const { w, s } = await poisoned(t);
  assert.deepEqual(await open(s), ['beta-00002', ...BAD]);
  const { status, json } = await s.retry({ ids: [BAD[0]] });
  assert.equal(status, 200);
  assert.equal(json.success, false);
  assert.equal(json.retried, 1);
  assert.deepEqual(json.services, ['alpha']);
  assert.equal(json.result.services.length, 1);
  assert.equal(json.result.services[0].failed, 2);
  assert.equal(json.result.services[0].knownFailures, 1);
  assert.deepEqual(asked(w), [BAD[0]]);
  assert.deepEqual(called(w), ['alpha']);
  // It failed again, and is known again.
  w.embedder.reset();
  const result = await s.good();
  assert.equal(w.embedder.requests.length, 0);
  assert.equal(result.knownFailures, 3);
  await s.end();
});

test('what is stored is resolved', async (t) => {
  const { w, s } = await poisoned(t);
  w.bad.clear();
  await s.good(); // nobody has asked: they stay
  assert.deepEqual(await open(s), ['beta-00002', ...BAD]);
  const { json } = await s.retry();
  assert.equal(json.success, true);
  assert.equal(json.retried, 3);
  assert.deepEqual(json.services, ['alpha', 'beta']);
  assert.equal(json.result.totalErrors, 0);
  assert.deepEqual(await open(s), []);
  assert.deepEqual(await open(s, '?status=resolved'), ['beta-00002?',
    ...BAD.map((id) => `${id}?`)]);
  await checkStored(w, 'alpha-backend', ITEMS);
  const none = await s.retry();
  assert.equal(none.status, 200);
  assert.equal(none.json.success, true);
  assert.equal(none.json.retried, 0);
  assert.deepEqual(none.json.services, []);
  assert.match(none.json.message, /nothing to retry/);
  await s.end();
});

test('by service, under either name, and by tenant', async (t) => {
  const { w, s } = await poisoned(t);
  const retried = async (body) => {
    w.embedder.reset();
    const { json } = await s.retry(body);
    return [json.retried, json.services, asked(w)];
  };
  assert.deepEqual(await retried({ services: ['alpha'] }),
    [2, ['alpha'], BAD]);
  assert.deepEqual(await retried({ services: [' alpha-backend '] }),
    [2, ['alpha'], BAD]);
  assert.deepEqual(await retried({ services: ['beta'], tenant_id: TENANT }),
    [1, ['beta'], ['beta-00002']]);
  assert.deepEqual(await retried({ services: ['beta'], ids: BAD }),
    [0, [], []]);
  assert.deepEqual(await retried({ tenant_id: 'nobody' }), [0, [], []]);
  assert.deepEqual(await open(s, '?service=alpha'), BAD);
  await s.end();
});

test('Prefer: respond-async', async (t) => {
  const { w, s } = await poisoned(t);
  w.bad.clear();
  const { status, headers, json } = await s.retry(undefined, true);
  assert.equal(status, 202);
  assert.equal(headers.location, `${RUNS}/${json.runId}`);
  assert.equal(json.retried, 3);
  assert.equal((await s.run(json.runId)).status, 'success');
  assert.deepEqual(await open(s), []);
  await s.end();
});

test('while a run is under way the next one tries them', async (t) => {
  const { w, s } = await poisoned(t);
  const held = gate();
  w.coordinator.script('gamma', async () => {
    await held.wait;
    return pagesOf([])({ page: 1, limit: 1000 });
  });
  const first = s.trigger();
  await s.untilMetrics((m) => m.get('batchsync_run_in_progress') === 1,
    'the run to begin');
  await s.program.until(() => w.coordinator.callsTo('gamma').length > 0,
    'gamma to be asked');
  for (const [prefer, expected] of [[false, 200], [true, 409]]) {
    const { status, json } = await s.retry({}, prefer);
    assert.equal(status, expected);
    assert.equal(json.success, false);
    assert.equal(json.result.reason, 'already_running');
    assert.equal(json.retried, 3);
    assert.match(json.note, /the next one does/);
  }
  held.open();
  assert.equal((await first).json.success, true);
  assert.deepEqual(w.embedder.requests, []);
  assert.deepEqual(await open(s),
    ['beta-00002?', ...BAD.map((id) => `${id}?`)]);
  await s.trigger();
  assert.deepEqual(asked(w), ['beta-00002', ...BAD]);
  await s.end();
});

test('what cannot be understood', async (t) => {
  const { w, s } = await poisoned(t);
  for (const [body, words] of [
    ['{', /not valid JSON/],
    ['[]', /must be a JSON object/],
    [{ services: 'alpha' }, /"services" must be an array/],
    [{ services: [] }, /"services" is empty; leave it out/],
    [{ services: ['alpha', ' '] }, /"services"\[1\] must be the name/],
    [{ ids: 3 }, /"ids" must be an array/],
    [{ ids: [3] }, /"ids"\[0\] must be a content id/],
    [{ ids: [] }, /"ids" is empty/],
    [{ id: ['x'] }, /unknown member "id"; allowed are "services", "ids"/],
    [{ tenant_id: 7 }, /"tenant_id" must be a string/],
  ]) {
    checkError(await s.retry(body), 400, RETRY, words);
  }
  checkError(await s.get(RETRY), 405, RETRY, /POST/);
  checkError(await s.get(`${RUNS}?status=nonsense`), 400, RUNS,
    /"status" must be running, success, .* interrupted, abandoned or budget/);
  assert.equal(w.coordinator.calls.length, 0);
  assert.deepEqual(await open(s), ['beta-00002', ...BAD]);
  await s.end();
});
