// DATABASE_URL as people have it: other clients' parameters, passwords that
// nobody escaped, several hosts of which one is silent.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { itemsOf, pagesOf, world } from './support/world.mjs';

const CONFIGURATION = 78;

const small = (t) => world(t, { services: { alpha: pagesOf(itemsOf(5)) },
  env: { KG_ENABLED: 'false' } });

/** A server that accepts and never says a word. */
async function silence(t) {
  const sockets = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.resume();
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { sockets.forEach((s) => s.destroy()); server.close(); });
  return server.address().port;
}

const withQuery = (url, query) => `${url}?${query}`;

test('what only other clients know is left out, with one warning',
  async (t) => {
    const w = await small(t);
    const { code, stderr } = await w.sync({ env: { DATABASE_URL:
      withQuery(w.db.url, 'uselibpqcompat=true&sslmode=PREFER&pgbouncer=true'
        + '&supa=base-pooler.x&statement_cache_size=0&prepareThreshold=0'
        + '&connection_limit=1&pool_max_conns=9&schema=public') } });
    assert.equal(code, 0, stderr);
    const warnings = stderr.split('\n').filter((l) => /only other clients/
      .test(l));
    assert.equal(warnings.length, 1, stderr);
    assert.match(warnings[0], /uselibpqcompat, pgbouncer, supa, .*connection_/);
  });

test('all that is wrong with an address is told at once', async (t) => {
  const w = await small(t);
  for (const command of ['sync', 'check', 'migrate']) {
    const { code, stdout, stderr } = await w.run([command], { DATABASE_URL:
      withQuery(w.db.url, 'sslmode=no-verify&sslmod=require&keepalives=yes') });
    assert.equal(code, CONFIGURATION, command);
    const said = stdout + stderr;
    assert.match(said, /sslmode can be disable, allow, prefer, require/);
    assert.match(said, /the parameter sslmod is not known/);
    assert.match(said, /keepalives can be 0 1/);
  }
});

test('a password that was not escaped is never shown', async (t) => {
  const w = await small(t);
  const { host } = new URL(w.db.url);
  for (const password of ['p@ss?SECRETword', 'p@ss?SECRET=word', 'p/SECRET',
    'a@SECRET', 'p?sslmode=SECRET', 'p%SECRET', 'p?SECRET']) {
    for (const command of ['sync', 'check']) {
      const { code, stdout, stderr } = await w.run([command], {
        DATABASE_URL: `postgresql://u:${password}@${host}/d` });
      assert.equal(code, CONFIGURATION, password);
      assert.match(stdout + stderr, /write @ as %40/);
      assert.doesNotMatch(stdout + stderr, /SECRET/);
    }
  }
});

test('a host that accepts and says nothing costs its time-out', async (t) => {
  const w = await small(t);
  const dead = await silence(t);
  const url = new URL(w.db.url);
  const two = `postgresql://${url.username}${url.password
    && `:${url.password}`}@127.0.0.1:${dead},${url.hostname}:${url.port
    || 5432}${url.pathname}?connect_timeout=1`;
  const started = Date.now();
  const { code, stderr } = await w.sync({ env: { DATABASE_URL: two } });
  assert.equal(code, 0, stderr);
  assert.ok(Date.now() - started < 15_000, 'each pool pays it once');
  assert.equal(await w.db.value('SELECT count(*)::int FROM vector_embeddings'),
    5);
  const alone = await w.sync({ env: { DATABASE_URL:
    `postgresql://127.0.0.1:${dead}/d?connect_timeout=1` } });
  assert.equal(alone.code, 75, alone.stderr);
  assert.match(alone.stdout + alone.stderr, /no answer from 127.0.0.1:\d+ within 1 s/);
});

test('a database that is not there is for a person to mend', async (t) => {
  const w = await small(t);
  const url = new URL(w.db.url);
  url.pathname = '/no_such_database';
  const { code, stdout } = await w.sync({ env: { DATABASE_URL: url.href } });
  assert.equal(code, CONFIGURATION, stdout);
  assert.match(stdout, /no_such_database.*does not exist/);
});

test('a lock_timeout of the role does not end a wait for a lock', async (t) => {
  const w = await small(t);
  await w.done(['migrate']);
  await w.db.script(`ALTER DATABASE "${w.db.name}" SET lock_timeout = '200ms'`);
  const holder = await w.db.connect();
  await holder.query('BEGIN; LOCK TABLE vector_embeddings');
  const running = w.sync();
  await new Promise((done) => { setTimeout(done, 3000); });
  await holder.query('ROLLBACK');
  holder.release();
  const { code, stderr } = await running;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /55P03/);
});
