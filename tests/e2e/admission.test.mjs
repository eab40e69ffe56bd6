// Who gets the database's connections: reading cannot starve running, and few
// connections are enough.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkError, gate, serve } from './support/serve.mjs';
import { checkStored, itemsOf, pagesOf, schemaOf, sleep, until, world }
  from './support/world.mjs';

const LETTERS = '/admin/batch-sync/dead-letters';
const POLLERS = 40;
const LEASE_S = 6; // a heartbeat a second
const ITEMS = itemsOf(40);

/** A connection that holds the table's strongest lock until `unlock()`. */
async function lock(w, table) {
  const client = await w.db.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return async () => {
    await client.query('ROLLBACK');
    client.release();
  };
}

/** Asks for the dead letters until `stop()`; counts the answers' statuses. */
function pollers(server) {
  const seen = { statuses: {}, refused: [] };
  let stopped = false;
  const poll = async () => {
    while (!stopped) {
      const answer = await server.get(LETTERS);
      seen.statuses[answer.status] = (seen.statuses[answer.status] ?? 0) + 1;
      if (answer.status === 503) seen.refused.push(answer);
    }
  };
  const all = Array.from({ length: POLLERS }, poll);
  seen.stop = () => {
    stopped = true;
    return Promise.all(all);
  };
  return seen;
}

test('readers of a locked table take nothing from a run', async (t) => {
  const door = gate();
  const w = await world(t, {
    services: { alpha: async (request) => {
      await door.wait;
      return pagesOf(ITEMS)(request);
    } },
    env: { BATCH_SYNC_LEASE_SECONDS: String(LEASE_S), KG_ENABLED: 'false' } });
  const server = await serve(t, w);
  const run = server.trigger();
  await until(() => w.coordinator.calls.length > 0, 'a page to be asked');
  const unlock = await lock(w, 'batch_sync_dead_letters');
  const seen = pollers(server);
  const token = await w.db.value('SELECT token FROM batch_sync_service_runs');
  for (let i = 0; i < 2 * LEASE_S; i++) {
    const ready = await server.get('/readyz');
    assert.equal(ready.status, 200, ready.text);
    assert.equal(await w.db.value(`SELECT expires_at > now()
      FROM batch_sync_service_runs`), true, 'the lease has expired');
    await sleep(1000);
  }
  assert.ok(seen.refused.length > 0, JSON.stringify(seen.statuses));
  for (const { headers } of seen.refused) {
    assert.match(headers['retry-after'], /^[1-9]\d*$/);
  }
  await unlock();
  door.open();
  const { json } = await run;
  assert.equal(json.success, true, JSON.stringify(json));
  await until(() => seen.statuses[200] > 0, 'an answer');
  await seen.stop();
  assert.equal(await w.db.value('SELECT token FROM batch_sync_service_runs'),
    token, 'another owner has taken over');
  await server.end();
});

/** A role that may have `n` connections at a time. */
async function limited(t, w, n) {
  const name = `few_${w.db.name}`;
  await w.done(['migrate']);
  await w.db.script(`CREATE ROLE ${name} LOGIN CONNECTION LIMIT ${n};
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name};
    GRANT USAGE, CREATE ON SCHEMA public TO ${name};`);
  const url = new URL(w.db.url);
  url.username = name;
  return { env: { DATABASE_URL: url.href, MIGRATE_ON_START: 'false' },
    drop: () => w.db.script(`DROP OWNED BY ${name}; DROP ROLE ${name}`) };
}

test('two connections are enough for a sync', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(ITEMS) },
    env: { BATCH_SYNC_LIMIT: '10', BATCH_SYNC_CHUNK_SIZE: '2',
      BATCH_SYNC_LEASE_SECONDS: '6' } });
  const few = await limited(t, w, 2);
  await w.good({ env: few.env });
  await checkStored(w, 'alpha', ITEMS);
  await few.drop();
});

test('the service lives with two connections', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(ITEMS) },
    env: { BATCH_SYNC_LIMIT: '10', BATCH_SYNC_CHUNK_SIZE: '2',
      BATCH_SYNC_LEASE_SECONDS: '6' } });
  const few = await limited(t, w, 2);
  const server = await serve(t, w, { env: few.env });
  for (let i = 0; i < 3; i++) await server.good();
  await checkStored(w, 'alpha', ITEMS);
  assert.equal((await server.get('/readyz')).status, 200);
  await until(async () => (await server.get(LETTERS)).status === 200,
    'the list', 60_000);
  await server.good();
  assert.equal((await server.get('/readyz')).status, 200);
  await server.end();
  await few.drop();
});

/* ---- what a trigger may say ---- */

test('two names of one service are one service', async (t) => {
  const w = await world(t, {
    services: { alpha: pagesOf(ITEMS), 'alpha-again': pagesOf(ITEMS) },
    schemas: [schemaOf('alpha', { aliases: ['alpha-again'] })] });
  const server = await serve(t, w);
  const named = await server.good(
    { services: ['alpha', 'alpha-again', ' alpha '] });
  assert.deepEqual(named.services.map((s) => s.service), ['alpha']);
  assert.deepEqual((await server.good()).services.map((s) => s.service),
    ['alpha']);
  assert.equal(w.embedder.embedded, ITEMS.length);
  await checkStored(w, 'alpha', ITEMS);
  const cli = await w.run(['sync', '--json', '--service', 'alpha-again',
    '--service', 'alpha']);
  assert.equal(cli.code, 0, cli.stderr);
  assert.equal(JSON.parse(cli.stdout).services.length, 1);
  await server.end();
});

const REFUSED = [
  { services: [] },
  { service: ['alpha'] },
  { services: ['a\nb\u0001c'] },
  { services: ['x'.repeat(3000)] },
  { services: ['\u202Eahpla'] },
  { services: ['al\u200Bpha'] },
  { services: ['alpha', ''] },
  { tenant_id: ' ' },
  { tenant_id: 'a\u2066b' },
  { tenant_id: '' },
];

test('what a trigger may not say is told before anything is asked', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(ITEMS) } });
  const server = await serve(t, w);
  for (const body of REFUSED) {
    const answer = await server.trigger(body);
    checkError(answer, 400, '/admin/batch-sync/trigger', /./);
  }
  for (const name of ['a\nb', 'x'.repeat(3000), '\u202Eahpla', '\uFEFFalpha']) {
    assert.equal((await w.run(['sync', '--service', name])).code, 64, name);
  }
  assert.equal(w.coordinator.calls.length, 0);
  assert.equal(await w.db.value('SELECT count(*)::int FROM tenants'), 0);
  await server.end();
});
