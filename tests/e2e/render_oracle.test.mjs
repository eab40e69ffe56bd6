// `batchsync render` against the same rules in plain JavaScript, on items
// nobody would think of. RENDER_SEED repeats a run, RENDER_CASES lengthens it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { render } from './render-oracle/oracle.mjs';
import { generator, randomItem, randomSchema }
  from './render-oracle/random.mjs';
import { binary } from './rig/batchsync.mjs';

const SEED = Number(process.env.RENDER_SEED ?? 20_251_218);
const SCHEMAS = Number(process.env.RENDER_CASES ?? 150);
const ITEMS = 40;
const MAX_OUTPUT = 256 * 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), 'batchsync-render-'));
after(() => rmSync(folder, { recursive: true, force: true }));

// One JSON object a line, as the program writes them.
function rendered(schemaText, itemTexts) {
  const file = join(folder, 'random.json');
  writeFileSync(file, schemaText);
  const child = spawnSync(binary(), ['render', '--schema', file], {
    input: `[${itemTexts.join(',')}]`,
    maxBuffer: MAX_OUTPUT,
  });
  assert.ifError(child.error);
  assert.ok(child.status === 0 || child.status === 1,
    `exit code ${child.status}: ${child.stderr}`);
  return child.stdout.toString().split('\n').filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

test('the golden case', () => {
  const golden = JSON.parse(readFileSync(
    new URL('../data/golden-render.json', import.meta.url), 'utf8'));
  const { content_id, content_text } = golden;
  assert.deepEqual(render(golden.schema, golden.item),
    { content_id, content_text });
  assert.deepEqual(
    rendered(JSON.stringify(golden.schema), [JSON.stringify(golden.item)]),
    [{ content_id, content_text }]);
});

test(`random items, seed ${SEED}`, () => {
  const random = generator(SEED);
  let texts = 0;
  for (let n = 0; n < SCHEMAS; n++) {
    const schema = randomSchema(random);
    const items = Array.from({ length: ITEMS },
      () => randomItem(random, schema.value));
    const answers = rendered(schema.text, items.map((item) => item.text));
    assert.equal(answers.length, ITEMS);
    items.forEach((item, i) => {
      const expected = render(schema.value, item.value, item.texts);
      assert.deepEqual(answers[i], expected,
        `schema ${schema.text}\nitem ${item.text}`);
      texts += expected.content_text === undefined ? 0 : 1;
    });
  }
  assert.ok(texts > SCHEMAS * ITEMS / 4, `only ${texts} items had a text`);
});
