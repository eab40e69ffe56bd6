// The command line looks at a running service, or at its database: the same
// documents, and a failure that says what to do.

import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { gate, serve } from './support/serve.mjs';
import { folderOf, itemsOf, onceProven, pagesOf, until, world }
  from './support/world.mjs';

const TOKEN = 'open-sesame';

const start = async (t, { items = itemsOf(30), env, token } = {}) => {
  const w = await world(t, { services: { alpha: pagesOf(items),
    beta: pagesOf(itemsOf(5, 1, 'b')) }, env });
  const s = await serve(t, w, { env: { ...env,
    ...(token && { ADMIN_TOKEN: token, VIEWER_TOKEN: 'only-look' }) } });
  const url = `http://127.0.0.1:${s.port}`;
  /** A command that knows the service, and no database. */
  const there = (args, more = {}) => w.run(args,
    { DATABASE_URL: '', BATCHSYNC_URL: url, ...more });
  return { w, s, url, there };
};

/** What is the same, no matter when and of whom it was asked. */
const lasting = (text) => JSON.parse(text, (key, value) =>
  ['durationMs', 'linking'].includes(key) ? undefined : value);

test('the service and its database say the same', async (t) => {
  const { w, s, url, there } = await start(t,
    { items: [...itemsOf(3), { name: 'no id' }] });
  await s.trigger();
  const { runs: [{ id }] } = (await there(['runs', '--json'])).result;
  for (const args of [['runs'], ['run', id], ['dead-letters'],
    ['runs', '--limit', '1', '--service', 'beta', '--status', 'partial'],
    ['dead-letters', 'list', '--status', 'all', '--service', 'alpha']]) {
    const far = await there([...args, '--json']);
    const near = await w.run([...args, '--json']);
    assert.equal(far.stderr, '', args.join(' '));
    assert.deepEqual([far.code, lasting(far.stdout)],
      [near.code, lasting(near.stdout)], args.join(' '));
    assert.equal((await there(args)).stdout, (await w.run(args)).stdout);
  }
  assert.deepEqual(lasting((await w.run(['run', id, '--url', `${url}/`,
    '--json'])).stdout), lasting((await there(['run', id, '--json'])).stdout));

  const status = (await there(['status', '--json'])).result;
  assert.deepEqual([status.service, status.run.id, status.openLetters,
    status.dependencies.database, status.scheduler.isScheduled],
  [url, id, 1, 'ok', true]);
  const near = (await w.run(['status', '--json'])).result;
  assert.deepEqual({ ...near, run: null }, { service: null, scheduler: null,
    dependencies: null, run: null, openLetters: 1 });
  assert.equal(near.run.id, id);
  const { stdout } = await there(['status']);
  assert.match(stdout, /^schedule +0 0 29 2 \* in UTC, next at 2/m);
  assert.match(stdout, /^database +ok$/m);
  assert.match(stdout, /^dead letters +1 open$/m);
  assert.match(stdout, /alpha +partial +4 items: 3 stored/);
  await s.end();
});

test('nothing has run yet', async (t) => {
  const { w, s, there } = await start(t);
  assert.match((await there(['status'])).stdout, /^runs +none yet$/m);
  assert.match((await w.run(['status'])).stdout, /^runs +none yet$/m);
  assert.equal((await there(['runs'])).stderr, 'no runs\n');
  await s.end();
});

test('a run is watched and canceled through the service', async (t) => {
  const { w, s, there } = await start(t, { env: { BATCH_SYNC_CHUNK_SIZE: '5' } });
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const { json: { runId } } = await s.triggerAsync();
  await until(() => w.embedder.requests.length > 1, 'requests', 30_000);
  const watching = there(['run', runId, '--watch', '--json']);
  const canceled = await there(['cancel', runId]);
  assert.deepEqual([canceled.code, canceled.stderr], [0, '']);
  assert.match(canceled.stdout, /^canceled: The run finishes what is in flight/);
  hold.open();
  const watched = await watching;
  assert.equal(watched.code, 1);
  assert.equal(JSON.parse(watched.stdout.trim().split('\n').at(-1)).status,
    'canceled');
  const again = await there(['cancel', runId]);
  assert.deepEqual([again.code, again.stderr],
    [1, 'batchsync: cancel: the run has already ended: canceled\n']);
  const nobody = await there(['cancel', 'no/body?']);
  assert.equal(nobody.stderr, 'batchsync: cancel: no such run\n');
  await s.end();
});

test('dead letters are retried by the service', async (t) => {
  const { w, s, there } = await start(t, { items: [...itemsOf(3), { name: 'no id' }] });
  await s.trigger();
  w.coordinator.script('alpha', pagesOf(itemsOf(4)));
  const none = await there(['dead-letters', 'retry', '--service', 'gamma']);
  assert.deepEqual([none.code, none.stderr],
    [0, 'no open dead letter matches: nothing to retry\n']);
  const retry = await there(['dead-letters', 'retry', '--service', 'alpha',
    '--json']);
  assert.deepEqual([retry.code, retry.result.retried], [0, 1], retry.stderr);
  await s.run(retry.result.runId);
  await s.end();
});

test('tokens', async (t) => {
  const { s, url, there } = await start(t, { token: TOKEN });
  const files = folderOf(t, { wrong: 'xyz\n', right: `\n${TOKEN}\nanother\n` });
  chmodSync(join(files, 'right'), 0o600);
  const said = async (args, env) => {
    const { code, stderr } = await there(args, env);
    return [code, stderr];
  };
  assert.deepEqual(await said(['runs']), [78, 'batchsync: runs: ' +
    `${url} wants a token: put the token into a file and name it with ` +
    '--token-file, or with BATCHSYNC_TOKEN_FILE\n']);
  assert.deepEqual(await said(['runs', '--token-file',
    join(files, 'wrong')]), [78,
    `batchsync: runs: ${url} did not accept the token: it must be a line of ` +
    'what the service has as ADMIN_TOKEN or VIEWER_TOKEN\n']);
  assert.match((await there(['runs', '--token-file', '/nowhere'])).stderr,
    /^batchsync: runs: --token-file \/nowhere: /);
  const right = join(files, 'right');
  assert.deepEqual(await said(['runs', '--token-file', right]),
    [0, 'no runs\n']);
  assert.deepEqual(await said(['runs'], { BATCHSYNC_TOKEN_FILE: right }),
    [0, 'no runs\n']);
  const viewer = { BATCHSYNC_TOKEN: 'only-look' };
  assert.deepEqual(await said(['runs'], viewer), [0, 'no runs\n']);
  assert.deepEqual(await said(['cancel', 'x'], viewer), [78, 'batchsync: ' +
    `cancel: ${url} refuses this: VIEWER_TOKEN may look and search; this ` +
    'needs ADMIN_TOKEN\n']);
  await s.end();
});

test('a service that is away, and something else in its place', async (t) => {
  const { s, url, there } = await start(t);
  await s.end();
  const away = await there(['status']);
  assert.equal(away.code, 75);
  assert.ok(away.stderr.startsWith(`batchsync: status: no answer from ${url}: `
    + 'is the service running, and is this its address (--url, BATCHSYNC_URL)?'
  ), away.stderr);
  const other = createServer((_, to) => to.end('<h1>hello</h1>'));
  await new Promise((done) => other.listen(0, '127.0.0.1', done));
  t.after(() => other.close());
  const place = `http://127.0.0.1:${other.address().port}`;
  const { code, stderr } = await there(['runs', '--url', place]);
  assert.deepEqual([code, stderr], [78, 'batchsync: runs: what answers at ' +
    `${place} is not batchsync (HTTP status 200): give the address of the ` +
    'service itself, with its base path if it has one\n']);
  assert.equal((await there(['runs'], { BATCHSYNC_URL: 'ftp://x' })).code, 78);
});
