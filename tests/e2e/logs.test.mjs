// What the log may cost: an unread pipe, a flood of warnings.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';
import { binary } from './rig/batchsync.mjs';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, until, world } from './support/world.mjs';

const SERVICES = '/admin/batch-sync/services';

test('a list of bad names is told in 64 lines', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(5)) } });
  const s = await serve(t, w, { env: { BATCH_SYNC_SERVICES: '',
    COORDINATOR_HTTP_URL: w.coordinator.httpUrl } });
  w.coordinator.http('/services/list', { body: { success: true,
    services: ['alpha', ...Array.from({ length: 9_000 },
      (_, i) => `\u0001${i}`)] } });
  const { json } = await s.get(SERVICES);
  assert.deepEqual(json.services, ['alpha']);
  const { stdout } = await s.end();
  const lines = stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
  const told = lines.filter(({ level }) => level === 'warn');
  assert.ok(told.length <= 64, `${told.length} lines`);
  assert.equal(told.reduce((sum, { repeated, more_like_this: more }) =>
    sum + (repeated ?? more ?? 1), 0), 9_000);
});

/** One request to a port; its status. */
const statusOf = (port, path) => new Promise((done, fail) => {
  http.get({ port, path, host: '127.0.0.1', agent: false, timeout: 20_000 },
    (response) => {
      response.resume();
      response.on('end', () => done(response.statusCode));
    }).on('error', fail).on('timeout', function late() {
    this.destroy(new Error(`no answer to ${path}`));
  });
});

test('nobody reads the log', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(5)) } });
  const env = w.with({ HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'debug',
    BATCH_SYNC_SERVICES: '',
    COORDINATOR_HTTP_URL: w.coordinator.httpUrl, KG_ENABLED: 'false' });
  const child = spawn(binary(), ['serve'], {
    env: { PATH: process.env.PATH, GRPC_DNS_RESOLVER: 'native', ...env },
    stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  const read = (part) => { text += part; };
  child.stdout.on('data', read);
  await until(() => /listening on \S+ port (\d+)/.test(text), 'its port');
  const port = Number(/listening on \S+ port (\d+)/.exec(text)[1]);
  await until(async () => await statusOf(port, '/readyz') === 200, '/readyz');

  child.stdout.pause();
  w.coordinator.http('/services/list', () => ({ body: { success: true,
    services: ['alpha', ...Array.from({ length: 2000 }, () =>
      `\u0001${Math.random()} ${'long '.repeat(1000)}`)] } }));
  for (let i = 0; i < 8; i++) {
    assert.equal(await statusOf(port, SERVICES), 200);
    assert.equal(await statusOf(port, '/livez'), 200);
  }
  child.kill('SIGTERM');
  // It ends, though it cannot say so.
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});
