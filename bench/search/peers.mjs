// What else finds in the same rows: LangChain's PGVectorStore, with the vectors
// that the service gives to the queries, and PostgreSQL's own ts_rank over an
// index of the texts. Prints an object a line.
//
//   node peers.mjs DATABASE_URL EMBEDDER COMMAND...   the command prints the
//                                                     vector of each line

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { HALVES, ask, queries } from './queries.mjs';

const [databaseUrl, embedder, command, ...args] = process.argv.slice(2);
const { resolve } = createRequire(new URL('../peers/', import.meta.url));
const load = (name) => import(pathToFileURL(resolve(name)));

const { default: pg } = await load('pg');

/** Each query's vector. */
function vectors() {
  const texts = HALVES.flatMap(queries).map(({ query }) => query);
  const { stdout, stderr, status } = spawnSync(command, args, {
    input: texts.map((text) => `${text}\n`).join(''), encoding: 'utf8',
    maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(stderr);
  const lines = stdout.trim().split('\n');
  return new Map(texts.map((text, i) => [text, JSON.parse(lines[i])]));
}

async function report(way, find) {
  await find(queries('tuning')[0].query); // to warm up
  for (const half of HALVES) {
    console.log(JSON.stringify({ embedder, way, ...await ask(half, find) }));
  }
}

async function langchain(pool) {
  const { PGVectorStore } =
    await load('@langchain/community/vectorstores/pgvector');
  const of = vectors();
  const store = new PGVectorStore({ embedQuery: async (text) => of.get(text) }, {
    pool, tableName: 'vector_embeddings', distanceStrategy: 'cosine',
    columns: { idColumnName: 'content_id', vectorColumnName: 'embedding',
      contentColumnName: 'content_text', metadataColumnName: 'metadata' } });
  await report('LangChain PGVectorStore', async (query) =>
    (await store.similaritySearch(query, 10)).map(({ id }) => id));
}

/** As PostgreSQL's manual ranks, in one language. */
const tsRank = (query) => `SELECT content_id FROM vector_embeddings,
  (SELECT ${query} AS q) AS asked
  WHERE to_tsvector('english', content_text) @@ q
  ORDER BY ts_rank(to_tsvector('english', content_text), q) DESC, content_id
  LIMIT 10`;

const TS_RANKS = {
  'ts_rank, all words': tsRank(`plainto_tsquery('english', $1)`),
  'ts_rank, any word': tsRank(`replace(plainto_tsquery('english', $1)::text,
    '&', '|')::tsquery`),
};

async function tsvector(pool) {
  await pool.query(`CREATE INDEX peer_text ON vector_embeddings
    USING gin (to_tsvector('english', content_text))`);
  for (const [way, sql] of Object.entries(TS_RANKS)) {
    await report(way, async (query) =>
      (await pool.query(sql, [query])).rows.map((row) => row.content_id));
  }
  await pool.query('DROP INDEX peer_text');
}

const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
await langchain(pool);
await tsvector(pool);
await pool.end();
