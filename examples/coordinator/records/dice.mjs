// Chance that repeats itself: the same name, the same throws. Every record
// throws dice of its own, named after it, so that adding one record leaves
// the others as they are.

import { createHash } from 'node:crypto';

const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2024, 0, 1);
const DAYS = 600;

export function dice(name) {
  const next = mulberry32(seedOf(name));
  return {
    /** A whole number from low to high, both included. */
    int: (low, high) => low + Math.floor(next() * (high - low + 1)),

    /** A number from low to high with so many digits after the point. */
    number: (low, high, digits = 1) =>
      Number((low + next() * (high - low)).toFixed(digits)),

    chance: (probability) => next() < probability,

    pick: (list) => list[Math.floor(next() * list.length)],

    shuffled: (list) => list
      .map((value) => [next(), value])
      .sort(([a], [b]) => a - b)
      .map(([, value]) => value),

    /** An instant of working hours in 2024 or 2025, in milliseconds. */
    instant: () => FIRST_DAY + Math.floor(next() * DAYS) * DAY_MS
      + Math.floor((7 + next() * 11) * 3600) * 1000,
  };
}

export const iso = (instant) => new Date(instant).toISOString();

const seedOf = (name) =>
  createHash('sha256').update(name).digest().readUInt32LE(0);

function mulberry32(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  };
}
