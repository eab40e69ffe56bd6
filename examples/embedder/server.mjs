#!/usr/bin/env node
// An embedding provider without a model, a key or a network: it speaks the
// OpenAI-compatible POST /v1/embeddings and hashes words. For trying things
// out; the vectors know words, not meanings.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { base64Of, vectorOf } from './vector.mjs';

const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '4100' },
  },
});

const DEFAULT_DIMENSIONS = 1536;
const MAX_DIMENSIONS = 16_000;
const MAX_BODY_BYTES = 16 << 20;

function embed({ model, input, dimensions = DEFAULT_DIMENSIONS,
  encoding_format: format = 'float' }) {
  const texts = [input].flat();
  if (!texts.length || !texts.every((t) => typeof t === 'string' && t !== '')) {
    throw new Error("'input' has to be a text or a list of texts");
  }
  if (!Number.isInteger(dimensions) || dimensions < 1
      || dimensions > MAX_DIMENSIONS) {
    throw new Error(`'dimensions' has to be from 1 to ${MAX_DIMENSIONS}`);
  }
  return {
    object: 'list',
    data: texts.map((text, index) => {
      const vector = vectorOf(text, dimensions);
      const embedding =
        format === 'base64' ? base64Of(vector) : Array.from(vector);
      return { object: 'embedding', index, embedding };
    }),
    model,
    usage: { prompt_tokens: 0, total_tokens: 0 },
  };
}

async function document(request) {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('the request is too large');
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const failure = (message) =>
  ({ error: { message, type: 'invalid_request_error' } });

const server = createServer(async (request, response) => {
  if (request.method !== 'POST' || !request.url.endsWith('/embeddings')) {
    send(response, 404, failure('only POST /v1/embeddings is served'));
    return;
  }
  try {
    const answer = embed(await document(request));
    console.log(`embedded ${answer.data.length} texts`);
    send(response, 200, answer);
  } catch (error) {
    send(response, 400, failure(error.message));
  }
});

function stop() {
  server.close();
  server.closeAllConnections();
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);

server.listen(Number(options.port), options.host, () => {
  console.log(`ready http://${options.host}:${server.address().port}/v1`);
});
