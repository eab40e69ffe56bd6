// How long texts are cut, and that what is stored stays as it is cut.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pagesOf, world } from './support/world.mjs';

const MODEL = 'text-embedding-3-small';
const ENV = { EMBEDDING_MAX_TOKENS: '30' };
const schema = { service_name: 'alpha',
  data_structure: { id: 'string', body: 'text', hidden: 'object' },
  title_field: 'id' };
const itemOf = (body, changes) =>
  ({ id: 'L1', body: `${body} `.repeat(22).trim(), ...changes });

const rows = (w) => w.db.rows(`SELECT chunk_index, content_text, embed_hash,
  row_hash FROM vector_embeddings ORDER BY chunk_index`);
const textsOf = async (w) => (await rows(w)).map((row) => row.content_text);

const TEXT = `id: L1\n\nbody: ${itemOf('word').body}`;
const OLD = [TEXT.slice(0, 8), TEXT.slice(8, 98), TEXT.slice(98)];
const NEW = [TEXT.slice(0, 90), TEXT.slice(90)];

const alpha = (t) => world(t, { schemas: [schema],
  services: { alpha: pagesOf([itemOf('word')]) }, env: ENV });

test('a piece is no short header alone', async (t) => {
  const w = await alpha(t);
  assert.equal((await w.good()).services[0].embedded, 1);
  assert.deepEqual(await textsOf(w), NEW);
  assert.equal((await w.good()).services[0].unchanged, 1);
});

test('rows that are cut otherwise stay so until their text changes',
  async (t) => {
    const w = await alpha(t);
    await w.good();
    // As an earlier build cut them; the hashes follow from what is stored.
    await w.db.rows(`INSERT INTO vector_embeddings
      SELECT (jsonb_populate_record(v, '{"id":"older","chunk_index":2}')).*
      FROM vector_embeddings v WHERE chunk_index = 1`);
    for (const [k, text] of OLD.entries())
      await w.db.rows(`UPDATE vector_embeddings SET embed_hash = NULL,
        row_hash = NULL, content_text = $1 WHERE chunk_index = $2`, [text, k]);
    const { code, stderr } = await w.run(['migrate', '--assume-model', MODEL]);
    assert.equal(code, 0, stderr);
    w.embedder.reset();
    await w.good();
    assert.deepEqual(await textsOf(w), OLD);
    assert.equal((await w.good()).services[0].unchanged, 1);
    // Other metadata are written, the texts and their vectors stay.
    w.setSchema({ ...schema, version: '9.9.9' });
    assert.equal((await w.good()).services[0].stored, 1);
    assert.deepEqual(await textsOf(w), OLD);
    assert.equal((await w.good()).services[0].unchanged, 1);
    assert.deepEqual(w.embedder.requests, []);
    // Another text is cut anew.
    w.coordinator.script('alpha', pagesOf([itemOf('wort')]));
    assert.equal((await w.good()).services[0].embedded, 1);
    const other = TEXT.replaceAll('word', 'wort');
    assert.deepEqual(await textsOf(w), [other.slice(0, 90), other.slice(90)]);
  });

test('the item is in its first piece, later ones say whose they are',
  async (t) => {
    const long = 'x'.repeat(1001);
    const at = { L1: itemOf('word', { hidden: { a: [1] } }), L2: itemOf('long',
      { id: 'L2', title: long }) };
    const own = { ...schema, data_structure: { ...schema.data_structure,
      title: 'string', link: 'string' }, url_field: 'link' };
    const w = await world(t, { schemas: [own], env: ENV,
      services: { alpha: pagesOf([{ ...at.L1, title: 'T', link: 'http://l' },
        at.L2]) } });
    await w.good();
    const found = await w.db.rows(`SELECT content_id, chunk_index, metadata
      FROM vector_embeddings ORDER BY content_id, chunk_index`);
    const of = (id) => found.filter((row) => row.content_id === id)
      .map((row) => row.metadata);
    const [first, second] = of('L1');
    assert.equal(first.body, at.L1.body);
    assert.deepEqual(first.hidden, { a: [1] });
    assert.ok(!('_piece' in first));
    const { _stored_at, ...rest } = second;
    assert.equal(_stored_at, first._stored_at);
    assert.deepEqual(rest, { title: 'T', url: 'http://l', _piece: 1,
      _pieces: 2, _schema_version: '1.0.0', _source_service: 'alpha' });
    const pieces = of('L2');
    assert.equal(pieces[0].title, long);
    assert.deepEqual(pieces.slice(1).map((m) => [m.title, m._piece, m._pieces]),
      pieces.slice(1).map((m, k) => [undefined, k + 1, pieces.length]));
    assert.equal((await w.good()).services[0].unchanged, 2);
  });
