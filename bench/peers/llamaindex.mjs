// LlamaIndex TS, at its most favourable settings: an ingestion pipeline a
// worker, each with a connection of its own, without cache, document store or
// tokenizer.

import pg from 'pg';
import { v5 as uuid } from 'uuid';
import { Document, IngestionPipeline } from 'llamaindex';
import { OpenAIEmbedding } from '@llamaindex/openai';
import { PGVectorStore } from '@llamaindex/postgres';
import { CHUNK, WORKERS, chunks, databaseUrl, dimensions, embedderUrl, inFlight,
  textOf, timed } from './source.mjs';

const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

const embedding = new OpenAIEmbedding({
  apiKey: 'none',
  model: 'bench',
  dimensions,
  embedBatchSize: CHUNK,
  baseURL: embedderUrl,
});

function documentOf(item) {
  return new Document({ id_: uuid(item.id, NAMESPACE), text: textOf(item),
    metadata: item, excludedEmbedMetadataKeys: Object.keys(item) });
}

async function connect() {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  return client;
}

function storeOf(client, performSetup) {
  const store = new PGVectorStore({ client, dimensions, performSetup,
    embeddingModel: embedding });
  store.setCollection('bench');
  return store;
}

await timed(async () => {
  const clients = await Promise.all(Array.from({ length: WORKERS }, connect));
  await storeOf(clients[0], true).client(); // creates the table
  const pipelines = clients.map((client) => new IngestionPipeline({
    transformations: [embedding],
    vectorStore: storeOf(client, false),
    disableCache: true,
  }));
  await inFlight(chunks(), (items, i) =>
    pipelines[i].run({ documents: items.map(documentOf) }));
  await Promise.all(clients.map((client) => client.end()));
});
