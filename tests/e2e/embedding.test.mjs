// Embeddings: what is sent, how much at a time, what comes back, and what
// follows when it goes wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, checkVectors, countsOf, errorsOf, faults, itemsOf,
  pagesOf, rejecting, times, vectorOf, world } from './support/world.mjs';

const alpha = (t, items, options = {}) => world(t, {
  services: { alpha: pagesOf(items) }, ...options });

const letters = (w) => w.db.rows(`SELECT content_id, reason, resolved_at
  FROM batch_sync_dead_letters ORDER BY content_id`);

const sizes = (w) => w.embedder.requests.map((request) =>
  request.inputs.length);

/* ---- requests ---- */

test('the request: order of keys, headers, texts', async (t) => {
  const items = [{ ...itemsOf(1)[0], body: 'quote " \\ \n שלום 😀' },
    itemsOf(1, 2)[0]];
  const w = await alpha(t, items, { embedder: { token: 'sk-secret-1' },
    env: { OPENAI_API_KEY: 'sk-secret-1' } });
  await w.good();
  const [request, second, ...others] = w.embedder.requests;
  assert.deepEqual(others, []);
  const { headers, body } = request;
  assert.equal(request.method, 'POST');
  assert.equal(request.path, '/v1/embeddings');
  assert.equal(headers.authorization, 'Bearer sk-secret-1');
  assert.match(headers['content-type'], /^application\/json/);
  const texts = (await w.db.vectors()).map((row) => row.text);
  // The first request of a run is one text: it shows that the settings work.
  for (const [i, sent] of [body, second.body].entries()) {
    assert.equal(sent, JSON.stringify({ model: 'text-embedding-3-small',
      input: [texts[i]], dimensions: 1536, encoding_format: 'base64' }));
  }
});

test('model, dimensions and format as configured', async (t) => {
  const items = itemsOf(3);
  const w = await alpha(t, items, { env: { EMBEDDING_MODEL: 'big "model"',
    EMBEDDING_DIMENSIONS: '256', EMBEDDING_ENCODING: 'float' } });
  await w.good();
  const { model, dimensions, encoding_format: format } =
    JSON.parse(w.embedder.requests[0].body);
  assert.deepEqual({ model, dimensions, format },
    { model: 'big "model"', dimensions: 256, format: 'float' });
  assert.ok(!('authorization' in w.embedder.requests[0].headers));
  const [row] = await checkStored(w, 'alpha', items);
  assert.equal(row.vector.length, 256);
});

test('dimensions are left out where the server does not know them',
  async (t) => {
    const items = itemsOf(3);
    const w = await alpha(t, items,
      { env: { EMBEDDING_SEND_DIMENSIONS: 'false' } });
    await w.good();
    assert.ok(!('dimensions' in JSON.parse(w.embedder.requests[0].body)));
    await checkStored(w, 'alpha', items);
  });

test('texts are trimmed when they are sent, not when they are stored',
  async (t) => {
    const w = await alpha(t, [{ id: 'a', body: 'ends in space \n\t ' }]);
    await w.good();
    assert.deepEqual(w.embedder.requests[0].inputs,
      ['id: a\n\nText: ends in space']);
    const rows = await w.db.vectors();
    assert.equal(rows[0].text, 'id: a\n\nText: ends in space \n\t ');
    checkVectors(rows);
  });

test('chunks of fifty, and few connections', async (t) => {
  const items = itemsOf(520);
  const w = await alpha(t, items);
  await w.good();
  assert.deepEqual(sizes(w).sort((a, b) => b - a),
    [...Array(9).fill(50), 49, 20, 1]);
  assert.ok(w.embedder.connections <= 5, `${w.embedder.connections}`);
  assert.ok(w.embedder.maxConcurrent <= 5);
  await checkStored(w, 'alpha', items);
});

test('five requests at a time, and not one more', async (t) => {
  const items = itemsOf(200);
  const w = await alpha(t, items, { embedder: { latencyMs: 40 },
    env: { BATCH_SYNC_CHUNK_SIZE: '5' } });
  await w.good();
  assert.equal(w.embedder.maxConcurrent, 5);
  assert.equal(w.embedder.requests.length, 41);
  assert.ok(w.embedder.connections <= 6, `${w.embedder.connections}`);
  await checkStored(w, 'alpha', items);
});

test('workers and chunks as configured', async (t) => {
  const items = itemsOf(70);
  const w = await alpha(t, items, { embedder: { latencyMs: 40 },
    env: { BATCH_SYNC_CHUNK_SIZE: '7', BATCH_SYNC_WORKERS: '2' } });
  await w.good();
  assert.equal(w.embedder.maxConcurrent, 2);
  assert.deepEqual(sizes(w), [1, 6, ...Array(9).fill(7)]);
});

test('a slow request does not hold up the other four', async (t) => {
  const items = itemsOf(200);
  const w = await alpha(t, items, { env: { BATCH_SYNC_CHUNK_SIZE: '10' } });
  let open;
  const gate = new Promise((done) => { open = done; });
  w.embedder.script(async ({ inputs }) => {
    if (inputs.some((text) => text.includes('item-00013'))) await gate;
  });
  const program = w.begin();
  // Twenty chunks: all but the one that is held are answered meanwhile.
  // At most as many as there are slots wait for the database besides.
  await program.until(() => w.embedder.embedded === 190, 'all others');
  assert.equal(w.embedder.requests.length, 21);
  open();
  const { code } = await program.exit(60_000);
  assert.equal(code, 0);
  await checkStored(w, 'alpha', items);
});

test('requests stay below 300,000 tokens', async (t) => {
  const items = itemsOf(60).map((item, i) =>
    ({ ...item, body: `${i} ${'word '.repeat(4000)}` }));
  const w = await alpha(t, items, { env: { BATCH_SYNC_CHUNK_SIZE: '60' } });
  await w.good();
  assert.deepEqual(w.embedder.violations, []);
  assert.ok(w.embedder.requests.length >= 2);
  await checkStored(w, 'alpha', items);
});

/* ---- answers ---- */

const odd = {
  'in another order': faults.shuffled(),
  'as numbers, although base64 was asked for': faults.floats(),
  'in small pieces': faults.slowDrip(10, 5),
};
for (const [how, fault] of Object.entries(odd)) {
  test(`answers ${how}`, async (t) => {
    const items = itemsOf(120);
    const w = await alpha(t, items);
    w.embedder.script(fault);
    await w.good();
    assert.equal(w.embedder.requests.length, 4);
    await checkStored(w, 'alpha', items);
  });
}

test('answers as base64, although numbers were asked for', async (t) => {
  const items = itemsOf(20);
  const w = await alpha(t, items, { env: { EMBEDDING_ENCODING: 'float' } });
  w.embedder.script(faults.base64());
  await w.good();
  await checkStored(w, 'alpha', items);
});

const passing = {
  'too few vectors': faults.wrongCount(-1),
  'too many vectors': faults.wrongCount(1),
  'an index twice': faults.duplicateIndex(),
  'a vector of NaN': faults.nan(3),
  'a vector of zeroes': faults.zero(3),
  'no JSON': faults.garbage(),
  'a reset': faults.reset(),
  'an answer cut off': faults.truncated(),
  'HTTP 500': faults.status(500, 'the server had an error'),
  'HTTP 502': faults.status(502, 'bad gateway'),
  'HTTP 503': faults.status(503, 'overloaded'),
  'HTTP 429': faults.rateLimited(),
};
for (const [what, fault] of Object.entries(passing)) {
  test(`tried again: ${what}`, async (t) => {
    const items = itemsOf(60);
    const w = await alpha(t, items);
    let request = 0;
    w.embedder.script(() => [1, 2, 3].includes(request++) ? fault : undefined);
    const result = await w.good();
    // One text, the rest of its chunk, another chunk, three tries that failed;
    // and as many again to find out whether some text is to blame.
    assert.ok(w.embedder.requests.length <= 9, `${w.embedder.requests.length}`);
    assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
    assert.equal(result.services[0].embedded, 60);
    await checkStored(w, 'alpha', items);
    assert.deepEqual(await letters(w), []);
  });
}

test('tried again: no answer in time', async (t) => {
  const items = itemsOf(10);
  const w = await alpha(t, items, { env: { EMBEDDING_TIMEOUT: '1' } });
  w.embedder.script(times(1, faults.hang()));
  await w.good();
  // The text that hung, a word that tells whether it is the text's fault, the
  // others, and that text again.
  assert.deepEqual(sizes(w), [1, 1, 9, 1]);
  assert.equal(w.embedder.probes, 1);
  await checkStored(w, 'alpha', items);
});

for (const [form, value, atLeast] of [
  ['seconds', () => '1', 900],
  ['a date', () => new Date(Date.now() + 2500).toUTCString(), 1000],
]) {
  test(`Retry-After in ${form} is waited for`, async (t) => {
    const items = itemsOf(5);
    const w = await alpha(t, items);
    let first = true;
    w.embedder.script(() => {
      if (!first) return undefined;
      first = false;
      return faults.rateLimited(value());
    });
    await w.good();
    const [a, b] = w.embedder.requests;
    assert.ok(b.at - a.at >= atLeast, `after ${b.at - a.at} ms`);
    await checkStored(w, 'alpha', items);
  });
}

/* ---- failures that may pass ---- */

const always = {
  'HTTP 500': faults.status(500, 'NaN'),
  'HTTP 503': faults.status(503, 'down'),
  'a reset': faults.reset(),
};
for (const [what, fault] of Object.entries(always)) {
  test(`one text that always fails (${what}) is set aside`, async (t) => {
    const items = itemsOf(120);
    const w = await alpha(t, items, { env: { BATCH_SYNC_LIMIT: '60' } });
    w.embedder.script(({ inputs }) => inputs.some((text) =>
      text.includes('item-00030')) ? fault : undefined);
    const { code, result } = await w.sync();
    assert.equal(code, 1);
    assert.deepEqual(countsOf(result), { totalItems: 120, totalPages: 3,
      embedded: 119, unchanged: 0, stored: 119, failed: 1 });
    await checkStored(w, 'alpha', items.filter((_, i) => i !== 29));
    const [letter, ...others] = await letters(w);
    assert.deepEqual(others, []);
    assert.equal(letter.content_id, 'item-00030');
    assert.ok([...w.embedder.seen.values()].every((n) => n === 1),
      'no text is paid for twice');
    w.embedder.script();
    w.embedder.reset();
    // Left alone for an hour, and tried again after that.
    assert.equal((await w.good()).services[0].knownFailures, 1);
    assert.equal(w.embedder.requests.length, 0);
    await w.db.rows('UPDATE batch_sync_dead_letters SET next_try = now()');
    assert.equal((await w.good()).services[0].embedded, 1);
    await checkStored(w, 'alpha', items);
  });
}

test('more texts that fail than one run may set aside', async (t) => {
  const items = itemsOf(120);
  const bad = new Set(items.filter((_, i) => i % 60 >= 10 && i % 60 < 22)
    .map(({ id }) => id));
  const w = await alpha(t, items, { env: { BATCH_SYNC_LIMIT: '60' } });
  w.embedder.script(({ inputs }) => inputs.some((text) =>
    [...bad].some((id) => text.includes(id)))
    ? faults.status(500, 'NaN') : undefined);
  const { code, result } = await w.sync();
  assert.equal(code, 75, JSON.stringify(result));
  assert.match(JSON.stringify(result.services), /the embedder is at fault/);
  assert.deepEqual(await letters(w), [], 'those of the first page are gone');
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1),
    'no text is paid for twice');
  w.embedder.script();
  const good = await w.good();
  assert.equal(good.services[0].failed, 0);
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1),
    'nor in the next run');
  await checkStored(w, 'alpha', items);
});

test('requests above a size that always fail: smaller ones', async (t) => {
  const items = itemsOf(300);
  const w = await alpha(t, items);
  w.embedder.script(({ inputs }) =>
    inputs.length > 20 ? faults.status(504, 'time-out') : undefined);
  await w.good();
  const failed = w.embedder.requests.filter((r) => r.status === 504);
  assert.ok(failed.length <= 30, `${failed.length} requests in vain`);
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
  await checkStored(w, 'alpha', items);
});

test('an embedder that is away for a while is waited for', async (t) => {
  const items = itemsOf(60);
  const w = await alpha(t, items, { env: { BATCH_SYNC_RETRY_BASE_MS: '10' } });
  const from = Date.now();
  w.embedder.script(() => Date.now() - from < 2000
    ? faults.status(503, 'loading') : undefined);
  await w.good();
  assert.deepEqual(await letters(w), []);
  assert.ok(w.embedder.requests.length < 40, `${w.embedder.requests.length}`);
  await checkStored(w, 'alpha', items);
});

test('an embedder that stays away ends the run: try later', async (t) => {
  const w = await world(t, { services: {
    first: pagesOf(itemsOf(20, 1, 'first')),
    second: pagesOf(itemsOf(20, 1, 'second')),
  }, env: { BATCH_SYNC_RETRY_BASE_MS: '1' } });
  w.embedder.script(faults.status(503, 'down'));
  const { result } = await w.sync();
  assert.match(errorsOf(result, 'first').join(),
    /^1: the embedder has embedded nothing for \d+ s: .*HTTP 503: down/);
  assert.match(errorsOf(result, 'second').join(), /^0: not begun: /);
  assert.deepEqual(await letters(w), []);
  w.embedder.script();
  await w.good();
});

/* ---- refusals ---- */

test('one poison among fifty: that one is a dead letter', async (t) => {
  const items = itemsOf(50);
  const w = await alpha(t, items);
  w.embedder.script(rejecting((text) => text.includes('item-00023'),
    'this text is not allowed'));
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.deepEqual(countsOf(result), { totalItems: 50, totalPages: 1,
    embedded: 49, unchanged: 0, stored: 49, failed: 1 });
  const most = 1 + 2 * Math.log2(50) + 2;
  assert.ok(w.embedder.requests.length <= most,
    `${w.embedder.requests.length} requests`);
  await checkStored(w, 'alpha', items.filter((_, i) => i !== 22));
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
  const [letter, ...others] = await letters(w);
  assert.deepEqual(others, []);
  assert.equal(letter.content_id, 'item-00023');
  assert.match(letter.reason, /this text is not allowed/);
});

test('several poisons in several chunks', async (t) => {
  const items = itemsOf(160);
  const bad = [1, 2, 50, 77, 160].map((n) => items[n - 1].id);
  const w = await alpha(t, items);
  w.embedder.script(rejecting((text) => bad.some((id) => text.includes(id))));
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.equal(result.services[0].failed, 5);
  await checkStored(w, 'alpha', items.filter(({ id }) => !bad.includes(id)));
  assert.deepEqual((await letters(w)).map((row) => row.content_id), bad);
});

test('an answer that is wrong for one text alone: its own fault', async (t) => {
  const items = itemsOf(20);
  const w = await alpha(t, items);
  w.embedder.script(({ inputs }) => {
    const at = inputs.findIndex((text) => text.includes('item-00007'));
    return at < 0 ? undefined : faults.zero(at);
  });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.equal(result.services[0].failed, 1);
  const [letter] = await letters(w);
  assert.equal(letter.content_id, 'item-00007');
  assert.match(letter.reason, /all zeroes/);
  await checkStored(w, 'alpha', items.filter((_, i) => i !== 6));
});

test('a text the provider finds too long is sent in halves', async (t) => {
  const items = itemsOf(4);
  items[2].body = 'Sentence after sentence. '.repeat(200);
  const w = await alpha(t, items,
    { embedder: { limits: { tokensPerInput: 600 } } });
  const result = await w.good();
  assert.equal(result.services[0].stored, 4);
  const rows = await w.db.vectors();
  const pieces = rows.filter((row) => row.contentId === items[2].id);
  assert.ok(pieces.length >= 3, `${pieces.length}`);
  assert.deepEqual(pieces.map((row) => row.chunkIndex), [...pieces.keys()]);
  checkVectors(rows);
  w.embedder.reset();
  assert.equal((await w.good()).services[0].unchanged, 4);
  assert.equal(w.embedder.requests.length, 0);
});

/** Two services of which the run must not get to the second. */
async function stopped(t, script, env) {
  const w = await world(t, { services: {
    first: pagesOf(itemsOf(120, 1, 'first')),
    second: pagesOf(itemsOf(10, 1, 'second')),
  }, env: { BATCH_SYNC_LIMIT: '60', ...env } });
  w.embedder.script(script);
  const outcome = await w.sync();
  assert.equal(outcome.code, 1);
  assert.equal(w.coordinator.callsTo('second').length, 0);
  assert.deepEqual(await letters(w), []);
  assert.equal(outcome.result.failedServices, 2);
  return Object.assign(w, outcome);
}

for (const [what, fault, words] of [
  ['401', faults.unauthorized(), /HTTP 401: Incorrect API key provided/],
  ['403', faults.forbidden(), /HTTP 403: Your project may not use this model/],
  ['a used-up quota', faults.insufficientQuota(),
    /HTTP 429: You exceeded your current quota/],
  ['404 of the model', faults.status(404, 'The model `x` does not exist',
    'model_not_found'), /HTTP 404.*The model `x` does not exist/],
]) {
  test(`the run stops: ${what}`, async (t) => {
    const w = await stopped(t, fault);
    assert.ok(w.embedder.requests.length <= 5, 'nothing is tried again');
    assert.match(errorsOf(w.result, 'first').join('|'), words);
    assert.match(errorsOf(w.result, 'second').join('|'),
      new RegExp(`^0: not begun: .*${words.source}`));
    assert.deepEqual(await w.db.vectors(), []);
    w.embedder.script();
    await w.good();
    assert.equal((await w.db.vectors()).length, 130);
  });
}

test('the run stops: every text is refused alike', async (t) => {
  const w = await stopped(t,
    faults.badRequest("'shape' is not supported by this model"));
  assert.match(errorsOf(w.result, 'first').join('|'),
    /every request is refused alike: .*'shape'/);
  assert.match(errorsOf(w.result, 'second').join('|'), /^0: not begun: /);
  assert.deepEqual(await w.db.vectors(), []);
  assert.deepEqual(sizes(w), [1, 1]);
});

test('the run stops: garbage from the start', async (t) => {
  const w = await stopped(t, faults.garbage());
  assert.match(errorsOf(w.result, 'first').join('|'),
    /a web page "502 Bad Gateway".*OPENAI_API_URL/);
  assert.deepEqual(sizes(w), [1]);
  w.embedder.script();
  assert.equal((await w.good()).totalItems, 130);
  assert.equal((await w.db.vectors()).length, 130);
});

test('a key that is revoked in mid-run: what was stored stays', async (t) => {
  const w = await stopped(t, ({ inputs }) => inputs.some((text) =>
    text.includes('first-00061')) ? faults.unauthorized() : undefined);
  // All but the chunk that had the revoked one in it, which is of two pages.
  const ids = (await w.db.vectors('first')).map((row) => row.contentId);
  const items = itemsOf(120, 1, 'first').map((item) => item.id);
  assert.deepEqual(ids.slice(0, 50), items.slice(0, 50));
  assert.ok(!ids.some((id) => items.slice(50, 100).includes(id)));
});

test('the secret is told to nobody', async (t) => {
  const secret = 'sk-very-secret-key-1234567890';
  const w = await alpha(t, itemsOf(3), { env: { OPENAI_API_KEY: secret,
    LOG_LEVEL: 'debug' } });
  w.embedder.script(faults.status(401,
    `Incorrect API key provided: ${secret}`, 'invalid_api_key'));
  const { stdout, stderr } = await w.sync();
  assert.ok(!stdout.includes(secret) && !stderr.includes(secret));
  assert.match(stdout, /Incorrect API key provided/);
});

/* ---- none at all ---- */

test('the builtin provider: no requests, the same vectors again', async (t) => {
  const items = itemsOf(120);
  const env = { EMBEDDING_PROVIDER: 'builtin', OPENAI_API_URL: undefined };
  const w = await alpha(t, items, { env });
  const result = await w.good();
  assert.equal(result.services[0].embedded, 120);
  assert.equal(w.embedder.requests.length, 0);
  const rows = await w.db.vectors();
  assert.equal(rows.length, 120);
  for (const { vector } of rows) {
    assert.equal(vector.length, 1536);
    const norm = vector.reduce((sum, x) => sum + x * x, 0);
    assert.ok(Math.abs(norm - 1) < 1e-4, `norm ${norm}`);
  }
  assert.equal((await w.good()).services[0].unchanged, 120);
  await w.db.rows('UPDATE vector_embeddings SET embed_hash = null');
  assert.equal((await w.good()).services[0].embedded, 120);
  assert.deepEqual((await w.db.vectors()).map((row) => row.vector),
    rows.map((row) => row.vector));
  // Another provider means other vectors.
  const other = await w.good({ env: { EMBEDDING_PROVIDER: 'openai',
    OPENAI_API_URL: w.embedder.url } });
  assert.equal(other.services[0].embedded, 120);
  await checkStored(w, 'alpha', items);
});

test('more dimensions than an index can have', async (t) => {
  const items = itemsOf(4);
  const w = await alpha(t, items, { env: { EMBEDDING_DIMENSIONS: '3072' } });
  const outcome = await w.sync();
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stderr, /3072 dimensions exceed/);
  const [row] = await checkStored(w, 'alpha', items);
  assert.equal(row.vector.length, 3072);
  assert.deepEqual(row.vector, vectorOf(row.text, 3072));
});

test('an overloaded provider is not overrun', async (t) => {
  const items = itemsOf(150);
  const w = await alpha(t, items, { embedder: { latencyMs: 20,
    maxInFlight: 2 }, env: { BATCH_SYNC_CHUNK_SIZE: '10',
    BATCH_SYNC_RETRY_BASE_MS: '40', BATCH_SYNC_TRIES: '12' } });
  await w.good();
  await checkStored(w, 'alpha', items);
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
});
