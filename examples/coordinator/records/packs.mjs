// What the records are made of: per language a pack of topics, phrases and
// help articles, and a small world of companies and people.

import { readFileSync } from 'node:fs';

const read = (name) => JSON.parse(
  readFileSync(new URL(`../data/${name}.json`, import.meta.url), 'utf8'));

export const world = read('world');
export const english = read('en');
export const packs =
  [english, ...['he', 'ar', 'de', 'es', 'fr', 'ja'].map(read)];

/** The phrase with its {names} filled in. */
export const fill = (phrase, values) =>
  phrase.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** n neighbours in a list taken as a ring. */
export const ring = (list, from, n) =>
  Array.from({ length: n }, (_, i) => list[(from + i) % list.length]);

/** All topics of all packs, each with its pack. */
export const topics = packs.flatMap((pack) =>
  pack.topics.map((topic) => ({ ...topic, pack })));

const SITE = 'https://learn.example.com';

export const link = (...parts) => [SITE, ...parts].join('/');
