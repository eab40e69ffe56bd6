// Triggers that meet each other: one run at a time, whoever asks.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { gate, serve, valueOf } from './support/serve.mjs';
import { checkStored, countsOf, itemsOf, pagesOf, sleep, until, world }
  from './support/world.mjs';

const ITEMS = itemsOf(30);
const EVERY_SECOND = '* * * * * *';
const EVERY_5_SECONDS = '*/5 * * * * *';

/**
 * A world with the service `alpha`, which counts how many ask for its pages at
 * a time, and begins to answer when `hold` is opened.
 */
async function alpha(t, { hold, delayMs = 0, ...options } = {}) {
  const seen = { now: 0, most: 0 };
  const w = await world(t, { ...options, services: { alpha: async (call) => {
    seen.most = Math.max(seen.most, ++seen.now);
    await hold?.wait;
    await sleep(delayMs);
    seen.now--;
    return pagesOf(ITEMS)(call);
  } } });
  return Object.assign(w, { seen });
}

const triggers = (samples, trigger, outcome) =>
  valueOf(samples, 'triggers_total', { trigger, outcome });

/** No two runs of the history were under way at the same time. */
async function checkOneAtATime(w) {
  assert.deepEqual(await w.db.rows(`SELECT a.id, b.id
    FROM batch_sync_runs a JOIN batch_sync_runs b ON a.id < b.id
     AND a.started_at < coalesce(b.finished_at, 'infinity')
     AND b.started_at < coalesce(a.finished_at, 'infinity')`), []);
  assert.equal(w.seen.most, 1);
}

const begun = (w) => until(() => w.coordinator.calls.length > 0,
  'the run to begin', 30_000);

test('two HTTP triggers at once', async (t) => {
  const hold = gate();
  const w = await alpha(t, { hold });
  const s = await serve(t, w);
  const answers = Array.from({ length: 8 }, () => s.trigger());
  const refused = [];
  for (const answer of answers) {
    answer.then(({ json }) => json.result.reason && refused.push(json));
  }
  await until(() => refused.length === 7, 'the others to be refused', 30_000);
  await begun(w);
  hold.open();
  const all = (await Promise.all(answers)).map(({ status, json }) =>
    [status, json.success, json.result.reason].join());
  assert.deepEqual(all.sort(), [...Array(7).fill('200,false,already_running'),
    '200,true,'].sort());
  const samples = await s.metrics();
  assert.equal(triggers(samples, 'http', 'accepted'), 1);
  assert.equal(triggers(samples, 'http', 'already_running'), 7);
  assert.equal(valueOf(samples, 'runs_total', { outcome: 'success' }), 1);
  assert.equal((await s.get('/admin/batch-sync/runs')).json.count, 1);
  await checkOneAtATime(w);
  await s.end();
});

/** As many triggers as go through until `over()`, `depth` at a time. */
async function pressing(port, depth, over, onAnswer) {
  const request = 'POST /admin/batch-sync/trigger HTTP/1.1\r\n'
    + 'Host: localhost\r\nContent-Length: 0\r\n\r\n';
  const socket = net.connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  socket.write(request.repeat(depth));
  let rest = '';
  for await (const part of socket) {
    rest += part;
    for (;;) {
      const [, status, length] =
        /^HTTP\/1\.1 (\d+)[^]*?content-length: (\d+)\r\n/i.exec(rest) ?? [];
      const begin = rest.indexOf('\r\n\r\n') + 4;
      const end = begin + Number(length);
      if (begin < 4 || !(rest.length >= end)) break;
      onAnswer(Number(status), JSON.parse(rest.slice(begin, end)));
      rest = rest.slice(end);
      if (over()) return;
      socket.write(request);
    }
  }
}

test('triggers without a pause: each run is told to who asked for it',
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w);
    await s.good();
    let runs = 0;
    const over = () => runs >= 100;
    const check = (status, json) => {
      assert.equal(status, 200);
      if (json.result.reason) {
        assert.equal(json.result.reason, 'already_running');
        return;
      }
      runs++;
      assert.equal(json.success, true, JSON.stringify(json));
      assert.deepEqual(countsOf(json.result), { totalItems: 30,
        totalPages: 1, embedded: 0, unchanged: 30, stored: 0, failed: 0 });
    };
    await Promise.all(Array.from({ length: 6 }, () =>
      pressing(s.port, 8, over, check)));
    // What has been asked for last may run yet, for a client that has gone.
    const total = await until(async () => {
      const [{ all, finished }] = await w.db.rows(`SELECT count(*)::int AS all,
          count(*) FILTER (WHERE status = 'success')::int AS finished
        FROM batch_sync_runs`);
      return finished === all && all;
    }, 'the last run to end', 30_000);
    assert.ok(total >= runs + 1);
    await checkOneAtATime(w);
    await s.end();
  });

test('a schedule of every second, a slow run and HTTP', async (t) => {
  const hold = gate();
  const w = await alpha(t, { hold });
  const s = await serve(t, w, { env: { BATCH_SYNC_SCHEDULE: EVERY_SECOND } });
  await begun(w);
  const { scheduler } = (await s.get('/health/batch-sync')).json;
  assert.equal(scheduler.isScheduled, true);
  assert.equal(scheduler.isRunning, true);
  assert.ok(Date.parse(scheduler.nextRun) - Date.now() < 5000);
  assert.deepEqual((await s.trigger()).json.result,
    { success: false, reason: 'already_running' });
  assert.equal((await s.triggerAsync()).status, 409);
  await s.untilMetrics((samples) =>
    triggers(samples, 'schedule', 'already_running') >= 2, 'dropped fires');
  assert.equal(w.coordinator.calls.length, 1);
  hold.open();
  await s.untilMetrics((samples) =>
    triggers(samples, 'schedule', 'accepted') >= 3, 'runs by schedule');
  const samples = await s.metrics();
  assert.equal(triggers(samples, 'http', 'already_running'), 2);
  const { runs } = (await s.get('/admin/batch-sync/runs')).json;
  assert.ok(runs.length >= 3);
  assert.ok(runs.every(({ trigger, kind }) =>
    trigger === 'schedule' && kind === 'daily'));
  // One that comes in between is refused or runs alone.
  const { status, json } = await s.trigger();
  assert.equal(status, 200);
  assert.ok(json.success || json.result.reason === 'already_running');
  await s.end();
  await checkOneAtATime(w);
  // The end may have come upon the last one.
  assert.equal(await w.db.value(`SELECT count(*)::int FROM (
      SELECT status FROM batch_sync_runs ORDER BY started_at DESC OFFSET 1) r
    WHERE status <> 'success'`), 0);
});

test('a schedule that meets a run by HTTP', async (t) => {
  const hold = gate();
  const w = await alpha(t, { hold });
  // Far from the next fire at first, so that HTTP is the one that begins.
  const s = await serve(t, w,
    { env: { BATCH_SYNC_SCHEDULE: EVERY_5_SECONDS } });
  let answer;
  await until(async () => {
    const { runId } = (await s.triggerAsync()).json;
    if (runId) answer = runId;
    return answer ?? (hold.open(), false);
  }, 'a run by HTTP', 60_000);
  if (w.coordinator.calls.length <= 1) {
    await s.untilMetrics((samples) =>
      triggers(samples, 'schedule', 'already_running') >= 1, 'a dropped fire');
  }
  hold.open();
  assert.equal((await s.run(answer)).status, 'success');
  await s.untilMetrics((samples) =>
    triggers(samples, 'schedule', 'accepted') >= 1, 'a run by schedule');
  await s.end();
  await checkOneAtATime(w);
});

test('two processes on one database', async (t) => {
  const hold = gate();
  const w = await alpha(t, { hold });
  const one = await serve(t, w);
  const two = await serve(t, w);
  const first = one.trigger();
  await begun(w);
  const second = await two.trigger();
  assert.equal(second.status, 200, second.text);
  assert.deepEqual([second.json.success, second.json.result],
    [false, { success: false, reason: 'already_running' }]);
  const third = await two.triggerAsync();
  assert.equal(third.status, 409, third.text);
  assert.equal((await two.get('/health/batch-sync')).json.scheduler.isRunning,
    false);
  assert.equal(valueOf(await two.metrics(), 'run_in_progress'), 0);
  // The other one's run is seen.
  const [run] = (await two.get('/admin/batch-sync/runs')).json.runs;
  assert.equal(run.status, 'running');
  hold.open();
  assert.equal((await first).json.success, true);
  const samples = await two.metrics();
  assert.equal(triggers(samples, 'http', 'already_running'), 2);
  assert.equal(triggers(samples, 'http', 'accepted'), 0);
  for (const outcome of ['success', 'failed', 'partial', 'canceled',
    'interrupted']) {
    assert.equal(valueOf(samples, 'runs_total', { outcome }), 0);
  }
  assert.equal(countsOf(await two.good()).unchanged, 30);
  await checkOneAtATime(w);
  await one.end();
  await two.end();
});

test('a run is canceled in another process', async (t) => {
  const hold = gate();
  const w = await alpha(t, { hold });
  const one = await serve(t, w);
  const two = await serve(t, w);
  const first = one.trigger();
  await begun(w);
  const [run] = (await two.get('/admin/batch-sync/runs')).json.runs;
  const url = `/admin/batch-sync/runs/${run.id}/cancel`;
  assert.equal((await two.call('POST', url)).status, 202);
  hold.open();
  // It learns so from the ledger, and stores nothing more.
  assert.equal((await first).json.success, false);
  assert.equal(await w.db.value('SELECT count(*)::int FROM vector_embeddings'),
    0);
  assert.equal((await one.run(run.id)).status, 'canceled');
  assert.equal((await two.call('POST', url)).status, 409);
  assert.equal(countsOf(await two.good()).stored, 30);
  await one.end();
  await two.end();
});

test('two processes with one schedule run once at a time', async (t) => {
  const w = await alpha(t, { delayMs: 1500 });
  const env = { BATCH_SYNC_SCHEDULE: EVERY_SECOND };
  const one = await serve(t, w, { env });
  const two = await serve(t, w, { env });
  await until(async () => await w.db.value(`SELECT count(*)::int
    FROM batch_sync_runs WHERE status = 'success'`) >= 3, 'some runs', 60_000);
  const dropped = await Promise.all([one, two].map(async (s) =>
    triggers(await s.metrics(), 'schedule', 'already_running')));
  assert.ok(dropped.every((n) => n > 0), `${dropped} dropped`);
  await Promise.all([one.end(), two.end()]);
  await checkOneAtATime(w);
});

test('BATCH_SYNC_ON_STARTUP runs once, about five seconds after the start',
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w, { env: { BATCH_SYNC_ON_STARTUP: 'true' } });
    const ready = await s.untilLog(/^ready$/);
    const begins = await s.untilLog(/^the run begins/);
    const afterMs = Date.parse(begins.time) - Date.parse(ready.time);
    assert.ok(afterMs >= 4900 && afterMs < 20_000, `after ${afterMs} ms`);
    await s.untilMetrics((samples) =>
      triggers(samples, 'startup', 'accepted') === 1, 'its end');
    const { runs } = (await s.get('/admin/batch-sync/runs')).json;
    assert.deepEqual(runs.map(({ trigger, kind, status }) =>
      ({ trigger, kind, status })),
    [{ trigger: 'startup', kind: 'daily', status: 'success' }]);
    await checkStored(w, 'alpha', ITEMS);
    assert.equal((await s.get('/health/batch-sync')).json.environment
      .BATCH_SYNC_ON_STARTUP, true);
    await s.end();
  });

test('a run from the command line and one of the service', async (t) => {
  const hold = gate();
  const w = await alpha(t, { hold });
  const s = await serve(t, w);
  const first = s.trigger();
  await begun(w);
  const { code, result } = await w.sync();
  assert.equal(code, 75);
  assert.deepEqual(result, { success: false, reason: 'already_running' });
  hold.open();
  assert.equal((await first).json.success, true);
  assert.equal(countsOf(await w.good()).unchanged, 30);

  // And the other way round.
  const other = gate();
  w.coordinator.script('alpha', async (call) => {
    await other.wait;
    return pagesOf(ITEMS)(call);
  });
  const calls = w.coordinator.calls.length;
  const program = w.begin();
  await program.until(() => w.coordinator.calls.length > calls, 'its call');
  assert.deepEqual((await s.trigger()).json.result,
    { success: false, reason: 'already_running' });
  other.open();
  assert.equal((await program.exit()).code, 0);
  await checkOneAtATime(w);
  await s.end();
});
