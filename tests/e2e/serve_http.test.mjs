// What any HTTP client meets: one shape of errors, and an answer for clients that
// have closed their sending side.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, world } from './support/world.mjs';

const LONG = 'x'.repeat(70_000);

/** Sends `text`, with `half` closes its side at once; all that comes back. */
function exchange(port, text, half) {
  return new Promise((done, fail) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let got = '';
    socket.setEncoding('latin1');
    socket.on('data', (part) => { got += part; });
    socket.on('end', () => socket.end());
    socket.on('error', (error) => got === '' ? fail(error) : done(got));
    socket.on('close', () => done(got));
    socket.write(text);
    if (half) socket.end();
  });
}

const request = (line, headers = [], body = '') =>
  [line, 'Host: localhost', 'Connection: close', ...headers, '', body]
    .join('\r\n');

/** The status, the headers in small letters, and the body, of the one answer. */
function parsed(text) {
  const [head, ...body] = text.split('\r\n\r\n');
  const [line, ...headers] = head.split('\r\n');
  return { status: Number(line.split(' ')[1]), body: body.join('\r\n\r\n'),
    headers: Object.fromEntries(headers.map((h) => {
      const at = h.indexOf(':');
      return [h.slice(0, at).toLowerCase(), h.slice(at + 1).trim()];
    })) };
}

const TRIGGER = 'POST /admin/batch-sync/trigger HTTP/1.1';

/** [what is sent, the status, a header that must be there] */
const ERRORS = {
  'no HTTP': ['GARBAGE\r\n\r\n', 400],
  'two lengths': [request(TRIGGER, ['Content-Length: 1', 'Content-Length: 2'],
    'a'), 400],
  'a body that is not JSON': [request(TRIGGER, ['Content-Length: 1'], '{'), 400],
  'no such path': [request('GET /nothing HTTP/1.1'), 404],
  'no such path of an admin': [request('GET /admin/nothing HTTP/1.1'), 404],
  'no such run': [request('GET /admin/batch-sync/runs/none HTTP/1.1'), 404],
  'another method': [request('PUT /admin/batch-sync/items HTTP/1.1'), 405,
    ['allow', 'GET, HEAD, DELETE']],
  'another method of a path for all': [request('POST /livez HTTP/1.1',
    ['Content-Length: 0']), 405, ['allow', 'GET, HEAD']],
  'a large body': [request(TRIGGER, ['Content-Length: 99999999999']), 413],
  'a long path': [request(`GET /${LONG} HTTP/1.1`), 414],
  'long headers': [request('GET /livez HTTP/1.1', [`X: ${LONG}`]), 431],
  'another version': [request('GET /livez HTTP/3.0'), 505],
};

test('errors have one shape, whoever finds them', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
  const server = await serve(t, w);
  for (const [what, [text, status, header]] of Object.entries(ERRORS)) {
    const answer = parsed(await exchange(server.port, text, false));
    assert.equal(answer.status, status, `${what}: ${answer.body}`);
    assert.match(answer.headers['content-type'], /^application\/json/, what);
    const { error, ...others } = JSON.parse(answer.body);
    assert.deepEqual(others, {}, what);
    assert.deepEqual(Object.keys(error).sort(),
      ['message', 'path', 'statusCode'], what);
    assert.equal(error.statusCode, status, what);
    assert.ok(error.message.length > 0, what);
    if (header) assert.equal(answer.headers[header[0]], header[1], what);
  }
  await server.end();
});

const HALF = {
  'GET /livez': 'ok',
  'GET /health': '"dependencies"',
  'GET /admin/batch-sync/runs': '"runs"',
  'GET /admin/batch-sync/services': '"services"',
  'POST /admin/batch-sync/trigger': '"success":true',
};

test('a client that has closed its sending side gets its answer', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(20)) } });
  const server = await serve(t, w);
  w.embedder.set({ latencyMs: 100 });
  for (const [line, expected] of Object.entries(HALF)) {
    const length = line.startsWith('POST') ? ['Content-Length: 0'] : [];
    const answer = parsed(await exchange(server.port,
      request(`${line} HTTP/1.1`, length), true));
    assert.equal(answer.status, 200, `${line}: ${answer.body}`);
    assert.ok(answer.body.includes(expected), `${line}: ${answer.body}`);
  }
  await server.end();
});
