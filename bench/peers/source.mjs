// What all peers share: the items, page by page from the same coordinator,
// their texts, and how many chunks are in flight. Imported libraries count for
// nothing: the clock starts in `timed`.

import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const { env } = process;
const LIMIT = Number(env.BATCH_SYNC_LIMIT);

export const databaseUrl = env.DATABASE_URL;
export const embedderUrl = env.OPENAI_API_URL;
export const dimensions = Number(env.EMBEDDING_DIMENSIONS);
export const CHUNK = 50;
export const WORKERS = 5;

const SERVICE = 'bench-items';
const PROTO = fileURLToPath(
  new URL('../../proto/coordinator.proto', import.meta.url));

const { CoordinatorService } = grpc.loadPackageDefinition(
  protoLoader.loadSync(PROTO, { keepCase: true })).rag.v1;
const client = new CoordinatorService(env.COORDINATOR_GRPC_ENDPOINT,
  grpc.credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });

function route(page) {
  const metadata = { target_service: SERVICE, sync_type: 'batch',
    page: String(page), limit: String(LIMIT) };
  return new Promise((resolve, reject) => {
    client.Route({ tenant_id: 'default-tenant', user_id: 'system', metadata },
      (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

/** All pages, each a list of items; the last one is the first short one. */
export async function* pages() {
  for (let page = 1, size = LIMIT; size === LIMIT; page++) {
    const { envelope_json: envelope } = await route(page);
    const { items } = JSON.parse(envelope).data;
    size = items.length;
    if (size > 0) yield items;
  }
}

/** All items in chunks, whatever page they are of. */
export async function* chunks(size = CHUNK) {
  for await (const items of pages()) {
    for (let at = 0; at < items.length; at += size) {
      yield items.slice(at, at + size);
    }
  }
}

/** Calls work(chunk, worker) with at most WORKERS under way. */
export async function inFlight(source, work) {
  const worker = async (_, i) => {
    for (;;) {
      const { value, done } = await source.next();
      if (done) return;
      await work(value, i);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}

/** An item as the text that is embedded. */
export function textOf({ published_at: published, ...fields }) {
  const when = new Date(published);
  const date =
    `${when.getUTCMonth() + 1}/${when.getUTCDate()}/${when.getUTCFullYear()}`;
  return Object.entries({ ...fields, published_at: date })
    .map(([label, value]) => `${label}: ${value}`).join('\n\n');
}

/** Runs the work and prints the seconds it took. */
export async function timed(work) {
  const start = process.hrtime.bigint();
  await work();
  console.log(Number(process.hrtime.bigint() - start) / 1e9);
  client.close();
}
