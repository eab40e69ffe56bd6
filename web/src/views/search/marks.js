// Where a passage has the words that were asked for.

/* These write no spaces, or put other words before a word: looked for inside
 * words, too. */
const INSIDE = /[^\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}\p{M}]/u;

const LETTER = '[\\p{L}\\p{M}\\p{N}]';

/** From this length on, what follows a word's stem may differ. */
const STEM = 4, ENDING = 3;

/* A pattern of a word: "joining" is found in "joined", and "in" is not. */
function patternOf(word) {
  const letters = [...word];
  if (INSIDE.test(word)) return word;
  if (letters.length < STEM) return `(?<!${LETTER})${word}(?!${LETTER})`;
  const stem = letters.slice(0, Math.max(STEM, letters.length - ENDING));
  return `(?<!${LETTER})${stem.join('')}${LETTER}*`;
}

/** The text in parts; every second one, from the second on, is to be marked. */
export function marked(text, asked) {
  const words = asked.match(/[\p{L}\p{M}\p{N}]{2,}/gu) ?? [];
  if (words.length === 0) return [text];
  return text.split(new RegExp(`(${words.map(patternOf).join('|')})`, 'giu'));
}
