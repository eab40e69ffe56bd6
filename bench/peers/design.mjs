// The service as it was first designed, in Node: waves of 5 chunks, the next
// wave when all of the last one is stored; a chunk is one request for its
// vectors and an INSERT for each of its items.

import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { CHUNK, WORKERS, databaseUrl, dimensions, embedderUrl, pages, textOf,
  timed } from './source.mjs';

const TENANT = 'default-tenant';
const SERVICE = 'bench-items';
const UPSERT = `
  INSERT INTO vector_embeddings (id, tenant_id, microservice_id, content_id,
    content_type, embedding, content_text, chunk_index, metadata, created_at,
    updated_at)
  VALUES ($1, $2, $3, $4, 'microservice_data', $5::vector, $6, 0, $7::jsonb,
    now(), now())
  ON CONFLICT (tenant_id, microservice_id, content_id, chunk_index)
    WHERE content_type = 'microservice_data'
  DO UPDATE SET embedding = excluded.embedding,
    content_text = excluded.content_text, metadata = excluded.metadata,
    updated_at = excluded.updated_at`;

const pool = new pg.Pool({ connectionString: databaseUrl, max: WORKERS });

async function embed(input) {
  const response = await fetch(`${embedderUrl}/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'bench', dimensions, input,
      encoding_format: 'base64' }),
  });
  if (!response.ok) throw new Error(`embedder: ${response.status}`);
  const { data } = await response.json();
  return data.map(({ embedding }) => floats(Buffer.from(embedding, 'base64')));
}

function floats(bytes) {
  return new Float32Array(bytes.buffer, bytes.byteOffset, dimensions);
}

async function store(item, text, vector) {
  const metadata = { ...item, _source_service: SERVICE,
    _schema_version: '1.0.0', _stored_at: new Date().toISOString() };
  await pool.query(UPSERT, [randomUUID(), TENANT, SERVICE, item.id,
    `[${vector.join(',')}]`, text, JSON.stringify(metadata)]);
}

async function chunk(items) {
  const texts = items.map(textOf);
  const vectors = await embed(texts);
  for (const [i, item] of items.entries()) {
    await store(item, texts[i], vectors[i]);
  }
}

async function page(items) {
  const cut = [];
  for (let at = 0; at < items.length; at += CHUNK) {
    cut.push(items.slice(at, at + CHUNK));
  }
  for (let at = 0; at < cut.length; at += WORKERS) {
    await Promise.all(cut.slice(at, at + WORKERS).map(chunk));
  }
}

async function parents() {
  await pool.query(`INSERT INTO tenants (id, name, updated_at)
    VALUES ($1, $1, now()) ON CONFLICT DO NOTHING`, [TENANT]);
  await pool.query(`INSERT INTO microservices (id, tenant_id, name, service_id,
    updated_at) VALUES ($1, $2, $1, $1, now()) ON CONFLICT DO NOTHING`,
  [SERVICE, TENANT]);
}

await timed(async () => {
  await parents();
  for await (const items of pages()) await page(items);
});
await pool.end();
