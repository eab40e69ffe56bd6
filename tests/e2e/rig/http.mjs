// An HTTP server on a port of its own whose answers may go wrong on purpose.

import { createServer } from 'node:http';
import { sleep } from './wait.mjs';

/**
 * Starts a server. `handler(request)` gets { method, path, headers, body,
 * connection } and returns a promise of an answer, see `send`. `connection`
 * numbers the TCP connection the request came on, from 1. `over(request)` is
 * called when the answer was sent or the client went away.
 */
export async function listen(handler, { port = 0, over = () => {} } = {}) {
  const stats = { connections: 0 };
  const numberOf = new WeakMap();
  const server = createServer(async (incoming, response) => {
    const request = {
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      body: await readAll(incoming).catch(() => null),
      connection: numberOf.get(incoming.socket),
    };
    if (request.body === null) return;
    response.once('close', () => over(request));
    await send(response, await handler(request).catch(answerOfError));
  });
  server.on('connection', (socket) => {
    numberOf.set(socket, ++stats.connections);
    socket.on('error', () => {});
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', done);
  });
  return {
    port: server.address().port,
    stats,
    close: () => new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    }),
  };
}

async function readAll(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

/** A mistake in a handler should be seen in the client's own words. */
function answerOfError(error) {
  return { status: 500, body: `the test's own mistake: ${error.stack}` };
}

/**
 * Sends an answer: { status, headers, body } with a string or an object as
 * body, after `delayMs`. `wire` says what goes wrong below HTTP:
 *   hang      nothing is ever answered
 *   reset     the connection is reset
 *   truncate  the body ends half way, against its Content-Length
 *   drip      the body arrives in `steps` small pieces, `everyMs` apart
 */
async function send(response, answer) {
  const body = Buffer.from(typeof answer.body === 'string'
    ? answer.body : JSON.stringify(answer.body ?? null));
  if (answer.delayMs) await sleep(answer.delayMs);
  if (answer.wire === 'hang') return;
  if (answer.wire === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(answer.status ?? 200, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...answer.headers,
  });
  if (answer.wire === 'truncate') {
    response.write(body.subarray(0, body.length >> 1),
      () => response.socket?.destroy());
  } else if (answer.wire === 'drip') {
    await drip(response, body, answer);
  } else {
    response.end(body);
  }
}

async function drip(response, body, { steps = 20, everyMs = 50 }) {
  const size = Math.ceil(body.length / steps);
  for (let at = 0; at < body.length && !response.destroyed; at += size) {
    response.write(body.subarray(at, at + size));
    await sleep(everyMs);
  }
  response.end();
}
