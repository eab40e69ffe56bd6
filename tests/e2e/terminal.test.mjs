// What a run looks like on a terminal, and where there is none.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import { gate } from './support/serve.mjs';
import { itemsOf, onceProven, pagesOf, until, world }
  from './support/world.mjs';

const start = (t) => world(t, { services: { alpha: pagesOf(itemsOf(30)),
  beta: pagesOf(itemsOf(5, 1, 'b')) }, env: { BATCH_SYNC_CHUNK_SIZE: '5' } });

/** On a terminal of that width; what it was sent is in stdout. */
const onTerminal = (w, args, { columns = 120, before = '', env } = {}) =>
  batchsync.start(['-qec', `stty cols ${columns} rows 24; ${before}exec '${
    batchsync.binary()}' ${args}`, '/dev/null'], {
    binary: '/usr/bin/script',
    env: w.with({ TERM: 'xterm', SHELL: '/bin/sh', LOG_LEVEL: 'warn', ...env }) });

/** The frames that were drawn, as lines. */
const framesOf = (text) => text.split('\x1b[J')
  .map((frame) => frame.split('\r\n'));

test('a live line a service', async (t) => {
  const w = await start(t);
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const program = onTerminal(w, 'sync');
  await program.until(({ stdout }) => / {2}1 more to come/.test(stdout),
    'the first service');
  assert.match(program.stdout, /\x1b\[33m> \x1b\[0malpha {20} 0 items/);
  hold.open();
  const { code, stdout } = await program.exit(60_000);
  assert.equal(code, 0);
  assert.match(stdout, /\x1b\[\d+A\r\x1b\[J/);
  // The report stands below, with all that was drawn erased.
  const [report] = framesOf(stdout).slice(-1);
  assert.match(report.join('\n'), /alpha +30/);
  assert.ok(!report.some((line) => /more to come|^[>+!] /.test(line)));
});

test('no color, and no line wider than the terminal', async (t) => {
  const w = await start(t);
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const program = onTerminal(w, 'sync', { columns: 30, env: { NO_COLOR: '1' } });
  await program.until(({ stdout }) => / {2}1 more to come/.test(stdout),
    'the first service');
  const drawn = framesOf(program.stdout).flat();
  hold.open();
  const { code, stdout } = await program.exit(60_000);
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /\x1b\[\d*m/);
  assert.ok(drawn.some((line) => line.startsWith('> alpha')));
  for (const line of drawn.filter((l) => !l.includes('\x1b'))) {
    assert.ok(line.length < 30, line);
  }
});

test('a terminal that is made narrower meanwhile', async (t) => {
  const w = await start(t);
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const program = onTerminal(w, 'sync', { before: 'tty; ' });
  await program.until(({ stdout }) => / {2}1 more to come/.test(stdout),
    'the first service');
  const [device] = /\/dev\/pts\/\d+/.exec(program.stdout);
  execFileSync('stty', ['-F', device, 'cols', '30']);
  // Frames that began before it still have the old width.
  const seen = framesOf(program.stdout).length;
  await program.until(({ stdout }) => framesOf(stdout).length > seen + 3,
    'frames of the new width');
  const frame = framesOf(program.stdout).at(-2);
  hold.open();
  assert.equal((await program.exit(60_000)).code, 0);
  const lines = frame.map((line) => line.replace(/\x1b\[[\d;]*[A-Za-z]|\r/g, ''));
  assert.ok(lines.some((line) => line.startsWith('> alpha')), `${lines}`);
  for (const line of lines) assert.ok(line.length < 30, line);
});

test('plain lines elsewhere, and the result alone with --json', async (t) => {
  const w = await start(t);
  const plain = await w.run(['sync']);
  assert.equal(plain.code, 0);
  assert.match(plain.stdout, new RegExp('^alpha: success: page \\d, 30 items: '
    + '30 stored, 0 unchanged, 0 failed\nbeta: success: '));
  assert.doesNotMatch(plain.stdout, /\x1b/);
  const json = await w.run(['sync', '--json']);
  assert.equal(JSON.parse(json.stdout).success, true);
});

test('a run is watched on a terminal', async (t) => {
  const w = await start(t);
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const running = w.run(['sync', '--json']);
  await until(() => w.embedder.requests.length > 1, 'requests', 30_000);
  const { runs: [{ id }] } = (await w.run(['runs', '--json'])).result;
  const program = onTerminal(w, `run ${id} --watch`);
  await program.until(({ stdout }) => / {2}1 more to come/.test(stdout),
    'the first service');
  hold.open();
  assert.equal((await running).code, 0);
  const { code, stdout } = await program.exit(60_000);
  assert.equal(code, 0);
  assert.match(framesOf(stdout).at(-1).join('\n'),
    /alpha +success +30 items: 30 stored/);
});
