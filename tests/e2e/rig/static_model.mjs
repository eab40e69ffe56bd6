// A small static model, made from a seed, and the vectors that it must give:
// by the publisher's own tokenizer (@huggingface/tokenizers) and a mean.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';

/** Numbers in [0, 1), the same for the same seed. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** tokenizer.json for these tokens, which are numbered in their order. */
export const tokenizerOf = (tokens, changes = {}) => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [{ id: 0, content: '[UNK]', single_word: false, lstrip: false,
    rstrip: false, normalized: false, special: true }],
  normalizer: { type: 'BertNormalizer', clean_text: true,
    handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: { type: 'WordPiece', unk_token: '[UNK]',
    continuing_subword_prefix: '##', max_input_chars_per_word: 100,
    vocab: Object.fromEntries(['[UNK]', ...tokens].map((t, i) => [t, i])) },
  ...changes,
});

const WRITE = {
  F32: [4, (b, at, x) => b.writeFloatLE(x, at)],
  F64: [8, (b, at, x) => b.writeDoubleLE(x, at)],
  F16: [2, (b, at, x) => b.writeUInt16LE(halfOf(x), at)],
  I64: [8, (b, at, x) => b.writeBigInt64LE(BigInt(x), at)],
  I32: [4, (b, at, x) => b.writeInt32LE(x, at)],
  I8: [1, (b, at, x) => b.writeInt8(x, at)],
};

/** Sixteen bits for a number that they hold exactly. */
function halfOf(x) {
  if (x === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(x)));
  const fraction = (Math.abs(x) / 2 ** exponent - 1) * 1024;
  return (x < 0 ? 0x8000 : 0) | (exponent + 15) << 10 | fraction;
}

/** A file of { name: { dtype, shape, values } }. */
export function safetensorsOf(tensors) {
  const header = {};
  const parts = [];
  let at = 0;
  for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
    const [bytes, write] = WRITE[dtype];
    const data = Buffer.alloc(values.length * bytes);
    values.forEach((x, i) => write(data, i * bytes, x));
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] };
    at += data.length;
    parts.push(data);
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

/**
 * The files of a model of `tokens`. options: dimensions, dtype (of the table),
 * weights (true: one a token), shared (true: tokens share rows by "mapping"),
 * seed, tokenizer (changes), config.
 */
export function modelOf(tokens, { dimensions = 32, dtype = 'F32', seed = 1,
  weights = false, shared = false, tokenizer = {}, config = {} } = {}) {
  const random = randomOf(seed);
  const n = tokens.length + 1;
  const rows = shared ? Math.ceil(n / 3) : n;
  // Eighths: every one of the types holds them.
  const number = dtype === 'I8' ? () => Math.floor(random() * 255) - 127
    : () => (Math.floor(random() * 255) - 127) / 8;
  const table = Array.from({ length: rows * dimensions }, number);
  const tensors = { embeddings: { dtype, shape: [rows, dimensions],
    values: table } };
  if (weights) {
    tensors.weights = { dtype: 'F64', shape: [n],
      values: Array.from({ length: n }, () => 0.25 + random()) };
  }
  if (shared) {
    tensors.mapping = { dtype: 'I64', shape: [n],
      values: Array.from({ length: n }, () => Math.floor(random() * rows)) };
  }
  return {
    files: {
      'model.safetensors': safetensorsOf(tensors),
      'tokenizer.json': JSON.stringify(tokenizerOf(tokens, tokenizer)),
      'config.json': JSON.stringify({ model_type: 'model2vec',
        normalize: true, ...config }),
    },
    vectorOf: reference(tokenizerOf(tokens, tokenizer), tensors, dimensions),
  };
}

const IDEOGRAPHS =
  /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/**
 * text -> the numbers of its tokens, without [UNK]. In three things the package
 * differs from the original in Rust, which sets ideographs beyond U+FFFF apart
 * as well, lowers a final sigma as any other, and takes U+0085 for a space but
 * U+FEFF for a letter (of no word: any other will do).
 */
function encoderOf(tokenizer) {
  const encoder = new Tokenizer(tokenizer, {});
  const { handle_chinese_chars: apart, lowercase, clean_text: clean } =
    tokenizer.normalizer;
  return (text) => {
    if (apart) text = text.replace(IDEOGRAPHS, ' $& ');
    if (lowercase) text = text.replaceAll('Σ', 'σ');
    if (!clean) {
      text = text.replaceAll('\u0085', ' ').replaceAll('\uFEFF', '\uF000');
    }
    return encoder.encode(text, { add_special_tokens: false }).ids
      .filter((id) => id !== 0);
  };
}

/** text -> its vector as doubles, or undefined where no token is known. */
function reference(tokenizer, { embeddings, weights, mapping }, dimensions) {
  const encode = encoderOf(tokenizer);
  return (text) => {
    const ids = encode(text);
    if (ids.length === 0) return undefined;
    const sum = new Float64Array(dimensions);
    for (const id of ids) {
      const row = mapping ? mapping.values[id] : id;
      const weight = weights ? Math.fround(weights.values[id]) : 1;
      for (let i = 0; i < dimensions; i++) {
        sum[i] += weight * embeddings.values[row * dimensions + i];
      }
    }
    const norm = Math.sqrt(sum.reduce((s, x) => s + x * x, 0));
    return sum.map((x) => x / norm);
  };
}

/** A folder with the files, gone after the test. */
export function folderWith(t, files) {
  const folder = mkdtempSync(join(tmpdir(), 'batchsync-model-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, data] of Object.entries(files)) {
    writeFileSync(join(folder, name), data);
  }
  return folder;
}
