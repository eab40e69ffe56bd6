// Programming tasks: every topic with a lab, in several companies.

import { dice, iso } from './dice.mjs';
import { english, link, ring, world } from './packs.mjs';

const COMPANIES_PER_TASK = 11;

const ENVIRONMENTS = {
  c: { image: 'gcc:14', packages: ['make', 'valgrind'] },
  dockerfile: { image: 'docker:27', packages: [] },
  html: { image: 'nginx:1.27', packages: ['axe-core'] },
  javascript: { image: 'node:22', packages: ['node:test'] },
  python: { image: 'python:3.13', packages: ['pytest', 'hypothesis'] },
  shell: { image: 'alpine/git:2.47', packages: [] },
  sql: { image: 'postgres:17', packages: ['pgtap'] },
  yaml: { image: 'debian:12', packages: ['make'] },
};

export function labs() {
  return english.topics.filter((topic) => topic.lab).flatMap((topic, t) =>
    topic.tasks.flatMap((task, n) =>
      ring(world.companies, t + n, COMPANIES_PER_TASK)
        .map((company) => lab(topic, task, company, n + 1))));
}

function lab(topic, task, company, n) {
  const id = `lab-${topic.key}-${n}-${company.key}`;
  const throws = dice(id);
  const { language } = topic.lab;
  return {
    lab_id: id,
    title: `${topic.title}: lab ${n} for ${company.name}`,
    summary: `${company.situation} Your part: ${task} `
      + `What this lab is about: ${topic.facts.slice(0, 2).join(' ')}`,
    programming_language: language,
    difficulty: throws.pick(['beginner', 'intermediate', 'advanced']),
    instructions: [
      'Read the starter code and run its tests; some of them fail.',
      task,
      `Add a test for ${throws.pick(['an empty input', 'a very large input',
        'text with accents and emoji 🙂', 'the same input twice'])}.`,
      'Say in two sentences what your solution costs in time and memory.',
    ],
    starter_code: topic.lab.starter,
    test_cases: topic.lab.tests.map(([input, expected], i) =>
      ({ name: `case ${i + 1}`, input, expected, hidden: i > 0 })),
    hints: throws.shuffled(topic.facts).slice(0, 3),
    environment: {
      ...ENVIRONMENTS[language],
      limits: { memory_mb: throws.pick([128, 256, 512]), cpu_seconds: 10 },
      network: false,
    },
    estimated_minutes: throws.int(3, 12) * 5,
    completion_rate: throws.number(0.35, 0.97, 2),
    published: throws.chance(0.92),
    author: throws.pick(world.authors),
    updated_at: iso(throws.instant()),
    url: link('labs', id),
    revision: 1,
  };
}
