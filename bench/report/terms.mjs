// What the sections and their report agree on.

import { median } from './stats.mjs';

export const LINK_FLOOR = 'floor: exact in one thread, then plain SQL';
export const BY_INDEX = 'linking, by the index';
export const DECLARED = 'links, declared';
export const COPY = 'limit: COPY BINARY, 2 connections';
export const LIMIT = 'limit: unnest from memory, 2 connections';
export const BOUND = 'limit: workers x 50 / latency';
export const REQUESTS = 'the requests alone, answers unread';
export const ONE_FETCH = 'batchsync, 1 at a time';
export const PULL = 'the pull alone';

const CHANGED_EACH = 100, LATENCY_S = 0.05;

/** Requests that the changed items of all pages need, page by page. */
export function neededRequests(items, { page, chunk }) {
  const full = Math.floor(items / page);
  const requests = (n) => Math.ceil(Math.ceil(n / CHANGED_EACH) / chunk);
  return full * requests(page) + requests(items % page);
}

/** One page at most is read ahead, so requests of two are under way. */
export const PAGES_AT_HAND = 2;

/** Seconds: the unchanged sync's, and the requests', so many at a time. */
export function changedBound(list, settings, atATime) {
  const unchanged = list.filter((m) => m.subject === 'batchsync, unchanged');
  return median(unchanged.map((m) => m.seconds)) +
    neededRequests(list[0].items, settings) * LATENCY_S / atATime;
}

/** Seconds of linking alone, of first loads with it and without. */
export function linkSeconds(list) {
  const around = (subject) => median(list
    .filter((m) => m.subject === subject).map((m) => m.around));
  return around('batchsync, linked') - around('batchsync');
}
