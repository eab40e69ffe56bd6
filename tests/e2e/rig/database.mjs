// A database of its own for a test, on the server named by E2E_PG_URL.

import pg from 'pg';

let created = 0;

/**
 * Creates an empty database; `close` drops it, whoever is connected.
 *
 * options.url        the server, instead of E2E_PG_URL
 * options.extension  false: leave pgvector for the program to create
 * options.template   the name of a database to copy, which nobody is using
 */
export async function start(options = {}) {
  const server = options.url ?? process.env.E2E_PG_URL;
  if (!server) throw new Error('E2E_PG_URL names no PostgreSQL server');
  const name = `batchsync_e2e_${process.pid}_${++created}`;
  await once(server, `CREATE DATABASE ${name}${
    options.template ? ` TEMPLATE ${options.template}` : ''}`);
  const url = new URL(server);
  url.pathname = name;
  const database = new Database(server, url.href, name);
  if (options.extension !== false) {
    await database.rows('CREATE EXTENSION IF NOT EXISTS vector');
  }
  return database;
}

async function once(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

class Database {
  #server;
  #pool;
  #lent = new Set();

  constructor(server, url, name) {
    this.#server = server;
    this.url = url;
    this.name = name;
    this.#pool = new pg.Pool({ connectionString: url, max: 4 });
    this.#pool.on('error', () => {});
  }

  /** The rows of a statement. */
  async rows(sql, params) {
    return (await this.#pool.query(sql, params)).rows;
  }

  /** The first column of the first row. */
  async value(sql, params) {
    const [row] = await this.rows(sql, params);
    return row && Object.values(row)[0];
  }

  /** Several statements at once, such as a file of SQL. */
  async script(sql) {
    await this.#pool.query(sql);
  }

  /** A connection of the test's own; end it with `release()`. */
  async connect() {
    const client = await this.#pool.connect();
    const { release } = client;
    client.release = (...args) => {
      this.#lent.delete(client);
      release(...args);
    };
    this.#lent.add(client);
    return client;
  }

  /**
   * What is stored: { contentId, chunkIndex, text, metadata, vector } in order
   * of id and piece. `service` is the schema's service_name; without it, all.
   */
  async vectors(service) {
    const rows = await this.rows(`
      SELECT content_id, chunk_index, content_text, metadata,
             embedding::text AS embedding
        FROM vector_embeddings
       WHERE content_type = 'microservice_data'
         AND ($1::text IS NULL OR metadata->>'_source_service' = $1)
       ORDER BY content_id COLLATE "C", chunk_index`, [service]);
    return rows.map((row) => ({
      contentId: row.content_id,
      chunkIndex: row.chunk_index,
      text: row.content_text,
      metadata: row.metadata,
      vector: row.embedding === null ? null : parseVector(row.embedding),
    }));
  }

  /** Ends every other connection to the database, as a failover would. */
  async disconnectAll() {
    await once(this.#server, `
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = '${this.name}'`);
  }

  async close() {
    // A test that failed has not given them back.
    for (const client of this.#lent) client.release(true);
    await this.#pool.end();
    await once(this.#server, `DROP DATABASE ${this.name} WITH (FORCE)`);
  }
}

/** pgvector's text form, exact to the bit. */
export function parseVector(text) {
  return Float32Array.from(JSON.parse(text));
}
