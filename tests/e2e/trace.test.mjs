// W3C Trace Context: from the caller to the coordinator, the embedder and the
// log.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, rejecting, world } from './support/world.mjs';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = `00-${ID}-00f067aa0ba902b7-01`;
const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]$/;

const alpha = (t) => world(t, { services: { alpha: pagesOf(itemsOf(60)) },
  env: { BATCH_SYNC_LIMIT: '20', BATCH_SYNC_CHUNK_SIZE: '10' } });

/** What was sent to both sides since the last look. */
function sent(w) {
  const headers = [...w.coordinator.calls, ...w.embedder.requests]
    .map((call) => call.headers.traceparent);
  w.coordinator.calls.length = 0;
  w.embedder.reset();
  return headers;
}

/** All of one trace, each request a span of its own. */
function idOf(headers) {
  assert.ok(headers.length >= 8, `${headers.length} requests`);
  for (const header of headers) assert.match(header, FORM);
  const parts = headers.map((header) => FORM.exec(header));
  assert.equal(new Set(parts.map(([, , span]) => span)).size, headers.length);
  const ids = new Set(parts.map(([, id]) => id));
  assert.equal(ids.size, 1);
  return [...ids][0];
}

const traced = (s, run) => s.program.logs.filter((line) => line.run === run);

test('a caller\'s trace goes on to both sides and into the log', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const answer = await s.trigger({}, { headers: { traceparent: CALLER,
    prefer: 'respond-async' } });
  const { runId } = answer.json;
  await s.run(runId);
  assert.equal(idOf(sent(w)), ID);
  await s.untilLog(/^the run has ended/);
  const lines = traced(s, runId);
  assert.ok(lines.length >= 5);
  assert.deepEqual([...new Set(lines.map((line) => line.trace_id))], [ID]);

  const { json } = await s.call('POST', '/admin/batch-sync/search', {
    body: { query: 'lorem' }, headers: { traceparent: CALLER } });
  assert.ok(json);
  const [search] = sent(w);
  assert.equal(FORM.exec(search)[1], ID);
  await s.end();
});

test('without one, or with one that is wrong, a run begins its own',
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w);
    const ids = new Set();
    for (const [i, traceparent] of [undefined, 'nonsense',
      CALLER.replace(ID, '0'.repeat(32)), CALLER.toUpperCase()].entries()) {
      w.coordinator.script('alpha', pagesOf(itemsOf(60, 100 * i)));
      const { json } = await s.trigger({}, { headers:
        traceparent === undefined ? {} : { traceparent } });
      assert.equal(json.success, true);
      ids.add(idOf(sent(w)));
    }
    assert.equal(ids.size, 4);
    assert.ok(!ids.has(ID));
    for (const { run, trace_id: id } of s.program.logs) {
      assert.equal(run === undefined, id === undefined);
    }
    await s.end();
  });

test('the run of a retry has the trace of who asked for it', async (t) => {
  const w = await alpha(t);
  w.embedder.script(rejecting((text) => text.includes('item-00003')));
  const s = await serve(t, w);
  await s.trigger();
  sent(w);
  const { json, status } = await s.call('POST',
    '/admin/batch-sync/dead-letters/retry', { body: {},
      headers: { traceparent: CALLER } });
  assert.equal(status, 200, JSON.stringify(json));
  const headers = sent(w).filter((header) => header !== undefined);
  assert.ok(headers.length >= 3, 'pages and a text');
  assert.deepEqual([...new Set(headers.map((header) => FORM.exec(header)[1]))],
    [ID]);
  await s.end();
});

test('what only looks carries the trace of who asked for it, too', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  await s.good();
  sent(w);
  const ask = (method, path, body) => s.call(method,
    `/admin/batch-sync/${path}`, { body, headers: { traceparent: CALLER } });
  const traces = () => [...new Set(sent(w).map((header) =>
    FORM.exec(header ?? 'none')?.[1]))];

  assert.equal((await ask('POST', 'plan', {})).status, 200);
  assert.deepEqual(traces(), [ID], 'a plan');
  assert.equal((await ask('GET',
    'items?service=alpha&id=item-00003&source=true')).status, 200);
  assert.deepEqual(traces(), [ID], 'an item in its source');
  for (const how of [{ source: true, sample: 5 },
    { source: true, repair: true }]) {
    assert.equal((await ask('POST', 'verify', how)).status, 202);
    await s.program.until(async () => {
      const { json } = await s.get('/admin/batch-sync/verify');
      return json.running === null && json.last;
    }, 'the verification', 60_000);
    assert.deepEqual(traces(), [ID], `verify ${JSON.stringify(how)}`);
  }
  // Without a caller's, a search begins one of its own.
  await s.call('POST', '/admin/batch-sync/search', { body: { query: 'lorem' } });
  const [own] = traces();
  assert.match(own, /^[0-9a-f]{32}$/);
  assert.notEqual(own, ID);
  await s.end();
});

test('a run of the command line is traced as well', async (t) => {
  const w = await alpha(t);
  const { stderr } = await w.sync();
  const id = idOf(sent(w));
  const lines = stderr.trim().split('\n').map((line) => JSON.parse(line))
    .filter(({ run }) => run !== undefined);
  assert.ok(lines.length >= 3, stderr);
  for (const { trace_id: traced } of lines) assert.equal(traced, id);
});
