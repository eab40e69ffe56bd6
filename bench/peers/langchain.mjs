// LangChain JS, at its most favourable settings: 50 texts a request, five of
// them at a time, in base64, which its client asks for by itself.
//
//   node langchain.mjs add    addDocuments: embeds and inserts, every time
//   node langchain.mjs index  index(): remembers what it has seen

import pg from 'pg';
import { v5 as uuid } from 'uuid';
import { PostgresRecordManager }
  from '@langchain/community/indexes/postgres';
import { PGVectorStore }
  from '@langchain/community/vectorstores/pgvector';
import { Document } from '@langchain/core/documents';
import { index } from '@langchain/core/indexing';
import { OpenAIEmbeddings } from '@langchain/openai';
import { CHUNK, WORKERS, chunks, databaseUrl, dimensions, embedderUrl, inFlight,
  textOf, timed } from './source.mjs';

const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const pool = new pg.Pool({ connectionString: databaseUrl, max: WORKERS + 1 });

const embeddings = new OpenAIEmbeddings({
  apiKey: 'none',
  model: 'bench',
  dimensions,
  batchSize: CHUNK,
  maxConcurrency: WORKERS,
  stripNewLines: false,
  configuration: { baseURL: embedderUrl },
});

function documentOf(item) {
  return new Document({ pageContent: textOf(item), metadata: item });
}

const idOf = (item) => uuid(item.id, NAMESPACE);

async function add(store) {
  await inFlight(chunks(), (items) => store.addDocuments(
    items.map(documentOf), { ids: items.map(idOf) }));
}

async function indexAll(vectorStore) {
  const recordManager = new PostgresRecordManager('bench', { pool });
  await recordManager.createSchema();
  await inFlight(chunks(), (items) => index({
    docsSource: items.map(documentOf), recordManager, vectorStore,
    options: { batchSize: CHUNK },
  }));
}

await timed(async () => {
  const store = await PGVectorStore.initialize(embeddings, {
    pool, tableName: 'items', dimensions });
  await (process.argv[2] === 'index' ? indexAll : add)(store);
  store.client.release();
});
await pool.end();
