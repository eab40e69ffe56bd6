// The words of the demo's records, and in how many records each stands.

import { readFileSync } from 'node:fs';
import { articles } from '../coordinator/records/articles.mjs';
import { assessments } from '../coordinator/records/assessments.mjs';
import { labs } from '../coordinator/records/labs.mjs';
import { lessons } from '../coordinator/records/lessons.mjs';
import { reports } from '../coordinator/records/reports.mjs';

const SCHEMAS = new URL('../../schema/services/', import.meta.url);

const RECORDS = { 'demo-assessment': assessments, 'demo-courses': lessons,
  'demo-devlab': labs, 'demo-knowledge': articles, 'demo-reports': reports };

const IDEOGRAPH = /\p{Script=Han}/gu;

/** A text's words as the tokenizer sees them: as BERT's rules have it. */
export const wordsOf = (text) => text.replace(IDEOGRAPH, ' $& ')
  .normalize('NFD').replace(/\p{Mn}/gu, '').toLowerCase()
  .match(/[\p{P}\p{S}]|[^\s\p{P}\p{S}\p{C}]+/gu) ?? [];

/** Names and values, as the text of a record shows both. */
function* textsOf(value) {
  if (value === null || typeof value !== 'object') yield String(value);
  else for (const [name, part] of Object.entries(value)) {
    yield name;
    yield* textsOf(part);
  }
}

/** { records, count: Map of word -> the number of records that hold it }. */
export function countWords() {
  const count = new Map();
  let records = 0;
  for (const [name, recordsOf] of Object.entries(RECORDS)) {
    const { data_structure: fields, field_descriptions: labels } =
      JSON.parse(readFileSync(new URL(`${name}.json`, SCHEMAS)));
    for (const record of recordsOf()) {
      const shown = Object.keys(fields).map((field) =>
        [(labels[field] ?? field).split(' ')[0], record[field] ?? '']);
      const words = wordsOf([...textsOf(Object.fromEntries(shown))].join(' '));
      for (const word of new Set(words)) {
        count.set(word, (count.get(word) ?? 0) + 1);
      }
      records++;
    }
  }
  return { records, count };
}
