// Ids that lie deeper in an item, and services whose items have none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsOf, pagesOf, world } from './support/world.mjs';

const people = (n) => Array.from({ length: n }, (_, i) => ({
  user: { user_id: `u${i}`, name: `Name ${i}` }, skills: ['a', `s${i}`],
}));

const schemaOf = (changes) => ({
  service_name: 'skills', data_structure: { user: 'object', skills: 'array' },
  ...changes,
});

const skills = (t, changes, items = people(30)) => world(t, {
  services: { skills: pagesOf(items) }, schemas: [schemaOf(changes)],
  env: { BATCH_SYNC_LIMIT: '10' },
});

const ids = async (w) => (await w.db.rows(`SELECT content_id
  FROM vector_embeddings ORDER BY content_id`)).map((row) => row.content_id);

test('ids by paths', async (t) => {
  for (const path of ['user.user_id', '/user/user_id']) {
    const w = await skills(t, { id_fields: [path] });
    const result = await w.good();
    assert.equal(result.services[0].stored, 30);
    assert.deepEqual(await ids(w),
      people(30).map((item) => item.user.user_id).sort());
    const again = await w.good();
    assert.equal(again.services[0].unchanged, 30);
    assert.equal(again.services[0].embedded, 0);
  }
});

test('the id is a hash: the same item keeps it, another text is another item',
  async (t) => {
    const items = people(30);
    const w = await skills(t, { id: 'hash' }, items);
    await w.good();
    const before = await ids(w);
    assert.equal(before.length, 30);
    for (const id of before) assert.match(id, /^[0-9a-f]{64}$/);
    assert.equal((await w.good()).services[0].embedded, 0);
    w.coordinator.script('skills', pagesOf([
      { ...items[0], skills: ['other'] }, ...items.slice(1)]));
    assert.equal((await w.good()).services[0].embedded, 1);
    assert.equal((await ids(w)).length, 31);
  });

test('a service without ids says so once, every time', async (t) => {
  const w = await skills(t, {});
  for (let run = 0; run < 2; run++) {
    const { code, result } = await w.sync();
    assert.equal(code, 1);
    assert.equal(result.success, false);
    assert.equal(result.services[0].success, false);
    const errors = errorsOf(result, 'skills');
    assert.equal(errors.length, 1, errors.join('\n'));
    assert.match(errors[0], /^0: none of 30 items has a content id: /);
    assert.match(errors[0], /has the keys user\.user_id, user\.name, skills;/);
    assert.match(errors[0],
      /put into .*skills\.json: "id_fields": \["user\.user_id"\]/);
  }
  assert.deepEqual(await w.embedder.requests, []);
});

test('where nothing looks like an id a hash is advised', async (t) => {
  const w = await skills(t, { data_structure: { a: 'array' } },
    [{ a: [1], b: 2 }, { a: [2] }]);
  const { result } = await w.sync();
  assert.match(errorsOf(result, 'skills').join(),
    /keys a, b; put into .*: "id": "hash"$/);
});

test('some items without an id: new ones are told, known ones are not',
  async (t) => {
    const items = people(30);
    for (let i = 0; i < 10; i++) items[i] = { user: {}, skills: ['none', i] };
    const w = await skills(t, { id_fields: ['user.user_id'] }, items);
    const { code, result } = await w.sync();
    assert.equal(code, 1);
    assert.match(errorsOf(result, 'skills').join('\n'),
      /^0: 10 items have no content id and are dead letters$/m);
    const again = await w.good();
    assert.equal(again.services[0].knownFailures, 10);
    assert.equal(again.services[0].embedded, 0);
  });
