// Asks a running service all queries, in each way, and prints an object a line.
//
//   node ask.mjs URL EMBEDDER

import { HALVES, ask } from './queries.mjs';

const [url, embedder] = process.argv.slice(2);

async function search(query, way) {
  const response = await fetch(`${url}/admin/batch-sync/search`, {
    method: 'POST', body: JSON.stringify({ query, way, limit: 10 }) });
  const body = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(body));
  return body.hits.map((hit) => hit.content_id);
}

for (const way of ['vector', 'text', 'hybrid']) {
  await search('a first one, to warm up', way);
  for (const half of HALVES) {
    const found = await ask(half, (query) => search(query, way));
    console.log(JSON.stringify({ embedder, way, ...found }));
  }
}
