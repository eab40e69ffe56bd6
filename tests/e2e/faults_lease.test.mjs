// An owner that does nothing for longer than its lease, wherever it stopped:
// another process takes its run over and ends it, and when the first one goes
// on it writes nothing any more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as relays from './rig/relay.mjs';
import { Account, IN_FLIGHT, ROUNDS, bench } from './support/faults.mjs';
import { sleep, until } from './support/world.mjs';

const ENV = { BATCH_SYNC_LEASE_SECONDS: '1' };

/** Syncs until the lease of the other has run out and one got it. */
async function takeOver(b, during = () => {}) {
  let outcome;
  await until(async () => {
    const program = b.w.begin();
    const ended = program.exit(60_000);
    ended.catch(() => {});
    await during(program, ended);
    outcome = await ended;
    assert.ok([0, 75].includes(outcome.code),
      `${outcome.stdout}\n${outcome.stderr}`);
    return outcome.code === 0;
  }, 'the run to be taken over', 90_000);
  assert.deepEqual(await b.w.db.rows(`SELECT status FROM batch_sync_runs
    WHERE status IN ('running', 'interrupted')`), []);
  return outcome;
}

/** Has another one taken the run over? False when that one ended before. */
async function owned(b, ended) {
  let over = false;
  ended.then(() => { over = true; }, () => { over = true; });
  return until(async () => over || await b.w.db.value(
    "SELECT 1 FROM batch_sync_runs WHERE status = 'running' AND resumed > 0"),
  'a new owner', 60_000).then((value) => value !== true);
}

/** It ended by itself and says why; its exit code is the run's outcome. */
function checkLost({ code, stdout, stderr }) {
  assert.ok(code === 0 || code === 1, `${code}: ${stdout}\n${stderr}`);
  assert.match(stderr, /another owner|is not running any more/);
}

/** The first owner goes on, finds that it is none, and changes nothing. */
async function fenced(b, ended, goOn) {
  const versions = await b.w.versions();
  await goOn();
  checkLost(await ended);
  assert.deepEqual(await b.w.versions(), versions);
}

/** A sync that has come to an embedding request which `random` draws. */
async function begun(b, random, env) {
  const program = b.w.begin({ env });
  const ended = program.exit(120_000);
  ended.catch(() => {});
  await b.atRequest(1 + Math.floor(random() * b.requests * 0.7), ended);
  await sleep(random() * 10);
  return { program, ended };
}

test('SIGSTOP of the owner past its lease', async (t) => {
  const b = await bench(t, { env: ENV, embedder: { latencyMs: 5 } });
  const account = new Account(t, 'SIGSTOP of the owner, then SIGCONT');
  for (let i = 0; i < ROUNDS; i++) {
    const { program, ended } = await begun(b, account.random);
    program.kill('SIGSTOP');
    await takeOver(b);
    await account.add(b, { allowed: 2 * IN_FLIGHT });
    // What it still has in its hands is an older version by now.
    b.load(1);
    await b.w.good();
    await fenced(b, ended, () => program.kill('SIGCONT'));
    await account.add(b, { tried: 0, allowed: 2 * IN_FLIGHT });
    await b.next();
  }
  account.end('past its lease: another process ends the run, the owner writes nothing');
});

test('the owner goes on while another is at it', async (t) => {
  const b = await bench(t, { env: ENV, embedder: { latencyMs: 5 } });
  const account = new Account(t, 'SIGCONT while another process runs it');
  for (let i = 0; i < ROUNDS; i++) {
    const { program, ended } = await begun(b, account.random);
    program.kill('SIGSTOP');
    await takeOver(b, async (_, other) => {
      if (!await owned(b, other)) return;
      await b.atRequest(b.w.embedder.requests.length
        + account.random() * 10, other);
      program.kill('SIGCONT');
    });
    program.kill('SIGCONT');
    checkLost(await ended);
    await account.add(b, { allowed: 2 * IN_FLIGHT });
    await b.next();
  }
  account.end('both embed for a moment, only one of them stores');
});

test('SIGSTOP in mid-statement', async (t) => {
  const b = await bench(t, { env: ENV });
  const { db } = b.w;
  await db.script(`
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END';
    CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON vector_embeddings
      FOR EACH ROW WHEN (NEW.content_id = 'beta-00051')
      EXECUTE FUNCTION hold();`);
  const account = new Account(t, 'SIGSTOP in mid-statement');
  for (let i = 0; i < ROUNDS / 2; i++) {
    const test = await db.connect();
    await test.query('SELECT pg_advisory_lock(4711)');
    const program = b.w.begin();
    const ended = program.exit(120_000);
    ended.catch(() => {});
    const held = () => db.value(`SELECT pid FROM pg_stat_activity
      WHERE wait_event = 'advisory' AND datname = current_database()`);
    const pid = await until(held, 'a statement that is held');
    program.kill('SIGSTOP');
    const letGo = until(async () => !await db.value(
      'SELECT 1 FROM pg_stat_activity WHERE pid = $1', [pid]),
    'its connection to be ended', 60_000)
      .then(() => test.query('SELECT pg_advisory_unlock(4711)'));
    const { stderr } = await takeOver(b);
    await letGo;
    test.release();
    assert.match(stderr, /terminated connections of former owners/);
    await fenced(b, ended, () => program.kill('SIGCONT'));
    await account.add(b, { allowed: 2 * IN_FLIGHT });
    await b.empty();
    b.load(0);
  }
  account.end('the next owner terminates its connection');
});

/** The owner stops when all of a unit with that word but its end is sent. */
async function stopInUnit(t, fault, word, remark) {
  const b = await bench(t, { env: ENV });
  const relay = await relays.start(b.w.db.url);
  t.after(() => relay.close());
  const account = new Account(t, fault);
  for (let i = 0; i < ROUNDS / 2; i++) {
    const unfinished = relay.unfinished(word);
    const program = b.w.begin({ env: { DATABASE_URL: relay.url } });
    const ended = program.exit(120_000);
    ended.catch(() => {});
    await unfinished;
    program.kill('SIGSTOP');
    const { stderr } = await takeOver(b);
    assert.match(stderr, /terminated connections of former owners/);
    await fenced(b, ended, () => {
      relay.mend();
      program.kill('SIGCONT');
    });
    await account.add(b, { allowed: 2 * IN_FLIGHT });
    await b.next();
  }
  account.end(remark);
}

test('SIGSTOP between a statement and its commit', (t) => stopInUnit(t,
  'SIGSTOP between statement and commit', 'FOR KEY SHARE',
  'what it had not committed is rolled back and stored again'));

test('SIGSTOP between a checkpoint and its commit', (t) => stopInUnit(t,
  'SIGSTOP between checkpoint and commit', 'next_page = CASE',
  'its connection is terminated; the page is compared again'));

test('the owner is cut off from the database', async (t) => {
  const b = await bench(t, { env: ENV, embedder: { latencyMs: 5 } });
  const relay = await relays.start(b.w.db.url);
  t.after(() => relay.close());
  const account = new Account(t, 'owner cut off from the database');
  for (let i = 0; i < ROUNDS; i++) {
    const { ended } = await begun(b, account.random,
      { DATABASE_URL: relay.url });
    relay.cut();
    await takeOver(b);
    await fenced(b, ended, () => relay.mend());
    await account.add(b, { allowed: 2 * IN_FLIGHT });
    await b.next();
  }
  account.end('past its lease, then connected again: it writes nothing');
});
