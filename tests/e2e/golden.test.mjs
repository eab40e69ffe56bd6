// The golden case, by `render` and by a sync.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { binary } from './rig/batchsync.mjs';
import { checkVectors, folderOf, shapes, world } from './support/world.mjs';

const golden = JSON.parse(readFileSync(
  new URL('../data/golden-render.json', import.meta.url), 'utf8'));

const render = (file, input) => {
  const { status, stdout, stderr } = spawnSync(binary(),
    ['render', '--schema', file], { input, encoding: 'utf8' });
  return { status, stderr, lines: stdout.split('\n').filter(Boolean)
    .map((line) => JSON.parse(line)) };
};

const expected = { content_id: golden.content_id,
  content_text: golden.content_text };

test('render: an array, or an object a line', (t) => {
  const file = join(folderOf(t, { 'golden.json': golden.schema }),
    'golden.json');
  const item = JSON.stringify(golden.item);
  for (const input of [`[${item}]`, ` \n[${item},${item}]\n`, item,
    `${item}\n`, `${item}\n\n${item}\r\n`]) {
    const { status, lines, stderr } = render(file, input);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    assert.ok(lines.length >= 1);
    for (const line of lines) assert.deepEqual(line, expected);
  }
  assert.deepEqual(render(file, '').lines, []);
  assert.deepEqual(render(file, '[]').lines, []);
});

test('render: errors stand in their line', (t) => {
  const file = join(folderOf(t, { 'golden.json': golden.schema }),
    'golden.json');
  const item = JSON.stringify(golden.item);
  const { status, lines } = render(file, `${item}\n{"id":\n7\n{}\n${item}\n`);
  assert.equal(status, 1);
  assert.deepEqual(lines[0], expected);
  assert.deepEqual(Object.keys(lines[1]), ['error']);
  assert.match(lines[1].error, /^line 2: /);
  assert.deepEqual(lines.slice(2), [{ error: 'not an object' },
    { error: 'no content id' }, expected]);
});

test('render: a schema that is wrong', (t) => {
  const folder = folderOf(t, { 'bad.json':
    '{"service_name":"x",\n"data_structure":{"id":"sting"}}' });
  const { status, stderr } = render(join(folder, 'bad.json'), '{}');
  assert.equal(status, 78);
  assert.match(stderr, /bad\.json:2: .*sting/);
  const none = render(join(folder, 'none.json'), '{}');
  assert.equal(none.status, 78);
  assert.match(none.stderr, /none\.json/);
});

test('a sync stores the golden text', async (t) => {
  const name = golden.schema.service_name;
  const w = await world(t, { schemas: [golden.schema],
    services: { [name]: shapes.wrappedItems([golden.item]) } });
  await w.good();
  const [row, ...others] = await w.db.vectors();
  assert.deepEqual(others, []);
  assert.equal(row.contentId, golden.content_id);
  assert.equal(row.text, golden.content_text);
  assert.deepEqual(w.embedder.requests[0].inputs, [golden.content_text]);
  checkVectors([row]);
  const { extra, ...item } = golden.item;
  assert.equal(extra, 'dropped');
  delete row.metadata._stored_at;
  assert.deepEqual(row.metadata, { ...item,
    when: new Date(item.when).toISOString(),
    _schema_version: golden.schema.version, _source_service: name });
});
