// Asks a running service the English queries whose answers are stored, by
// vector alone, and prints an object a half.
//
//   node pieces.mjs URL SENT ROWS     on stdin the content ids that are stored

import { readFileSync } from 'node:fs';
import { HALVES, queries, reciprocalRank } from './queries.mjs';

const [url, sent, pieces] = process.argv.slice(2);
const stored = new Set(readFileSync(0, 'utf8').trim().split('\n'));

async function search(query) {
  const response = await fetch(`${url}/admin/batch-sync/search`, {
    method: 'POST', body: JSON.stringify({ query, way: 'vector', limit: 10 }) });
  const body = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(body));
  return body.hits.map((hit) => hit.content_id);
}

for (const half of HALVES) {
  const asked = queries(half).filter(({ language, wanted }) =>
    language === 'en' && wanted.some((id) => stored.has(id)));
  const ranks = [];
  for (const { query, wanted } of asked) {
    ranks.push(reciprocalRank(await search(query), wanted));
  }
  console.log(JSON.stringify({ sent, half, pieces: Number(pieces), ranks }));
}
