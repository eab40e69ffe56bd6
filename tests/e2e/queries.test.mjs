// The queries that searches are measured with: what they want is there, and
// nobody has copied a title into them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { articles } from '../../examples/coordinator/records/articles.mjs';
import { assessments }
  from '../../examples/coordinator/records/assessments.mjs';
import { labs } from '../../examples/coordinator/records/labs.mjs';
import { lessons } from '../../examples/coordinator/records/lessons.mjs';
import { reports } from '../../examples/coordinator/records/reports.mjs';

const read = (half) => readFileSync(
  new URL(`../../examples/queries/${half}.jsonl`, import.meta.url), 'utf8')
  .trim().split('\n').map((line) => JSON.parse(line));

const halves = { tuning: read('tuning'), reporting: read('reporting') };
const queries = Object.values(halves).flat();

const records = [
  ...articles().map((r) => [r.article_id, r]),
  ...assessments().map((r) => [r.assessment_id, r]),
  ...labs().map((r) => [r.lab_id, r]),
  ...lessons().map((r) => [r.lesson_id, r]),
  ...reports().map((r) =>
    [[r.organization_id, r.report_type, r.period].join(':'), r]),
];

const words = (text) => ` ${text.normalize('NFKC').toLowerCase()
  .replace(/[^\p{L}\p{N}]+/gu, ' ').trim()} `;

test('every wanted id is that of a record', () => {
  const ids = new Set(records.map(([id]) => String(id)));
  for (const { query, wanted } of queries) {
    assert.ok(wanted.length > 0, query);
    assert.equal(new Set(wanted).size, wanted.length, query);
    for (const id of wanted) assert.ok(ids.has(id), `${query}: ${id}`);
  }
});

test('no query is a title, or three words or more out of one', () => {
  const titles = [...new Set(records.map(([, r]) => words(r.title)))];
  for (const { query } of queries) {
    const asked = words(query);
    const taken = titles.find((title) => title === asked ||
      (asked.trim().split(' ').length > 2 && title.includes(asked)) ||
      (title.trim().split(' ').length > 2 && asked.includes(title)));
    assert.equal(taken, undefined, query);
  }
});

test('both halves have all kinds and all seven languages', () => {
  assert.ok(queries.length >= 200);
  assert.equal(new Set(queries.map((q) => q.query)).size, queries.length);
  for (const half of Object.values(halves)) {
    assert.deepEqual([...new Set(half.map((q) => q.kind))].sort(),
      ['exact', 'number', 'paraphrase', 'question', 'typo']);
    assert.deepEqual([...new Set(half.map((q) => q.language))].sort(),
      ['ar', 'de', 'en', 'es', 'fr', 'he', 'ja']);
  }
});
