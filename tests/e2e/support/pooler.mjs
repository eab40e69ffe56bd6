// PgBouncer in transaction mode.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../rig/wait.mjs';
import { folderOf, until } from './world.mjs';

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

/** For `skip`: false, or why there is no pooler. */
export const missing = program ? false : 'pgbouncer is not installed';

/**
 * A pooler before the database of `w`, with so many servers: its `url`, `ask`
 * for its own commands, and `kill` and `start` of its process.
 */
export async function pooler(t, w, servers) {
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
  let child, log = '';
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
  const start = async () => {
    child = spawn(program, [...asUser, join(folder, 'pgbouncer.ini')],
      { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (text) => { log += text; });
    child.stderr.on('data', (text) => { log += text; });
    await until(() => ask('SHOW VERSION').catch(() => {
      assert.equal(child.exitCode, null, log);
      return false;
    }), 'the pooler to answer');
  };
  const kill = () => {
    child.kill('SIGKILL');
    return until(() => child.exitCode !== null || child.signalCode !== null,
      'the pooler to end');
  };
  t.after(kill);
  await start();
  return { url: url.href, ask, kill, start };
}
