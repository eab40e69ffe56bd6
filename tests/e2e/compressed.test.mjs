// A coordinator that compresses its answers, though nobody asked it to.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { errorsOf, itemsOf, pagesOf, world } from './support/world.mjs';

/** 256 MiB of zeros in 256 KiB. */
const zeros = Buffer.alloc(256 << 20);
const BOMBS = { gzip: gzipSync(zeros), deflate: deflateSync(zeros) };

/** Answers every call with `bytes`, framed as a message in `coding`. */
async function coordinator(t, coding, bytes) {
  const seen = [];
  const frame = Buffer.alloc(5);
  frame[0] = 1;
  frame.writeUInt32BE(bytes.length, 1);
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    seen.push(headers['grpc-accept-encoding']);
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc',
      'grpc-encoding': coding }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      if (!stream.destroyed) stream.sendTrailers({ 'grpc-status': '0' });
    });
    stream.end(Buffer.concat([frame, bytes]));
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { seen, target: `127.0.0.1:${server.address().port}` };
}

for (const [coding, bomb] of Object.entries(BOMBS)) {
  test(`an answer in ${coding} costs nothing`, async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
    const { seen, target } = await coordinator(t, coding, bomb);
    const { code, result, maxRssKiB } = await w.sync({ env: {
      COORDINATOR_GRPC_ENDPOINT: target, BATCH_SYNC_TRIES: '2' } });
    assert.notEqual(code, 0);
    assert.match(errorsOf(result, 'alpha').join(), /compress/i);
    assert.ok(maxRssKiB < 128 * 1024, `${maxRssKiB} KiB`);
    assert.ok(seen.length > 0);
    for (const codings of seen) assert.ok([undefined, 'identity']
      .includes(codings), codings);
  });
}
