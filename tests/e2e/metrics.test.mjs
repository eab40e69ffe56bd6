// What the service tells Prometheus, and a Prometheus that asks.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gate, serve, valueOf } from './support/serve.mjs';
import { failing, faults, folderOf, itemsOf,
  onceProven, pagesOf, times, until, world }
  from './support/world.mjs';

const ITEMS = itemsOf(120);

const alpha = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(ITEMS), beta: pagesOf(itemsOf(5, 1, 'beta')) },
  ...options, env: { BATCH_SYNC_LIMIT: '50', BATCH_SYNC_CHUNK_SIZE: '10',
    ...options.env } });

const has = (program) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
};
const without = (program) =>
  has(program) ? false : `${program} is not installed`;

const items = (samples, service, outcome) =>
  valueOf(samples, 'items_total', { service, outcome });

test('metrics before the first run', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const { status, headers, text } = await s.get('/metrics');
  assert.equal(status, 200);
  assert.match(headers['content-type'],
    /^text\/plain; version=0\.0\.4; charset=utf-8$/);
  assert.ok(text.endsWith('\n'));
  const samples = await s.metrics();
  const build = [...samples].filter(([name]) => /build_info/.test(name));
  assert.equal(build.length, 1);
  assert.match(build[0][0], /^batchsync_build_info\{.*version="\d+\.\d+\.\d+/);
  assert.equal(build[0][1], 1);
  assert.equal(valueOf(samples, 'run_in_progress'), 0);
  assert.equal(valueOf(samples, 'chunks_in_flight'), 0);
  for (const outcome of ['success', 'partial', 'failed', 'canceled']) {
    assert.equal(samples.get(`batchsync_runs_total{outcome="${outcome}"}`), 0);
  }
  for (const name of ['last_run_success', 'last_success_timestamp_seconds']) {
    assert.ok(!samples.has(`batchsync_${name}`), `${name} without a run`);
  }
  const { fds, rssKiB } = s.resources();
  assert.ok(Math.abs(valueOf(samples, 'process_open_fds') - fds) <= 3);
  const rss = valueOf(samples, 'process_resident_memory_bytes') / 1024;
  assert.ok(rss > rssKiB / 2 && rss < rssKiB * 2, `${rss} of ${rssKiB} KiB`);
  const started = valueOf(samples, 'process_start_time_seconds') * 1000;
  assert.ok(Math.abs(started - Date.now()) < 60_000, `started at ${started}`);
  assert.ok(valueOf(samples, 'process_virtual_memory_bytes') > 0);
  assert.ok(valueOf(samples, 'process_max_fds') >= fds);
  await s.untilMetrics((later) =>
    valueOf(later, 'event_loop_lag_duration_seconds_count') >= 2,
  'the loop to be looked at');
  await s.end();
});

/** The families of docs/metrics.md: [full name, type]. */
const documented = () => readFileSync(
  new URL('../../docs/metrics.md', import.meta.url), 'utf8').split('\n')
  .flatMap((line) => {
    const [, names, type] =
      /^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| (\w+) \|/.exec(line) ?? [];
    return (names?.match(/[a-z_]+/g) ?? []).map((name) =>
      [name.startsWith('process_') ? name : `batchsync_${name}`, type]);
  });

/** Those that count from the start of the process on; linking looks at once. */
const AT_WORK =
  /^(process_|batchsync_(http|log|event_loop|build)_)|operation="link"/;

test('all that counts is there from the start, at zero', async (t) => {
  const w = await alpha(t, { env: { KG_ENABLED: 'true' } });
  const s = await serve(t, w);
  const samples = await s.metrics();
  const counting = documented().filter(([, type]) =>
    type === 'counter' || type === 'histogram');
  assert.ok(counting.length >= 30, `${counting.length} families`);
  for (const [name, type] of counting) {
    const family = type === 'histogram' ? `${name}_count` : name;
    const found = [...samples].filter(([key]) =>
      key === family || key.startsWith(`${family}{`));
    assert.ok(found.length > 0, `${family} is not there`);
    for (const [key, value] of found) {
      assert.ok(value === 0 || AT_WORK.test(key), `${key} is ${value}`);
    }
  }
  // And nothing is shown that the page about it does not tell of.
  const known = new Set(documented().map(([name]) => name));
  for (const key of samples.keys()) {
    const name = key.replace(/\{.*/, '');
    assert.ok(known.has(name) || known.has(
      name.replace(/_(bucket|sum|count)$/, '')), `${name} is not documented`);
  }
  await s.end();
});

test('names begin with batchsync_ or process_, each family is described once',
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w);
    await s.good();
    await s.trigger({ services: ['gamma"\\!'] });
    const { text } = await s.get('/metrics');
    const families = new Map();
    for (const line of text.trimEnd().split('\n')) {
      const [, kind, name] = /^# (HELP|TYPE) (\S+) ./.exec(line) ?? [];
      if (kind === 'HELP') {
        assert.ok(!families.has(name), `${name} twice`);
        families.set(name, []);
      }
      const current = [...families.keys()].at(-1);
      if (kind) {
        assert.equal(name, current);
        assert.match(name, /^(batchsync|process)_[a-z_]+$/);
        continue;
      }
      assert.match(line,
        /^(batchsync|process)_[a-z_]+(\{(\w+="(\\.|[^"\\\n])*",?)+\})? [-+0-9.e]+$/);
      assert.ok(line.startsWith(current), `${line} below ${current}`);
      families.get(current).push(line);
    }
    assert.ok(families.size >= 20);
    const lines = [...families.values()].flat();
    const names = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.some((name) => name.includes('service="gamma\\"\\\\!"')),
      'labels are escaped');
    await s.end();
  });

test('what is counted in a run', async (t) => {
  const served = { alpha: [...ITEMS, { ...ITEMS[0] }, { name: 'no id' }] };
  const w = await alpha(t, { services: {
    alpha: pagesOf(() => served.alpha),
    beta: pagesOf(itemsOf(5, 1, 'beta')) }, env: { BATCH_SYNC_LIMIT: '200' } });
  const s = await serve(t, w);
  const first = await s.trigger();
  assert.equal(first.json.success, false);
  let m = await s.metrics();
  assert.equal(items(m, 'alpha', 'stored'), 120);
  assert.equal(items(m, 'alpha', 'failed'), 1);
  const known = (samples) =>
    valueOf(samples, 'items_known_failures_total', { service: 'alpha' });
  assert.equal(known(m), 0);
  assert.equal(items(m, 'alpha', 'collision'), 1);
  assert.equal(items(m, 'alpha', 'unchanged'), 0);
  assert.equal(items(m, 'alpha', 'deleted'), 0);
  assert.equal(items(m, 'beta', 'stored'), 5);
  const embedded = (service) =>
    valueOf(m, 'items_embedded_total', { service });
  assert.equal(embedded('alpha'), 120);
  assert.equal(embedded('beta'), 5);
  assert.equal(w.embedder.embedded, 125);
  const tokens = (service, kind) =>
    valueOf(m, 'embedding_tokens_total', { service, kind });
  assert.equal(tokens('alpha', 'billed') + tokens('beta', 'billed'),
    w.embedder.tokens);
  assert.ok(tokens('alpha', 'estimated') > 120);
  assert.equal(first.json.result.tokens, w.embedder.tokens);
  const { totals } = (await s.get('/admin/batch-sync/runs')).json.runs[0];
  assert.deepEqual([totals.tokens, totals.tokensEstimated],
    [w.embedder.tokens,
      tokens('alpha', 'estimated') + tokens('beta', 'estimated')]);
  const ofBeta = { service: 'beta' };
  assert.equal(valueOf(m, 'pages_total', { service: 'alpha' }), 1);
  assert.equal(valueOf(m, 'pages_total', ofBeta), 1);
  assert.equal(valueOf(m, 'pages_read_total', { service: 'alpha' }), 1);
  assert.equal(valueOf(m, 'services_total',
    { service: 'beta', outcome: 'success' }), 1);
  assert.equal(valueOf(m, 'services_total',
    { service: 'alpha', outcome: 'failed' }), 1);
  assert.equal(valueOf(m, 'runs_total', { outcome: 'partial' }), 1);
  assert.equal(valueOf(m, 'last_run_success'), 0);
  assert.equal(valueOf(m, 'chunks_total', { outcome: 'success' }), 13);
  assert.equal(valueOf(m, 'chunks_in_flight'), 0);

  served.alpha = [...ITEMS.map((item, i) =>
    i < 7 ? { ...item, body: 'Another' } : item), { name: 'no id' }];
  await s.good();
  m = await s.metrics();
  assert.equal(known(m), 1);
  assert.equal(items(m, 'alpha', 'stored'), 127);
  assert.equal(items(m, 'alpha', 'unchanged'), 113);
  assert.equal(items(m, 'alpha', 'failed'), 2);
  assert.equal(items(m, 'beta', 'stored'), 5);
  assert.equal(items(m, 'beta', 'unchanged'), 5);
  assert.equal(embedded('alpha'), 127);
  assert.equal(valueOf(m, 'pages_total', ofBeta), 2);
  assert.equal(valueOf(m, 'runs_total', { outcome: 'success' }), 1);
  assert.equal(valueOf(m, 'last_run_success'), 1);
  const ago = Date.now() / 1000 - valueOf(m, 'last_success_timestamp_seconds');
  assert.ok(ago > -5 && ago < 60, `${ago} s ago`);
  assert.equal(valueOf(m, 'run_duration_seconds_count'), 2);
  assert.equal(valueOf(m, 'triggers_total',
    { trigger: 'http', outcome: 'accepted' }), 2);

  // Where nothing has happened, nothing grows.
  const before = await s.metrics();
  await s.good();
  const after = await s.metrics();
  for (const name of ['items_embedded_total', 'chunks_total']) {
    const sum = (samples) => [...samples].filter(([key]) =>
      key.startsWith(`batchsync_${name}`)).reduce((n, [, v]) => n + v, 0);
    assert.equal(sum(after), sum(before), name);
  }
  await s.end();
});

test('the link queue is shown where there is a graph', async (t) => {
  const length = (m) => m.get('batchsync_link_queue_length');
  const off = await serve(t, await alpha(t, { env: { KG_ENABLED: 'false' } }));
  await off.good();
  assert.equal(length(await off.metrics()), undefined);
  await off.end();
  const on = await serve(t, await alpha(t, { env: { KG_ENABLED: 'true' } }));
  await on.good();
  await on.untilMetrics((m) => length(m) === 0);
  await on.end();
});

test('histograms count as many requests as were made', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  await s.good();
  const check = async () => {
    const m = await s.metrics();
    for (const [name, n] of [['coordinator', w.coordinator.calls.length],
      ['embedding', w.embedder.requests.length]]) {
      const full = `${name}_request_duration_seconds`;
      assert.equal(valueOf(m, `${full}_count`), n, full);
      assert.equal(valueOf(m, `${full}_bucket`, { le: '+Inf' }), n, full);
      assert.ok(valueOf(m, `${full}_sum`) >= 0);
    }
    return m;
  };
  let m = await check();
  const database = (operation) => valueOf(m,
    'database_request_duration_seconds_count', { operation });
  // Three pages of alpha and one of beta; twelve chunks and one.
  assert.equal(database('store'), 13);
  assert.ok(database('lookup') >= 4);
  assert.ok(database('checkpoint') >= 4);
  w.embedder.set({ latencyMs: 300 });
  const slow = { ...ITEMS[0], body: 'Slow to be embedded' };
  w.coordinator.script('alpha', pagesOf([slow]));
  await s.good({ services: ['alpha'] });
  m = await check();
  assert.ok(valueOf(m, 'embedding_request_duration_seconds_sum') >= 0.29);
  for (const name of ['coordinator', 'embedding'].map((n) =>
    `batchsync_${n}_request_duration_seconds_bucket`)) {
    const values = [...m].filter(([key]) => key.startsWith(name))
      .map(([, value]) => value);
    assert.deepEqual(values, [...values].sort((a, b) => a - b),
      'buckets are sums');
  }
  await s.end();
});

test('retries and errors are counted by call', async (t) => {
  const w = await alpha(t);
  w.coordinator.script('beta', failing(2,
    { grpcCode: 'UNAVAILABLE', details: 'not now' },
    pagesOf(itemsOf(5, 1, 'beta'))));
  w.embedder.script(times(3, faults.rateLimited()));
  const s = await serve(t, w);
  await s.good();
  const m = await s.metrics();
  assert.equal(valueOf(m, 'retries_total', { call: 'embed' }), 3);
  assert.equal(valueOf(m, 'retries_total', { call: 'fetch' }), 2);
  assert.equal(valueOf(m, 'retries_total', { call: 'store' }), 0);
  const errors = (call) => [...m].filter(([key]) =>
    key.startsWith('batchsync_request_errors_total')
    && key.includes(`call="${call}"`)).reduce((n, [, value]) => n + value, 0);
  assert.equal(errors('embed'), 3);
  assert.equal(errors('fetch'), 2);
  assert.equal(errors('store'), 0);
  assert.equal(valueOf(m, 'embedding_request_duration_seconds_count'),
    w.embedder.requests.length);
  assert.equal(valueOf(m, 'coordinator_request_duration_seconds_count'),
    w.coordinator.calls.length);
  await s.end();
});

test('while a run is under way', async (t) => {
  const hold = gate();
  const w = await alpha(t);
  w.embedder.script(onceProven(() => hold.wait));
  const s = await serve(t, w);
  const answer = s.trigger();
  await until(() => w.embedder.requests.length === 6, 'six requests', 30_000);
  await s.untilMetrics((m) => valueOf(m, 'run_in_progress') === 1
    && valueOf(m, 'coordinator_request_duration_seconds_count') >= 1,
  'the run to be seen');
  // The coordinator's second page was told of after the chunks had begun.
  await s.untilMetrics((m) => valueOf(m, 'chunks_in_flight') === 5,
    'five chunks in flight');
  hold.open();
  assert.equal((await answer).json.success, true);
  const m = await s.metrics();
  assert.equal(valueOf(m, 'chunks_in_flight'), 0);
  assert.equal(valueOf(m, 'run_in_progress'), 0);
  await s.end();
});


test('HTTP requests are counted by route, method and status',
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w);
    const requests = (m, route, method, code) =>
      valueOf(m, 'http_requests_total', { route, method, code });
    const readyz = requests(await s.metrics(), '/readyz', 'GET', 200);
    for (let i = 0; i < 3; i++) await s.get('/readyz');
    await s.call('HEAD', '/livez');
    await s.call('DELETE', '/livez');
    await s.get('/made/up');
    await s.get('/admin/batch-sync/runs/made-up');
    await s.trigger('{');
    await s.good();
    const m = await s.metrics();
    assert.equal(requests(m, '/readyz', 'GET', 200) - readyz, 3);
    assert.equal(requests(m, '/livez', 'HEAD', 200), 1);
    assert.equal(requests(m, 'other', 'DELETE', 405), 1);
    assert.equal(requests(m, 'other', 'GET', 404), 1);
    assert.equal(requests(m, '/admin/batch-sync/runs/{id}', 'GET', 404), 1);
    const trigger = '/admin/batch-sync/trigger';
    assert.equal(requests(m, trigger, 'POST', 400), 1);
    assert.equal(requests(m, trigger, 'POST', 200), 1);
    assert.equal(valueOf(m, 'http_request_duration_seconds_count',
      { route: trigger }), 2);
    assert.ok(![...m.keys()].some((key) => key.includes('made')));
    await s.end();
  });

/* ---- Prometheus itself ---- */

test('OpenMetrics for a scraper that asks for it', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const { headers, text } = await s.get('/metrics', { headers: {
    accept: 'application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1' } });
  assert.equal(headers['content-type'],
    'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.match(text, /^# TYPE process_cpu_seconds counter$/m);
  assert.match(text, /^process_cpu_seconds_total \d/m);
  assert.match(text, /\n# EOF\n$/);
  await s.end();
});

test('promtool has nothing to say', { skip: without('promtool') },
  async (t) => {
    const w = await alpha(t);
    w.embedder.script(times(1, faults.status(503, 'later')));
    const s = await serve(t, w);
    const check = async () => {
      const { text } = await s.get('/metrics');
      assert.equal(execFileSync('sh', ['-c', 'promtool check metrics 2>&1'],
        { input: text, encoding: 'utf8' }), '');
    };
    await check();
    await s.good();
    await s.trigger({ services: ['gamma'] });
    await check();
    await s.end();
  });

const freePort = () => new Promise((done, fail) => {
  const server = createServer().once('error', fail);
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

/** A Prometheus that asks `port` every second. */
async function prometheus(t, port) {
  const folder = folderOf(t, { 'prometheus.yml': `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: batchsync
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
` });
  mkdirSync(join(folder, 'data'));
  const own = await freePort();
  const child = spawn('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${own}`,
  ], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text) => { log += text; });
  const ended = new Promise((done) => child.once('close', done));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  t.after(stop);
  const api = async (path) => {
    const answer = await fetch(`http://127.0.0.1:${own}/api/v1/${path}`);
    const { status, data } = await answer.json();
    assert.equal(status, 'success');
    return data;
  };
  await until(async () => api('targets').catch(() => false),
    'Prometheus', 60_000).catch((error) => {
    error.message += `\n${log}`;
    throw error;
  });
  return {
    stop,
    target: async () => (await api('targets')).activeTargets[0],
    /** The values of an expression, by the label `by`. */
    query: async (expression, by) => Object.fromEntries(
      (await api(`query?query=${encodeURIComponent(expression)}`)).result
        .map(({ metric, value }) => [metric[by], Number(value[1])])),
    names: () => api('label/__name__/values'),
  };
}

test('a Prometheus scrapes the service', { skip: without('prometheus') },
  async (t) => {
    const w = await alpha(t);
    const s = await serve(t, w);
    const p = await prometheus(t, s.port);
    await until(async () => (await p.target())?.health === 'up',
      'the target to be up', 60_000);
    await s.good();
    await s.good();
    const stored = () => p.query('batchsync_items_total', 'outcome');
    await until(async () => (await stored()).unchanged > 0, 'the series',
      60_000);
    assert.deepEqual(await p.query(
      'batchsync_items_total{service="alpha",outcome=~"stored|unchanged"}',
      'outcome'), { stored: 120, unchanged: 120 });
    assert.deepEqual(await p.query(
      'sum by (service) (batchsync_items_embedded_total)', 'service'),
    { alpha: 120, beta: 5 });
    assert.deepEqual(await p.query('batchsync_run_duration_seconds_count',
      'job'), { batchsync: 2 });
    assert.deepEqual(await p.query('up', 'job'), { batchsync: 1 });
    const { batchsync: quantile } = await p.query(`histogram_quantile(0.5,
      sum by (le, job) (batchsync_embedding_request_duration_seconds_bucket))`,
    'job');
    assert.ok(quantile > 0, `a quantile of ${quantile}`);
    // All that is shown has arrived, under its own name.
    const shown = new Set([...(await s.metrics()).keys()]
      .map((key) => key.replace(/\{.*/, '')));
    const arrived = (await p.names()).filter((name) =>
      !/^(up|scrape_.*)$/.test(name));
    assert.ok(arrived.every((name) => /^(batchsync|process)_/.test(name)));
    assert.deepEqual([...shown].filter((name) => !arrived.includes(name)), []);
    await until(async () => (await p.target()).health === 'up',
      'the target to be still up', 60_000);
    await p.stop();
    await s.end();
  });
