// Schedules of single services, fires that meet a run, and pauses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkError, gate, serve, valueOf } from './support/serve.mjs';
import { itemsOf, onceProven, pagesOf, until, world }
  from './support/world.mjs';

const EVERY_SECOND = '* * * * * *';
const NEVER = '0 0 29 2 *';

const two = (t) => world(t, { services: { alpha: pagesOf(itemsOf(3)),
  beta: pagesOf(itemsOf(3, 1, 'beta')) } });

const runsOf = (w) => w.db.rows(`SELECT schedule, services,
    (1000 * extract(epoch FROM fire_at))::float8 AS at, status
  FROM batch_sync_runs WHERE fire_at IS NOT NULL ORDER BY started_at`);
const dropped = (w) => w.db.rows(`SELECT schedule, outcome,
    (1000 * extract(epoch FROM fire_at))::float8 AS at
  FROM batch_sync_fires ORDER BY fire_at`);

test('schedules that fire at one instant all happen, in any replica, once',
  async (t) => {
    const w = await two(t);
    const at = '*/10 * * * * *';
    const env = { BATCH_SYNC_SCHEDULE: at, BATCH_SYNC_IF_RUNNING: 'queue',
      BATCH_SYNC_SCHEDULES: `alpha = ${at}\n\n beta=${at}\n` };
    const all = [await serve(t, w, { env }), await serve(t, w, { env })];
    const together = () => until(async () => {
      const good = (await runsOf(w)).filter(({ status }) =>
        status === 'success');
      const of = (run) => good.filter((other) => other.at === run.at);
      return good.map(of).find((runs) => runs.length >= 3);
    }, 'three runs of one instant', 120_000);
    const three = await together();
    await Promise.all(all.map((s) => s.end()));
    assert.deepEqual(three.map(({ schedule }) => schedule).sort(),
      ['', 'alpha', 'beta']);
    for (const { schedule, services } of three) {
      assert.deepEqual(services, schedule === '' ? ['alpha', 'beta']
        : [schedule]);
    }
    const keys = (await runsOf(w)).map((run) => `${run.schedule} ${run.at}`);
    assert.equal(new Set(keys).size, keys.length);
  });

test('a fire that meets a run leaves a trace, and is not missed later',
  async (t) => {
    const hold = gate();
    const w = await two(t);
    w.embedder.script(onceProven(() => hold.wait));
    const env = { BATCH_SYNC_SCHEDULE: EVERY_SECOND };
    let s = await serve(t, w, { env });
    await until(async () => (await dropped(w)).length >= 2, 'dropped fires',
      60_000);
    hold.open();
    const [{ schedule, outcome }] = await dropped(w);
    assert.deepEqual([schedule, outcome], ['', 'skipped']);
    await s.end();
    // As if only the dropped fire of two days ago were known.
    await w.db.rows('DELETE FROM batch_sync_runs');
    await w.db.rows('DELETE FROM batch_sync_fires');
    const ago = new Date(Date.now() - 2 * 86_400_000);
    ago.setUTCSeconds(0, 0);
    const daily = [ago.getUTCMinutes(), ago.getUTCHours(), ago.getUTCDate(),
      ago.getUTCMonth() + 1, '*'].join(' ');
    await w.db.rows(`INSERT INTO batch_sync_fires (schedule, fire_at, outcome)
      VALUES ('', $1, 'skipped')`, [ago]);
    s = await serve(t, w, { env: { BATCH_SYNC_SCHEDULE: daily,
      BATCH_SYNC_CATCH_UP: 'true' } });
    await s.scheduled();
    await s.good();
    await s.end();
    assert.deepEqual(await runsOf(w), []);
  });

test('a dropped fire is told over HTTP and on the command line', async (t) => {
  const w = await two(t);
  await w.good();
  const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  await w.db.rows(`INSERT INTO batch_sync_fires
      (schedule, fire_at, outcome, dropped_at)
    SELECT s, $1::timestamptz + h * interval '1 h', o,
      $1::timestamptz + interval '6 h'
    FROM (VALUES ('', 2, 'skipped'), ('beta', 2, 'replaced'), ('', 3, 'paused'),
      ('beta', 4, 'failed')) f (s, h, o)`, [`${day}T00:00:00Z`]);
  const s = await serve(t, w);
  const path = '/admin/batch-sync/fires';
  const get = async (query = '') => (await s.get(path + query)).json;
  const all = await get();
  assert.deepEqual(all.fires.map(({ service, fireAt, outcome }) =>
    [service, fireAt, outcome]), [
    ['beta', `${day}T04:00:00.000Z`, 'failed'],
    [null, `${day}T03:00:00.000Z`, 'paused'],
    ['beta', `${day}T02:00:00.000Z`, 'replaced'],
    [null, `${day}T02:00:00.000Z`, 'skipped']]);
  assert.equal(all.fires[0].droppedAt, `${day}T06:00:00.000Z`);
  assert.deepEqual([all.count, all.next], [4, null]);
  assert.deepEqual((await get('?service=beta&outcome=replaced')).fires,
    [all.fires[2]]);
  const first = await get('?limit=3');
  assert.deepEqual(
    (await get(`?limit=3&before=${encodeURIComponent(first.next)}`)).fires,
    [all.fires[3]]);
  checkError(await s.get(`${path}?outcome=missed`), 400, path,
    /"outcome" must be skipped, replaced, paused or failed/);
  checkError(await s.get(`${path}?before=soon`), 400, path, /"before"/);

  for (const where of [[], ['--url', `http://127.0.0.1:${s.port}`]]) {
    const said = async (...args) => await w.run(['fires', ...args, ...where]);
    assert.deepEqual(JSON.parse((await said('--json')).stdout), all);
    assert.deepEqual(JSON.parse((await said('--json', '--outcome', 'paused'))
      .stdout).fires, [all.fires[1]]);
    assert.match((await said('--service', 'beta', '--limit', '1')).stdout,
      /^FIRE .*\n.*T04:00:00.000Z {2}failed {4}beta\n$/);
    assert.match((await said('--outcome', 'skipped')).stdout,
      /skipped {3}\(all services\)\n$/);
    assert.equal((await said('--outcome', 'missed')).code, 64);
  }
  await s.end();
});

for (const [schedule, name, env] of [
  ['beta', 'a service\'s own', { BATCH_SYNC_SCHEDULE: NEVER,
    BATCH_SYNC_SCHEDULES: `beta=${EVERY_SECOND}` }],
  ['', 'the one for all', { BATCH_SYNC_SCHEDULE: EVERY_SECOND,
    BATCH_SYNC_IF_RUNNING: 'queue' }],
]) {
  test(`queue keeps the latest fire, which runs after the run: ${name}`,
    async (t) => {
      const hold = gate();
      const w = await two(t);
      w.embedder.script(onceProven(() => hold.wait));
      const other = await serve(t, w);
      const running = other.trigger();
      await other.untilMetrics((m) => valueOf(m, 'run_in_progress') === 1,
        'the run to begin');
      const s = await serve(t, w, { env });
      await until(async () => (await dropped(w)).length >= 2, 'replaced fires',
        60_000);
      const replaced = await dropped(w);
      assert.ok(replaced.every((fire) => fire.schedule === schedule
        && fire.outcome === 'replaced'));
      assert.deepEqual(await runsOf(w), []);
      hold.open();
      await running;
      await until(async () => (await runsOf(w)).some(({ status }) =>
        status === 'success'), 'the fire that waited', 60_000);
      await s.end();
      await other.end();
      const [first] = await runsOf(w);
      assert.deepEqual(first.services,
        schedule === '' ? ['alpha', 'beta'] : [schedule]);
      assert.ok(first.at > replaced[1].at);
    });
}

test('a pause keeps schedules from firing, in all processes, until resumed',
  async (t) => {
    const w = await two(t);
    const s = await serve(t, w, { env: { BATCH_SYNC_SCHEDULE: EVERY_SECOND } });
    await until(async () => (await runsOf(w)).length >= 1, 'a fire', 60_000);
    const post = (path, body) => s.call('POST', `/admin/batch-sync/${path}`,
      { body });
    for (const body of [undefined, {}, { reason: ' ' }, { reason: 'a\nb' },
      { why: 'x' }]) {
      checkError(await post('pause', body), 400, '/admin/batch-sync/pause',
        /reason|why/);
    }
    const { json } = await post('pause', { reason: 'the index is rebuilt' });
    assert.deepEqual([json.paused, json.changed], [true, true]);
    assert.equal((await post('pause', { reason: 'the index is rebuilt' })).json
      .changed, false);
    await until(async () => (await dropped(w)).some(({ outcome }) =>
      outcome === 'paused'), 'a fire during the pause', 60_000);
    await s.untilMetrics((m) => valueOf(m, 'schedule_paused') === 1,
      'the pause in the metrics');
    const health = async () =>
      (await s.get('/health/batch-sync')).json.scheduler.paused;
    assert.equal((await health()).reason, 'the index is rebuilt');
    assert.equal((await s.get('/admin/batch-sync/schedules')).json.paused
      .reason, 'the index is rebuilt');
    assert.match((await w.run(['status', '--url', `http://127.0.0.1:${s.port}`]))
      .stdout, /^paused {8}since 2.*Z: the index is rebuilt$/m);
    await s.program.until(async () => (await s.trigger()).json.success,
      'a run that somebody asks for');
    const before = (await runsOf(w)).length;
    const { code, stdout } = await w.run(['resume']);
    assert.deepEqual([code, stdout], [0, 'resumed: the schedules begin runs\n']);
    await until(async () => (await runsOf(w)).length > before,
      'a fire after the pause', 60_000);
    await s.program.until(async () => await health() === null,
      'health to know', 60_000);
    await s.end();
  });

test('pause and resume on the command line', async (t) => {
  const w = await two(t);
  await w.good();
  const said = async (...args) => {
    const { code, stdout } = await w.run(args);
    return [code, stdout];
  };
  assert.deepEqual(await said('pause', '--reason', 'a migration'),
    [0, 'paused: no schedule begins a run\n']);
  assert.deepEqual(await w.db.rows('SELECT reason FROM batch_sync_pauses'),
    [{ reason: 'a migration' }]);
  // It is kept: a process that starts later heeds it, at its start, too.
  const s = await serve(t, w, { env: { BATCH_SYNC_SCHEDULE: EVERY_SECOND,
    BATCH_SYNC_ON_STARTUP: 'true' } });
  await until(async () => (await dropped(w)).some(({ outcome }) =>
    outcome === 'paused'), 'a fire during the pause', 60_000);
  await s.untilMetrics((m) => valueOf(m, 'triggers_total',
    { trigger: 'startup', outcome: 'paused' }) === 1, 'the start-up');
  await s.end();
  assert.deepEqual(await runsOf(w), []);
  assert.deepEqual(await said('resume'),
    [0, 'resumed: the schedules begin runs\n']);
  assert.deepEqual(await said('resume'),
    [0, 'resumed: the schedules begin runs (it was so before)\n']);
  assert.equal((await w.run(['pause'])).code, 64);
});

test('the next ten fires of each schedule', async (t) => {
  const w = await two(t);
  const s = await serve(t, w, { env: { BATCH_SYNC_SCHEDULE: '0 2 * * *',
    BATCH_SYNC_TIMEZONE: 'Europe/Berlin',
    BATCH_SYNC_SCHEDULES: 'beta=30 6 * * 1' } });
  await s.scheduled();
  const { schedules, paused } =
    (await s.get('/admin/batch-sync/schedules')).json;
  assert.equal(paused, null);
  assert.deepEqual(schedules.map(({ next, ...entry }) => entry), [
    { service: null, schedule: '0 2 * * *', timezone: 'Europe/Berlin',
      ifRunning: 'skip' },
    { service: 'beta', schedule: '30 6 * * 1', timezone: 'Europe/Berlin',
      ifRunning: 'queue' }]);
  const local = (iso) => new Date(iso).toLocaleTimeString('en-GB',
    { timeZone: 'Europe/Berlin' });
  for (const { next } of schedules) {
    assert.equal(next.length, 10);
    assert.deepEqual(next, [...next].sort());
    assert.ok(Date.parse(next[0]) > Date.now() - 60_000);
  }
  assert.ok(schedules[1].next.every((iso) => local(iso) === '06:30:00'));
  await s.untilMetrics((m) => m.get('batchsync_schedule_next_run_timestamp_'
    + 'seconds{schedule="beta"}') === Date.parse(schedules[1].next[0]) / 1000,
  'the metric');
  await s.end();
});

test('refused: BATCH_SYNC_IF_RUNNING=wait', async (t) => {
  const w = await two(t);
  const { code, stderr } = await w.run(['check'],
    { BATCH_SYNC_IF_RUNNING: 'wait' });
  assert.equal(code, 78, stderr);
  assert.match(stderr, /BATCH_SYNC_IF_RUNNING="wait".*skip.*queue/);
});

for (const [value, said] of [
  ['alpha', /BATCH_SYNC_SCHEDULES="alpha".*name=expression/],
  ['alpha=0 25 * * *', /BATCH_SYNC_SCHEDULES="alpha".*25/],
  ['=0 2 * * *', /BATCH_SYNC_SCHEDULES/],
  ['alpha=0 2 * * *\nalpha=0 3 * * *', /alpha.*must be named once/],
]) {
  test(`refused: BATCH_SYNC_SCHEDULES=${JSON.stringify(value)}`, async (t) => {
    const w = await two(t);
    const { code, stderr } = await w.run(['check'],
      { BATCH_SYNC_SCHEDULES: value });
    assert.equal(code, 78, stderr);
    assert.match(stderr, said);
  });
}
