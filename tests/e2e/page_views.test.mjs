// The page's views, filled: an operator looks around and mends something.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, open } from './rig/browser.mjs';
import { wordVector } from './rig/embedder.mjs';
import { gate, serve } from './support/serve.mjs';
import { itemsOf, pagesOf, rejecting, schemaOf, shapes, world }
  from './support/world.mjs';

const skip = browser ? false : 'there is no chromium';

const HEBREW = { ...itemsOf(1)[0], id: 'he-1', name: 'רקורסיה: הסבר קצר',
  body: 'פונקציה רקורסיבית צריכה תנאי עצירה.', rank: '12345678901234567890' };
const ITEMS = [...itemsOf(20), HEBREW];

async function filled(t) {
  const w = await world(t, { embedder: { vectorOf: wordVector },
    services: { alpha: pagesOf(ITEMS), beta: pagesOf(itemsOf(5, 1, 'b')) },
    schemas: [schemaOf('alpha'), schemaOf('beta')] });
  const s = await serve(t, w, { env: { KG_ENABLED: 'true' } });
  w.embedder.script(rejecting((text) => /Name [23] of item\b/.test(text)));
  await s.trigger();
  await s.trigger({ services: ['beta', 'nobody'] });
  w.embedder.script(undefined);
  await s.program.until(async () => (await s.get(
    '/admin/batch-sync/items?service=alpha&id=item-00004'))
    .json.neighbours.length > 3, 'the graph');
  return { w, s, base: `http://127.0.0.1:${s.port}/` };
}

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true };

test('every view, in light and dark, in both languages, on a phone',
  { skip }, async (t) => {
  const { s, base } = await filled(t);
  const { runs } = (await s.get('/admin/batch-sync/runs')).json;
  for (const [looks, name] of [
    [{ colorScheme: 'light', locale: 'en-US' }, 'light'],
    [{ colorScheme: 'dark', locale: 'he-IL' }, 'dark'],
    [{ colorScheme: 'light', locale: 'en-US', ...PHONE }, 'phone']]) {
    const page = await open(t, base, looks);
    for (const [view, shown] of [['', '.services .service'],
      ['runs', '.picture a'], [`runs/${runs.at(-1).id}`, '.timeline'],
      ['runs?status=failed', '.empty'], ['services', '.spark i'],
      ['services/alpha', '.fields'], ['services/nobody', '.notice'],
      ['letters', '.group'], ['letters?status=resolved', '.empty'],
      ['search', '.box'], ['search?q=Name', '.hit'],
      ['record?service=alpha&id=he-1', '.pieces'],
      ['record?service=alpha&id=item-00004', '.near-list'],
      ['advice', '.advice']]) {
      await page.goto(`${base}#/${view}`);
      await page.locator(shown).first().waitFor();
      await page.accessible();
      await page.fits();
      await page.locator('.tabs [aria-current]').click({ trial: true });
      if (view === 'search?q=Name') {
        assert.equal(await page.getByRole('searchbox').inputValue(), 'Name');
      }
      await page.picture(`${name}-${view.replace(/\W+/g, '-') || 'now'}`);
    }
    page.clean();
  }
  await s.end();
});

test('a run says how linking goes on', { skip }, async (t) => {
  const { s, base } = await filled(t);
  const { runs: [{ id }] } = (await s.get('/admin/batch-sync/runs')).json;
  const page = await open(t, base);
  await page.route(`**/admin/batch-sync/runs/${id}`, async (route) => {
    const response = await route.fetch().catch(() => undefined);
    if (!response) return; // the service has ended
    await route.fulfill({ response, json: { ...await response.json(),
      linking: { method: 'exact', perSecond: 2345.6, queued: 678 } } });
  });
  await page.goto(`${base}#/runs/${id}`);
  await page.getByText(
    'Linking, the nearest computed: 2,346 a second, 678 to go').waitFor();
  await page.accessible();
  page.clean();
  await s.end();
});

test('a dead letter is found, read and retried', { skip }, async (t) => {
  const { s, base } = await filled(t);
  const page = await open(t, base);
  await page.goto(base);
  await page.getByRole('link', { name: 'Services' }).click();
  await page.getByRole('link', { name: '2 dead letters' }).click();
  await page.getByRole('button', { name: 'Show 2' }).click();
  await page.getByRole('button', { name: 'Item as it came' }).first().click();
  await page.getByText('"body": "Body').waitFor();
  await page.accessible();
  await page.getByRole('button', { name: 'Retry all 2' }).click();
  await page.accessible();
  await page.getByRole('button', { name: 'Leave them' }).click();
  await page.getByRole('button', { name: 'Retry all 2' }).click();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('2 will be tried again').waitFor();
  await page.getByText('No dead letters').waitFor();
  await page.getByLabel('State').selectOption('resolved');
  await page.getByRole('button', { name: 'Show 2' }).waitFor();
  assert.match(page.url(), /status=resolved/);
  page.clean();
  await s.end();
});

test('a search in Hebrew leads to a record', { skip }, async (t) => {
  const { s, base } = await filled(t);
  const page = await open(t, base);
  await page.goto(`${base}#/search`);
  await page.getByRole('searchbox').fill('רקורסיה');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('link', { name: HEBREW.name }).click();
  await page.getByText(HEBREW.body).first().waitFor();
  await page.getByText('12345678901234567890').first().waitFor();
  await page.getByRole('link', { name: 'Search' }).first().click();
  page.clean();
  await s.end();
});

test('advice is copied, a neighbour visited by keyboard', { skip },
  async (t) => {
    const { s, base } = await filled(t);
    const page = await open(t, base);
    await page.goto(`${base}#/advice`);
    await page.getByText('No ADMIN_TOKEN is set').waitFor();
    await page.getByText('The service nobody has no schema').waitFor();
    await page.getByRole('button', { name: 'Copy' }).last().click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    await page.goto(`${base}#/record?service=alpha&id=item-00004`);
    const svg = page.locator('.neighbours svg');
    const whole = await svg.getAttribute('viewBox');
    await page.getByRole('button', { name: 'Zoom in' }).click();
    assert.notEqual(await svg.getAttribute('viewBox'), whole);
    await page.getByRole('button', { name: 'Zoom out' }).click();
    assert.equal(await svg.getAttribute('viewBox'), whole);
    await page.locator('.neighbours .edge.of-between').first()
      .waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Zoom in' }).focus();
    await page.keyboard.press('Tab'); // "Zoom out" has nothing to do
    const node = page.locator('.neighbours svg a:focus');
    const name = await node.getAttribute('aria-label');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: name.split(',')[0], exact: true })
      .waitFor();
    page.clean();
    await s.end();
  });

test('runs are paged and filtered by their address', { skip }, async (t) => {
  const { s, base } = await filled(t);
  for (let i = 0; i < 32; i++) await s.trigger({ services: ['beta'] });
  const page = await open(t, base);
  await page.goto(`${base}#/runs`);
  await page.getByRole('link', { name: 'Older' }).click();
  await page.getByRole('link', { name: 'Newest' }).waitFor();
  await page.waitForFunction(() =>
    document.querySelectorAll('.row.run').length === 4);
  await page.getByLabel('State').selectOption('partial');
  await page.waitForFunction(() =>
    document.querySelectorAll('.row.run').length === 2);
  await page.locator('.row.run a').first().click();
  await page.getByRole('heading', { name: 'What was asked for' }).waitFor();
  await page.getByText('no schema for service nobody').first().waitFor();
  page.clean();
  await s.end();
});

test('what is left, as the source announced it', { skip }, async (t) => {
  const hold = gate();
  const pages = pagesOf(itemsOf(1230), shapes.dataItems, { total: true });
  const w = await world(t, { services: { alpha: async (context) => {
    if (context.page > 2) await hold.wait;
    return pages(context);
  } }, env: { BATCH_SYNC_LIMIT: '10' } });
  const s = await serve(t, w,
    { env: { BATCH_SYNC_SCHEDULE: '30 4 * * 1-5' } });
  const base = `http://127.0.0.1:${s.port}/`;
  const page = await open(t, base);
  await page.goto(base);
  await page.locator('.headline')
    .getByText('every Monday to Friday at 04:30').waitFor();
  await page.getByRole('timer').waitFor();
  const { json: { runId } } = await s.triggerAsync();
  await page.getByText(/^1,210 to go/).waitFor();
  await page.locator('.service .is-rest').waitFor();
  await page.getByText('2 pages').waitFor();
  await page.accessible();
  await s.call('POST', `/admin/batch-sync/runs/${runId}/cancel`);
  hold.open();
  await s.run(runId);
  await page.goto(`${base}#/runs/${runId}`);
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  await page.getByText('Tokens', { exact: true }).waitFor();
  await page.goto(`${base}#/services`);
  await page.getByText(/^\d+ pages · incomplete$/).waitFor();
  page.clean();
  await s.end();
});

test('many dead letters are shown part by part', { skip }, async (t) => {
  const w = await world(t, { services:
    { alpha: pagesOf(itemsOf(60).map(({ id, ...rest }) => rest)) } });
  const s = await serve(t, w);
  await s.trigger();
  const base = `http://127.0.0.1:${s.port}/`;
  const page = await open(t, base);
  await page.goto(`${base}#/letters`);
  await page.getByRole('button', { name: 'Show 60' }).click();
  const letters = page.locator('.letters > li');
  await page.waitForFunction(() =>
    document.querySelectorAll('.letters > li').length === 50);
  await page.getByRole('button', { name: 'Show more' }).click();
  await page.waitForFunction(() =>
    document.querySelectorAll('.letters > li').length === 60);
  assert.equal(await letters.count(), 60);
  await page.accessible();
  page.clean();
  await s.end();
});
