// JSON made readable without reading its numbers, which may be larger than a
// double can hold; text that is not JSON (it may have been cut) stays as it is.

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;

function layOut(text) {
  let out = '';
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      depth++;
      out += token + line();
    } else if (token === '}' || token === ']') {
      depth--;
      out = out.trimEnd();
      out += /[[{]$/.test(out) ? token : line() + token;
    } else if (token === ',') {
      out += token + line();
    } else {
      out += token === ':' ? ': ' : token;
    }
  }
  return out;
}

export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  return layOut(text);
}

/** Of a value that the API gave us, BigInts included. */
export const prettyValue = (value) => JSON.stringify(value, (key, v) =>
  typeof v === 'bigint' ? String(v) : v, 2);
