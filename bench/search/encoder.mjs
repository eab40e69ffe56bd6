// The encoder of examples/model as an OpenAI-compatible embedder, for what only
// a model that knows meanings can show. It encodes each text once: vectors are
// kept in a file, 512 float32 behind the text's SHA-256.
//
//   node encoder.mjs FILE       prints `ready URL`

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { DIMENSIONS, encoder } from '../../examples/model/encoder.mjs';

const [file] = process.argv.slice(2);
const HASH = 32, ENTRY = HASH + 4 * DIMENSIONS, BATCH = 32;

/** What the model reads of a text. */
const READS = 128;

const known = new Map();
const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
for (let at = 0; at + ENTRY <= bytes.length; at += ENTRY) {
  known.set(bytes.toString('hex', at, at + HASH),
    bytes.toString('base64', at + HASH, at + ENTRY));
}

const { embed, piecesOf } = await encoder();
const hashOf = (text) => createHash('sha256').update(text).digest();

/** The base64 of each vector, in the order of the texts. */
async function vectorsOf(texts) {
  const missing = [...new Set(texts)]
    .filter((text) => !known.has(hashOf(text).toString('hex')))
    .map((text) => ({ text, n: piecesOf(text).length }))
    .sort((a, b) => a.n - b.n);
  for (let from = 0; from < missing.length; from += BATCH) {
    const batch = missing.slice(from, from + BATCH);
    const found = await embed(batch.map(({ text }) => text));
    batch.forEach(({ text }, i) => {
      const vector = Buffer.from(
        found.slice(i * DIMENSIONS, (i + 1) * DIMENSIONS).buffer);
      appendFileSync(file, Buffer.concat([hashOf(text), vector]));
      known.set(hashOf(text).toString('hex'), vector.toString('base64'));
    });
  }
  return texts.map((text) => known.get(hashOf(text).toString('hex')));
}

let last = Promise.resolve();
const texts = { sent: 0, cut: 0 };

async function answer(request, response) {
  let body = '';
  for await (const part of request.setEncoding('utf8')) body += part;
  const { input, model } = JSON.parse(body);
  const list = [input].flat();
  texts.sent += list.length;
  texts.cut += list.filter((text) => piecesOf(text).length > READS).length;
  last = last.then(() => vectorsOf(list)); // one request after another
  const found = await last;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({
    object: 'list', model, usage: { prompt_tokens: 0, total_tokens: 0 },
    data: found.map((embedding, index) =>
      ({ object: 'embedding', index, embedding })),
  }));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    response.writeHead(500).end(error.message);
  });
});
process.on('SIGTERM', () => {
  console.log(JSON.stringify(texts));
  process.exit();
});
server.listen(0, '127.0.0.1', () => {
  console.log(`ready http://127.0.0.1:${server.address().port}/v1`);
});
