// Vectors without a model: texts that share words get similar ones.

/**
 * Hashes the words of a text, and the three-letter pieces of them, into a
 * vector of unit length. Each feature adds to one place, up or down.
 */
export function vectorOf(text, dimensions) {
  const vector = new Float64Array(dimensions);
  const add = (feature, weight) => {
    const hash = fnv1a(feature);
    vector[(hash >>> 1) % dimensions] += hash & 1 ? weight : -weight;
  };
  for (const word of text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []) {
    add(word, 1);
    for (const piece of pieces(` ${word} `)) add(piece, 0.3);
  }
  return unit(vector);
}

/** Little-endian float32, the way it travels with encoding_format base64. */
export function base64Of(vector) {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes.toString('base64');
}

function pieces(word) {
  const letters = [...word];
  return letters.slice(2).map((_, i) => letters.slice(i, i + 3).join(''));
}

/** A text without any word still needs a vector that is not zero. */
function unit(vector) {
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  if (norm === 0) vector[0] = 1;
  return Float32Array.from(vector, (x) => x / (norm || 1));
}

function fnv1a(text) {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
