// A provider that answers as a row of a table says, and keeps the account: what
// it was asked, and which texts it was paid for.

import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { vectorOf } from '../rig/embedder.mjs';

export const DIMENSIONS = 8;

const isWitness = (texts) =>
  texts.length === 1 && /^[a-z]{5}\d{6}$/.test(texts[0]);

export const base64 = (vector) => Buffer.from(vector.buffer).toString('base64');

/** A good answer as OpenAI has it; `entry` changes each one. */
export const good = ({ input, model, encoding_format: format }, entry = (e) => e,
  more = {}) => ({
  object: 'list',
  data: input.map((text, index) => entry({ object: 'embedding', index,
    embedding: format === 'base64' ? base64(vectorOf(text, DIMENSIONS))
      : [...vectorOf(text, DIMENSIONS)] }, text)),
  model,
  ...more,
});

/** Answers with a status, a body and headers. */
export const send = (response, status, body, headers = {}) => {
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body
    : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(bytes);
};

/**
 * `answer({ body, texts, n, request, response, ok })` is called for each
 * request, n from 1; ok(entry, more, headers) is a good answer. Texts that get
 * one are paid for, witnesses aside. It listens on the path `socket`, or speaks
 * TLS with `tls` ({ key, cert }), or plain HTTP.
 */
export async function provider(t, answer, { socket, tls } = {}) {
  const account = { requests: [], paid: [] };
  const handle = async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = JSON.parse(Buffer.concat(parts));
    const texts = body.input;
    account.requests.push({ texts, body, path: request.url,
      headers: request.headers });
    const ok = (entry, more, headers) => {
      if (!isWitness(texts)) account.paid.push(...texts);
      send(response, 200, good(body, entry, more), headers);
    };
    await answer({ body, texts, n: account.requests.length, request, response,
      ok });
  };
  const listener = (request, response) =>
    handle(request, response).catch(() => response.destroy());
  const server = tls ? createSecureServer(tls, listener)
    : createServer(listener);
  await new Promise((done) => socket ? server.listen(socket, done)
    : server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  account.url = socket ? `unix:${socket}`
    : `http${tls ? 's' : ''}://127.0.0.1:${server.address().port}/v1`;
  return account;
}

/** Zstandard, which Node.js 20 lacks, with its bytes as they are: a frame of one
 * window of 8 MiB, in blocks of at most 64 KiB. */
export function zstd(bytes) {
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3])];
  for (let at = 0; at < bytes.length; at += 65536) {
    const part = bytes.subarray(at, at + 65536);
    const last = at + 65536 >= bytes.length;
    const head = Buffer.alloc(3);
    head.writeUIntLE(part.length << 3 | Number(last), 0, 3);
    parts.push(head, part);
  }
  return Buffer.concat(parts);
}
