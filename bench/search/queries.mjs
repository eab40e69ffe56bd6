// The queries of examples/queries, and how well lists of ids answer them.

import { readFileSync } from 'node:fs';

export const HALVES = ['tuning', 'reporting'];
export const DEPTH = 10;

export const queries = (half) => readFileSync(new URL(
  `../../examples/queries/${half}.jsonl`, import.meta.url), 'utf8')
  .trim().split('\n').map((line) => JSON.parse(line));

/** 1 / the rank of the first wanted id among the first ten, or 0. */
export function reciprocalRank(ids, wanted) {
  const at = ids.slice(0, DEPTH).findIndex((id) => wanted.includes(id));
  return at < 0 ? 0 : 1 / (at + 1);
}

/** Of the wanted ids that ten places could hold, how many are there. */
export function recall(ids, wanted) {
  const found = new Set(ids.slice(0, DEPTH).filter((id) =>
    wanted.includes(id)));
  return found.size / Math.min(DEPTH, wanted.length);
}

/**
 * Asks all queries of a half: `find(query)` -> ids, best first. Returns what
 * the report takes: a value a query, and the milliseconds of each.
 */
export async function ask(half, find) {
  const ranks = [], recalls = [], ms = [];
  for (const { query, wanted } of queries(half)) {
    const from = performance.now();
    const ids = await find(query);
    ms.push(performance.now() - from);
    ranks.push(reciprocalRank(ids, wanted));
    recalls.push(recall(ids, wanted));
  }
  return { half, ranks, recalls, ms };
}
