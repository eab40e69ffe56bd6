// The configuration and the subcommands around a sync: what is wrong is told,
// all at once, without secrets, and with the right exit code.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import * as batchsync from './rig/batchsync.mjs';
import { signingKeys } from './rig/keys.mjs';
import { checkStored, faults, folderOf, itemsOf, pagesOf, schemaOf, shapes,
  TENANT, world } from './support/world.mjs';

const bare = (args, env) => batchsync.run(args, { env });

const alpha = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(itemsOf(12)) }, ...options });

/* ---- wrong values ---- */

const WRONG = {
  BATCH_SYNC_LIMIT: 'zero',
  BATCH_SYNC_WORKERS: '0',
  BATCH_SYNC_TIMEOUT: '1.5',
  BATCH_SYNC_ENABLED: 'perhaps',
  GRPC_USE_SSL: 'maybe',
  GRPC_ROOT_CERT: 'no certificate',
  EMBEDDING_PROVIDER: 'opnai',
  EMBEDDING_DIMENSIONS: '99999',
  EMBEDDING_ENCODING: 'hex',
  OPENAI_API_URL: 'ftp://example.org',
  COORDINATOR_URL: 'coordinator:x',
  COORDINATOR_GRPC_ENDPOINT: 'host:99999',
  BATCH_SYNC_SCHEDULE: '0 25 * * *',
  BATCH_SYNC_TIMEZONE: 'Europe/Atlantis',
  PORT: '123456',
  LOG_LEVEL: 'loud',
};

test('all wrong values are told at once', async () => {
  const secrets = { DATABASE_URL: 'mysql://u:geheim-1@h/db',
    OPENAI_API_KEY: 'geheim 2', RAG_PRIVATE_KEY: 'geheim-3' };
  for (const command of ['sync', 'check', 'serve', 'migrate', 'services',
    'dead-letters']) {
    const { code, stdout, stderr } =
      await bare([command], { ...WRONG, ...secrets });
    assert.equal(code, 78);
    assert.equal(stdout, '');
    for (const [name, value] of Object.entries(WRONG)) {
      const line = stderr.split('\n').find((l) => l.includes(` ${name}=`));
      assert.ok(line, `${name} is not told of:\n${stderr}`);
      // What may hold a secret is not shown.
      assert.ok(line.includes(name === 'GRPC_ROOT_CERT' ? '***'
        : `"${value}"`), line);
      assert.match(line, /must be /);
    }
    if (command !== 'sync' && command !== 'check') continue;
    for (const name of Object.keys(secrets)) {
      assert.match(stderr, new RegExp(`${name}=.*\\*\\*\\*.*: .*(must be|set an)`));
    }
    assert.doesNotMatch(stderr, /geheim/);
  }
});

test('what is missing is told', async () => {
  const { code, stderr } = await bare(['sync'], {});
  assert.equal(code, 78);
  assert.match(stderr, /DATABASE_URL is not set/);
  assert.match(stderr, /neither OPENAI_API_KEY nor OPENAI_API_URL is set/);
  for (const command of [['migrate'], ['search', 'x'], ['check']]) {
    const outcome = await bare(command, {});
    assert.equal(outcome.code, 78, command.join());
    assert.match(outcome.stderr, /DATABASE_URL is not set/);
  }
});

test('a password is masked wherever it stands', async () => {
  for (const url of ['postgres://me:geheim@127.0.0.1:1/db',
    'postgres://me@127.0.0.1:1/db?password=geheim',
    'host=127.0.0.1 port=1 user=me password=geheim dbname=db']) {
    for (const command of ['check', 'sync', 'migrate']) {
      const { code, stdout, stderr } = await bare([command], {
        DATABASE_URL: url, EMBEDDING_PROVIDER: 'builtin', LOG_LEVEL: 'debug',
        BATCH_SYNC_SERVICES: 'demo-courses',
        COORDINATOR_GRPC_ENDPOINT: '127.0.0.1:1' });
      assert.equal(code, 75);
      assert.doesNotMatch(stdout + stderr, /geheim/);
      assert.match(stdout + stderr, /Connection refused/);
    }
  }
});

test('secrets from files; both or none readable is told', async (t) => {
  const w = await alpha(t, { embedder: { token: 'sk-from-a-file' } });
  const folder = folderOf(t, { url: `${w.db.url}\n`, key: 'sk-from-a-file\n' });
  const files = { DATABASE_URL: undefined,
    DATABASE_URL_FILE: join(folder, 'url'),
    OPENAI_API_KEY_FILE: join(folder, 'key') };
  await w.good({ env: files });
  await checkStored(w, 'alpha', itemsOf(12));
  const missing = await w.run(['sync'],
    { ...files, OPENAI_API_KEY_FILE: join(folder, 'none') });
  assert.equal(missing.code, 78);
  assert.match(missing.stderr, /OPENAI_API_KEY_FILE=.*No such file/);
});

test('an unknown name is a warning with the nearest one', async (t) => {
  const w = await alpha(t);
  const { code, logs } = await w.sync({ env: { BATCH_SYNC_LIMTI: '3',
    BATCH_SYNC_SERVICE: 'x' } });
  assert.equal(code, 0);
  const warnings = logs.filter((line) => line.level === 'warn')
    .map((line) => line.message).join('\n');
  assert.match(warnings, /BATCH_SYNC_LIMTI.*BATCH_SYNC_LIMIT/);
  assert.match(warnings, /BATCH_SYNC_SERVICE\b.*BATCH_SYNC_SERVICES/);
});

test('disabled, and the coordinator disabled', async () => {
  for (const [env, reason] of [
    [{ BATCH_SYNC_ENABLED: 'false' }, 'disabled'],
    [{ BATCH_SYNC_ENABLED: 'off', COORDINATOR_ENABLED: '0' }, 'disabled'],
    [{ COORDINATOR_ENABLED: 'no' }, 'coordinator_disabled'],
  ]) {
    const { code, stdout } = await bare(['sync', '--json'], env);
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(stdout), { success: false, reason });
  }
});

test('schemas that are wrong stop the start, all at once', async (t) => {
  const w = await alpha(t);
  const folder = folderOf(t, {
    'one.json': '{"service_name":"one",\n "data_structure":{"id":"strin"}}',
    'two.json': '{"service_name":"two",\n\n "data_structure":[]}',
    'three.json': '{not json',
    'same.json': schemaOf('twice'), 'same-again.json': schemaOf('twice'),
    'later.json': '{"_status":"pending"}',
  });
  const { code, stderr } = await w.run(['sync'], { SCHEMA_DIR: folder });
  assert.equal(code, 78);
  assert.match(stderr, /one\.json:2: .*strin/);
  assert.match(stderr, /two\.json:3: .*data_structure/);
  assert.match(stderr, /three\.json:1: /);
  assert.match(stderr, /same.*twice|twice.*same/);
  assert.doesNotMatch(stderr, /later\.json/);
  const none = await w.run(['sync'], { SCHEMA_DIR: '/nowhere/at/all' });
  assert.equal(none.code, 78);
  assert.match(none.stderr, /\/nowhere\/at\/all/);
  assert.equal(w.coordinator.calls.length, 0);
});

/* ---- usage ---- */

test('usage', async () => {
  for (const [args, words] of [
    [[], /Usage: batchsync COMMAND/],
    [['snyc'], /unknown command "snyc"; did you mean "sync"\?/],
    [['sync', '--jsn'], /--jsn; did you mean --json\?/],
    [['sync', '--since'], /--since needs a value/],
    [['sync', '--since', 'tomorrow'], /--since tomorrow must be /],
    [['sync', '--service='], /--service is empty/],
    [['sync', '--json=yes'], /--json takes no value/],
    [['sync', 'alpha'], /"alpha" is one argument too many/],
    [['search'], /an argument is missing/],
    [['search', '   '], /empty/],
    [['search', 'x', '--limit', '0'], /--limit 0 must be /],
    [['render'], /--schema is missing/],
    [['migrate', '--dry'], /--dry-run/],
    [['version', 'x'], /too many/],
  ]) {
    const { code, stdout, stderr } = await bare(args, {});
    assert.equal(code, 64, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, words);
  }
});

test('version and help', async () => {
  for (const args of [['version'], ['--version']]) {
    const { code, stdout } = await bare(args, {});
    assert.equal(code, 0);
    assert.match(stdout, /^batchsync \d+\.\d+\.\d+\S*\n$/);
  }
  const { code, stdout } = await bare(['--help'], {});
  assert.equal(code, 0);
  for (const command of ['sync', 'check', 'migrate', 'services', 'search',
    'render', 'version']) {
    assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await bare([command, '--help'], { BATCH_SYNC_LIMIT: 'x' });
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`Usage: batchsync ${command}`));
    assert.equal(help.stderr, '');
  }
});

/* ---- services ---- */

test('services: one a line, or as JSON', async (t) => {
  const w = await world(t);
  const env = { COORDINATOR_HTTP_URL: w.coordinator.httpUrl };
  w.coordinator.script('alpha', {}).script('rag', {}).script('beta', {});
  const listed = await w.run(['services'], env);
  assert.equal(listed.code, 0);
  assert.equal(listed.stdout, 'alpha\nbeta\n');
  assert.match(listed.stderr, /coordinator/);
  for (const [changes, source, services] of [
    [{}, 'coordinator', ['alpha', 'beta']],
    [{ BATCH_SYNC_SERVICES: 'x, y' }, 'env', ['x', 'y']],
    [{ COORDINATOR_HTTP_URL: 'http://127.0.0.1:1' }, 'fallback',
      ['managementreporting-service', 'assessment-service', 'devlab-service']],
  ]) {
    const { code, stdout } = await w.run(['services', '--json'],
      { ...env, ...changes });
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout),
      { services, count: services.length, source });
  }
});

/* ---- check ---- */

/** Lines of `check`: { what: [state, text] }, the last of its kind. */
async function check(w, env) {
  const { code, stdout } = await w.run(['check'], env);
  const lines = {};
  for (const line of stdout.split('\n').filter(Boolean)) {
    const [, state, what, text] = /^(\w+) +(\S+) +(.*)$/.exec(line);
    lines[what] = [state, text];
  }
  return { code, lines, stdout };
}

test('--json: check, migrate, pause and resume say the same', async (t) => {
  const w = await alpha(t);
  const json = async (args, code, env) => {
    const result = await w.run([...args, '--json'], env);
    assert.equal(result.code, code, result.stderr);
    return JSON.parse(result.stdout);
  };
  const dry = await json(['migrate', '--dry-run'], 0);
  const told = await w.run(['migrate', '--dry-run']);
  assert.deepEqual({ ...dry, report: dry.report.join('\n') }, { success: true,
    dryRun: true, exitCode: 0, report: told.stdout.trimEnd() });
  assert.equal((await json(['migrate'], 0)).report.length, dry.report.length);

  const well = await json(['check'], 0);
  const lines = (await w.run(['check'])).stdout;
  assert.equal(well.success, true);
  for (const { state, what, text } of well.checks)
    assert.ok(lines.includes(`${state.padEnd(5)} ${what.padEnd(15)}`), what +
      text);
  const ill = await json(['check'], 75,
    { COORDINATOR_GRPC_ENDPOINT: '127.0.0.1:1' });
  const [fault] = ill.checks.filter(({ state }) => state === 'FAIL');
  assert.equal(fault.what, 'coordinator');
  assert.match(fault.advice, /COORDINATOR_GRPC_ENDPOINT/);
  assert.deepEqual([ill.success, ill.exitCode], [false, 75]);

  assert.deepEqual(await json(['pause', '--reason', 'moving'], 0),
    { paused: true, reason: 'moving', changed: true });
  assert.deepEqual(await json(['resume'], 0),
    { paused: false, reason: null, changed: true });
  assert.equal((await json(['resume'], 0)).changed, false);
});

test('check: all is well, and nothing is changed', async (t) => {
  const w = await alpha(t);
  const before = await check(w);
  assert.equal(before.code, 0, before.stdout);
  const tables = await w.db.value(`SELECT count(*)::int
    FROM information_schema.tables WHERE table_schema = 'public'`);
  assert.equal(tables, 0);
  await w.good();
  const versions = await w.versions();
  const { code, lines, stdout } = await check(w);
  assert.equal(code, 0, stdout);
  for (const what of ['configuration', 'database', 'tables', 'coordinator',
    'services', 'schema', 'embedder']) {
    assert.equal(lines[what]?.[0], 'ok', `${what}\n${stdout}`);
  }
  assert.match(lines.configuration[1], new RegExp(TENANT));
  assert.match(lines.database[1], /PostgreSQL \d+.*pgvector \d/);
  assert.match(lines.tables[1], /1536/);
  assert.match(lines.coordinator[1], /not signed/);
  assert.match(lines.embedder[1], /text-embedding-3-small/);
  assert.equal(w.coordinator.calls.length, 1, 'only the sync asked for it');
  assert.deepEqual(await w.versions(), versions);
});

test('check: each thing broken in turn', async (t) => {
  const w = await alpha(t);
  await w.good();
  const one = async (env, what, code, words) => {
    const outcome = await check(w, env);
    const [state, text] = outcome.lines[what] ?? [];
    assert.equal(state, 'FAIL', `${what}\n${outcome.stdout}`);
    assert.match(text, words);
    assert.equal(outcome.code, code, outcome.stdout);
    // The rest is looked at all the same.
    assert.ok(Object.keys(outcome.lines).length >= 6, outcome.stdout);
  };
  const nobody = new URL(w.db.url);
  nobody.pathname = '/no_such_database';
  await one({ DATABASE_URL: 'postgres://127.0.0.1:1/x' }, 'database', 75,
    /Connection refused.*DATABASE_URL/);
  await one({ DATABASE_URL: nobody.href }, 'database', 78,
    /no_such_database/);
  await one({ EMBEDDING_DIMENSIONS: '256' }, 'tables', 78,
    /1536 dimensions.*256/);
  await one({ COORDINATOR_GRPC_ENDPOINT: '127.0.0.1:1' }, 'coordinator', 75,
    /COORDINATOR_GRPC_ENDPOINT/);
  await one({ BATCH_SYNC_SERVICES: 'stranger' }, 'schema', 78,
    /no schema for stranger.*alpha.*"aliases": \["stranger"\]/);
  await one({ OPENAI_API_URL: 'http://127.0.0.1:1/v1' }, 'embedder', 75,
    /OPENAI_API_URL/);
  w.embedder.script(faults.unauthorized());
  await one({}, 'embedder', 78, /Incorrect API key provided/);
  w.embedder.script(faults.wrongLength(8));
  await one({}, 'embedder', 78, /1536|EMBEDDING_/);
});

test('check: warnings', async (t) => {
  const w = await alpha(t);
  const { lines } = await check(w, { BATCH_SYNC_SERVICES: undefined,
    BATCH_SYNC_FALLBACK_SERVICES: 'alpha', BATCH_SYNC_ENABLED: 'false',
    RAG_PRIVATE_KEY: signingKeys().pkcs8 });
  assert.equal(lines.services[0], 'warn');
  assert.match(lines.services[1], /BATCH_SYNC_SERVICES/);
  assert.equal(lines.configuration[0], 'warn');
  assert.match(lines.configuration[1], /BATCH_SYNC_ENABLED/);
  assert.equal(lines.coordinator[0], 'ok');
  assert.doesNotMatch(lines.coordinator[1], /not signed/);
});

/* ---- search ---- */

test('search finds what was stored', async (t) => {
  const items = [
    { id: 'joins', name: 'Inner joins', body: 'How an inner join of tables '
      + 'combines rows' },
    { id: 'feedback', name: 'Feedback', body: 'How to give feedback to '
      + 'colleagues' },
    { id: 'shalom', name: 'שלום', body: 'ברוכים הבאים לשיעור הראשון' },
  ];
  const w = await world(t, { services: {
    alpha: shapes.dataItems(items),
    beta: shapes.dataItems([{ ...items[0], id: 'other' }]),
  }, env: { EMBEDDING_PROVIDER: 'builtin' } });
  await w.good();
  const search = async (...args) => {
    const { code, stdout, stderr } = await w.run(['search', ...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const hits = await search('inner join of tables', '--service', 'alpha');
  assert.equal(hits[0].content_id, 'joins');
  assert.equal(hits[0].service, 'alpha');
  assert.equal(hits[0].title, 'Inner joins');
  assert.ok(hits[0].similarity > hits[1].similarity);
  assert.ok(hits.every((hit) => hit.service === 'alpha'));
  assert.equal((await search('feedback'))[0].content_id, 'feedback');
  assert.equal((await search('שיעור ראשון'))[0].content_id, 'shalom');
  assert.equal((await search('join', '--limit', '2')).length, 2);
  assert.equal((await search('join')).length, 4);
  const { stdout } = await w.run(['search', 'inner join of tables']);
  assert.match(stdout, /^ +1 +0\.\d{3} +(alpha|beta) +/);
  assert.match(stdout, /Inner joins/);
  const nothing = await w.run(['search', 'join'],
    { DEFAULT_TENANT_ID: 'nobody' });
  assert.equal(nothing.code, 0);
  assert.equal(nothing.stdout, '');
});

/* ---- migrate ---- */

/** The columns and indexes that there are. */
const layout = (w) => w.db.rows(`
  SELECT table_name || '.' || column_name AS name, data_type AS what
    FROM information_schema.columns WHERE table_schema = 'public'
  UNION ALL SELECT indexname, indexdef FROM pg_indexes
   WHERE schemaname = 'public' ORDER BY 1`);

test('migrate: dry run, once, twice', async (t) => {
  const w = await alpha(t);
  const dry = await w.run(['migrate', '--dry-run']);
  assert.equal(dry.code, 0);
  assert.match(dry.stdout, /0001_core\S*: would be applied/);
  assert.deepEqual(await layout(w), []);
  const first = await w.run(['migrate']);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /0001_core\S*: applied/);
  const made = await layout(w);
  assert.ok(made.length > 40);
  const second = await w.run(['migrate']);
  assert.equal(second.code, 0);
  assert.equal(second.stdout, 'nothing to do\n');
  assert.deepEqual(await layout(w), made);
  const again = await w.run(['migrate', '--dry-run']);
  assert.match(again.stdout, /0001_core\S*: already applied/);
  await w.good();
  assert.deepEqual(await layout(w), made);
});

test('migrate: several at once', async (t) => {
  const w = await alpha(t, { database: { extension: false } });
  const outcomes = await Promise.all(
    Array.from({ length: 4 }, () => w.run(['migrate'])));
  assert.deepEqual(outcomes.map((o) => [o.code, o.stderr]),
    Array(4).fill([0, '']));
  assert.ok(outcomes.some((o) => /: applied/.test(o.stdout)));
  assert.equal(await w.db.value(`SELECT count(*) = count(DISTINCT name)
    FROM batch_sync_migrations`), true);
  await w.good();
});

test('migrate: the vector type may live in another schema', async (t) => {
  const w = await alpha(t, { database: { extension: false } });
  await w.db.script('CREATE SCHEMA extensions;'
    + ' CREATE EXTENSION vector SCHEMA extensions');
  await w.good();
  const rows = await w.db.rows(`SELECT content_id, embedding::text
    FROM vector_embeddings`);
  assert.equal(rows.length, 12);
  assert.equal((await w.good()).services[0].unchanged, 12);
});

test('migrate: not by itself where it is switched off', async (t) => {
  const w = await alpha(t);
  const env = { MIGRATE_ON_START: 'false' };
  const { code, stdout, stderr } = await w.run(['sync', '--json'], env);
  assert.equal(code, 78);
  assert.match(stdout + stderr, /batchsync migrate/);
  assert.deepEqual(await layout(w), []);
  await w.done(['migrate']);
  await w.good({ env });
});

test('tables of somebody else are left alone', async (t) => {
  const w = await alpha(t);
  await w.db.script(`CREATE TABLE tenants (id text PRIMARY KEY, mine int);
    INSERT INTO tenants VALUES ('a', 1)`);
  const before = await layout(w);
  for (const args of [['sync', '--json'], ['migrate'],
    ['migrate', '--dry-run']]) {
    const { code, stdout, stderr } = await w.run(args);
    assert.equal(code, 78, args.join(' '));
    assert.match(stdout + stderr, /tenants/);
  }
  assert.deepEqual(await layout(w), before);
  assert.deepEqual(await w.db.rows('SELECT * FROM tenants'),
    [{ id: 'a', mine: 1 }]);
  assert.equal(w.coordinator.calls.length, 0);
});

test('another vector size than the database has', async (t) => {
  const w = await alpha(t);
  await w.good();
  const versions = await w.versions();
  const { code, stdout, stderr } = await w.run(['sync', '--json'],
    { EMBEDDING_DIMENSIONS: '512' });
  assert.equal(code, 78);
  assert.match(stdout + stderr, /1536 dimensions.*EMBEDDING_DIMENSIONS=1536/);
  assert.deepEqual(await w.versions(), versions);
});

test('a role that may not create the extension is told what to do',
  async (t) => {
    const w = await alpha(t, { database: { extension: false } });
    const role = `e2e_role_${process.pid}`;
    await w.db.script(`CREATE ROLE ${role} LOGIN;
      GRANT ALL ON SCHEMA public TO ${role}`);
    try {
      const url = new URL(w.db.url);
      url.username = role;
      const env = { DATABASE_URL: url.href };
      const refused = await w.run(['migrate'], env);
      assert.equal(refused.code, 78);
      assert.match(refused.stderr, /CREATE EXTENSION vector/);
      await w.db.script('CREATE EXTENSION vector');
      await w.done(['migrate'], env);
      await w.good({ env });
    } finally {
      await w.db.script(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
    }
  });

test('a database that is down: try again later', async (t) => {
  const w = await alpha(t);
  for (const args of [['sync', '--json'], ['migrate'], ['search', 'x']]) {
    const { code } = await w.run(args,
      { DATABASE_URL: 'postgres://127.0.0.1:1/x' });
    assert.equal(code, 75, args.join(' '));
  }
  assert.equal(w.coordinator.calls.length, 0);
});

test('parameters of other clients in the URL are dropped', async (t) => {
  const w = await alpha(t);
  const url = `${w.db.url}?pgbouncer=true&connection_limit=5&pool_timeout=9`
    + '&schema=public&sslmode=prefer';
  const { code, logs, stderr } =
    await w.sync({ env: { DATABASE_URL: url } });
  assert.equal(code, 0, stderr);
  const warnings = logs.filter((line) => line.level === 'warn')
    .map((line) => line.message).join('\n');
  assert.match(warnings, /pgbouncer/);
  assert.match(warnings, /connection_limit/);
  const other = await w.run(['sync', '--json'],
    { DATABASE_URL: `${w.db.url}?schema=private` });
  assert.equal(other.code, 78);
  assert.match(other.stdout + other.stderr, /search_path/);
});
