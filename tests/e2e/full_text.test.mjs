// Searches by words, beside those by vectors: what they find, in which
// language, through which index, and what they say when there is none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkError, serve } from './support/serve.mjs';
import { itemsOf, pagesOf, schemaOf, until, world } from './support/world.mjs';
import { wordVector } from './rig/embedder.mjs';

const ADMIN = '/admin/batch-sync';
const FULL_TEXT = { BATCH_SYNC_FULL_TEXT: 'true' };

const item = (id, body, more = {}) =>
  ({ ...itemsOf(1)[0], id, name: `About ${id}`, body, ...more });

const ITEMS = [
  ...itemsOf(120),
  item('joins', 'Joining tables repeats rows.'),
  item('phrase', `${'Other words come first. '.repeat(20)} The quiet river `
    + 'bends twice.'),
  item('scattered', 'A river that bends, quiet and twice the size. River! '
    + 'Quiet quiet river, bends.'),
  item('he', 'פונקציה רקורסיבית צריכה תנאי עצירה שעונה בלי לקרוא לעצמה.'),
  item('ja', '再帰関数には、自分を呼び出さずに答える基底の場合が必要です。'),
];

const indexes = (w) => w.db.rows(`SELECT c.relname FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indisvalid AND c.relname LIKE 'idx_vector_embeddings_text_%'`)
  .then((rows) => rows.map((row) => row.relname));

const start = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(ITEMS) },
  schemas: [schemaOf('alpha', { language: 'english' })],
  embedder: { vectorOf: wordVector }, ...options });

async function find(w, args, env) {
  const { code, stdout, stderr } = await w.run(
    ['search', ...args, '--json'], env);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

const ids = (hits) => hits.map((hit) => hit.content_id);

/** Each: the arguments, and what must be first. */
const FOUND = {
  'a word in another form': [['table join', '--text'], 'joins'],
  'a phrase that one item alone has': [['quiet river bends twice'], 'phrase'],
  'the same by words alone': [['quiet river bends twice', '--text'], 'phrase'],
  'a word in Hebrew': [['תנאי עצירה'], 'he'],
  'a word in a script without spaces': [['基底の場合', '--text'], 'ja'],
  'a question with many words that are everywhere':
    [['which of the names has a river that bends?', '--text'], 'scattered'],
};

async function checkFound(w) {
  for (const [what, [args, id]] of Object.entries(FOUND)) {
    assert.equal(ids(await find(w, args))[0], id, what);
  }
}

test('words are found, with the index and without', async (t) => {
  const w = await start(t);
  await w.good();
  assert.deepEqual(await indexes(w), []);
  await checkFound(w);
  const { stderr } = await w.run(['search', 'river', '--explain']);
  assert.match(stderr, /every text was read for the words: there is no full-/);

  await w.good({ env: FULL_TEXT });
  assert.equal((await indexes(w)).length, 1);
  await checkFound(w);
  const told = await w.run(['search', 'river', '--explain']);
  assert.doesNotMatch(told.stderr, /every text/);
  assert.match(told.stdout, /score \d.*text 1\./);
  const [hit] = await find(w, ['quiet river bends twice', '--text']);
  assert.match(hit.preview, /quiet river\s+bends twice/);
  assert.equal(hit.similarity, null);
});

test('a row of any text is stored beside the index', async (t) => {
  const w = await start(t, { services: { alpha: pagesOf([item('a', 'first')]) },
    env: FULL_TEXT });
  await w.good();
  assert.equal((await indexes(w)).length, 1);
  const random = (n, size) => Array.from({ length: n }, (_, i) =>
    ((i * 2654435761) >>> 0).toString(36).slice(0, size)).join(' ');
  const texts = {
    word: 'x'.repeat(700_000),
    words: random(130_000, 6),
    hyphens: random(130_000, 7).replaceAll(' ', '-'),
    pairs: random(130_000, 3).replace(/(\S+) (\S+)/g, '$1-$2'),
    han: Array.from({ length: 200_000 }, (_, i) =>
      String.fromCodePoint(0x4e00 + (i % 20_000))).join(''),
    rare: Array.from({ length: 100_000 }, (_, i) =>
      String.fromCodePoint(0x20000 + (i % 40_000))).join(' '),
    paths: 'example.com/a/'.repeat(40_000),
  };
  for (const [what, text] of Object.entries(texts)) {
    const rows = await w.db.rows(
      'UPDATE vector_embeddings SET content_text = $1 RETURNING id', [text]);
    assert.equal(rows.length, 1, what);
  }
  const write = (text) => w.db.rows(
    'UPDATE vector_embeddings SET content_text = $1', [text]);
  await write(`${'filler '.repeat(35_000)} zebra`);
  assert.deepEqual(ids(await find(w, ['zebra', '--text'])), ['a']);
  await write(`${'filler '.repeat(40_000)} zebra`);
  assert.deepEqual(await find(w, ['zebra', '--text']), []);
});

test('another language is another index', async (t) => {
  const w = await start(t, { env: FULL_TEXT });
  await w.good();
  const [english] = await indexes(w);
  const before = w.embedder.requests?.length;
  await w.good();
  assert.deepEqual(await indexes(w), [english]);
  w.setSchema(schemaOf('alpha', { language: 'he' }), 'alpha');
  await w.good();
  const [simple, ...more] = await indexes(w);
  assert.notEqual(simple, english);
  assert.deepEqual(more, []);
  assert.equal(w.embedder.requests?.length, before);
  assert.deepEqual(await find(w, ['table join', '--text']), []);
  assert.equal(ids(await find(w, ['joining', '--text']))[0], 'joins');

  w.setSchema(schemaOf('alpha', { language: 'klingon' }), 'alpha');
  const { code, stderr } = await w.run(['sync']);
  assert.equal(code, 78);
  assert.match(stderr, /key "language": "klingon" is not a language/);
});

test('an index that was left unfinished is built anew', async (t) => {
  const w = await start(t, { env: FULL_TEXT });
  await w.good();
  const [name] = await indexes(w);
  await w.db.script(`UPDATE pg_index SET indisvalid = false
    WHERE indexrelid = '${name}'::regclass`);
  await w.good();
  assert.deepEqual(await indexes(w), [name]);
});

// Right after a first load nobody has analyzed the table yet, and its other
// indexes seem to be as good.
test('the index serves a table without statistics', async (t) => {
  const w = await start(t, { services: { alpha: pagesOf(itemsOf(1500)) },
    env: FULL_TEXT });
  await w.done(['migrate']);
  await w.db.script(
    'ALTER TABLE vector_embeddings SET (autovacuum_enabled = false)');
  await w.good();
  const [name] = await indexes(w);
  const scans = async () => Number((await w.db.rows(`SELECT idx_scan
    FROM pg_stat_user_indexes WHERE indexrelname = $1`, [name]))[0].idx_scan);
  assert.equal(await scans(), 0);
  const found = await find(w, ['name of item 7', '--text']);
  assert.equal(found.length, 10);
  await until(async () => await scans() > 0);
});

test('the service builds it, finds by it and filters', async (t) => {
  const w = await start(t, { env: FULL_TEXT, services: {
    alpha: pagesOf([...ITEMS, item('long', `${'Long text. '.repeat(200)} The `
      + 'needle lies here.')]), beta: pagesOf([item('b', 'A quiet river.')]) },
  schemas: [schemaOf('alpha', { language: 'english' }), schemaOf('beta')] });
  const s = await serve(t, w, { env: { EMBEDDING_MAX_TOKENS: '200' } });
  await s.good();
  await until(async () => (await indexes(w)).length === 1);
  const search = async (body) => s.call('POST', `${ADMIN}/search`, { body });
  const found = async (body) => {
    const { status, json } = await search(body);
    assert.equal(status, 200, JSON.stringify(json));
    return json;
  };
  const { way, note, hits } = await found(
    { query: 'quiet river bends twice', explain: true });
  assert.deepEqual([way, note, hits[0].content_id],
    ['hybrid', undefined, 'phrase']);
  assert.equal(hits[0].text.phrase, true);
  assert.equal(hits[0].text.rank, 1);
  assert.ok(hits.every((hit) => hit.text !== null || hit.vector !== null));
  assert.equal(new Set(hits.map((hit) => hit.service + hit.content_id)).size,
    hits.length);

  const needle = (await found({ query: 'needle', way: 'text' })).hits;
  assert.deepEqual(ids(needle), ['long']);
  assert.ok(needle[0].chunk_index > 0);
  assert.match(needle[0].preview, /needle lies here/);

  assert.deepEqual(ids((await found(
    { query: 'river', service: 'beta' })).hits), ['b']);
  assert.deepEqual(ids((await found({ query: 'river', way: 'text',
    where: { title: 'About phrase' } })).hits), ['phrase']);
  assert.deepEqual((await found({ query: 'river', way: 'text',
    where: { title: 'nothing' } })).hits, []);
  assert.deepEqual((await found({ query: 'river',
    since: '2999-01-01' })).hits, []);
  assert.deepEqual((await found({ query: 'river',
    until: '2001-01-01T00:00:00Z' })).hits, []);
  assert.equal((await found({ query: '!?', way: 'text' })).count, 0);

  for (const [body, message] of [
    [{ query: 'x', way: 'magic' }, /"way" must be "hybrid"/],
    [{ query: 'x', way: 1 }, /"way" must be/],
    [{ query: 'x', where: 'a' }, /"where" must be an object/],
    [{ query: 'x', where: { a: [] } }, /"where" must have texts, numbers/],
    [{ query: 'x', since: 'soon' }, /"since" must be a date or a time/],
    [{ query: 'x', explain: 1 }, /"explain" must be true or false/]]) {
    checkError(await search(body), 400, `${ADMIN}/search`, message);
  }
  await s.end();
});

// A process keeps what it knows of an index, and still notices at once when the
// index is gone, and when there is another.
test('a running service follows the index that there is', async (t) => {
  const w = await start(t);
  await w.good({ env: FULL_TEXT });
  const s = await serve(t, w);
  const ask = async () => (await s.call('POST', `${ADMIN}/search`,
    { body: { query: 'table join', way: 'text' } })).json;
  const [name] = await indexes(w);
  for (const _ of [1, 2]) {
    const { hits, note } = await ask();
    assert.deepEqual([hits[0].content_id, note], ['joins', undefined]);
  }
  await w.db.script(`DROP INDEX ${name}`);
  assert.match((await ask()).note, /every text was read for the words/);
  await w.db.script(`CREATE INDEX idx_vector_embeddings_text_other
    ON vector_embeddings USING gin (to_tsvector(
      'pg_catalog.simple'::regconfig, content_text))`);
  const { hits, note } = await ask();
  assert.deepEqual([hits, note], [[], undefined]);
  await s.end();
});

test('options that contradict each other are refused', async (t) => {
  const w = await start(t);
  for (const [args, message] of [
    [['--vector', '--text'], /--vector and --text exclude each other/],
    [['--where', 'title'], /--where title must be NAME=VALUE/],
    [['--since', 'soon'], /--since soon must be a date or a time/]]) {
    const { code, stderr } = await w.run(['search', 'river', ...args]);
    assert.equal(code, 64, stderr);
    assert.match(stderr, message);
  }
});

/** Numbers in [0, 1), the same for the same seed. */
const randomOf = (seed) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

// Hundreds of texts, more together than is read of those with common words, have
// all the words, and a longer one has them in a row: whatever they are, it is
// among the first three.
test('what alone has the words in a row is found', async (t) => {
  const random = randomOf(5);
  const words = ['harbour', 'letter', 'winter', 'mill', 'Größe', 'station'];
  const asks = [['harbour', 'letter'], ['winter', 'mill', 'station'],
    ['Größe', 'letter', 'harbour', 'mill'], ['station', 'winter']];
  const apart = () => words.map((word) => [random(), word]).sort()
    .map(([, word]) => word).join(' and ');
  const text = (n) => Array.from({ length: n }, apart).join(' and ');
  const items = [
    ...Array.from({ length: 400 }, (_, i) => item(`short-${i}`, text(15))),
    ...asks.map((ask, i) => item(`row-${i}`,
      `${text(40)}. Here: ${ask.join(' ')}. And ${text(40)}`))];
  const w = await start(t, { services: { alpha: pagesOf(items) },
    embedder: { vectorOf: wordVector } });
  for (const env of [{}, FULL_TEXT]) {
    await w.good({ env });
    for (const [i, ask] of asks.entries()) {
      for (const args of [[], ['--text']]) {
        const found = ids(await find(w, [ask.join(' '), ...args]));
        assert.ok(found.slice(0, 3).includes(`row-${i}`),
          `${ask} ${args} ${JSON.stringify(env)}: ${found}`);
      }
    }
  }
});

// Reading a text for its words takes time by its length, so long ones are read
// up to a bound; the rest are still found.
test('many long texts that have a word are all found', async (t) => {
  const items = Array.from({ length: 12 }, (_, i) => item(`long-${i}`,
    `${'filler words '.repeat(1500)} zebra ${i}`));
  const w = await start(t, { services: { alpha: pagesOf(items) },
    env: { ...FULL_TEXT, EMBEDDING_MAX_TOKENS: '1000000' } });
  await w.good();
  const found = await find(w, ['zebra', '--text', '--limit', '12']);
  assert.deepEqual(ids(found).sort(), items.map(({ id }) => id).sort());
});
