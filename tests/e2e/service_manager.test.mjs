// What systemd hears of `batchsync serve`. Node has no datagram sockets of the
// local kind; perl, of which every Debian has the base, listens.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { folderOf, itemsOf, pagesOf, until, world } from './support/world.mjs';

const LISTENER = `
  use IO::Socket::UNIX; use Socket; $| = 1;
  my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0])
    or die $!;
  print "listening\\n";
  while (defined $s->recv(my $text, 4096)) { print "$text\\n" }`;

const manager = async (t) => {
  const socket = join(folderOf(t), 'notify');
  const heard = [];
  const perl = spawn('perl', ['-e', LISTENER, socket],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => perl.kill('SIGKILL'));
  perl.stdout.on('data', (data) =>
    heard.push(...data.toString().trimEnd().split('\n')));
  await until(() => heard.includes('listening'), 'the listener');
  return { socket, heard };
};

test('it is ready, alive and stopping, in this order', async (t) => {
  const { socket, heard } = await manager(t);
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  const s = await serve(t, w,
    { env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '2000000' } });
  await until(() => heard.filter((line) => line === 'WATCHDOG=1').length >= 3,
    'three signs of life');
  assert.ok(heard.includes('STATUS=ready'), heard.join());
  await s.end();
  await until(() => heard.includes('STOPPING=1'), 'the end');
  const order = ['READY=1', 'WATCHDOG=1', 'STOPPING=1'];
  const places = order.map((line) => heard.indexOf(line));
  assert.deepEqual(places, [...places].sort((a, b) => a - b), heard.join());
  const [, extra] = /^EXTEND_TIMEOUT_USEC=(\d+)$/m.exec(heard.join('\n'));
  assert.ok(Number(extra) > 8e6, extra);
});

test('ready without a database, and it says what it waits for', async (t) => {
  const { socket, heard } = await manager(t);
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  await serve(t, w, { ready: false, env: { NOTIFY_SOCKET: socket,
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' } });
  await until(() => heard.some((line) => line.startsWith('STATUS=waiting: ')),
    'the reason');
  assert.equal(heard[1], 'READY=1');
  assert.ok(!heard.includes('WATCHDOG=1'), 'no watchdog was asked for');
});
