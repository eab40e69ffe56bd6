// The service ends whenever it is told to, also when a tick of its own comes
// together with the end.

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, world } from './support/world.mjs';

// How often it measures the lag of its loop, at most.
const TICK_MS = 500;

// Stopped between the signal and its end, it finds both due at once.
test('SIGTERM, and its ticks come late', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
  for (let i = 0; i < 5; i++) {
    const server = await serve(t, w);
    const said = server.program.said('stdout');
    server.program.kill();
    await said;
    server.program.kill('SIGSTOP');
    await sleep(TICK_MS + 100);
    server.program.kill('SIGCONT');
    assert.equal((await server.program.exit(10_000)).code, 0);
  }
});

const CLIENTS = 2;

/** Asks on one connection, without a pause, until nobody listens. */
async function insist(server, answers) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (;;) {
    try {
      const { status } = await server.request('GET', '/admin/batch-sync/runs',
        { agent });
      answers.push(status);
    } catch {
      agent.destroy();
      return; // the service has gone
    }
  }
}

// A page that is open asks anew when its stream of events ends: a question
// may come at the very last moment.
test('SIGTERM, and clients ask until the end', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
  for (let i = 0; i < 10; i++) {
    const server = await serve(t, w);
    const answers = [];
    const asking = Array.from({ length: CLIENTS }, () =>
      insist(server, answers));
    await server.program.until(() => answers.length > 0, 'an answer');
    await server.end();
    await Promise.all(asking);
    assert.ok(answers.every((status) => status === 200 || status === 503));
  }
});
