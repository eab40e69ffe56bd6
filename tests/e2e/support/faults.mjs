// What the tests of faults stand on: a corpus of two versions, the tables that
// an undisturbed sync of each leaves, and the account of what a disturbed one
// lost, doubled or embedded again.

import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { itemsOf, pagesOf, sanitized, schemaOf, sleep, until, world }
  from './world.mjs';

/** How many kills; how often every other fault is tried. */
export const KILLS = Number(process.env.FAULTS_KILLS ?? 10);
export const ROUNDS = Number(process.env.FAULTS_ROUNDS
  ?? (sanitized ? 1 : 2));

/** The same seed draws the same moments: FAULTS_SEED. */
const SEED = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000);

/** The services, unless a test has its own, and how many items each has. */
const SERVICES = { names: ['alpha', 'beta', 'gamma'], items: 220 };

const WORKERS = 3;
const CHUNK = 10;
const CHUNK_TEXTS = CHUNK + 4; // long texts have two pieces more

/** Texts that are in flight at most, so those that a kill may cost. */
export const IN_FLIGHT = 2 * WORKERS * CHUNK_TEXTS;

const UNDISTURBED = 'undisturbed';
const DISTURBED = 'disturbed';

/** What each fault is tried with; every variable may be set otherwise. */
const ENV = {
  BATCH_SYNC_LIMIT: '100',
  BATCH_SYNC_WORKERS: String(WORKERS),
  BATCH_SYNC_CHUNK_SIZE: String(CHUNK),
  BATCH_SYNC_TRIES: '12',
  BATCH_SYNC_RETRY_BASE_MS: '20',
  EMBEDDING_DIMENSIONS: '64',
  EMBEDDING_MAX_TOKENS: '150',
};

/** A stream of numbers in [0, 1) of its own for each name. */
export function generator(name) {
  let state = [...name].reduce((h, c) => Math.imul(h, 31) + c.charCodeAt(0),
    SEED) >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z ^= z + Math.imul(z ^ (z >>> 7), 61 | z);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Three pieces, none of which is another item's. */
const long = (of) => Array.from({ length: 14 },
  (_, k) => `Sentence ${k} that only ${of} has, and no other.`).join(' ');

/**
 * The items of a service. Between the two versions texts change, grow pieces
 * and lose them, and of some items only what is not in the text changes.
 */
function corpus(name, items, version) {
  return itemsOf(items, 1, name).map((item, i) => {
    const body = i % 20 === 3 + 10 * version ? long(`${name} ${i}`)
      : version === 1 && i % 5 === 0 ? `another body ${i} of ${name}`
        : item.body;
    const link = i % 7 !== 2 ? item.link : version === 0 ? '' : null;
    return { ...item, body, link };
  });
}

/**
 * Starts a world of that corpus and syncs both versions undisturbed. Options:
 * names, items, and those of world().
 */
export async function bench(t, options = {}) {
  const b = new Bench(t);
  await b.start(options);
  return b;
}

class Bench {
  /** Of each version: key -> row, and the texts that were embedded. */
  #expected = [];

  constructor(t) {
    this.t = t;
    this.version = 0;
  }

  async start({ env, ...given }) {
    const { names, items: n, ...options } = { ...SERVICES, ...given };
    this.items = names.length * n;
    const items = [0, 1].map((version) => Object.fromEntries(
      names.map((name) => [name, corpus(name, n, version)])));
    this.services = Object.fromEntries(names.map((name) =>
      [name, pagesOf(() => items[this.version][name])]));
    this.w = await world(this.t, { ...options, services: this.services,
      schemas: names.map((name) => schemaOf(name)),
      env: { ...ENV, DEFAULT_TENANT_ID: DISTURBED, ...env } });
    const tenant = { DEFAULT_TENANT_ID: UNDISTURBED };
    for (this.version of [0, 1]) {
      this.w.embedder.reset();
      const begun = performance.now();
      await this.w.good({ env: tenant });
      this.#expected.push({ rows: await this.#rows(UNDISTURBED),
        texts: new Map(this.w.embedder.seen),
        requests: this.w.embedder.requests.length,
        ms: performance.now() - begun });
    }
    this.load(0);
  }

  /** How long the version at hand takes undisturbed, the start included. */
  get ms() {
    return this.#expected[this.version].ms;
  }

  /** How many embedding requests it takes. */
  get requests() {
    return this.#expected[this.version].requests;
  }

  /** From here on the services have that version. */
  load(version) {
    this.version = version;
    this.w.embedder.reset();
  }

  /** The next version of the data; after the last one, an empty store. */
  async next() {
    if (this.version === 1) await this.empty();
    this.load(1 - this.version);
  }

  async empty() {
    await this.w.db.rows(
      'DELETE FROM vector_embeddings WHERE tenant_id = $1', [DISTURBED]);
  }

  /** As if the lease of whoever was killed had run out. */
  async expire() {
    for (const table of ['runs', 'service_runs']) {
      await this.w.db.rows(`UPDATE batch_sync_${table}
        SET expires_at = now() - interval '1 s' WHERE status = 'running'`);
    }
  }

  /** Resolves when so many embedding requests have come, or at `ended`. */
  async atRequest(n, ended) {
    let over = false;
    ended.then(() => { over = true; }, () => { over = true; });
    await until(() => over || this.w.embedder.requests.length >= n,
      `embedding request ${n}`, 60_000);
  }

  /**
   * A sync that `fault` disturbs: called with the program and a promise of
   * its end, at an embedding request that `random` draws. It must succeed.
   */
  async disturbed(random, fault, env) {
    const program = this.w.begin({ env });
    const ended = program.exit(120_000);
    ended.catch(() => {});
    await this.atRequest(1 + Math.floor(random() * this.requests * 0.8),
      ended);
    await sleep(random() * 20);
    await fault(program, ended);
    const outcome = await ended;
    assert.equal(outcome.code, 0, `${outcome.stdout}\n${outcome.stderr}`);
    return outcome;
  }

  /** What the tables have that they should not, or have not. */
  async verdict() {
    const { rows: expected, texts } = this.#expected[this.version];
    const found = await this.#rows(DISTURBED);
    let lost = 0;
    for (const [key, row] of expected) {
      if (!found.get(key)?.includes(row[0])) lost++;
    }
    const doubled = [...found].reduce((sum, [key, row]) =>
      sum + row.length - (expected.has(key) ? 1 : 0), 0);
    const again = [...this.w.embedder.seen].reduce((sum, [text, times]) =>
      sum + Math.max(0, times - (texts.get(text) ?? 0)), 0);
    return { items: this.items, lost, doubled, again };
  }

  /** The most that any text was embedded beyond what it needed. */
  mostAgain() {
    const { texts } = this.#expected[this.version];
    return Math.max(0, ...[...this.w.embedder.seen].map(([text, times]) =>
      times - (texts.get(text) ?? 0)));
  }

  async #rows(tenant) {
    const rows = await this.w.db.rows(`
      SELECT concat_ws('/', m.name, content_id, chunk_index) AS key,
             md5(concat_ws('|', content_text, v.metadata - '_stored_at',
               encode(embed_hash, 'hex'), encode(row_hash, 'hex'),
               embedding)) AS row
        FROM vector_embeddings v JOIN microservices m
          ON m.id = v.microservice_id WHERE v.tenant_id = $1`, [tenant]);
    const map = new Map();
    for (const { key, row } of rows) {
      map.set(key, [...map.get(key) ?? [], row]);
    }
    return map;
  }
}

/** The account of one fault. */
export class Account {
  #sum = { tried: 0, items: 0, lost: 0, doubled: 0, again: 0 };

  constructor(t, fault) {
    this.t = t;
    this.fault = fault;
    this.random = generator(fault);
  }

  get tried() {
    return this.#sum.tried;
  }

  /**
   * Adds what is in the tables after `tried` faults, and holds it to the
   * promise: nothing lost, nothing doubled, embedded again at most `allowed`.
   */
  async add(b, { tried = 1, allowed = 0 } = {}) {
    const verdict = await b.verdict();
    this.#sum.tried += tried;
    for (const name of Object.keys(verdict)) this.#sum[name] += verdict[name];
    const text = `${this.fault}: ${JSON.stringify(verdict)}, `
      + `FAULTS_SEED=${SEED}`;
    assert.equal(verdict.lost, 0, text);
    assert.equal(verdict.doubled, 0, text);
    assert.ok(verdict.again <= allowed, `${text}, allowed: ${allowed}`);
  }

  /** Says it all in one line; with FAULTS_TABLE, for the table, too. */
  end(remark) {
    const { tried, items, lost, doubled, again } = this.#sum;
    const text = `${this.fault}: tried ${tried} times over ${items} items: `
      + `${lost} lost, ${doubled} doubled, ${again} embedded again; ${remark}`
      + ` (FAULTS_SEED=${SEED})`;
    this.t.diagnostic(text);
    if (process.env.FAULTS_TABLE) {
      appendFileSync(process.env.FAULTS_TABLE, `${JSON.stringify(
        { fault: this.fault, ...this.#sum, remark })}\n`);
    }
  }
}
