// A model that costs what those cost that are published: the tokens of another
// one, 256 dimensions of 32 bits. Its numbers mean nothing.
//
//   node model.mjs FROM TO

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIMENSIONS = 256;

const [from, to] = process.argv.slice(2);
mkdirSync(to, { recursive: true });
for (const name of ['tokenizer.json', 'config.json']) {
  copyFileSync(join(from, name), join(to, name));
}
const { model } = JSON.parse(readFileSync(join(from, 'tokenizer.json')));
const rows = Object.keys(model.vocab).length;
const numbers = Float32Array.from({ length: rows * DIMENSIONS },
  () => Math.random() - 0.5);
const header = Buffer.from(JSON.stringify({ embeddings: { dtype: 'F32',
  shape: [rows, DIMENSIONS], data_offsets: [0, numbers.byteLength] } }));
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(header.length));
writeFileSync(join(to, 'model.safetensors'),
  Buffer.concat([length, header, Buffer.from(numbers.buffer)]));
