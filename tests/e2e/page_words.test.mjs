// The words of the page that are made, not listed: schedules.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const modules = here('../../deps/web/node_modules');
const skip = existsSync(modules) ? false : 'the page is not built';

/** A module of the page, in a browser that speaks that language. */
async function load(path, language) {
  const { build } = createRequire(`${modules}/x.js`)('esbuild');
  const { outputFiles: [{ text }] } = await build({
    entryPoints: [here(`../../web/src/${path}`)], bundle: true, format: 'esm',
    nodePaths: [modules], write: false });
  const browser = `const navigator = { language: '${language}' };\n`;
  return import(`data:text/javascript,${encodeURIComponent(browser + text)}`);
}

const TABLE = [
  ['* * * * *', 'every minute', 'בכל דקה'],
  ['*/15 * * * *', 'every 15 minutes', 'כל 15 דקות'],
  ['5,35 * * * *', 'every hour at :05 and :35', 'בכל שעה ב־:05 ו-:35'],
  ['@hourly', 'every hour at :00', 'בכל שעה ב־:00'],
  ['0 */6 * * *', 'every 6 hours at :00', undefined],
  ['0 2 * * *', 'every day at 02:00', 'בכל יום בשעה 02:00'],
  ['0 0 2 * * ?', 'every day at 02:00', 'בכל יום בשעה 02:00'],
  ['30 4,16 * * *', 'every day at 04:30 and 16:30', undefined],
  ['30 4 * * 1-5', 'every Monday to Friday at 04:30', undefined],
  ['0 9 * * sat,7', 'every Saturday and Sunday at 09:00', undefined],
  ['0 3 1 * *', 'on day 1 of every month at 03:00', 'ב־1 לכל חודש בשעה 03:00'],
  ['30 0 2 * * *', undefined],
  ['0 2 29 2 *', undefined],
  ['0 2 1 * 1', undefined],
  ['0 2 L * *', undefined],
  ['0 2 * * 1#2', undefined],
];

test('schedules in words', { skip }, async () => {
  const [english, hebrew] = await Promise.all([
    load('schedule.js', 'en-US'), load('schedule.js', 'he-IL')]);
  for (const [expression, en, he] of TABLE) {
    assert.equal(english.inWords(expression), en, expression);
    if (he) assert.equal(hebrew.inWords(expression), he, expression);
    assert.equal(hebrew.inWords(expression) === undefined, en === undefined);
  }
});
