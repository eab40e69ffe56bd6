// Debian's chromium without a screen, and what each of our views must be: free
// of errors, of requests to anywhere else, and of what axe-core finds.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** The browser's file, or undefined where there is none. */
export const browser = [process.env.CHROMIUM, '/usr/bin/chromium']
  .find((path) => path && existsSync(path));

/** PAGE_PICTURES=DIR keeps pictures of what the tests saw. */
const PICTURES = process.env.PAGE_PICTURES;
if (PICTURES) mkdirSync(PICTURES, { recursive: true });

/**
 * A page in a browser of its own, which ends with the test. `base` is where the
 * service listens. options: those of playwright's newContext().
 */
export async function open(t, base, options = {}) {
  const program = await chromium.launch({ executablePath: browser,
    args: ['--no-sandbox', '--disable-gpu'] });
  t.after(() => program.close());
  const context = await program.newContext({ locale: 'en-US',
    timezoneId: 'UTC', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => {
    // A refusal is an answer that the page expects.
    if (message.type() === 'error' && !/status of (401|403|503)/.test(
      message.text())) wrong.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) wrong.push(request.url());
  });
  return Object.assign(page, {
    /** Nothing went wrong so far. */
    clean: () => assert.deepEqual(wrong, []),
    picture: (name) => PICTURES && page.screenshot({ fullPage: true,
      path: `${PICTURES}/${name}.png` }),
    /** Nothing is cut off or reached by scrolling aside. */
    async fits() {
      assert.ok(await page.evaluate(() =>
        document.documentElement.scrollWidth <= innerWidth), 'it scrolls aside');
    },
    /** The rules of axe-core, all of them, on what is shown now. */
    async accessible() {
      // Its script comes from a file, which the page's own policy would refuse.
      const found = await inspect(page);
      assert.deepEqual(found, []);
    },
  });
}

async function inspect(page) {
  const client = await page.context().newCDPSession(page);
  const { readFileSync } = await import('node:fs');
  const { frameTree } = await client.send('Page.getFrameTree');
  const { executionContextId } = await client.send('Page.createIsolatedWorld',
    { frameId: frameTree.frame.id });
  const evaluate = (expression) => client.send('Runtime.evaluate',
    { expression, contextId: executionContextId, awaitPromise: true,
      returnByValue: true });
  await evaluate(readFileSync(AXE, 'utf8'));
  const { result } = await evaluate(`axe.run(document).then((r) =>
    r.violations.map(({ id, nodes }) =>
      id + ': ' + nodes.map((n) => n.html + ' ' + n.failureSummary).join()))`);
  return result.value;
}
