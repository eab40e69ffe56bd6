// What only refusals tell about a provider is told once: the next run, the next
// process, starts right. Requests and texts paid for are counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIMENSIONS, provider, send } from './support/provider.mjs';
import { itemsOf, pagesOf, world } from './support/world.mjs';

const MOST = 10;

/** At most `most.inputs` texts and `most.bytes` bytes a request. */
const limited = (most) => ({ texts, response, ok }) => {
  const bytes = texts.join('').length;
  if (texts.length > (most.inputs ?? Infinity)) {
    send(response, 400, { error: { message: most.words
      ?? 'Too many inputs in request, split into more batches.' } });
  } else if (bytes > (most.bytes ?? Infinity)) {
    send(response, 400, { error: { message:
      'Requested too many tokens in one request, reduce the batch.' } });
  } else {
    ok();
  }
};

async function start(t, most, items = 60) {
  const account = await provider(t, limited(most));
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(items)) },
    env: { OPENAI_API_URL: account.url, OPENAI_API_KEY: 'sk-1',
      EMBEDDING_DIMENSIONS: String(DIMENSIONS), EMBEDDING_ENCODING: 'float',
      BATCH_SYNC_WORKERS: '1', KG_ENABLED: 'false' } });
  return { w, account };
}

/** The texts of each request of a run over other items. */
async function again({ w, account }, round, env) {
  const before = { requests: account.requests.length,
    paid: account.paid.length };
  w.coordinator.script('alpha', pagesOf(itemsOf(60, 1, `round${round}`)));
  await w.good({ env });
  assert.equal(account.paid.length - before.paid, 60, 'each text once');
  return account.requests.slice(before.requests).map(({ texts }) =>
    texts.length);
}

const kinds = (w) => w.db.rows(`SELECT kind, value::int AS value
  FROM batch_sync_limits ORDER BY kind`);

const age = (w, hours) => w.db.script(`UPDATE batch_sync_limits
  SET learnt_at = learnt_at - interval '${hours} hours'`);

test('a cap costs refusals once, and proven settings no trial', async (t) => {
  const at = await start(t, { inputs: MOST });
  await at.w.good();
  assert.equal(at.account.requests[0].texts.length, 1, 'one text first');
  const [inputs, proven] = await kinds(at.w);
  assert.ok(inputs.value <= MOST, `${inputs.value}`);
  assert.deepEqual(proven, { kind: 'proven', value: 1 });
  const sizes = await again(at, 1);
  assert.ok(sizes.every((n) => n <= MOST), `${sizes}: a refusal`);
  assert.equal(sizes[0], inputs.value, 'no trial of one text');
  assert.equal(at.account.paid.length, 120);
});

test('a cap on tokens costs refusals once', async (t) => {
  const at = await start(t, { bytes: 1500 });
  await at.w.good();
  const before = at.account.requests.length;
  const [tokens] = (await kinds(at.w)).filter((row) => row.kind === 'tokens');
  assert.ok(tokens.value > 0);
  await again(at, 1);
  for (const { texts } of at.account.requests.slice(before))
    assert.ok(texts.join('').length <= 1500, 'a refusal');
});

test('a day later the next size up is tried once', async (t) => {
  const most = { inputs: MOST, words: `at most ${MOST}: batch size is ` +
    `invalid, it should not be larger than ${MOST}.` };
  const at = await start(t, most);
  await at.w.good();
  await age(at.w, 25);
  const refused = await again(at, 1);
  assert.equal(refused.filter((n) => n > MOST).length, 1, `${refused}`);
  assert.ok((await again(at, 2)).every((n) => n <= MOST));
  await age(at.w, 25);
  most.inputs = 1000;
  const grown = await again(at, 3);
  assert.equal(grown.filter((n) => n > MOST).length >= 1, true, `${grown}`);
  assert.ok(Math.max(...grown) <= 2 * MOST, `${grown}`);
  const [inputs] = await kinds(at.w);
  assert.equal(inputs.value, 2 * MOST);
});

test('what is set wins, and is not learnt', async (t) => {
  const at = await start(t, { inputs: MOST });
  await at.w.good({ env: { EMBEDDING_MAX_INPUTS: '7' } });
  assert.deepEqual((await kinds(at.w)).map(({ kind }) => kind), ['proven']);
  assert.ok(at.account.requests.every(({ texts }) => texts.length <= 7));
  await at.w.db.script(`INSERT INTO batch_sync_limits
    (address, model, kind, value) SELECT address, model, 'inputs', 2
     FROM batch_sync_limits`);
  const sizes = await again(at, 1, { EMBEDDING_MAX_INPUTS: '7' });
  assert.ok(sizes.includes(7), `${sizes}`);
});

test('settings are proven one by one, and not for ever', async (t) => {
  let length = DIMENSIONS;
  const account = await provider(t, ({ body, response, ok }) =>
    length === DIMENSIONS ? ok() : send(response, 200, { data:
      body.input.map((_, index) => ({ index, embedding: [1, 2, 3] })) }));
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(60)) },
    env: { OPENAI_API_URL: account.url, OPENAI_API_KEY: 'sk-1',
      EMBEDDING_DIMENSIONS: String(DIMENSIONS), EMBEDDING_ENCODING: 'float',
      BATCH_SYNC_WORKERS: '1', KG_ENABLED: 'false' } });
  await w.good();
  const sizes = await again({ w, account }, 1, {
    EMBEDDING_EXTRA: '{"input_type":"passage"}',
    EMBEDDING_EXTRA_NEUTRAL: 'input_type' });
  assert.equal(sizes[0], 1, 'other extra fields are tried with one text');
  length = 3;
  w.coordinator.script('alpha', pagesOf(itemsOf(60, 1, 'strange')));
  assert.notEqual((await w.sync()).code, 0);
  const before = account.requests.length;
  assert.notEqual((await w.sync()).code, 0);
  assert.deepEqual(account.requests.slice(before).map(({ texts }) =>
    texts.length), [1], 'what has failed is tried with one text');
});

test('limits are listed, checked and forgotten', async (t) => {
  const at = await start(t, { inputs: MOST });
  await at.w.good();
  const url = at.account.url.replace(/\/v1$/, '');
  const list = await at.w.run(['limits']);
  assert.equal(list.code, 0, list.stderr);
  assert.match(list.stdout, new RegExp(
    `${url}/v1/embeddings .*at most \\d+ texts a request .*Z\n`));
  assert.match(list.stdout, /proven: 8 dimensions, encoding float, [0-9a-f]+ /);
  const check = await at.w.run(['check', '--deep'], { EMBEDDING_MAX_TOKENS: '9' });
  assert.match(check.stdout, /ok +embedder +.*: 8 dimensions in/);
  assert.match(check.stdout,
    /ok +limits +\d+ texts a request, learnt 0 h ago; 300000 estimated tokens a request; these settings have worked before/);
  assert.match(check.stdout, /ok +full size +50 texts of 27 bytes/);
  const json = await at.w.run(['limits', 'list', '--json', '--model', 'none']);
  assert.deepEqual(JSON.parse(json.stdout), { limits: [] });
  const gone = await at.w.run(['limits', 'forget', '--json']);
  const { forgotten } = JSON.parse(gone.stdout);
  assert.deepEqual(forgotten.map(({ kind }) => kind), ['inputs', 'proven']);
  assert.deepEqual(await kinds(at.w), []);
  assert.equal((await again(at, 1))[0], 1, 'found out again');
  assert.equal((await at.w.run(['limits', 'drop'])).code, 64);
});

test('without the table a run goes on, and says so', async (t) => {
  const at = await start(t, { inputs: MOST });
  await at.w.good();
  await at.w.db.script('DROP TABLE batch_sync_limits');
  const { code, stderr } = await at.w.sync({
    env: { MIGRATE_ON_START: 'false' } });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /what earlier runs have learnt .* is not known/);
});
