// Asks a running service all queries, in each way, for the time that it takes;
// prints an object a line.
//
//   node speed.mjs URL SCENARIO ROWS

import { HALVES, queries } from './queries.mjs';

const [url, scenario, rows] = process.argv.slice(2);

async function search(query, way) {
  const from = performance.now();
  const response = await fetch(`${url}/admin/batch-sync/search`, {
    method: 'POST', body: JSON.stringify({ query, way, limit: 10 }) });
  const body = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(body));
  if (body.note !== undefined) throw new Error(body.note);
  return performance.now() - from;
}

const asked = HALVES.flatMap(queries).map(({ query }) => query);
for (const way of ['vector', 'text', 'hybrid']) {
  const ms = [];
  for (const query of asked.slice(0, 20)) await search(query, way);
  for (const query of asked) ms.push(await search(query, way));
  console.log(JSON.stringify({ scenario, rows: Number(rows), way, ms }));
}
