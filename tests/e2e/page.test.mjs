// The page at /, as an operator's browser shows it.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { test } from 'node:test';
import { browser, open } from './rig/browser.mjs';
import { gate, serve } from './support/serve.mjs';
import { itemsOf, onceProven, pagesOf, schemaOf, world }
  from './support/world.mjs';

const TOKEN = 'open-sesame';
const skip = browser ? false : 'there is no chromium';

const start = async (t, { env, ...options } = {}) => {
  const w = await world(t, {
    services: { alpha: pagesOf(itemsOf(30)), beta: pagesOf(itemsOf(8, 1, 'b')) },
    ...options });
  const s = await serve(t, w, { env });
  return { w, s, base: `http://127.0.0.1:${s.port}` };
};

test('its files', async (t) => {
  const { s } = await start(t, { env: { ADMIN_TOKEN: TOKEN } });
  let packed = 0;
  for (const [path, type] of [['/', 'text/html; charset=utf-8'],
    ['/page.js', 'text/javascript; charset=utf-8'],
    ['/page.css', 'text/css; charset=utf-8'], ['/icon.svg', 'image/svg+xml']]) {
    const plain = await s.get(path);
    assert.equal(plain.status, 200);
    const { headers } = plain;
    assert.equal(headers['content-type'], type);
    assert.equal(headers['content-encoding'], undefined);
    assert.equal(headers['cache-control'], 'no-cache');
    assert.match(headers['content-security-policy'], /default-src 'none'/);
    assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe|\*|http/);
    const answer = await fetch(`http://127.0.0.1:${s.port}${path}`);
    assert.equal(answer.headers.get('content-encoding'), 'gzip');
    assert.equal(await answer.text(), plain.text);
    packed += Number(answer.headers.get('content-length'));
    const again = await s.get(path,
      { headers: { 'if-none-match': `"other", W/${headers.etag}` } });
    assert.deepEqual([again.status, again.text], [304, '']);
    assert.equal((await s.get(path,
      { headers: { 'if-none-match': '"other"' } })).status, 200);
    assert.equal((await s.call('HEAD', path)).text, '');
    assert.equal((await s.call('POST', path)).status, 405);
  }
  assert.ok(packed > 10_000 && packed <= 90 * 1024, `${packed} bytes`);
  await s.end();
});

test('a run is started, watched and canceled', { skip }, async (t) => {
  const { w, s, base } = await start(t,
    { env: { BATCH_SYNC_CHUNK_SIZE: '5' } });
  const page = await open(t, base);
  await page.goto(base);
  await page.getByText('Nothing has run yet').waitFor();
  await page.picture('now-empty');
  await page.accessible();

  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByRole('heading', { name: 'Syncing' }).waitFor();
  await page.getByRole('heading', { name: 'alpha' }).waitFor();
  await page.picture('now-running');
  await page.accessible();
  await page.getByRole('button', { name: 'Cancel this run' }).click();
  await page.getByRole('button', { name: 'Keep it running' }).click();
  await page.getByRole('button', { name: 'Cancel this run' }).click();
  await page.accessible();
  await page.getByRole('dialog').getByRole('button',
    { name: 'Cancel this run' }).click();
  hold.open();
  await page.getByRole('heading', { name: 'Waiting', exact: true }).waitFor();
  await page.getByText('canceled').first().waitFor();

  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByText('2 of 2 services done').waitFor();
  await page.locator('.state.of-success').first().waitFor();
  await page.accessible();
  page.clean();
  await s.end();
});

test('the token is asked for, kept in the tab, and never in an address',
  { skip }, async (t) => {
    const { s, base } = await start(t, { env: { ADMIN_TOKEN: TOKEN } });
    const page = await open(t, base);
    const addresses = [];
    page.on('request', (r) => addresses.push(r.url()));
    await page.goto(base);
    await page.getByLabel('Token').fill('wrong');
    await page.picture('token');
    await page.accessible();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('did not accept').waitFor();
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Nothing has run yet').waitFor();
    await page.reload();
    await page.getByText('Nothing has run yet').waitFor();
    await page.getByRole('button', { name: 'Forget the token' }).click();
    await page.getByLabel('Token').waitFor();
    assert.ok(addresses.every((url) => !url.includes(TOKEN)));
    page.clean();
    await s.end();
  });

test('a viewer looks, and is told', { skip }, async (t) => {
  const { s, base } = await start(t,
    { env: { ADMIN_TOKEN: TOKEN, VIEWER_TOKEN: 'only-look-at-it' } });
  const page = await open(t, base);
  await page.goto(base);
  await page.getByLabel('Token').fill('only-look-at-it');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByText('read-only token').waitFor();
  await page.getByRole('button', { name: 'Run now' }).waitFor(
    { state: 'hidden' });
  assert.equal(await page.getByRole('button', { name: 'schedules' }).count(), 0);
  await page.getByText('Nothing has run yet').waitFor();
  await page.accessible();
  page.clean();
  await s.end();
});

test('in Hebrew, in the dark, on a phone, behind a path', { skip },
  async (t) => {
    const { s, base } = await start(t);
    await s.good();
    const port = await proxy(t, '/tools/batchsync', s.port);
    const page = await open(t, `http://127.0.0.1:${port}`, {
      colorScheme: 'dark', viewport: { width: 390, height: 844 } });
    await page.goto(`http://127.0.0.1:${port}/tools/batchsync/`);
    await page.getByText('38').first().waitFor();
    await page.picture('now-phone-dark');
    await page.accessible();
    await page.getByRole('button', { name: 'עברית' }).click();
    await page.getByRole('heading', { name: 'מעודכן וממתין' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('dir'), 'rtl');
    await page.picture('now-phone-hebrew');
    await page.accessible();
    await page.fits();
    page.clean();
    const wide = await open(t, base);
    await wide.goto(base);
    await wide.getByText('38').first().waitFor();
    await wide.picture('now');
    await s.end();
  });

test('nothing is asked while it is paused', { skip }, async (t) => {
  const { s, base } = await start(t);
  const page = await open(t, base);
  await page.goto(base);
  await page.getByText('Nothing has run yet').waitFor();
  const button = (name) => page.getByRole('button', { name, exact: true });
  await button('Pause').click();
  await button('Resume').waitFor();
  await s.good();
  await button('Resume').waitFor();
  assert.ok(await page.getByText('Nothing has run yet').isVisible());
  await button('Resume').click();
  await page.getByText('2 of 2 services done').waitFor();
  page.clean();
  await s.end();
});

test('the schedules are paused for a reason, and resumed', { skip },
  async (t) => {
    const { w, s, base } = await start(t, { env: {
      BATCH_SYNC_SCHEDULE: '0 2 * * *',
      BATCH_SYNC_SCHEDULES: 'beta=30 6 * * 1' } });
    await w.db.rows(`INSERT INTO batch_sync_fires (schedule, fire_at, outcome)
      VALUES ('', date_trunc('day', now()), 'skipped'),
        ('beta', date_trunc('day', now()), 'replaced')`);
    const page = await open(t, base);
    await page.goto(base);
    const card = page.getByRole('region', { name: 'Schedules' });
    await card.getByText('every Monday at 06:30').waitFor();
    await card.getByText('waits for a run under way').waitFor();
    await card.getByText('a run was under way').waitFor();
    await card.getByText('a later one took its place').waitFor();
    await card.locator('summary').last().click();
    assert.equal(await card.getByRole('listitem').filter({ hasText: '6:30:00' })
      .getByRole('listitem').count(), 10);
    await page.accessible();

    await page.getByRole('button', { name: 'Pause schedules' }).click();
    await page.getByRole('button', { name: 'Pause them' }).click();
    const reason = page.getByLabel('Why?');
    await reason.waitFor(); // a reason is required
    await page.accessible();
    await page.picture('now-pause');
    await page.getByRole('button', { name: 'Let them run' }).click();
    await reason.waitFor({ state: 'detached' });
    assert.deepEqual(await w.db.rows('SELECT FROM batch_sync_pauses'), []);
    await page.getByRole('button', { name: 'Pause schedules' }).click();
    await reason.fill(' the index is rebuilt: אינדקס ');
    await reason.press('Enter');
    await page.getByText('The schedules are paused:').waitFor();
    await page.getByText('the index is rebuilt: אינדקס').waitFor();
    assert.deepEqual(await w.db.rows('SELECT reason FROM batch_sync_pauses'),
      [{ reason: 'the index is rebuilt: אינדקס' }]);
    await page.accessible();
    await page.picture('now-paused');

    await page.getByRole('button', { name: 'Resume schedules' }).click();
    await page.getByRole('timer').waitFor();
    assert.deepEqual(await w.db.rows('SELECT FROM batch_sync_pauses'), []);
    page.clean();
    await s.end();
  });

test('what a source has told to be deleted is an outcome', { skip },
  async (t) => {
    const held = { items: itemsOf(30) };
    const { s, base } = await start(t, {
      services: { alpha: pagesOf(() => held.items) },
      schemas: [schemaOf('alpha', { deleted_when: { field: 'state',
        equals: 'gone' } })] });
    await s.good();
    held.items = [{ id: 'item-00001', state: 'gone' }, ...itemsOf(30).slice(1, 29),
      { id: 'item-00030', state: 'gone' }];
    await s.good();
    const page = await open(t, base);
    await page.goto(base);
    const run = page.getByRole('region', { name: 'Last run' });
    await run.getByText('2 told to be deleted').first().waitFor();
    await run.getByText('2 deleted').first().waitFor();
    await run.getByRole('img', { name:
      '28 unchanged, 2 told to be deleted, 2 deleted' }).first().waitFor();
    await page.accessible();
    await page.goto(`${base}#/runs`);
    await page.locator('.picture .is-tombstones').first().waitFor();
    page.clean();
    await s.end();
  });

/** A proxy that takes its own prefix away; returns its port. */
async function proxy(t, prefix, port) {
  const server = createServer((from, to) => {
    if (!from.url.startsWith(`${prefix}/`)) {
      to.writeHead(404).end();
      return;
    }
    const { host, origin, ...headers } = from.headers;
    const onward = request({ host: '127.0.0.1', port, method: from.method,
      headers, agent: false, path: from.url.slice(prefix.length) }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
    });
    // A browser that leaves, or a service that ends, ends the exchange alone.
    onward.once('error', () => to.destroy());
    from.pipe(onward);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return server.address().port;
}
