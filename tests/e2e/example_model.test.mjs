// The demo's model: how it is made, and that batchsync loads what is made.
// The encoder itself is not needed: vectors of a few words stand in for it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { splitter } from '../../examples/model/encoder.mjs';
import { letters, meanings, rowOf } from '../../examples/model/features.mjs';
import { writeModel } from '../../examples/model/files.mjs';
import { countWords, wordsOf } from '../../examples/model/words.mjs';
import { folderWith } from './rig/static_model.mjs';
import { pagesOf, world } from './support/world.mjs';

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

test('a text is written in its likeliest pieces', () => {
  const marks = Array.from({ length: 6 }, (_, i) => [`mark ${i}`, 0]);
  const pieces = splitter([...marks, ['▁', -8], ['▁join', -4], ['ing', -3],
    ['▁jo', -5], ['in', -4], ['g', -6]]);
  assert.deepEqual(pieces('join'), [7]);
  assert.deepEqual(pieces('joining'), [7, 8]);
  assert.deepEqual(pieces('  jo   ing '), [9, 6, 8]);
  assert.deepEqual(pieces('☃g'), [6, 0, 11], 'a letter without a piece');
});

test('near meanings stay near, all others are equally far', () => {
  const vectors = Float32Array.from([[9, 1, 0, 0], [9, 1.1, 0, 0],
    [8, -4, 3, 0], [8, 0, -4, 3], [8, 3, 1, -5]].flat());
  const meaningOf = meanings(vectors, 4);
  const [a, near, ...far] = Array.from({ length: 5 }, (_, i) => meaningOf(i));
  assert.ok(Math.abs(dot(a, a) - 1) < 1e-9);
  assert.ok(dot(a, near) > 0.9);
  for (const other of far) assert.ok(Math.abs(dot(a, other)) < 0.3);
});

test('words of the same letters are near without any meaning', () => {
  const [right, typo, other] = ['certificate', 'certifcate', 'delegation']
    .map((word) => letters(word, true));
  assert.ok(dot(right, typo) > 0.3);
  assert.ok(Math.abs(dot(right, other)) < 0.2);
});

test('words are counted as the tokenizer cuts them', () => {
  assert.deepEqual(wordsOf('Café-Tür: 2 索引'),
    ['cafe', '-', 'tur', ':', '2', '索', '引']);
  const { records, count } = countWords();
  assert.equal(records, 4637);
  assert.ok(count.get('title') > 0.8 * records, 'labels are counted, too');
  assert.ok(count.get('joins') > 50 && count.get('joins') < 500);
});

test('batchsync loads the model and finds by it', async (t) => {
  const words = ['join', 'merge', 'cat', 'name', 'body', 'of', ':'];
  const vectors = Float32Array.from([[9, 1, 0, 0], [9, 1.1, 0, 0],
    [7, -5, 3, 0], [8, 3, 1, -5], [8, 0, -4, 3], [8, 3, -3, 3],
    [8, -4, -4, 0]].flat());
  const meaningOf = meanings(vectors, 4);
  const rows = words.map((word, i) => rowOf(meaningOf(i), letters(word, true)));
  const parent = folderWith(t, {});
  const folder = join(parent, 'model');
  for (let i = 0; i < 2; i++) { // the second time over the first
    writeModel(folder, { tokens: ['[UNK]', ...words],
      rows: [new Float64Array(rows[0].length), ...rows],
      weights: [0, 1, 1, 1, 0.01, 0.01, 0.01, 0.01] });
  }
  assert.deepEqual(readdirSync(parent), ['model'], 'nothing is left behind');
  assert.ok(existsSync(join(folder, 'config.json')));

  const items = ['join', 'cat'].map((name) => ({ id: name, name, body: name }));
  const w = await world(t, { services: { alpha: pagesOf(items) },
    env: { EMBEDDING_PROVIDER: 'static', EMBEDDING_MODEL_PATH: folder,
      OPENAI_API_URL: undefined } });
  await w.good();
  const stored = await w.db.vectors();
  assert.equal(stored.length, 2);
  for (const { contentId, vector } of stored) {
    const row = rows[words.indexOf(contentId)];
    assert.ok(dot(vector, row) / Math.sqrt(dot(row, row)) > 0.99, contentId);
  }
});
