// The service ends whenever it is told to, also at the moment of a tick of its
// own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from './support/serve.mjs';
import { world } from './support/world.mjs';

// It measures the lag of its loop so often, and looks so often whether all has
// ended.
const LAG_TICK_MS = 500;
const DRAIN_TICK_MS = 20;

test('SIGTERM so that its ticks meet', async (t) => {
  const w = await world(t);
  for (let early = 0; early < 12; early++) {
    const server = await serve(t, w, { ready: false });
    await sleep(LAG_TICK_MS - DRAIN_TICK_MS - early);
    server.program.kill();
    const { code } = await server.program.exit(5000);
    assert.equal(code, 0);
  }
});
