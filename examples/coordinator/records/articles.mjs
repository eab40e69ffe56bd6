// The knowledge base: help with the platform, a glossary, and handbooks, two
// of which are longer than an embedding model takes in one piece.

import { dice } from './dice.mjs';
import { english, fill, packs, topics, world } from './packs.mjs';

const FIRST_NUMBER = 1001;

export function articles() {
  return [...help(), ...glossary(), ...handbooks()]
    .map((article, i) => record(article, FIRST_NUMBER + i));
}

function help() {
  return packs.flatMap((pack) => pack.help.map((article) =>
    ({ ...article, language: pack.language, category: 'help' })));
}

function glossary() {
  return topics.flatMap(({ pack, ...topic }) => topic.facts.map((fact, n) => ({
    title: `${fill(pack.phrases.glossary, topic)} (${n + 1})`,
    language: pack.language,
    category: 'glossary',
    body: [fact, topic.facts[(n + 1) % topic.facts.length],
      fill(pack.phrases.myth, { myth: topic.myths[n % topic.myths.length] })]
      .join('\n\n'),
    tags: [topic.category, topic.title],
  })));
}

function handbooks() {
  const chosen = (...categories) => english.topics
    .filter((topic) => categories.includes(topic.category));
  return [
    handbook('The handbook of software engineering', 'en', english.topics),
    handbook('The handbook of leading people', 'en', chosen('leadership')),
    handbook('The handbook of security and privacy', 'en',
      chosen('security', 'compliance', 'networks')),
    handbook('The handbook in many languages', 'mul', topics),
  ];
}

/** One chapter a topic. */
function handbook(title, language, chapters) {
  return {
    title,
    language,
    category: 'handbook',
    tags: ['handbook', ...new Set(chapters.map((topic) => topic.category))],
    body: chapters.map((topic, n) => chapter(topic, n + 1)).join('\n\n'),
  };
}

function chapter({ title, facts, myths, tasks, pack = english }, number) {
  const { openings, myth: phrase } = pack.phrases;
  return [
    `${number}. ${title}`,
    openings.basics,
    facts.join(' '),
    openings.mistakes,
    myths.map((myth) => fill(phrase, { myth })).join(' '),
    ...tasks ? [openings.practice, tasks.join(' ')] : [],
    openings.review,
  ].join('\n\n');
}

function record(article, number) {
  const throws = dice(`article ${number}`);
  return {
    article_id: number,
    ...article,
    source: {
      editor: throws.pick(world.authors),
      license: 'CC BY 4.0',
      reviewed: throws.chance(0.8),
    },
    helpful_votes: throws.int(0, 900),
    archived: throws.chance(0.05),
    updated_at: throws.instant(),
    revision: 1,
  };
}
