// Clients that keep the service waiting, more than it has room for.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, world } from './support/world.mjs';

const CLIENTS = 3000;
const PROBES = 20;
const get = (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** What the clients of a crowd send, and whether they read. */
const KINDS = {
  silent: { sends: '' },
  'half-finished': { sends: 'GET /livez HTTP/1.1\r\nHost: loc' },
  'half a body': { sends: 'POST /livez HTTP/1.1\r\nHost: localhost\r\n' +
    'Content-Length: 10\r\n\r\n{' },
  idle: { sends: get('/livez') },
  'slow readers': { sends: get('/metrics').repeat(40), reads: false },
};

/** Keeps `n` connections up: one that the server closes is dialled again. */
function crowd(t, port, n) {
  const kinds = Object.values(KINDS);
  const sockets = new Set();
  let over = false;
  let dialled = 0;
  const dial = (kind, from) => {
    if (over) return;
    dialled++;
    const socket = net.connect({ port, host: '127.0.0.1',
      localAddress: from });
    sockets.add(socket);
    socket.on('error', () => {});
    if (kind.reads === false) socket.pause();
    else socket.resume();
    if (kind.sends) socket.write(kind.sends);
    socket.on('close', () => {
      sockets.delete(socket);
      setTimeout(() => dial(kind, from), 200);
    });
  };
  const stop = () => {
    over = true;
    for (const socket of sockets) socket.destroy();
  };
  t.after(stop);
  return {
    stop,
    get dialled() { return dialled; },
    async come(addresses) {
      for (let i = 0; i < n; i++) {
        dial(kinds[i % kinds.length], `127.0.1.${1 + i % addresses}`);
        if (i % 100 === 99) await new Promise(setImmediate);
      }
    },
  };
}

for (const addresses of [1, 200]) {
  test(`probes are answered beside ${CLIENTS} clients that keep the service ` +
      `waiting, from ${addresses} addresses`, async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(5)) } });
    const s = await serve(t, w);
    const others = crowd(t, s.port, CLIENTS);
    await others.come(addresses);
    for (let i = 0; i < PROBES; i++) {
      for (const path of ['/livez', '/readyz']) {
        // With so many sockets, this process may be late with its own line.
        let { status } = await s.get(path);
        if (status === 408) ({ status } = await s.get(path));
        assert.equal(status, 200, `${path}, ${i}`);
      }
      await new Promise((resume) => setTimeout(resume, 50));
    }
    assert.ok(others.dialled >= CLIENTS);
    await s.good();
    others.stop();
    await s.end();
  });
}

test('the process is confined, and has the descriptors it may have',
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(5)) } });
    const s = await serve(t, w, { env: { LOG_LEVEL: 'debug' } });
    const status = readFileSync(`/proc/${s.pid}/status`, 'utf8');
    const limits = readFileSync(`/proc/${s.pid}/limits`, 'utf8');
    const [, soft, hard] = /open files +(\d+) +(\d+)/.exec(limits);
    assert.match(status, /NoNewPrivs:\t1/);
    assert.equal(Number(soft), Math.min(Number(hard), 65536));
    await s.good();
    await s.end();
  });
