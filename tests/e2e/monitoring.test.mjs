// What an operator looks at: the metrics that come from the database, the
// dashboard and the alerts of deploy/, by Prometheus's own tool.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import yaml from 'yaml';
import { serve, valueOf } from './support/serve.mjs';
import { folderOf, itemsOf, pagesOf, world } from './support/world.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const promtool = (...args) => execFileSync('promtool', args,
  { encoding: 'utf8', cwd: join(ROOT, 'tests/data'), stdio: 'pipe' });
const missing = (() => {
  try {
    promtool('--version');
    return false;
  } catch {
    return 'promtool is not installed';
  }
})();

const alpha = (t, items, options) => world(t, { ...options, services: {
  alpha: pagesOf(items), beta: pagesOf(itemsOf(5, 1, 'beta')) } });

test('how services stand is true after a restart', async (t) => {
  const held = { items: [...itemsOf(20), { name: 'no id' }] };
  const w = await alpha(t, () => held.items);
  const standing = (m) => ({
    letters: valueOf(m, 'dead_letters', { service: 'alpha' }),
    complete: valueOf(m, 'service_complete', { service: 'alpha' }),
    alpha: m.get(
      'batchsync_service_last_success_timestamp_seconds{service="alpha"}'),
    beta: m.get(
      'batchsync_service_last_success_timestamp_seconds{service="beta"}'),
  });
  let s = await serve(t, w);
  // Before anything has happened the configured services count from zero.
  const first = await s.metrics();
  for (const service of ['alpha', 'beta']) {
    assert.equal(valueOf(first, 'items_total', { service, outcome: 'failed' }),
      0);
    assert.equal(valueOf(first, 'dead_letters', { service }), 0);
  }
  assert.equal(standing(first).beta, undefined);
  const next = valueOf(await s.untilMetrics(async (m) =>
    m.has('batchsync_schedule_next_run_timestamp_seconds') && m,
  'the next run'), 'schedule_next_run_timestamp_seconds');
  const { json: health } = await s.get('/health/batch-sync');
  assert.equal(new Date(next * 1000).getTime(),
    Date.parse(health.scheduler.nextRun));
  await s.trigger();
  const seen = standing(await s.untilMetrics((m) =>
    standing(m).letters === 1 && standing(m).beta !== undefined && m,
  'the letter to be counted'));
  assert.equal(seen.complete, 1);
  assert.equal(seen.alpha, undefined, 'a new dead letter is no success');
  await s.end();

  s = await serve(t, w);
  assert.deepEqual(standing(await s.untilMetrics((m) =>
    standing(m).letters === 1 && m, 'what the database has')), seen);
  const [{ at }] = await w.db.rows(`SELECT extract(epoch FROM
    max(finished_at))::float8 AS at FROM batch_sync_service_runs
    WHERE service = 'beta'`);
  assert.ok(Math.abs(at - seen.beta) < 0.01, `${at} is not ${seen.beta}`);
  held.items = itemsOf(20);
  await s.good();
  await s.untilMetrics((m) => standing(m).alpha !== undefined,
    'the success to be counted');
  await s.end();
});

test('messages are counted by level', async (t) => {
  const w = await alpha(t, itemsOf(5));
  const s = await serve(t, w, { env: { BATCH_SYNC_FANCY: '1' } });
  const m = await s.metrics();
  const of = (level) => valueOf(m, 'log_messages_total', { level });
  assert.ok(of('warn') >= 1);
  assert.ok(of('info') >= 2);
  assert.equal(of('error'), 0);
  await s.end();
});

/** GET /metrics as a scraper sends it; the body as bytes. */
const scrape = (port, headers) => new Promise((done, fail) => {
  http.get({ port, host: '127.0.0.1', path: '/metrics', headers }, (answer) => {
    const parts = [];
    answer.on('data', (part) => parts.push(part));
    answer.on('end', () => done({ headers: answer.headers,
      body: Buffer.concat(parts) }));
  }).on('error', fail);
});

test('gzip for a scraper that asks for it', async (t) => {
  const w = await alpha(t, itemsOf(5));
  const s = await serve(t, w);
  const packed = await scrape(s.port, { 'accept-encoding': 'gzip',
    accept: 'application/openmetrics-text;version=1.0.0' });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.match(packed.headers.vary, /accept-encoding/i);
  const text = gunzipSync(packed.body).toString();
  assert.match(text, /^batchsync_build_info\{/m);
  assert.match(text, /\n# EOF\n$/);
  assert.ok(packed.body.length < text.length / 3);
  for (const accept of ['identity', 'gzip;q=0']) {
    const plain = await scrape(s.port, { 'accept-encoding': accept });
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.match(plain.body.toString(), /^batchsync_build_info\{/m);
  }
  await s.end();
});

/* ---- deploy/ ---- */

const dashboard = JSON.parse(readFileSync(
  join(ROOT, 'deploy/grafana/batchsync.json'), 'utf8'));
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const rules = yaml.parse(readFileSync(join(ROOT, 'deploy/alerts.yml'), 'utf8'))
  .groups.flatMap((group) => group.rules);

const namesIn = (expression) =>
  expression.match(/\b(batchsync|process)_[a-z_]+\b/g) ?? [];

test('dashboard and alerts name metrics that exist', async (t) => {
  const w = await alpha(t, itemsOf(5), { env: { KG_ENABLED: 'true' } });
  const s = await serve(t, w);
  await s.good();
  const text = await s.program.until(async () => {
    const answer = await s.get('/metrics');
    return ['service_last_success', 'schedule_next_run', 'link_queue_length',
    ].every((name) => new RegExp(`^batchsync_${name}.* \\d`, 'm')
      .test(answer.text)) && answer.text;
  }, 'all metrics', 60_000);
  const known = new Set(text.split('\n').filter((line) => !/^#|^$/.test(line))
    .map((line) => line.replace(/[{ ].*/, '')));
  const asked = [...queries, ...rules.map(({ expr }) => expr),
    ...dashboard.templating.list.map(({ definition }) => definition ?? '')];
  for (const expression of asked) {
    for (const name of namesIn(expression)) {
      assert.ok(known.has(name), `${name} does not exist: ${expression}`);
    }
  }
  assert.ok(queries.length > 25);
  assert.ok(queries.every((query) => namesIn(query).length > 0));
  await s.end();
});

test('panels lie side by side, each with a number of its own', () => {
  const cells = new Set();
  for (const { gridPos: { x, y, w, h }, title } of dashboard.panels) {
    assert.ok(x >= 0 && x + w <= 24, title);
    for (let i = x; i < x + w; i++) for (let k = y; k < y + h; k++) {
      assert.ok(!cells.has(`${i},${k}`), `${title} lies on another`);
      cells.add(`${i},${k}`);
    }
  }
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test('promtool parses every query of the dashboard', { skip: missing }, (t) => {
  const concrete = (query) => query.replaceAll('$__rate_interval', '5m')
    .replaceAll('$job', '.*').replaceAll('$service', '.*');
  const check = (list) => promtool('check', 'rules', join(folderOf(t, {
    'rules.yml': { groups: [{ name: 'dashboard', rules: list.map((query, i) =>
      ({ record: `query:${i}`, expr: concrete(query) })) }] } }), 'rules.yml'));
  assert.match(check(queries), new RegExp(`${queries.length} rules found`));
  assert.throws(() => check(['sum(rate(']), /parse error/);
});

test('alerts are what promtool expects, at the right time', { skip: missing },
  () => {
    promtool('check', 'config', '--syntax-only', '../../deploy/prometheus.yml');
    promtool('test', 'rules', 'alerts.yml');
    const tested = readFileSync(join(ROOT, 'tests/data/alerts.yml'), 'utf8');
    for (const { alert } of rules) {
      assert.match(tested, new RegExp(`alertname: ${alert}\\b`), alert);
    }
  });
