// The history on the command line, straight from the database.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gate } from './support/serve.mjs';
import { itemsOf, onceProven, pagesOf, until, world }
  from './support/world.mjs';

const start = (t) => world(t, { services: { alpha: pagesOf(itemsOf(30)),
  beta: pagesOf(itemsOf(5, 1, 'b')) }, env: { BATCH_SYNC_CHUNK_SIZE: '5' } });

test('runs, one run, and how they end', async (t) => {
  const w = await start(t);
  await w.good();
  await w.sync({ args: ['--service', 'nobody'] });
  const list = await w.run(['runs', '--json']);
  assert.equal(list.code, 0, list.stderr);
  const { runs } = JSON.parse(list.stdout);
  assert.deepEqual(runs.map(({ status }) => status), ['failed', 'success']);

  const lines = (await w.run(['runs'])).stdout.trim().split('\n');
  assert.match(lines[0], /^RUN +STARTED +STATUS/);
  assert.equal(lines.length, 3);
  assert.ok(lines[2].startsWith(runs[1].id));
  assert.match(lines[2], /success +cli +35 +35 +0 +0$/);
  const failed = (await w.run(['runs', '--status', 'failed'])).stdout;
  assert.equal(failed.trim().split('\n').length, 2);
  assert.equal((await w.run(['runs', '--service', 'beta', '--json'])).result
    .count, 1);
  assert.equal((await w.run(['runs', '--status', 'odd'])).code, 64);
  assert.equal((await w.run(['runs', '--limit', '0'])).code, 64);

  const good = await w.run(['run', runs[1].id]);
  assert.equal(good.code, 0);
  assert.match(good.stdout, /alpha +success +30 items: 30 stored/);
  const bad = await w.run(['run', runs[0].id, '--watch']);
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /page 0: .*no schema for service nobody/);
  assert.equal((await w.run(['run', runs[1].id, '--json'])).result.id,
    runs[1].id);
  const none = await w.run(['run', 'nobody']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /there is no run nobody/);
  assert.equal((await w.run(['run'])).code, 64);
});

test('a run is watched, and canceled from another process', async (t) => {
  const w = await start(t);
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const program = w.begin();
  await until(() => w.embedder.requests.length > 1, 'requests', 30_000);
  const { runs: [{ id }] } = (await w.run(['runs', '--json'])).result;
  await w.done(['run', id]);
  const watched = w.run(['run', id, '--watch']);
  const canceled = await w.run(['cancel', id]);
  assert.equal(canceled.code, 0, canceled.stderr);
  assert.match(canceled.stdout, /^canceled/);
  const { code, stdout } = await watched;
  assert.equal(code, 1);
  assert.match(stdout, / canceled +cli /);
  hold.open();
  assert.equal((await program.exit(60_000)).code, 1);
  const again = await w.run(['cancel', id]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /already ended: canceled/);
  assert.match((await w.run(['cancel', 'nobody'])).stderr, /no run nobody/);
});
