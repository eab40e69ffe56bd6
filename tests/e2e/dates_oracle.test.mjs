// Datetimes, text and metadata, against Node's own Date: spellings that people
// and programs use, each also with one character changed, and strings drawn
// from a grammar of dates. DATES_SEED repeats a run, DATES_CASES lengthens it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { instant } from './render-oracle/oracle.mjs';
import { generator } from './render-oracle/random.mjs';
import { randomDate } from './render-oracle/random_date.mjs';
import { binary } from './rig/batchsync.mjs';

const SEED = Number(process.env.DATES_SEED ?? 20_251_218);
const CASES = Number(process.env.DATES_CASES ?? 200_000);
const MAX_OUTPUT = 1024 * 1024 * 1024;

const table = JSON.parse(readFileSync(
  new URL('../data/dates.json', import.meta.url), 'utf8'));
const calendar = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC' });
const folder = mkdtempSync(join(tmpdir(), 'batchsync-dates-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function rendered(values) {
  const file = join(folder, 'dates.json');
  writeFileSync(file, JSON.stringify({
    service_name: 'dates', data_structure: { id: 'string', w: 'datetime' },
  }));
  const child = spawnSync(
    binary(), ['render', '--metadata', '--schema', file], {
      input: values.map((w) => JSON.stringify({ id: 'i', w })).join('\n'),
      maxBuffer: MAX_OUTPUT,
    });
  assert.ifError(child.error);
  assert.equal(child.status, 0, child.stderr.toString());
  return child.stdout.toString().split('\n').filter((line) => line !== '');
}

// What the Node program stored: a text, and metadata as JSON.
function expected(w) {
  const date = instant(w);
  const valid = !Number.isNaN(date.getTime());
  const text = valid ? calendar.format(date) : 'Invalid Date';
  return JSON.stringify({
    content_id: 'i',
    content_text: `id: i\n\nw: ${text}`,
    metadata: {
      id: 'i', w: date, _schema_version: '1.0.0', _source_service: 'dates',
    },
  });
}

// Returns how many of the values are dates.
function compare(values) {
  const lines = rendered(values);
  assert.equal(lines.length, values.length);
  values.forEach((w, i) => assert.equal(lines[i], expected(w),
    `of ${JSON.stringify(w)}`));
  return values.filter((w) => !Number.isNaN(instant(w).getTime())).length;
}

const ALPHABET = '0123456789-+:./, ()TZtzAaPpmMGUgJDnNxé\u00a0\u2028\u3000日"';

// One character less, twice, another or one more, at every place.
function mutations(random, text) {
  const all = [];
  for (let at = 0; at <= text.length; at++) {
    const head = text.slice(0, at);
    const tail = text.slice(at);
    const c = ALPHABET[random.below(ALPHABET.length)];
    all.push(head + c + tail, head + c + tail.slice(1), head + tail.slice(1),
      head + tail.slice(0, 1) + tail);
  }
  return all;
}

test('the table holds what this Node says', () => {
  for (const [text, iso] of table)
    assert.equal(JSON.parse(JSON.stringify(instant(text))), iso, text);
});

test('every spelling of the table', () => {
  assert.ok(table.length > 500);
  compare(table.map(([text]) => text));
});

test(`every spelling with one character changed, seed ${SEED}`, () => {
  const random = generator(SEED);
  const values = table.flatMap(([text]) => mutations(random, text));
  const valid = compare(values);
  assert.ok(valid > values.length / 10, `${valid} of ${values.length}`);
});

test(`${CASES} strings of a grammar, seed ${SEED}`, () => {
  const random = generator(SEED);
  const values = Array.from({ length: CASES }, () => randomDate(random));
  const valid = compare(values);
  assert.ok(valid > CASES / 10 && valid < CASES * 9 / 10, `${valid}`);
});

test('values that are not texts', () => {
  const texts = ['2025-12-18', 'Dec 18, 2025', '12', ''];
  compare([0, -0, 1, -1, 0.9, -0.9, 1766448000000, 1766448000.5, 8.64e15,
    8.64e15 + 1, -8.64e15, -8.64e15 - 1, 1e300, true, false, {}, [], [[]],
    [null], [null, null], [5], [12, 18, 2025], [2025, 12], [true], [false, 5],
    [1, 2, 3, 4], [{}], [['2025-12-18']], ['2025', null], ['(', '2025'],
    { $date: '2025-12-18' }, ...texts.map((text) => [text]),
    ...texts.map((text) => ['x', text]), ['on', 'Dec 18', 2025]]);
});
