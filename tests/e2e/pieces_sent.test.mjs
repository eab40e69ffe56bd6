// What goes to the embedder for the pieces of long texts whose schema wants the
// title, or the end of the piece before, with each: counted, stored, mended.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vectorOf } from './rig/embedder.mjs';
import { pagesOf, world } from './support/world.mjs';

const LIMIT = 60;
const ENV = { EMBEDDING_MAX_TOKENS: String(LIMIT), EMBEDDING_DIMENSIONS: '64',
  KG_ENABLED: 'false' };

const schemaOf = (options) => ({ service_name: 'alpha', version: '1.0.0',
  data_structure: { id: 'string', name: 'string', body: 'text' },
  title_field: 'name', ...options });

const WORDS = 'They write of joins, and of rows that have no partner at all.';
const BODIES = {
  long: Array.from({ length: 12 }, (_, i) => `${i}: ${WORDS}`).join(' '),
  short: 'A few words.',
  hebrew: 'שורות של טבלה אחת עם שורות של אחרת. '.repeat(9).trim(),
  japanese: '結合は二つの表の行を組み合わせる。条件が合わない行は消える'.repeat(8),
};
const ITEMS = Object.entries(BODIES).map(([id, body]) =>
  ({ id, name: `All of ${id}`, body }));

const ALONE = { short: 1 };
const isLong = (id) => !ALONE[id];

const ascii = (text) => [...text].filter((c) => c < '\x80').length;
const tokensOf = (text) =>
  Math.ceil(ascii(text) / 3) + [...text].length - ascii(text);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** The end of a text in at most so many tokens, from a word on if one begins
 * in its first third. */
function endOf(text, most) {
  const chars = [...text];
  let at = chars.length;
  while (at > 0 && tokensOf(chars.slice(at - 1).join('')) <= most) at--;
  const end = chars.slice(at).join('');
  if (at === 0 || /\s/.test(chars[at - 1])) return end.trimStart();
  const bytes = Buffer.from(end);
  const space = bytes.findIndex((byte) => byte === 32 || byte === 10);
  return space >= 0 && space < Math.floor(bytes.length / 3)
    ? bytes.subarray(space).toString().trimStart() : end.trimStart();
}

/** What goes out for the stored pieces of an item. */
const sentOf = (pieces, { title, overlap = 0 }) => pieces.map((piece, k) => {
  if (k === 0) return piece.trim();
  const end = overlap > 0
    ? endOf(pieces[k - 1], Math.min(overlap, tokensOf(piece))) : '';
  return `${title ? `${title}\n\n` : ''}${end ? end + piece : piece.trim()}`
    .trim();
});

/** { id: [text of each piece] }, as stored. */
async function piecesOf(w) {
  const found = {};
  for (const { content_id: id, content_text: text } of await w.db.rows(`SELECT
    content_id, content_text FROM vector_embeddings
    ORDER BY content_id, chunk_index`)) (found[id] ??= []).push(text);
  return found;
}

/** What was sent since the last time, sorted. */
function sent(w) {
  const texts = w.embedder.requests.filter(({ status }) => status === 200)
    .flatMap(({ inputs }) => inputs);
  w.embedder.reset();
  return texts.sort();
}

const expected = (pieces, options, titles = {}) => Object.entries(pieces)
  .flatMap(([id, list]) => sentOf(list, { ...options, title:
    options.piece_prefix ? titles[id] ?? `All of ${id}` : undefined,
  overlap: options.piece_overlap })).sort();

async function stored(t, options, more = {}) {
  const served = { items: ITEMS };
  const w = await world(t, { schemas: [schemaOf(options)],
    services: { alpha: pagesOf(() => served.items) },
    ...more, env: { ...ENV, ...more.env } });
  const first = await w.good();
  return Object.assign(w, { served, first });
}

const textOf = ({ id, name, body }) =>
  `id: ${id}\n\nname: ${name}\n\nbody: ${body}`;

/** Rows join to the texts, and have the vectors of what is sent for them. */
async function checkRows(w, options, items = ITEMS) {
  const pieces = await piecesOf(w);
  for (const item of items) {
    assert.equal(pieces[item.id].join(''), textOf(item));
    const texts = sentOf(pieces[item.id], { overlap: options.piece_overlap,
      title: options.piece_prefix ? item.name : undefined });
    const rows = (await w.db.vectors('alpha'))
      .filter(({ contentId }) => contentId === item.id);
    for (const [k, { vector }] of rows.entries()) {
      assert.deepEqual([...vector], [...vectorOf(texts[k], vector.length)],
        `piece ${k} of ${item.id}`);
    }
  }
  return pieces;
}

async function verified(w, args = []) {
  const { stdout, stderr } = await w.run(['verify', '--json', ...args]);
  assert.ok(stdout.length > 0, stderr);
  const { kinds } = JSON.parse(stdout);
  return Object.fromEntries(kinds.map(({ kind, found }) => [kind, found]));
}

const OFF = {};
const PREFIX = { piece_prefix: true };
const OVERLAP = { piece_overlap: 12 };
const BOTH = { ...PREFIX, ...OVERLAP };

for (const options of [OFF, PREFIX, OVERLAP, BOTH]) {
  test(`sent with ${JSON.stringify(options)}`, async (t) => {
    const w = await stored(t, options);
    const got = sent(w);
    const pieces = await checkRows(w, options);
    for (const [id, list] of Object.entries(pieces)) {
      assert.equal(list.length > 1, isLong(id), id);
    }
    assert.deepEqual(got, expected(pieces, options));
    for (const text of got) assert.ok(tokensOf(text) <= LIMIT, text);
    assert.equal((await w.good()).services[0].unchanged, ITEMS.length);
    assert.deepEqual(sent(w), []);
    assert.deepEqual(await verified(w), {});
  });
}

/** One store, the schema changed again and again: what is paid for. */
const CHANGES = [
  { name: 'the title is put before', options: PREFIX, paid: isLong },
  { name: 'another version', options: { ...PREFIX, version: '2' },
    paid: () => false },
  { name: 'an overlap as well', options: BOTH, paid: isLong },
  { name: 'a longer one', options: { ...BOTH, piece_overlap: 20 },
    paid: isLong },
  { name: 'the title no longer', options: OVERLAP, paid: isLong },
  { name: 'nothing any more', options: OFF, paid: isLong },
];

test('switching embeds the items in several pieces once', async (t) => {
  const w = await stored(t, OFF);
  sent(w);
  for (const { name, options, paid } of CHANGES) {
    w.setSchema(schemaOf(options));
    await w.good();
    const pieces = await checkRows(w, options);
    const due = Object.fromEntries(Object.entries(pieces)
      .filter(([id]) => paid(id)));
    assert.deepEqual(sent(w), expected(due, options), name);
    assert.equal((await w.good()).services[0].unchanged, ITEMS.length, name);
    assert.deepEqual(sent(w), [], name);
    assert.deepEqual(await verified(w), {}, name);
  }
});

test('another field is the title', async (t) => {
  const w = await stored(t, PREFIX);
  sent(w);
  w.setSchema(schemaOf({ ...PREFIX, title_field: 'id' }));
  await w.good();
  const pieces = await piecesOf(w);
  delete pieces.short;
  assert.deepEqual(sent(w), expected(pieces, PREFIX,
    Object.fromEntries(ITEMS.map(({ id }) => [id, id]))));
});

test('an item without a title, and one whose title is no text', async (t) => {
  const w = await stored(t, PREFIX);
  sent(w);
  w.served.items = [{ ...ITEMS[0], id: 'none', name: null },
    { ...ITEMS[0], id: 'number', name: 12 }];
  await w.good();
  const { none, number } = await piecesOf(w);
  assert.deepEqual(sent(w), [...none, ...number].map((s) => s.trim()).sort());
  assert.deepEqual(await verified(w), {});
});

test('an edited title is sent with all pieces, an edited text once more',
  async (t) => {
    const w = await stored(t, BOTH);
    sent(w);
    for (const change of [{ name: 'Another name' },
      { body: BODIES.long.replace('joins', 'unions') }]) {
      w.served.items = [{ ...w.served.items[0], ...change },
        ...ITEMS.slice(1)];
      await w.good();
      const pieces = await checkRows(w, BOTH, w.served.items);
      assert.deepEqual(sent(w), expected({ long: pieces.long }, BOTH,
        { long: w.served.items[0].name }));
    }
  });

/** What another program does to one piece: that one alone is paid for. */
const ALTERED = {
  'its text': `content_text = 'theirs', updated_at = updated_at + '1 s'`,
  'its vector': `embedding = -1 * embedding, updated_at = updated_at + '1 s'`,
};

for (const [name, set] of Object.entries(ALTERED)) {
  test(`a piece is altered, ${name}: it alone is sent again`, async (t) => {
    const w = await stored(t, BOTH);
    sent(w);
    const { long } = await piecesOf(w);
    await w.db.script(`UPDATE vector_embeddings SET ${set.replace('-1 * embedding',
      `(SELECT embedding FROM vector_embeddings WHERE content_id = 'short')`)}
      WHERE content_id = 'long' AND chunk_index = 1`);
    assert.equal((await w.good()).repaired, 1);
    assert.deepEqual(sent(w),
      [sentOf(long, { title: 'All of long', overlap: 12 })[1]]);
    await checkRows(w, BOTH);
    assert.deepEqual(await verified(w), {});
  });
}

test('verify mends with the texts that a run sends', async (t) => {
  const w = await stored(t, BOTH);
  sent(w);
  const { long } = await piecesOf(w);
  await w.db.script(`UPDATE vector_embeddings SET embedding =
    (SELECT embedding FROM vector_embeddings WHERE content_id = 'short')
    WHERE content_id = 'long'`);
  const n = long.length;
  assert.deepEqual(await verified(w, ['--repair']), { vector_changed: n });
  assert.deepEqual(sent(w),
    sentOf(long, { title: 'All of long', overlap: 12 }).sort());
  assert.deepEqual(await verified(w), {});
  await checkRows(w, BOTH);
  // A title that another program has changed says nothing of what was sent.
  await w.db.script(`UPDATE vector_embeddings SET metadata = metadata
      || '{"title": "theirs"}' WHERE content_id = 'long' AND chunk_index = 0;
    UPDATE vector_embeddings SET embedding = NULL
      WHERE content_id = 'long' AND chunk_index = 1`);
  await verified(w, ['--repair']);
  assert.deepEqual(sent(w), []);
});

test('a piece is missing: found, and embedded from the source', async (t) => {
  const w = await stored(t, BOTH);
  sent(w);
  const { long } = await piecesOf(w);
  await w.db.script(`DELETE FROM vector_embeddings
    WHERE content_id = 'long' AND chunk_index = ${long.length - 1}`);
  assert.deepEqual(await verified(w), { piece_missing: 1 });
  await w.good();
  assert.deepEqual(sent(w), expected({ long }, BOTH));
  assert.deepEqual(await verified(w), {});
});

test('explain shows each piece as it is sent', async (t) => {
  const w = await stored(t, BOTH,
    { env: { EMBEDDING_DOCUMENT_PREFIX: 'passage: ' } });
  const explain = async () => JSON.parse((await w.run(
    ['explain', 'alpha', 'long', '--source', '--json'])).stdout);
  const pieces = (await piecesOf(w)).long;
  const x = await explain();
  assert.deepEqual(x.sent, sentOf(pieces, { title: 'All of long', overlap: 12 })
    .map((text) => `passage: ${text}`));
  assert.deepEqual(x.sent.filter((text) => !w.embedder.seen.has(text)), []);
  assert.equal(x.verdict.embeds, false);
  assert.deepEqual(x.source.differs, []);
  w.setSchema(schemaOf(PREFIX));
  const { verdict } = await explain();
  assert.equal(verdict.embeds, true);
  assert.match(verdict.why, /of pieces in the schema/);
});

test('a plan counts the tokens that are sent', async (t) => {
  const w = await stored(t, OFF);
  sent(w);
  w.setSchema(schemaOf(BOTH));
  const { stdout } = await w.run(['plan', '--json']);
  const { services: [told] } = JSON.parse(stdout);
  assert.deepEqual(sent(w), []);
  await w.good();
  const paid = sent(w);
  assert.equal(told.pieces, paid.length);
  assert.equal(told.changed, ITEMS.length - 1);
  // Blanks at the ends of a piece are estimated, but not sent.
  const over = told.tokensEstimated - sum(paid.map(tokensOf));
  assert.ok(over >= 0 && over <= paid.length, `${over}`);
});

test('pieces that the provider finds too long are cut until they fit',
  async (t) => {
    const tokensPerInput = 40;
    const w = await stored(t, BOTH, { embedder: { limits: { tokensPerInput } } });
    const pieces = await piecesOf(w);
    for (const item of ITEMS) {
      assert.equal(pieces[item.id].join(''), textOf(item));
    }
    const got = sent(w);
    assert.equal(got.length, Object.values(pieces).flat().length, 'each once');
    assert.equal((await w.good()).services[0].unchanged, ITEMS.length);
    assert.deepEqual(await verified(w), {});
  });

/** Of one token a byte there is room for no piece beside its title. */
test('a title that fills what the provider takes costs one item', async (t) => {
  const tokensPerInput = 12;
  const w = await world(t, { schemas: [schemaOf(PREFIX)],
    services: { alpha: pagesOf([{ ...ITEMS[0], name: 'Words '.repeat(40) },
      ITEMS[1]]) }, env: ENV, embedder: { limits: { tokensPerInput } } });
  const { result } = await w.sync();
  assert.ok(result.services[0].failed + result.services[0].stored === 2);
  assert.ok(w.embedder.requests.length < 100, `${w.embedder.requests.length}`);
});

const FAULTS = [
  { options: { piece_overlap: LIMIT / 2 },
    words: /piece_overlap": 30 is half of EMBEDDING_MAX_TOKENS \(60\) or more; at most 29/ },
  { options: { piece_overlap: 2.5 }, words: /must be a number of tokens/ },
  { options: { piece_overlap: -1 }, words: /must be a number of tokens/ },
  { options: { piece_prefix: 1 }, words: /must be true or false/ },
  { options: { piece_prefix: true, title_field: undefined },
    words: /there is no title to put before pieces/ },
];

for (const { options, words } of FAULTS) {
  test(`refused: ${JSON.stringify(options)}`, async (t) => {
    const w = await world(t, { schemas: [schemaOf(options)],
      services: { alpha: pagesOf(ITEMS) }, env: ENV });
    for (const args of [['sync'], ['schema', 'lint']]) {
      const { code, stderr } = await w.run(args);
      assert.equal(code, 78, stderr);
      assert.match(stderr.replaceAll('\\"', '"'), words);
    }
    assert.deepEqual(sent(w), []);
  });
}
