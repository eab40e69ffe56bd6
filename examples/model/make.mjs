// Makes a static model for the demo:  node make.mjs FOLDER
//
// Its tokens are whole words: those of the demo's records, and those that the
// encoder has a piece of its own for. What is none of them is read in letters.

import { DIMENSIONS as ENCODED, encoder } from './encoder.mjs';
import { DIMENSIONS, letters, meanings, rowOf } from './features.mjs';
import { writeModel } from './files.mjs';
import { countWords } from './words.mjs';

const BATCH = 256;
const WORDS_OF_A_RECORD = 160, COMMONNESS = 0.6;
const SEVERAL = 3;
const LETTERS = ['az', '09', 'את', 'ءي', 'αω', 'ая', 'ぁん', 'ァー']
  .flatMap(([from, to]) => Array.from(
    { length: to.charCodeAt(0) - from.charCodeAt(0) + 1 },
    (_, i) => String.fromCharCode(from.charCodeAt(0) + i)));
const PUNCTUATION = 0.05, PARTS = [0, 0.15, 0.35, 0.5];

/** The encoder's whole words, and how often each is used. */
function frequencies(vocabulary) {
  const of = new Map();
  for (const [piece, score] of vocabulary) {
    const word = /^▁(\p{Script=Latin}{2,})$/u.exec(piece)?.[1].toLowerCase();
    if (word) of.set(word, (of.get(word) ?? 0) + Math.exp(score));
  }
  return of;
}

/** How much a word tells: little, if it is in many records or in all English. */
function weigher({ records, count }, frequency) {
  return (word) => {
    if (/^[\p{P}\p{S}]$/u.test(word)) return PUNCTUATION;
    const usual = COMMONNESS * records *
      (1 - Math.exp(-WORDS_OF_A_RECORD * (frequency.get(word) ?? 0)));
    const within = Math.max(count.get(word) ?? 0, usual);
    return Math.log(1 + records / (1 + within)) / Math.log(records / 2);
  };
}

/** Vectors of all words; a batch is as slow as its longest one. */
async function encodeAll({ embed, piecesOf }, words) {
  const vectors = new Float32Array(words.length * ENCODED);
  const order = words.map((word, at) => ({ at, n: piecesOf(word).length }))
    .sort((a, b) => a.n - b.n);
  for (let from = 0; from < order.length; from += BATCH) {
    const batch = order.slice(from, from + BATCH);
    const found = await embed(batch.map(({ at }) => words[at]));
    batch.forEach(({ at }, i) => vectors.set(
      found.subarray(i * ENCODED, (i + 1) * ENCODED), at * ENCODED));
  }
  return vectors;
}

/** Parts of several words, and letters, for words that are not in the table. */
function partsOf(words) {
  const seen = new Map(LETTERS.map((letter) => [letter, SEVERAL]));
  for (const word of words) {
    const chars = [...word];
    for (let n = 1; n <= 3; n++) {
      for (let i = 0; i + n <= chars.length; i++) {
        const part = chars.slice(i, i + n).join('');
        seen.set(part, (seen.get(part) ?? 0) + (n === 1 ? SEVERAL : 1));
      }
    }
  }
  return [...seen.keys()].filter((part) => seen.get(part) >= SEVERAL);
}

async function model() {
  const encoding = await encoder();
  const counted = countWords();
  const frequency = frequencies(encoding.vocabulary);
  const weightOf = weigher(counted, frequency);
  const words = [...new Set([...counted.count.keys(), ...frequency.keys()])];
  const latin = words.filter((word) => /^[a-z]{2,}$/.test(word));
  const meaningOf = meanings(await encodeAll(encoding, latin), ENCODED);
  const place = new Map(latin.map((word, i) => [word, i]));

  const made = { tokens: ['[UNK]'], rows: [new Float64Array(DIMENSIONS)],
    weights: [0] };
  const add = (token, row, weight) => {
    made.tokens.push(token);
    made.rows.push(row);
    made.weights.push(weight);
  };
  for (const word of words) {
    const meaning = place.has(word) && meaningOf(place.get(word));
    add(word, rowOf(meaning, letters(word, true)), weightOf(word));
  }
  const known = new Set(words);
  for (const part of partsOf(words)) {
    const row = rowOf(undefined, letters(part, false));
    const weight = PARTS[[...part].length];
    if (!known.has(part)) add(part, row, weight);
    add(`##${part}`, row, weight);
  }
  return made;
}

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node make.mjs FOLDER');
  process.exit(64);
}
const made = await model();
writeModel(folder, made);
console.log(`${made.tokens.length} tokens of ${DIMENSIONS} dimensions`);
