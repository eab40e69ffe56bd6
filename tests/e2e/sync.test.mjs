// A sync as a whole: what is stored, what is left alone, what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { render } from './render-oracle/oracle.mjs';
import { checkStored, checkVectors, countsOf, errorsOf, itemsOf, pagesOf,
  schemaOf, shapes, TENANT, world } from './support/world.mjs';

/** For schemas without a name and a link. */
const bare = { title_field: undefined, url_field: undefined };

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A world with the service `alpha`, which serves what `items` holds. */
async function alpha(t, items, options = {}) {
  const served = { items };
  const w = await world(t, {
    services: { alpha: pagesOf(() => served.items, shapes.dataItems) },
    ...options,
  });
  return Object.assign(w, { served });
}

const letters = (w) => w.db.rows(`
  SELECT tenant_id, service, content_id, reason, payload, model, times,
         resolved_at, length(digest) AS digest
    FROM batch_sync_dead_letters ORDER BY content_id, payload`);

test('a service as a whole', async (t) => {
  const items = itemsOf(120);
  const w = await alpha(t, items, { env: { BATCH_SYNC_LIMIT: '50' } });
  const result = await w.good();
  assert.deepEqual(countsOf(result), { totalItems: 120, totalPages: 3,
    embedded: 120, unchanged: 0, stored: 120, failed: 0 });
  const { totalItems, totalErrors, successfulServices, failedServices } =
    result;
  assert.deepEqual({ totalItems, totalErrors, successfulServices,
    failedServices }, { totalItems: 120, totalErrors: 0,
    successfulServices: 1, failedServices: 0 });
  assert.deepEqual(result.services[0].errors, []);
  assert.ok(result.duration_ms > 0);

  const rows = await checkStored(w, 'alpha', items);
  const schema = schemaOf('alpha');
  rows.forEach((row, i) => {
    const item = items[i];
    assert.equal(row.text, render(schema, item).content_text);
    assert.equal(row.chunkIndex, 0);
    const { _stored_at: storedAt, ...metadata } = row.metadata;
    assert.match(storedAt, ISO);
    assert.ok(Math.abs(Date.parse(storedAt) - Date.now()) < 120_000);
    assert.deepEqual(metadata, { ...item, seen: '2025-12-18T14:30:00.000Z',
      title: item.name, url: item.link,
      _schema_version: '2.1.0', _source_service: 'alpha' });
  });
  assert.equal(rows[0].text, 'id: item-00001\n\nname: Name 1 of item\n\n'
    + 'Text: Body 1 of item, lorem ends.\n\n'
    + 'link: https://example.org/item/1\n\nrank: 1\n\n'
    + 'Seen: 12/18/2025\n\ntags:\n  1. a\n  2. t1');
  assert.deepEqual(w.embedder.violations, []);
  assert.equal(w.embedder.embedded, 120);
});

test('tenant, microservice, hashes and times of the rows', async (t) => {
  const w = await alpha(t, itemsOf(3));
  await w.good();
  const [tenant] = await w.db.rows('SELECT * FROM tenants');
  assert.equal(tenant.id, TENANT);
  const [service, ...others] = await w.db.rows('SELECT * FROM microservices');
  assert.deepEqual(others, []);
  assert.equal(service.tenant_id, TENANT);
  assert.equal(service.name, 'alpha');
  assert.equal(service.service_id, `alpha-${TENANT}`);
  assert.equal(service.display_name, 'Alpha');
  assert.equal(service.description, 'What alpha knows');
  assert.equal(service.is_active, true);
  const rows = await w.db.rows(`SELECT *,
      updated_at - (now() AT TIME ZONE 'UTC') < interval '2 minutes' AS fresh,
      now() AT TIME ZONE 'UTC' - updated_at < interval '2 minutes' AS recent
    FROM vector_embeddings`);
  for (const row of rows) {
    assert.equal(row.tenant_id, TENANT);
    assert.equal(row.microservice_id, service.id);
    assert.equal(row.content_type, 'microservice_data');
    assert.equal(row.embed_hash.length, 32);
    assert.equal(row.row_hash.length, 32);
    assert.ok(row.fresh && row.recent);
  }
  for (const hash of ['embed_hash', 'row_hash']) {
    assert.equal(new Set(rows.map((row) => row[hash].toString('hex'))).size, 3);
  }
});

test('names and descriptions where the schema is silent', async (t) => {
  const schema = schemaOf('devlab_big-service');
  delete schema.description;
  delete schema.version;
  delete schema.title_field;
  delete schema.url_field;
  const w = await world(t, { schemas: [schema],
    services: { 'devlab_big-service': pagesOf(itemsOf(1)) } });
  await w.good();
  const [service] = await w.db.rows('SELECT * FROM microservices');
  assert.equal(service.display_name, 'Devlab Big Service');
  assert.equal(service.description, 'Data from devlab_big-service');
  const [{ metadata }] = await w.db.vectors();
  assert.equal(metadata._schema_version, '1.0.0');
  assert.ok(!('title' in metadata) && !('url' in metadata));
});

test('a second sync embeds nothing and writes nothing', async (t) => {
  const w = await alpha(t, itemsOf(230), { env: { BATCH_SYNC_LIMIT: '100' } });
  await w.good();
  const before = await w.versions();
  w.embedder.reset();
  const result = await w.good();
  assert.deepEqual(countsOf(result), { totalItems: 230, totalPages: 3,
    embedded: 0, unchanged: 230, stored: 0, failed: 0 });
  assert.equal(w.embedder.requests.length, 0);
  assert.deepEqual(await w.versions(), before);
});

test('only what has changed is embedded and written', async (t) => {
  const items = itemsOf(60);
  const w = await alpha(t, items);
  await w.good();
  const before = await w.db.rows('SELECT * FROM vector_embeddings');
  const versions = await w.versions();
  w.embedder.reset();
  w.served.items = items.map((item, i) =>
    i === 10 || i === 55 ? { ...item, body: 'Something else' } : item);
  const result = await w.good();
  assert.deepEqual(countsOf(result), { totalItems: 60, totalPages: 1,
    embedded: 2, unchanged: 58, stored: 2, failed: 0 });
  assert.equal(w.embedder.embedded, 2);
  await checkStored(w, 'alpha', items);
  const after = new Map((await w.versions()).map((row) => [row.id, row]));
  const changed = versions.filter((row) => after.get(row.id).xmin !== row.xmin);
  const idOf = new Map(before.map((row) => [row.id, row.content_id]));
  assert.deepEqual(changed.map((row) => idOf.get(row.id)).sort(),
    [items[10].id, items[55].id]);
});

test('metadata alone: the row is written, nothing is embedded', async (t) => {
  // 0 is left out of the text, and so is null: only the metadata differs.
  const items = itemsOf(20).map((item) => ({ ...item, rank: 0 }));
  const w = await alpha(t, items);
  await w.good();
  const [before] = await w.db.rows(`SELECT *, embedding::text AS vector
    FROM vector_embeddings WHERE content_id = $1`, [items[4].id]);
  w.embedder.reset();
  w.served.items = items.map((item, i) =>
    i === 4 ? { ...item, rank: null } : item);
  const result = await w.good();
  assert.deepEqual(countsOf(result), { totalItems: 20, totalPages: 1,
    embedded: 0, unchanged: 19, stored: 1, failed: 0 });
  assert.equal(w.embedder.requests.length, 0);
  const [after] = await w.db.rows(`SELECT *, embedding::text AS vector
    FROM vector_embeddings WHERE content_id = $1`, [items[4].id]);
  assert.equal(after.metadata.rank, null);
  assert.equal(after.id, before.id);
  assert.equal(after.vector, before.vector);
  assert.equal(after.content_text, before.content_text);
  assert.deepEqual(after.embed_hash, before.embed_hash);
  assert.notDeepEqual(after.row_hash, before.row_hash);
  assert.equal((await w.good()).services[0].unchanged, 20);
});

test('another schema version: rows are written, not embedded', async (t) => {
  const w = await alpha(t, itemsOf(5));
  await w.good();
  w.embedder.reset();
  w.setSchema(schemaOf('alpha', { version: '3.0.0' }));
  const result = await w.good();
  assert.equal(result.services[0].stored, 5);
  assert.equal(w.embedder.requests.length, 0);
  const rows = await w.db.vectors();
  assert.ok(rows.every((row) => row.metadata._schema_version === '3.0.0'));
});

test('another model: it is said first, then everything is embedded again',
  async (t) => {
    const w = await alpha(t, itemsOf(5));
    const notes = ({ logs }) => logs.filter(({ level }) => level === 'warn')
      .map(({ message }) => message).filter((m) => /^the model/.test(m));
    const first = await w.sync();
    assert.deepEqual(notes(first), []);
    const note = 'the model has changed from text-embedding-3-small (openai, '
      + '1536) to other-model (openai, 1536): up to 5 items will be embedded '
      + 'again';
    // Before it costs anything: the embedder has not been asked yet.
    const asked = w.embedder.requests.length;
    w.coordinator.script('alpha', { hang: true });
    const env = { EMBEDDING_MODEL: 'other-model' };
    const sync = w.begin({ env });
    await sync.until(() => w.coordinator.calls.length > 1, 'a page');
    sync.kill('SIGTERM');
    assert.deepEqual(notes(await sync.exit()), [note]);
    assert.equal(w.embedder.requests.length, asked);
    w.coordinator.script('alpha', pagesOf(itemsOf(5)));

    const people = await w.run(['sync'], env);
    assert.equal(people.code, 0);
    assert.equal(people.stdout.split('\n')[0], `alpha: ${note}`);
    assert.equal(w.embedder.requests.at(-1).model, 'other-model');
    assert.equal([...w.embedder.seen.values()].every((n) => n === 2), true);
    // Once: the last run that stored has this model.
    const second = await w.sync({ env });
    assert.deepEqual(notes(second), []);
    assert.equal(second.result.services[0].unchanged, 5);
    assert.match(notes(await w.sync()).join(), /^the model .* to text-embed/);
  });

test('another model, incrementally: everything is read and embedded again',
  async (t) => {
    const w = await alpha(t, itemsOf(5));
    const since = () => w.coordinator.calls.at(-1).metadata.since;
    const args = ['sync', '--json', '--incremental'];
    await w.good();
    await w.run(args);
    assert.match(since(), /^\d{4}-/);
    const env = { EMBEDDING_MODEL: 'other-model' };
    const { stderr } = await w.run(args, env);
    assert.match(stderr, /up to 5 items will be embedded again/);
    assert.equal(since(), undefined);
    assert.equal([...w.embedder.seen.values()].every((n) => n === 2), true);
    await w.run(args, env);
    assert.match(since(), /^\d{4}-/);
  });

test('another model, rows of another program: nothing to compare with',
  async (t) => {
    const w = await alpha(t, itemsOf(5));
    await w.good();
    await w.db.script('TRUNCATE batch_sync_runs CASCADE');
    const { logs, result } = await w.sync({
      env: { EMBEDDING_MODEL: 'other-model' } });
    assert.equal(result.services[0].embedded, 5);
    assert.ok(!logs.some(({ message }) => /the model has/.test(message)));
  });

const long = (paragraphs) => Array.from({ length: paragraphs }, (_, i) =>
  `Paragraph ${i} has its own words.`).join('\n\n');

test('a long text is stored in pieces; a shorter one drops the rest',
  async (t) => {
    const env = { EMBEDDING_MAX_TOKENS: '40' };
    const item = { ...itemsOf(1)[0], body: long(30) };
    const others = itemsOf(2, 2);
    const w = await alpha(t, [item, ...others], { env });
    let result = await w.good();
    assert.deepEqual(countsOf(result), { totalItems: 3, totalPages: 1,
      embedded: 3, unchanged: 0, stored: 3, failed: 0 });
    const pieces = async () =>
      (await w.db.vectors()).filter((row) => row.contentId === item.id);
    let rows = await pieces();
    assert.ok(rows.length >= 8, `${rows.length} pieces`);
    assert.deepEqual(rows.map((row) => row.chunkIndex), [...rows.keys()]);
    assert.equal(rows.map((row) => row.text).join(''),
      render(schemaOf('alpha'), item).content_text);
    checkVectors(rows);
    w.embedder.reset();
    assert.equal((await w.good()).services[0].unchanged, 3);
    assert.equal(w.embedder.requests.length, 0);

    w.served.items = [{ ...item, body: long(4) }, ...others];
    result = await w.good();
    assert.equal(result.services[0].stored, 1);
    const fewer = await pieces();
    assert.ok(fewer.length > 1 && fewer.length < rows.length);
    assert.equal(fewer.map((row) => row.text).join(''),
      render(schemaOf('alpha'), w.served.items[0]).content_text);
    checkVectors(fewer);

    w.served.items = [{ id: item.id, body: 'Short.' }, ...others];
    await w.good();
    rows = await pieces();
    assert.deepEqual(rows.map((row) => row.text),
      [`id: ${item.id}\n\nText: Short.`]);
    w.embedder.reset();
    assert.equal((await w.good()).services[0].unchanged, 3);
  });

test('a piece that is missing is put back', async (t) => {
  const item = { ...itemsOf(1)[0], body: long(30) };
  const w = await alpha(t, [item], { env: { EMBEDDING_MAX_TOKENS: '40' } });
  await w.good();
  const count = 'SELECT count(*)::int FROM vector_embeddings';
  const n = await w.db.value(count);
  await w.db.rows('DELETE FROM vector_embeddings WHERE chunk_index = 3');
  assert.equal((await w.good()).services[0].stored, 1);
  assert.equal(await w.db.value(count), n);
});

test('two items of one id: the later one wins, and it is counted',
  async (t) => {
    const [a, b, c] = itemsOf(3);
    const w = await alpha(t,
      [a, b, { ...a, body: 'The second' }, c, { ...a, body: 'The last' }]);
    const result = await w.good();
    assert.deepEqual(countsOf(result), { totalItems: 5, totalPages: 1,
      embedded: 3, unchanged: 0, stored: 3, failed: 0 });
    assert.equal(result.services[0].collisions, 2);
    assert.equal(result.collisions, 2);
    const rows = await checkStored(w, 'alpha', [a, b, c]);
    assert.match(rows[0].text, /The last/);
    assert.doesNotMatch(rows[0].text, /second/);
    const again = await w.good();
    assert.equal(again.services[0].unchanged, 3);
    assert.equal(again.services[0].collisions, 2);
    const [warning] = again.services[0].warnings;
    assert.match(warning, /^the id is not unique: 2 of 5 items.*id_fields/);
    const { code, stdout } = await w.run(['check']);
    assert.equal(code, 0, stdout);
    assert.ok(stdout.includes(`alpha: ${warning}`), stdout);

    // One in a hundred is still a chance.
    const many = itemsOf(99);
    w.coordinator.script('alpha', pagesOf([...many, many[0]]));
    const few = await w.good();
    assert.equal(few.services[0].collisions, 1);
    assert.equal(few.services[0].warnings, undefined);
    assert.doesNotMatch((await w.run(['check'])).stdout, /not unique/);
  });

test('an id that two pages have: the later page wins', async (t) => {
  const items = itemsOf(40);
  const changed = { ...items[3], body: 'From the second page' };
  const w = await alpha(t, [...items.slice(0, 20), ...items.slice(20, 39),
    changed], { env: { BATCH_SYNC_LIMIT: '20', BATCH_SYNC_CHUNK_SIZE: '5' } });
  for (let round = 0; round < 2; round++) {
    await w.good();
    const rows = await checkStored(w, 'alpha', items.slice(0, 39));
    assert.match(rows[3].text, /From the second page/);
  }
});

test('items that cannot be stored are dead letters', async (t) => {
  const [good, other] = itemsOf(2);
  const bad = [
    { ...good, id: null, body: 'no id 1' },
    { ...good, id: '', body: 'no id 2' },
    { ...good, id: { a: 1 }, body: 'no id 3' },
    { ...good, id: [1], body: 'no id 4' },
    { name: 'no id 5' },
    { ...good, id: 'x'.repeat(1001) },
    7, 'text', null, ['list'],
  ];
  const w = await alpha(t, [good, ...bad, other]);
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.equal(result.success, false);
  assert.deepEqual(countsOf(result), { totalItems: 12, totalPages: 1,
    embedded: 2, unchanged: 0, stored: 2, failed: 10 });
  assert.equal(result.failedServices, 1);
  assert.equal(result.services[0].knownFailures, 0);
  assert.match(errorsOf(result)[0], /^1: 10 of 12 items .*dead letters/);
  await checkStored(w, 'alpha', [good, other]);

  const rows = await letters(w);
  const reasons = {};
  for (const row of rows) {
    reasons[row.reason] = (reasons[row.reason] ?? 0) + 1;
    assert.equal(row.tenant_id, TENANT);
    assert.equal(row.service, 'alpha');
    assert.equal(row.digest, 32);
    assert.equal(row.times, 1);
    assert.equal(row.resolved_at, null);
  }
  assert.deepEqual(reasons, { 'no content id': 5, 'not an object': 4,
    'content id longer than 1000 bytes': 1 });
  assert.ok(rows.some((row) => row.payload === '7'));
  assert.ok(rows.some((row) =>
    row.payload === JSON.stringify(bad[0])), 'the payload as it came');

  // Known and unchanged, they no longer fail the run.
  const again = await w.good();
  assert.deepEqual(countsOf(again), { totalItems: 12, totalPages: 1,
    embedded: 0, unchanged: 2, stored: 0, failed: 10 });
  assert.equal(again.services[0].knownFailures, 10);
  assert.ok((await letters(w)).every((row) => row.times === 2));
});

test('an item without any text is a dead letter', async (t) => {
  // 0 is an id, and left out of the text.
  const schema = schemaOf('alpha', {
    data_structure: { n: 'integer', body: 'text' }, ...bare });
  const w = await alpha(t, [{ n: 0, body: '' }, { n: 1, body: 'one' }],
    { schemas: [schema] });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.equal(result.services[0].failed, 1);
  const [letter] = await letters(w);
  assert.equal(letter.reason, 'empty text');
  assert.equal(letter.content_id, '0');
  assert.equal(w.embedder.embedded, 1);
  assert.deepEqual(w.embedder.violations, []);
});

test('a dead letter is resolved when its id is stored', async (t) => {
  const schema = schemaOf('alpha', {
    data_structure: { n: 'integer', body: 'text' }, ...bare });
  const w = await alpha(t, [{ n: 0, body: '' }, { n: 1, body: 'one' }],
    { schemas: [schema] });
  await w.sync();
  w.served.items = [{ n: 0, body: 'mended' }, { n: 1, body: 'one' }];
  await w.good();
  const [letter] = await letters(w);
  assert.notEqual(letter.resolved_at, null);
});

test('a large dead letter is cut at 64 KiB', async (t) => {
  const w = await alpha(t, [{ id: '', body: 'שלום'.repeat(20_000) }]);
  await w.sync();
  const [{ payload }] = await letters(w);
  const size = Buffer.byteLength(payload);
  assert.ok(size <= 65_536 && size > 65_530, `${size} bytes`);
  assert.ok(!payload.includes('\ufffd'));
});

test('NUL and lone surrogates', async (t) => {
  const items = [
    { id: 'a\0b', name: 'N\0U\0L', body: 'x', tags: ['\0'] },
    { id: 'low', name: 'half \udc00 pair', body: '\ud800' },
    { id: 'pair', name: '😀 whole', body: 'שלום' },
  ];
  const w = await world(t, { services: { alpha: () => ({
    envelope: JSON.stringify({ data: items }) }) } });
  const result = await w.good();
  assert.equal(result.services[0].nulsDropped, 4);
  assert.equal(result.nulsDropped, 4);
  const rows = await w.db.vectors();
  assert.deepEqual(rows.map((row) => row.contentId), ['ab', 'low', 'pair']);
  assert.equal(rows[0].metadata.name, 'NUL');
  assert.deepEqual(rows[0].metadata.tags, ['']);
  assert.equal(rows[1].metadata.name, 'half \ufffd pair');
  assert.equal(rows[1].metadata.body, '\ufffd');
  assert.equal(rows[2].metadata.name, '😀 whole');
  const schema = schemaOf('alpha');
  assert.deepEqual(rows.map((row) => row.text),
    items.map((item) => render(schema, item).content_text));
  checkVectors(rows);
  assert.equal((await w.good()).services[0].unchanged, 3);
});

test('big integers keep their digits in the id', async (t) => {
  const schema = schemaOf('alpha', {
    data_structure: { id: 'integer', body: 'text' }, ...bare });
  const w = await world(t, { schemas: [schema], services: { alpha: () => ({
    envelope: '{"data":[{"id":9007199254740993,"body":"a"},'
      + '{"id":9007199254740992,"body":"b"},'
      + '{"id":123456789012345678901234567890,"body":"c"},'
      + '{"id":1.5,"body":"d"},{"id":"007","body":"e"},'
      + '{"id":true,"body":"f"}]}' }) } });
  await w.good();
  const rows = await w.db.vectors();
  assert.deepEqual(rows.map((row) => row.contentId), ['007', '1.5',
    '123456789012345678901234567890', '9007199254740992', '9007199254740993',
    'true']);
  assert.match(rows[4].text, /^id: 9007199254740992\n/);
  assert.match(rows[2].text, /^id: 1\.2345678901234568e\+29\n/);
  const metadata = await w.db.value(`SELECT metadata->>'id'
    FROM vector_embeddings WHERE content_id = '9007199254740993'`);
  assert.ok(['9007199254740992', '9007199254740993'].includes(metadata));
  assert.equal((await w.good()).services[0].unchanged, 6);
});

test('ids of several fields; ids of 1,000 bytes', async (t) => {
  const schema = schemaOf('alpha', {
    data_structure: { body: 'text', org: 'string', month: 'integer' },
    id_fields: ['org', 'month'], ...bare });
  const org = 'ש'.repeat(499);
  const w = await alpha(t, [{ body: 'one', org: 'a:b', month: 1 },
    { body: 'two', org, month: 7 }, { body: 'three', org: 'x' }],
  { schemas: [schema] });
  const { result } = await w.sync();
  assert.equal(result.services[0].stored, 2);
  assert.equal(result.services[0].failed, 1);
  const rows = await w.db.vectors();
  assert.deepEqual(rows.map((row) => row.contentId), ['a:b:1', `${org}:7`]);
  assert.equal(Buffer.byteLength(rows[1].contentId), 1000);
});

test('metadata: fields of the schema alone, nested ones parsed', async (t) => {
  const schema = schemaOf('alpha', { data_structure: { id: 'string',
    title: 'string', when: 'datetime', bad: 'datetime', epoch: 'datetime',
    meta: 'object', list: 'array', broken: 'object', url: 'string',
    'dotted.name': 'string', n: 'number' },
  title_field: 'id', url_field: 'id' });
  const item = { id: 'a', title: 'own title', when: '2025-12-18', epoch: 0,
    bad: 'yesterday', meta: '{"b":[1,{"c":null}]}', list: '[1,"2"]',
    broken: '{not json', extra: 'dropped', 'dotted.name': 'literal', n: 1e21 };
  const w = await alpha(t, [item], { schemas: [schema] });
  await w.good();
  const [{ metadata, text }] = await w.db.vectors();
  delete metadata._stored_at;
  assert.deepEqual(metadata, { id: 'a', title: 'own title',
    when: '2025-12-18T00:00:00.000Z', epoch: '1970-01-01T00:00:00.000Z',
    bad: null, meta: { b: [1, { c: null }] }, list: [1, '2'],
    broken: '{not json', url: null, 'dotted.name': 'literal', n: 1e21,
    _schema_version: '2.1.0', _source_service: 'alpha' });
  assert.equal(text, render(schema, item).content_text);
  assert.match(text, /bad: Invalid Date/);
});

test('services are isolated: one fails, the others are done', async (t) => {
  const items = (prefix) => itemsOf(12, 1, prefix);
  const w = await world(t, { services: {
    one: pagesOf(items('one')),
    two: { grpcCode: 'PERMISSION_DENIED', details: 'not for you' },
    three: pagesOf(items('three'), shapes.wrappedItems),
  } });
  const { code, result, logs } = await w.sync();
  assert.equal(code, 1);
  assert.equal(result.success, false);
  assert.deepEqual(result.services.map((s) => [s.service, s.success]),
    [['one', true], ['two', false], ['three', true]]);
  const { totalItems, totalErrors, successfulServices, failedServices } =
    result;
  assert.deepEqual({ totalItems, totalErrors, successfulServices,
    failedServices }, { totalItems: 24, totalErrors: 1,
    successfulServices: 2, failedServices: 1 });
  assert.match(errorsOf(result, 'two')[0], /^1: .*not for you/);
  await checkStored(w, 'one', items('one'));
  await checkStored(w, 'three', items('three'));
  const line = logs.find((entry) => entry.service === 'two'
    && entry.level === 'error');
  assert.match(line.message, /not for you/);
  assert.equal(line.page, 1);
  assert.ok(line.run.length > 0);
  const runs = await w.db.rows('SELECT * FROM batch_sync_runs');
  assert.deepEqual(runs.map((run) => [run.status, run.services, run.source]),
    [['partial', ['one', 'two', 'three'], 'env']]);
  const services = await w.db.rows(`SELECT service, status
    FROM batch_sync_service_runs ORDER BY position`);
  assert.deepEqual(services.map((row) => [row.service, row.status]),
    [['one', 'success'], ['two', 'failed'], ['three', 'success']]);
});

test('pages before the one that fails stay', async (t) => {
  const items = itemsOf(30);
  const serve = pagesOf(items);
  const w = await world(t, { env: { BATCH_SYNC_LIMIT: '10' },
    services: { alpha: (context) => context.page === 3
      ? { grpcCode: 'NOT_FOUND', details: 'page 3 is gone' }
      : serve(context) } });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.deepEqual(countsOf(result), { totalItems: 20, totalPages: 2,
    embedded: 20, unchanged: 0, stored: 20, failed: 0 });
  assert.match(errorsOf(result)[0], /^3: .*page 3 is gone/);
  await checkStored(w, 'alpha', items.slice(0, 20));
});

test('a service without a schema fails before its first call', async (t) => {
  const w = await world(t, { schemas: [schemaOf('alpha')], services: {
    nobody: pagesOf(itemsOf(3)), alpha: pagesOf(itemsOf(3)) } });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.deepEqual(errorsOf(result, 'nobody'),
    ['0: no schema for service nobody']);
  assert.equal(w.coordinator.callsTo('nobody').length, 0);
  assert.equal(result.services[1].success, true);
});

test('the schema is found by name, alias, file, or is the default',
  async (t) => {
    const named = schemaOf('alpha-backend', { aliases: ['alpha-other'] });
    const w = await world(t, { schemas: [], services: {
      'alpha-other': pagesOf(itemsOf(1, 1, 'other')),
      'beta-service': pagesOf(itemsOf(1, 1, 'beta')),
      stranger: pagesOf(itemsOf(1, 1, 'stranger')),
    } });
    w.setSchema(named, 'alpha');
    w.setSchema(schemaOf('beta-backend'), 'beta-service');
    w.setSchema(schemaOf('anything'), '_default');
    await w.good();
    const rows = await w.db.vectors();
    assert.deepEqual(rows.map((row) => [row.contentId,
      row.metadata._source_service]), [['beta-00001', 'beta-backend'],
      ['other-00001', 'alpha-backend'], ['stranger-00001', 'stranger']]);
    assert.deepEqual(w.coordinator.calls.map((call) => call.service),
      ['alpha-other', 'beta-service', 'stranger']);
    const history = await w.db.rows(`SELECT service
      FROM batch_sync_service_runs ORDER BY position`);
    assert.deepEqual(history.map((row) => row.service),
      ['alpha-other', 'beta-service', 'stranger']);
  });

/** Which services a sync asked, and where their names came from. */
async function asked(t, env, scripts) {
  const names = ['alpha', 'beta', 'managementreporting-service'];
  const w = await world(t, { schemas: names.map((name) => schemaOf(name)),
    env: { BATCH_SYNC_FALLBACK_SERVICES: 'beta, managementreporting-service' }
  });
  for (const name of names) w.coordinator.script(name, shapes.dataItems([]));
  if (scripts) scripts(w.coordinator);
  const http = { COORDINATOR_HTTP_URL: w.coordinator.httpUrl };
  await w.good({ env: { ...http, ...env } });
  return {
    names: w.coordinator.calls.map((call) => call.service),
    source: await w.db.value('SELECT source FROM batch_sync_runs'),
    paths: w.coordinator.httpCalls.map((call) => call.path),
  };
}

test('services: from the environment', async (t) => {
  assert.deepEqual(await asked(t, { BATCH_SYNC_SERVICES: ' beta,, alpha ,' }),
    { names: ['beta', 'alpha'], source: 'env', paths: [] });
});

test('services: from the coordinator, without its own asker', async (t) => {
  assert.deepEqual(await asked(t, {}, (coordinator) =>
    coordinator.http('/services/list', { body: { success: true,
      services: ['RAG', 'alpha', 'Rag-Service', 'beta', 'rag'] } })),
  { names: ['alpha', 'beta'], source: 'coordinator',
    paths: ['/services/list'] });
});

test('services: from the older list where the newer one is missing',
  async (t) => {
    assert.deepEqual(await asked(t, {}, (coordinator) => coordinator
      .http('/services/list', { status: 404, body: {} })
      .http('/services', { body: { success: true, services: [
        { serviceName: 'rag-service' }, { serviceName: 'beta' }] } })),
    { names: ['beta'], source: 'coordinator',
      paths: ['/services/list', '/services'] });
  });

for (const [what, list] of [
  ['is empty', { body: { success: true, services: ['rag'] } }],
  ['fails', { status: 500, body: 'no' }],
  ['is garbage', { body: '<html>' }],
  ['says no success', { body: { success: false, services: ['alpha'] } }],
  ['is cut off', { wire: 'reset' }],
]) {
  test(`services: the fallback when the list ${what}`, async (t) => {
    assert.deepEqual(await asked(t, {}, (coordinator) =>
      coordinator.http('/services/list', list)),
    { names: ['beta', 'managementreporting-service'], source: 'fallback',
      paths: ['/services/list'] });
  });
}

test('services: those named on the command line', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(2)),
    beta: pagesOf(itemsOf(2, 1, 'beta')) } });
  const result = await w.good({ args: ['--service', 'beta',
    '--service=beta'] });
  assert.deepEqual(result.services.map((s) => s.service), ['beta']);
  assert.equal(w.coordinator.callsTo('alpha').length, 0);
  assert.equal(await w.db.value('SELECT source FROM batch_sync_runs'),
    'request');
});

test('tenants do not see each other', async (t) => {
  const w = await alpha(t, itemsOf(4));
  await w.good();
  const versions = await w.versions();
  const result = await w.good({ env: { DEFAULT_TENANT_ID: 'tenant-8' } });
  assert.equal(result.services[0].stored, 4);
  assert.deepEqual((await w.versions()).filter((row) =>
    versions.some(({ id }) => id === row.id)), versions);
  const rows = await w.db.rows(`SELECT tenant_id, count(*)::int AS n
    FROM vector_embeddings GROUP BY 1 ORDER BY 1`);
  assert.deepEqual(rows, [{ tenant_id: TENANT, n: 4 },
    { tenant_id: 'tenant-8', n: 4 }]);
  assert.equal(w.coordinator.calls.at(-1).request.tenant_id, 'tenant-8');
});

test('rows of other writers are left alone', async (t) => {
  const w = await alpha(t, itemsOf(3));
  await w.good();
  await w.db.script(`INSERT INTO vector_embeddings (id, tenant_id, content_id,
      content_type, content_text, updated_at)
    SELECT 'other-' || i, '${TENANT}', 'item-00001', 'document', 'mine', now()
      FROM generate_series(1, 2) i`);
  w.served.items = itemsOf(3).map((item) => ({ ...item, body: 'new' }));
  await w.good();
  const rows = await w.db.rows(`SELECT id, content_text FROM vector_embeddings
    WHERE content_type = 'document' ORDER BY id`);
  assert.deepEqual(rows, [{ id: 'other-1', content_text: 'mine' },
    { id: 'other-2', content_text: 'mine' }]);
});

test('a second run meanwhile is told to come later', async (t) => {
  const w = await alpha(t, itemsOf(3),
    { embedder: { latencyMs: 1500 } });
  const first = w.begin();
  await first.until(() => w.embedder.requests.length > 0, 'its first request');
  const { code, result } = await w.sync();
  assert.equal(code, 75);
  assert.deepEqual(result, { success: false, reason: 'already_running' });
  const { code: firstCode } = await first.exit(60_000);
  assert.equal(firstCode, 0);
});

test('a database that breaks off is connected to again', async (t) => {
  const items = itemsOf(100);
  const w = await alpha(t, items, { embedder: { latencyMs: 200 },
    env: { BATCH_SYNC_LIMIT: '20', BATCH_SYNC_CHUNK_SIZE: '10',
      BATCH_SYNC_RETRY_BASE_MS: '50' } });
  const program = w.begin();
  await program.until(() => w.embedder.requests.length > 3, 'some requests');
  await w.db.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND application_name = 'batchsync'`);
  const { code, stderr, stdout } = await program.exit(60_000);
  assert.equal(code, 0, stderr + stdout);
  await checkStored(w, 'alpha', items);
});

test('the summary for people', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1200)),
    beta: { grpcCode: 'NOT_FOUND', details: 'who?' } } });
  const { code, stdout, stderr } = await w.run(['sync']);
  assert.equal(code, 1);
  assert.match(stdout, /^partial: 1,200 items in /m);
  assert.match(stdout, /alpha +1,200 +1,200 +0 +0 +1,200/);
  assert.match(stdout, /beta .*FAILED/);
  assert.match(stdout, /page 1: .*who\?/);
  assert.doesNotMatch(stdout, /\{|\x1b/);
  assert.doesNotMatch(stderr, /\x1b|\r/);
});
