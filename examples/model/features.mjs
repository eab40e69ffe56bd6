// Words as vectors that a mean keeps apart: what a word means, and its letters.

const MEANING = 384, LETTERS = 640;
const SHARPNESS = 5;

export const DIMENSIONS = MEANING + LETTERS;

/** Numbers of 32 bits, the same for the same seed. */
function bitsOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Normally distributed ones. */
function normalOf(seed) {
  const bits = bitsOf(seed);
  return () => Math.sqrt(-2 * Math.log((bits() + 1) / 2 ** 32)) *
    Math.cos(2 * Math.PI * bits() / 2 ** 32);
}

function hashOf(text) {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  }
  return hash >>> 0;
}

function scale(vector, length) {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const factor = squares > 0 ? length / Math.sqrt(squares) : 0;
  return vector.map((x) => x * factor);
}

/**
 * Vectors of an encoder, `size` numbers each in one array, as random Fourier
 * features: the product of two is exp(-SHARPNESS² (1 - cosine)), so a word is
 * near to those that mean almost the same and equally far from all others. The
 * encoder's own vectors have something in common with every word, and the mean
 * of a hundred of them says little. Returns i -> MEANING numbers, of length 1.
 */
export function meanings(vectors, size) {
  const n = vectors.length / size;
  const middle = new Float64Array(size);
  vectors.forEach((x, i) => { middle[i % size] += x / n; });
  const directions = Float64Array.from({ length: MEANING / 2 * size },
    normalOf(7));

  return (word) => {
    const at = scale(Float64Array.from(middle,
      (x, i) => vectors[word * size + i] - x), SHARPNESS);
    const features = new Float64Array(MEANING);
    for (let d = 0; d < MEANING / 2; d++) {
      let angle = 0;
      for (let i = 0; i < size; i++) angle += directions[d * size + i] * at[i];
      features[2 * d] = Math.cos(angle);
      features[2 * d + 1] = Math.sin(angle);
    }
    return scale(features, 1);
  };
}

/** Adds `weight` to each number of the sum, or takes it away, by the text. */
function addSigns(sum, text, weight) {
  const bits = bitsOf(hashOf(text));
  for (let i = 0; i < LETTERS;) {
    for (let word = bits(), n = 0; n < 32; n++, i++) {
      sum[i] += (word >>> n) & 1 ? weight : -weight;
    }
  }
}

/** Runs of two to four characters. */
function runsOf(text) {
  const chars = [...text], runs = [];
  for (const n of [2, 3, 4]) {
    for (let i = 0; i + n <= chars.length; i++) {
      runs.push(chars.slice(i, i + n).join(''));
    }
  }
  return runs.length > 0 ? runs : [text];
}

/**
 * The letters of a word, or of a part of one, as LETTERS numbers of length 1:
 * its runs together weigh as much as the word as a whole.
 */
export function letters(text, whole) {
  const sum = new Float64Array(LETTERS);
  const runs = runsOf(whole ? `^${text}$` : text);
  for (const run of runs) addSigns(sum, run, 1 / Math.sqrt(runs.length));
  if (whole) addSigns(sum, `=${text}`, 1);
  return scale(sum, 1);
}

/** Both parts as one row; of words without a meaning, letters count more. */
export function rowOf(meaning, letterPart) {
  const row = new Float64Array(DIMENSIONS);
  const weight = meaning ? 1 : 1.4;
  if (meaning) row.set(meaning);
  letterPart.forEach((x, i) => { row[MEANING + i] = weight * x; });
  return row;
}
