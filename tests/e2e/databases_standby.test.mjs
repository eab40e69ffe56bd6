// A standby made by pg_basebackup: what is said of it, how it is passed over,
// and a failover to it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postgres } from './support/postgres.mjs';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, until, world } from './support/world.mjs';

const TRY_LATER = 75;

test('a primary and its standby', async (t) => {
  const pg = await postgres(t);
  const standby = new URL(await pg.standby());
  await t.test('until it is promoted', (t) => pair(t, pg, standby));
});

async function pair(t, pg, standby) {
  const served = { items: itemsOf(60) };
  const w = await world(t, { services: { alpha: pagesOf(() => served.items) },
    database: { url: pg.url },
    env: { KG_ENABLED: 'false', BATCH_SYNC_LIMIT: '20' } });
  const primary = new URL(w.db.url);
  const at = (...hosts) => `postgresql://${primary.username}@${hosts
    .map(({ host }) => host).join(',')}${primary.pathname}`;
  const paid = () => w.embedder.requests.flatMap((r) => r.inputs ?? []).length;
  await w.done(['migrate']);
  const alone = { DATABASE_URL: at(standby) };
  await until(async () => (await w.run(['check'], alone)).stdout
    .includes('is a standby'), 'the tables to be there, too');

  let before = paid(); // by `check`

  await t.test('the standby alone', async (t) => {
    const checked = await w.run(['check'], alone);
    assert.equal(checked.code, TRY_LATER, checked.stdout);
    assert.match(checked.stdout,
      /FAIL +database +the database is read-only: the server is a standby; name/);
    before = paid();
    const { code, stdout } = await w.sync({ env: alone });
    assert.equal(code, TRY_LATER, stdout);
    assert.match(stdout, /standby|read-only/);
    assert.equal(paid(), before);
    const server = await serve(t, w, { env: alone, ready: false });
    await until(async () => (await server.get('/readyz')).text
      .includes('the server is a standby'));
    assert.equal((await server.get('/readyz')).status, 503);
    await server.end();
  });

  await t.test('what only looks is content with a standby', async () => {
    const last = served.items.at(-1).id;
    await w.good();
    await until(async () => (await w.run(['explain', 'alpha', last], alone))
      .code === 0, 'the rows to be there, too');
    for (const args of [['verify'], ['verify', '--source'], ['plan'],
      ['runs']]) {
      const { code, stdout, stderr } = await w.run(args, alone);
      assert.equal(code, 0, `${args}: ${stdout}${stderr}`);
    }
    const mending = await w.run(['verify', '--repair'], alone);
    assert.equal(mending.code, TRY_LATER);
    assert.match(mending.stderr, /standby|read-only/);
  });

  await t.test('a migration that is asked of the standby', async () => {
    await w.db.rows('CREATE DATABASE empty_one');
    const url = new URL(alone.DATABASE_URL);
    url.pathname = '/empty_one';
    const env = { DATABASE_URL: url.href };
    let answer;
    await until(async () => {
      answer = await w.run(['migrate'], env);
      return !/does not exist/.test(answer.stderr);
    }, 'the database to be there, too');
    assert.equal(answer.code, TRY_LATER, answer.stderr);
    assert.match(answer.stderr, /read-only/);
  });

  await t.test('the standby first, the primary asked for', async () => {
    await w.good({ env: { DATABASE_URL:
      `${at(standby, primary)}?target_session_attrs=read-write` } });
    assert.equal(paid(), before + 60);
  });

  await t.test('a failover while a service waits', async (t) => {
    const server = await serve(t, w, { env: { DATABASE_URL:
      `${at(primary, standby)}?target_session_attrs=read-write` } });
    const waiting = await serve(t, w, { env: alone, ready: false });
    await w.db.disconnectAll();
    assert.equal(await pg.stop('stop-now'), 'down');
    await until(async () => (await server.get('/readyz')).status === 503);
    await pg.promote();
    for (const each of [server, waiting]) {
      await until(async () => (await each.get('/readyz')).status === 200);
    }
    served.items = itemsOf(70);
    const result = await server.good();
    assert.deepEqual([result.services[0].stored, result.services[0].unchanged],
      [10, 60], JSON.stringify(result));
    assert.equal(paid(), before + 70);
    await server.end();
    await waiting.end();
  });
  await pg.start();
}
