// What a test of the program stands on: a database, a coordinator and an
// embedder of its own, the schemas, and the environment that names them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as batchsync from '../rig/batchsync.mjs';
import * as coordinators from '../rig/coordinator.mjs';
import * as databases from '../rig/database.mjs';
import * as embedders from '../rig/embedder.mjs';

export { failing, pagesOf, sequence, shapes } from '../rig/coordinator.mjs';
export { faults, onceProven, rejecting, times, vectorOf }
  from '../rig/embedder.mjs';
export { sleep, until } from '../rig/wait.mjs';

export const TENANT = 'tenant-7';

/** Memory and time say nothing of the program with sanitizers built in. */
export const sanitized = process.env.BATCHSYNC_SANITIZED === '1';

const RUN_MS = 120_000;

/** The schema most tests use; `name` is the service's. */
export const schemaOf = (name, changes = {}) => ({
  service_name: name,
  description: `What ${name} knows`,
  version: '2.1.0',
  title_field: 'name',
  url_field: 'link',
  data_structure: {
    id: 'string',
    name: 'string',
    body: 'text',
    link: 'string',
    rank: 'number',
    seen: 'datetime',
    tags: 'array',
  },
  field_descriptions: { body: 'Text of the thing', seen: 'Seen by someone' },
  ...changes,
});

/** n items of that schema, `from` the first one's number. */
export const itemsOf = (n, from = 1, prefix = 'item') =>
  Array.from({ length: n }, (_, i) => ({
    id: `${prefix}-${String(from + i).padStart(5, '0')}`,
    name: `Name ${from + i} of ${prefix}`,
    body: `Body ${from + i} of ${prefix}, ${'lorem '.repeat(from % 3)}ends.`,
    link: `https://example.org/${prefix}/${from + i}`,
    rank: from + i,
    seen: '2025-12-18T14:30:00Z',
    tags: ['a', `t${(from + i) % 7}`],
  }));

/** A folder of files, gone after the test; objects are written as JSON. */
export function folderOf(t, files = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'batchsync-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name),
      typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

/**
 * Starts it all; everything ends with the test.
 *
 * options.services     { name: script of the coordinator }, also their order
 * options.schemas      schemas to have instead of schemaOf(name) for each
 * options.env          further variables; undefined removes one
 * options.coordinator, options.embedder, options.database   to their start()
 */
export async function world(t, options = {}) {
  const w = new World(t, options);
  await w.start();
  return w;
}

class World {
  #t;
  #options;

  constructor(t, options) {
    this.#t = t;
    this.#options = options;
  }

  async start() {
    const { services = {}, coordinator, embedder, database } = this.#options;
    const names = Object.keys(services);
    this.db = await databases.start(database);
    this.#t.after(() => this.db.close());
    this.coordinator = await coordinators.start(coordinator);
    this.#t.after(() => this.coordinator.close());
    this.embedder = await embedders.start(embedder);
    this.#t.after(() => this.embedder.close());
    for (const name of names) this.coordinator.script(name, services[name]);
    const schemas = this.#options.schemas ?? names.map((n) => schemaOf(n));
    this.schemaDir = folderOf(this.#t, Object.fromEntries(
      schemas.map((schema) => [`${schema.service_name}.json`, schema])));
    this.env = {
      DATABASE_URL: this.db.url,
      COORDINATOR_GRPC_ENDPOINT: this.coordinator.endpoint,
      OPENAI_API_URL: this.embedder.url,
      SCHEMA_DIR: this.schemaDir,
      DEFAULT_TENANT_ID: TENANT,
      BATCH_SYNC_RETRY_BASE_MS: '1',
      ...names.length > 0 && { BATCH_SYNC_SERVICES: names.join(',') },
    };
    this.env = this.with(this.#options.env);
  }

  /** Replaces a schema, as a deployment would between two runs. */
  setSchema(schema, file = schema.service_name) {
    writeFileSync(join(this.schemaDir, `${file}.json`),
      JSON.stringify(schema));
  }

  /** The environment with changes; undefined removes a variable. */
  with(changes = {}) {
    return Object.fromEntries(Object.entries({ ...this.env, ...changes })
      .filter(([, value]) => value !== undefined));
  }

  /** Any subcommand, to its end. */
  run(args, env) {
    return batchsync.run(args, { env: this.with(env), timeoutMs: RUN_MS });
  }

  /** The same; it must succeed. What it said is shown when it does not. */
  async done(args, env) {
    const outcome = await this.run(args, env);
    assert.equal(outcome.code, 0,
      `${args.join(' ')}: ${outcome.stdout}\n${outcome.stderr}`);
    return outcome;
  }

  /** One sync with --json, to its end. */
  async sync({ args = [], env } = {}) {
    const outcome = await this.run(['sync', '--json', ...args], env);
    checkLogs(outcome);
    return outcome;
  }

  /** The same; it must succeed. Returns R. */
  async good(options) {
    const outcome = await this.sync(options);
    assert.equal(outcome.code, 0, `${outcome.stdout}\n${outcome.stderr}`);
    assert.equal(outcome.result.success, true);
    return outcome.result;
  }

  /** A sync that goes on meanwhile. */
  begin({ args = [], env } = {}) {
    return batchsync.start(['sync', '--json', ...args],
      { env: this.with(env) });
  }

  /** Who is connected besides the test, and what they have open. */
  connections() {
    return this.db.rows(`
      SELECT pid, state, query, wait_event_type AS waits FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()
         AND application_name = 'batchsync'`);
  }

  /** How every row stands, so that a rewritten one is seen. */
  versions() {
    return this.db.rows(`SELECT id, xmin::text, ctid::text, updated_at
      FROM vector_embeddings ORDER BY id`);
  }
}

/**
 * Standard output has R alone, standard error JSON lines alone, and no line
 * has text of a record in it.
 */
export function checkLogs({ stdout, stderr }) {
  assert.equal(stdout.trim().split('\n').length, 1, stdout);
  JSON.parse(stdout);
  for (const line of stderr.split('\n').filter(Boolean)) {
    const { time, level, message, ...rest } = JSON.parse(line);
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.match(level, /^(debug|info|warn|error)$/);
    assert.ok(message.length > 0);
    assert.deepEqual(Object.keys(rest).filter((key) =>
      !['run', 'trace_id', 'service', 'page', 'repeated', 'more_like_this']
        .includes(key)), []);
    assert.doesNotMatch(line, /Body \d|lorem/);
  }
}

/** The counts of a service of R; the first one's without a name. */
export function countsOf(result, service) {
  const entry = service === undefined ? result.services[0]
    : result.services.find((s) => s.service === service);
  const { totalItems, totalPages, embedded, unchanged, stored, failed } = entry;
  return { totalItems, totalPages, embedded, unchanged, stored, failed };
}

/** What a service's errors say: "page: text". */
export function errorsOf(result, service) {
  const entry = service === undefined ? result.services[0]
    : result.services.find((s) => s.service === service);
  return entry.errors.map(({ page, error }) => `${page}: ${error}`);
}

/** Rows have the vectors of their texts, to the bit. */
export function checkVectors(rows, vectorOf = embedders.vectorOf) {
  for (const { contentId, text, vector } of rows) {
    const expected = vectorOf(text.trim(), vector.length);
    assert.ok(Buffer.from(expected.buffer).equals(Buffer.from(vector.buffer)),
      `another vector in ${contentId}`);
  }
}

/** All of `items` stored, once each, with the right vectors. */
export async function checkStored(w, service, items, vectorOf) {
  const rows = await w.db.vectors(service);
  assert.deepEqual(rows.map((row) => row.contentId),
    items.map((item) => String(item.id)).sort());
  checkVectors(rows, vectorOf);
  return rows;
}
