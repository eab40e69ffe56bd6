// Behind PgBouncer in transaction mode, where two statements may meet two
// different servers.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { checkStored, faults, folderOf, itemsOf, pagesOf, until, world }
  from './support/world.mjs';

function installed() {
  try {
    return execFileSync('sh', ['-c', 'command -v pgbouncer'], {
      encoding: 'utf8',
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    }).trim();
  } catch {
    return undefined;
  }
}

const program = installed();
const skip = program ? false : 'pgbouncer is not installed';

const freePort = () => new Promise((done, fail) => {
  const server = createServer().once('error', fail);
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

/** A pooler before the database of `w`, with so many servers. */
async function pooler(t, w, servers) {
  const target = new URL(w.db.url);
  const port = await freePort();
  const folder = folderOf(t, { 'pgbouncer.ini': `[databases]
* = host=${target.hostname} port=${target.port} user=${target.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
admin_users = admin
pool_mode = transaction
default_pool_size = ${servers}
server_round_robin = 1
` });
  chmodSync(folder, 0o755);
  const asUser = process.getuid() === 0 ? ['-u', 'postgres'] : [];
  const child = spawn(program, [...asUser, join(folder, 'pgbouncer.ini')],
    { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.on('data', (text) => { log += text; });
  child.stderr.on('data', (text) => { log += text; });
  t.after(async () => {
    child.kill('SIGKILL');
    await until(() => child.exitCode !== null || child.signalCode !== null,
      'the pooler to end');
  });
  const url = new URL(w.db.url);
  url.port = String(port);
  const ask = async (sql) => {
    const admin = new pg.Client({ host: '127.0.0.1', port, user: 'admin',
      database: 'pgbouncer' });
    await admin.connect();
    try {
      return (await admin.query(sql)).rows;
    } finally {
      await admin.end();
    }
  };
  await until(() => ask('SHOW VERSION').catch(() => {
    assert.equal(child.exitCode, null, log);
    return false;
  }), 'the pooler to answer');
  return { url: url.href, ask };
}

for (const servers of [1, 3]) {
  test(`a sync through a pooler of ${servers}`, { skip }, async (t) => {
    const items = itemsOf(400);
    const served = { items };
    const w = await world(t, { services: {
      alpha: pagesOf(() => served.items),
      beta: pagesOf(itemsOf(30, 1, 'beta')),
    }, env: { BATCH_SYNC_LIMIT: '150', BATCH_SYNC_CHUNK_SIZE: '10' } });
    const { url, ask } = await pooler(t, w, servers);
    const env = { DATABASE_URL: `${url}?pgbouncer=true` };

    const migrated = await w.run(['migrate'], env);
    assert.equal(migrated.code, 0, migrated.stderr);
    const first = await w.good({ env });
    assert.deepEqual(first.services.map((s) => s.stored), [400, 30]);
    await checkStored(w, 'alpha', items);
    const [stats] = (await ask('SHOW STATS'))
      .filter((row) => row.database === w.db.name);
    assert.ok(Number(stats.total_xact_count) > 43, 'it went through there');

    const versions = await w.versions();
    const second = await w.good({ env });
    assert.deepEqual(second.services.map((s) => s.unchanged), [400, 30]);
    assert.deepEqual(await w.versions(), versions);

    served.items = items.map((item, i) =>
      i % 4 === 0 ? { ...item, body: 'changed' } : item);
    const third = await w.good({ env });
    assert.equal(third.services[0].stored, 100);
    await checkStored(w, 'alpha', items);
    const found = await w.run(['search', 'changed', '--json'], env);
    assert.equal(JSON.parse(found.stdout).length, 10, found.stderr);
    const checked = await w.run(['check'], env);
    assert.equal(checked.code, 0, checked.stdout);
  });
}

test('a pooled server is never held by a run that waits', { skip },
  async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(60)) } });
    const { url, ask } = await pooler(t, w, 1);
    w.embedder.script(faults.hang());
    const run = w.begin({ env: { DATABASE_URL: url,
      BATCH_SYNC_GRACE_SECONDS: '1' } });
    await run.until(() => w.embedder.requests.length >= 2, 'its requests');
    // The only server is free for others meanwhile.
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    assert.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1);
    await client.end();
    const [pool] = (await ask('SHOW POOLS'))
      .filter((row) => row.database === w.db.name);
    assert.equal(Number(pool.sv_active), 0);
    const { code } = await run.stop(30_000);
    assert.equal(code, 1);
    w.embedder.script();
    await w.good({ env: { DATABASE_URL: url } });
    await checkStored(w, 'alpha', itemsOf(60));
  });
