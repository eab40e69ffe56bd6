// The files of a static model, as the model2vec family has them.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The tokenizer: WordPiece over BERT's rules; a token's number is its place. */
const tokenizer = (tokens) => ({
  version: '1.0', truncation: null, padding: null,
  added_tokens: [{ id: 0, content: '[UNK]', single_word: false, lstrip: false,
    rstrip: false, normalized: false, special: true }],
  normalizer: { type: 'BertNormalizer', clean_text: true,
    handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: { type: 'WordPiece', unk_token: '[UNK]',
    continuing_subword_prefix: '##', max_input_chars_per_word: 100,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) },
});

/** Rows of bytes, each with the weight that gives it its size back. */
function safetensors(rows, weights, columns) {
  const bytes = Buffer.alloc(rows.length * columns);
  const scales = Buffer.alloc(rows.length * 4);
  rows.forEach((row, id) => {
    let most = 1e-9;
    for (const x of row) most = Math.max(most, Math.abs(x));
    for (let i = 0; i < columns; i++) {
      bytes[id * columns + i] = Math.round(row[i] / most * 127);
    }
    scales.writeFloatLE(weights[id] * most / 127, id * 4);
  });
  const header = JSON.stringify({
    embeddings: { dtype: 'I8', shape: [rows.length, columns],
      data_offsets: [0, bytes.length] },
    weights: { dtype: 'F32', shape: [rows.length],
      data_offsets: [bytes.length, bytes.length + scales.length] } });
  const padded = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, bytes, scales]);
}

/**
 * Writes the model { tokens, rows, weights } into `folder`, which appears as a
 * whole or not at all.
 */
export function writeModel(folder, { tokens, rows, weights }) {
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  const write = (name, data) => writeFileSync(join(unfinished, name), data);
  write('config.json', JSON.stringify({ model_type: 'model2vec',
    normalize: true, hidden_dim: rows[0].length }));
  write('tokenizer.json', JSON.stringify(tokenizer(tokens)));
  write('model.safetensors', safetensors(rows, weights, rows[0].length));
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
}
