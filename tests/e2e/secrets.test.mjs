// Secrets are planted in every variable that may hold one, and looked for in
// all that the program says.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { serve } from './support/serve.mjs';
import { folderOf, itemsOf, pagesOf, world } from './support/world.mjs';

const SECRETS = {
  password: 'pl4ntedDbPassword',
  user: 'pl4ntedUser01Token',
  query: 'pl4ntedQuery02Value',
  api: 'sk-pl4ntedApiKey0123456789',
  admin: 'pl4ntedAdmin03Token',
  viewer: 'pl4ntedViewer04Token',
  header: 'pl4ntedHeader05Value',
  key: 'MHcCAQEEIPl4ntedPrivateKey6789abcdef',
};
const FORMS = Object.entries(SECRETS).flatMap(([name, secret]) => [
  [name, secret], [name, encodeURIComponent(secret)],
  [name, Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -2)],
]);

/** Three at a time. */
async function inParallel(list, act) {
  const rest = [...list];
  await Promise.all([1, 2, 3].map(async () => {
    while (rest.length > 0) await act(rest.pop());
  }));
}

function checkSilent(what, text) {
  for (const [name, form] of FORMS) {
    assert.ok(!text.includes(form), `${what} tells ${name}: ` +
      text.slice(Math.max(0, text.indexOf(form) - 80)).slice(0, 200));
  }
}

const { password, user, query, api, admin, viewer, header, key } = SECRETS;
const DEAD = '127.0.0.1:1';
const PEM = `-----BEGIN EC PRIVATE KEY-----\n${key}\n` +
  '-----END EC PRIVATE KEY-----';

/** What is wrong, or where a secret stands where it should not. */
const WRONG = {
  'a database that is down': { DATABASE_URL:
    `postgresql://u:${password}@${DEAD}/sync` },
  'a database URL with a wrong parameter': { DATABASE_URL:
    `postgresql://u@${DEAD}/sync?pasword=${password}` },
  'a database URL that is none': { DATABASE_URL: `u:${password}@${DEAD}` },
  'a token as the user of a URL': { COORDINATOR_HTTP_URL:
    `http://${user}@${DEAD}/?token=${query}` },
  'the same with a scheme that is none': { COORDINATOR_HTTP_URL:
    `htp://${user}@${DEAD}/?token=${query}` },
  'an embedder with user and query': { OPENAI_API_URL:
    `http://u:${user}@${DEAD}/v1?key=${query}` },
  'the key as the URL': { OPENAI_API_URL: api },
  'the key as a number': { BATCH_SYNC_LIMIT: api },
  'the admin token as a choice': { EMBEDDING_PROVIDER: admin },
  'a token with a blank': { ADMIN_TOKEN: `${admin} x` },
  'a key with a line feed': { OPENAI_API_KEY: `${api}\nX: y` },
  'a header that is none': { EMBEDDING_HEADERS: header },
  'a private key that is none': { RAG_PRIVATE_KEY: PEM },
  'a private key as certificate': { GRPC_USE_SSL: 'true',
    GRPC_ROOT_CERT: PEM },
  'its base64 as certificate': { GRPC_USE_SSL: 'true',
    GRPC_ROOT_CERT: Buffer.from(PEM).toString('base64') },
  'half of it as certificate': { GRPC_USE_SSL: 'true', GRPC_ROOT_CERT: key },
  'an unknown variable': { BATCH_SYNC_TOKEN: admin },
};

/** The name of every variable, from the documentation, which is generated of
 * the program's own table. */
const VARIABLES = [...readFileSync(new URL('../../docs/configuration.md',
  import.meta.url), 'utf8').matchAll(/^\| `([A-Z_]+)`/gm)].map(([, n]) => n);

/** What a person may put into the wrong variable. */
const MISPLACED = {
  'a key': api, 'a token': `${admin}0123456789abcdef`, 'a private key': PEM,
  'a URL with a user': `http://${user}@${DEAD}/`,
  'a URL with a password': `http://u:${password}@${DEAD}/`,
  'a URL with a query': `http://${DEAD}/?token=${query}`,
  'a database': `postgresql://u:${password}@${DEAD}/d`,
  'a header': `Authorization: Bearer ${api}`,
};

/** Where a random word is a name like any other, which messages show. */
const SHOWN = {
  'a key': ['COORDINATOR_GRPC_ENDPOINT'],
  'a token': ['BATCH_SYNC_SERVICES', 'COORDINATOR_GRPC_ENDPOINT',
    'DEFAULT_TENANT_ID', 'EMBEDDING_MODEL', 'SCHEMA_DIR'],
};

const QUICK = { BATCH_SYNC_TRIES: '1', BATCH_SYNC_RETRY_BASE_MS: '1' };
const PLANTED = { ADMIN_TOKEN: admin, VIEWER_TOKEN: viewer,
  OPENAI_API_KEY: api, EMBEDDING_HEADERS: `X-Secret: ${header}` };

for (const [name, env] of Object.entries(WRONG)) {
  test(`no secret is told: ${name}`, async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
    for (const command of ['check', 'sync']) {
      const { code, stdout, stderr } = await w.run([command],
        { ...PLANTED, ...QUICK, ...env });
      checkSilent(command, stdout + stderr);
      if (name.includes('certificate')) assert.equal(code, 78);
    }
  });
}

for (const [form, value] of Object.entries(MISPLACED)) {
  test(`no variable shows what is misplaced in it: ${form}`, async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
    const all = Object.fromEntries(VARIABLES.map((name) => [name, value]));
    const both = await w.run(['check'], { ...QUICK, ...all });
    assert.equal(both.code, 78);
    checkSilent('all at once', both.stdout + both.stderr);
    const told = [];
    await inParallel(VARIABLES, async (name) => {
      const { stdout, stderr } = await w.run(['check'],
        { ...QUICK, DATABASE_URL: `postgresql://u@${DEAD}/d`, [name]: value });
      const text = stdout + stderr;
      if (FORMS.some(([, secret]) => text.includes(secret))) told.push(name);
    });
    assert.deepEqual(told.sort(), SHOWN[form] ?? []);
  });
}

test('no secret is told by a provider that repeats it', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  for (const status of [400, 401, 404, 429, 500]) {
    w.embedder.script(({ headers, body }) => ({ status, body: { error: {
      message: `bad ${headers.authorization} ${headers['x-secret']} ` +
        `${JSON.stringify(body).slice(0, 300)}` } } }));
    const { stdout, stderr } = await w.run(['sync'], { ...PLANTED, ...QUICK,
      EMBEDDING_MAX_WAIT: '1' });
    checkSilent(`status ${status}`, stdout + stderr);
    assert.doesNotMatch(stderr, /lorem|Body \d/);
  }
});

test('no secret is told by the service', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  const s = await serve(t, w, { env: { ...PLANTED,
    COORDINATOR_HTTP_URL: `http://${user}@${DEAD}/?token=${query}`,
    LOG_LEVEL: 'debug' } });
  const { json: api } = await s.call('GET', '/openapi.json');
  const asks = [['GET', '/nothing'], ['GET', '/admin/nothing'],
    ...Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((m) =>
        [m.toUpperCase(), path.replaceAll(/{\w+}/g, 'x')]))];
  assert.ok(asks.length > 20, 'every route');
  for (const [method, path] of asks) {
    if (path.endsWith('/events')) continue; // does not end; has the log's words
    for (const token of [admin, viewer, `${admin}x`]) {
      for (const body of ['{}', `{"${password}": 1, "query": "${header}`]) {
        const { headers, text } = await s.call(method,
          `${path}?limit=${encodeURIComponent('a b')}`,
          { headers: { authorization: `Bearer ${token}` }, body });
        checkSilent(`${method} ${path}`, JSON.stringify(headers) +
          text.replaceAll(password, '').replaceAll(header, ''));
      }
    }
  }
  const { stdout } = await s.end();
  checkSilent('the log', stdout);
  const tables = await w.db.rows(`SELECT query_to_xml(format(
    'SELECT * FROM %I', table_name), true, true, '')::text AS rows
    FROM information_schema.tables WHERE table_name LIKE 'batch_sync%'`);
  checkSilent('a table', JSON.stringify(tables));
});

test('a wrong schema is not shown', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  for (const name of ['schema', 'currentSchema', 'search_path']) {
    for (const command of ['check', 'sync', 'migrate']) {
      const { code, stdout, stderr } = await w.run([command],
        { ...QUICK, DATABASE_URL: `${w.db.url}?${name}=${password}` });
      assert.equal(code, 78);
      checkSilent(`${command} ${name}`, stdout + stderr);
    }
  }
});

test('the file of certificates holds certificates, and no key', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  const folder = folderOf(t, { key: PEM, text: 'no certificate' });
  const told = { key: /holds a private key/, text: /holds no certificates/,
    none: /No such file/ };
  for (const [name, words] of Object.entries(told)) {
    const { code, stderr } = await w.run(['sync'],
      { ...QUICK, EMBEDDING_CA_FILE: join(folder, name) });
    assert.equal(code, 78);
    assert.match(stderr, words);
    checkSilent(name, stderr);
  }
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const { code, stderr } = await w.run(['sync'],
    { EMBEDDING_CA_FILE: join(folder, 'pipe') });
  assert.equal(code, 78);
  assert.match(stderr, /not a regular file/);
});

/** Files that are not read, and do not hold up the start. */
const FILES = {
  'a pipe': [(path) => execFileSync('mkfifo', [path]), /not a regular file/],
  'a folder': [(path) => mkdirSync(path), /Is a directory/],
};

for (const [name, [make, reason]] of Object.entries(FILES)) {
  test(`${name} is no secret, and no schema`, async (t) => {
    const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
    const folder = folderOf(t);
    const path = join(folder, 'x.json');
    make(path);
    const secret = await w.run(['check'], { ADMIN_TOKEN_FILE: path });
    assert.equal(secret.code, 78);
    assert.match(secret.stderr, reason);
    const schema = await w.run(['check'], { SCHEMA_DIR: folder });
    assert.equal(schema.code, 78);
    assert.match(schema.stdout + schema.stderr, reason);
  });
}

test('a secret that everybody may read is a warning', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  const file = join(folderOf(t, { token: `${admin}\n` }), 'token');
  chmodSync(file, 0o644);
  const open = await w.run(['check'], { ADMIN_TOKEN_FILE: file });
  assert.match(open.stdout + open.stderr, /every user of this machine may read/);
  chmodSync(file, 0o600);
  const closed = await w.run(['check'], { ADMIN_TOKEN_FILE: file });
  assert.doesNotMatch(closed.stdout + closed.stderr, /every user/);
});

test('PostgreSQL on another machine without TLS is a warning', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(3)) } });
  const url = (query) => `postgresql://u@192.0.2.1:5432/d?connect_timeout=1` +
    `&${query}`;
  const told = async (query) => (await w.run(['sync'], { ...QUICK,
    DATABASE_URL: url(query) })).stderr;
  assert.match(await told('application_name=x'), /does not insist on TLS/);
  assert.doesNotMatch(await told('sslmode=verify-full'), /insist on TLS/);
});
