// The page's search: how and among what it looks is chosen there, kept in the
// address, and what it finds says why.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { marked } from '../../web/src/views/search/marks.js';
import { browser, open } from './rig/browser.mjs';
import { wordVector } from './rig/embedder.mjs';
import { serve } from './support/serve.mjs';
import { itemsOf, pagesOf, schemaOf, until, world } from './support/world.mjs';

const skip = browser ? false : 'there is no chromium';

const item = (id, body) =>
  ({ ...itemsOf(1)[0], id, name: `About ${id}`, body });

const LONG = item('long', `${'Other words come first. '.repeat(60)}`
  + 'The quiet river bends twice near the mill. '
  + `${'Others come last. '.repeat(60)}`);

async function filled(t, env = {}) {
  const w = await world(t, { embedder: { vectorOf: wordVector }, env,
    services: { alpha: pagesOf([...itemsOf(10), LONG]),
      beta: pagesOf([item('brook', 'A river, and quiet.')]) },
    schemas: [schemaOf('alpha', { language: 'english' }), schemaOf('beta')] });
  const s = await serve(t, w);
  await s.good();
  return { w, s, base: `http://127.0.0.1:${s.port}/` };
}

test('which words of a passage are marked', () => {
  for (const [asked, text, marks] of [
    ['joining two tables in SQL', 'In two table joins, joined by sql: inner joint',
      ['In', 'two', 'table', 'joins', 'joined', 'sql', 'joint']],
    ['AI', 'The AI said: aim at it', ['AI']],
    ['Größe', 'größer als Großes', ['größer']],
    ['数据', '大数据库', ['数据']],
    ['נהר', 'הנהר השקט', ['נהר']],
    ['a', 'a passage', []],
    ['c++ (x)', 'c++ and (x)', []],
  ]) {
    const parts = marked(text, asked);
    assert.deepEqual(parts.filter((_, i) => i % 2 === 1), marks, asked);
    assert.equal(parts.join(''), text);
  }
});

const titles = (page) => page.locator('.hit a').allTextContents();

/** What is found in the end: the page asks anew after each choice. */
async function finds(page, expected) {
  await until(async () => {
    const found = await titles(page);
    return expected.every((title, i) => found[i] === title)
      && (expected.length > 0 || await page.locator('.empty').count() > 0);
  });
}

test('a way is chosen, and each hit says why it is there', { skip },
  async (t) => {
    const { s, base } = await filled(t);
    const page = await open(t, base);
    await page.goto(`${base}#/search`);
    await page.getByRole('searchbox').fill('quiet river bends twice');
    await page.getByRole('button', { name: 'Find' }).click();
    await finds(page, ['About long']);
    await page.getByRole('note').getByText(
      'every text was read for the words: there is no full-text index').waitFor();
    const hit = page.locator('.hit').first();
    await hit.getByText('words in a row, 1.').waitFor();
    assert.match(await hit.locator('.preview').textContent(),
      /quiet river bends twice near the mill/);
    assert.deepEqual(await hit.locator('mark').allTextContents(),
      ['quiet', 'river', 'bends', 'twice']);

    await page.getByLabel('Way').selectOption('text');
    await finds(page, ['About long', 'About brook']);
    assert.equal((await titles(page)).length, 2);
    assert.equal(await page.locator('.near').count(), 0);
    assert.match(page.url(), /way=text/);

    await page.getByLabel('Way').selectOption('vector');
    await page.locator('.hit').getByText(/^vectors, 1\./).waitFor();
    assert.equal(await page.getByRole('note').count(), 0);
    await page.accessible();
    page.clean();
    await s.end();
  });

test('a search is narrowed, and its address does it again', { skip },
  async (t) => {
    const { s, w, base } = await filled(t, { BATCH_SYNC_FULL_TEXT: 'true' });
    await until(async () => (await w.db.rows(`SELECT FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid
      AND c.relname LIKE 'idx_vector_embeddings_text_%'`)).length === 1);
    const page = await open(t, base);
    await page.goto(`${base}#/search?q=river&way=text`);
    await page.locator('.hit').nth(1).waitFor();
    assert.equal(await page.getByRole('note').count(), 0); // by the index
    await page.getByLabel('Service').selectOption('beta');
    await finds(page, ['About brook']);
    assert.equal((await titles(page)).length, 1);
    await page.getByLabel('Service').selectOption('');

    await page.getByText('More filters').click();
    await page.getByLabel('Metadata field').fill('title');
    await page.getByLabel('Its value').fill('About long');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForURL(/field=title/);
    await finds(page, ['About long']);
    assert.equal((await titles(page)).length, 1);
    await page.accessible();
    await page.fits();

    await page.getByLabel('Stored since').fill('2999-01-01');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('Nothing was found').waitFor();
    await page.reload();
    await page.getByText('Nothing was found').waitFor();
    assert.equal(await page.getByLabel('Stored since').inputValue(),
      '2999-01-01');
    assert.equal(await page.getByLabel('Metadata field').inputValue(), 'title');
    await page.getByLabel('Stored since').fill('');
    await page.getByLabel('Stored before').fill('2999-01-01');
    await page.getByRole('button', { name: 'Find' }).click();
    await finds(page, ['About long']);
    page.clean();
    await s.end();
  });
