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

/** Requests that the changed items fill, across the borders of pages. */
export const neededRequests = (items, { chunk }) =>
  Math.ceil(Math.ceil(items / CHANGED_EACH) / chunk);

/** Seconds: the unchanged sync's, and the requests', all workers busy. */
export function changedBound(list, settings) {
  const unchanged = list.filter((m) => m.subject === 'batchsync, unchanged');
  return median(unchanged.map((m) => m.seconds)) +
    neededRequests(list[0].items, settings) * LATENCY_S / settings.workers;
}

/** Seconds that one of the services of a run takes, without start and end. */
export const serviceSeconds = ({ seconds, around, services }) =>
  (seconds - around) / services;

/** Seconds of linking alone, of first loads with it and without. */
export function linkSeconds(list) {
  const around = (subject) => median(list
    .filter((m) => m.subject === subject).map((m) => m.around));
  return around('batchsync, linked') - around('batchsync');
}
