// Questions to choose an answer from, opinions to answer, and open tasks.

import { dice, iso } from './dice.mjs';
import { english, fill, link, ring, topics, world } from './packs.mjs';

const COMPANIES_PER_MYTH = 4;
const COMPANIES_PER_TASK = 5;
const DIFFICULTIES = ['beginner', 'intermediate', 'advanced'];

export function assessments() {
  const choices = topics.flatMap((topic) =>
    topic.facts.map((fact, n) => choice(topic, fact, n)));
  const others = english.topics.flatMap((topic, t) => [
    ...topic.myths.flatMap((myth, n) =>
      ring(world.companies, t + n, COMPANIES_PER_MYTH)
        .map((company) => opinion(topic, myth, company, n + 1))),
    ...topic.tasks.flatMap((task, n) =>
      ring(world.companies, t + 3 * n, COMPANIES_PER_TASK)
        .map((company) => assignment(topic, task, company, n + 1))),
  ]);
  return [...choices, ...others];
}

/** One fact among myths. */
function choice({ pack, ...topic }, fact, n) {
  const id = `asm-${pack.language}-${topic.key}-choice-${n + 1}`;
  const { phrases } = pack;
  const other = topic.facts[(n + 1) % topic.facts.length];
  return record(id, topic, pack.language, {
    title: `${topic.title} (${n + 1})`,
    question: fill(phrases.question, topic),
    options: dice(`${id} options`).shuffled([fact, ...topic.myths]),
    correct_answer: fact,
    explanation: [fill(phrases.because, { fact: other }),
      ...topic.myths.map((myth) => fill(phrases.myth, { myth }))].join(' '),
  });
}

/** Somebody says something wrong. */
function opinion(topic, myth, company, n) {
  const id = `asm-en-${topic.key}-opinion-${n}-${company.key}`;
  const throws = dice(`${id} opinion`);
  return record(id, topic, 'en', {
    title: `${topic.title}: an opinion at ${company.name} (${n})`,
    question: `${throws.pick(world.roles)} at ${company.name} says: `
      + `“${myth}” What do you answer, and how would you show it?`,
    options: [],
    correct_answer: 'It is not so. What does hold: '
      + throws.shuffled(topic.facts).slice(0, 2).join(' '),
    explanation: fill(english.phrases.myth, { myth })
      + ` Good answers give an example from ${topic.category}.`,
  });
}

function assignment(topic, task, company, n) {
  const id = `asm-en-${topic.key}-task-${n}-${company.key}`;
  return record(id, topic, 'en', {
    title: `${topic.title} for ${company.name} (${n})`,
    question: `${company.situation} ${task} Describe your approach, what it `
      + 'costs, and what you would check before handing it over.',
    options: [],
    correct_answer: 'There is more than one. A good answer keeps in mind: '
      + topic.facts.slice(0, 3).join(' '),
    explanation: `A weak answer believes: “${topic.myths[0]}”`,
  });
}

function record(id, topic, language, texts) {
  const throws = dice(id);
  const created = throws.instant();
  return {
    assessment_id: id,
    ...texts,
    topic: topic.title,
    language,
    difficulty: throws.pick(DIFFICULTIES),
    skills: topic.skills ?? [topic.category],
    passing_score: throws.pick([60, 70, 80, 87.5]),
    duration_minutes: throws.int(2, 9) * 5,
    adaptive: throws.chance(0.3),
    statistics: statistics(throws),
    created_at: iso(created),
    updated_at: iso(created + throws.int(1, 90) * 86_400_000),
    url: link('assessments', id),
    revision: 1,
  };
}

/** New questions have none. */
function statistics(throws) {
  if (throws.chance(0.1)) return null;
  const attempts = throws.int(20, 4000);
  const mobile = throws.int(0, attempts >> 1);
  return {
    attempts,
    average_score: throws.number(42, 94),
    pass_rate: throws.number(0.4, 0.98, 2),
    by_device: { web: attempts - mobile, mobile },
    recent: ['2025-06', '2025-07', '2025-08'].map((month) =>
      ({ month, attempts: throws.int(0, 400) })),
  };
}
