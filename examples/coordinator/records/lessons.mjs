// Lessons: the essentials, the mistakes, practice and a review of each topic,
// in English for several kinds of reader, elsewhere in one course.

import { dice, iso } from './dice.mjs';
import { english, fill, link, topics, world } from './packs.mjs';

const ANGLES = ['basics', 'mistakes', 'practice', 'review'];

/** The paragraphs of a lesson, seen from its angle. */
const BODIES = {
  basics: ({ facts }) => facts,
  mistakes: ({ myths, facts, pack }) => myths.flatMap((myth, i) =>
    [fill(pack.phrases.myth, { myth }), facts[i]]),
  practice: ({ tasks, facts }) => (tasks ?? facts).map((task, i) =>
    `${i + 1}. ${task}`),
  review: ({ facts, myths, pack }) => [facts.join(' '),
    ...myths.map((myth) => fill(pack.phrases.myth, { myth }))],
};

export function lessons() {
  return topics.flatMap((topic) => courses(topic.pack).flatMap((course) =>
    ANGLES.map((angle, module) => lesson(topic, course, angle, module + 1))));
}

function courses(pack) {
  return pack === english ? world.tracks
    : [{ id: pack.language, name: pack.course, level: 'beginner', intro: '' }];
}

function lesson(topic, course, angle, module) {
  const { language, phrases } = topic.pack;
  const id = lessonId(course, topic, module);
  const throws = dice(id);
  const title = fill(phrases.lessons[angle], topic);
  return {
    lesson_id: id,
    title,
    language,
    course: {
      id: `course-${course.id}`,
      title: course.name,
      level: course.level,
      category: topic.category,
    },
    module,
    objectives: phrases.objectives,
    body: [course.intro, phrases.openings[angle], ...BODIES[angle](topic)]
      .filter((paragraph) => paragraph !== '').join('\n\n'),
    prerequisites: module === 1 ? [] : [lessonId(course, topic, module - 1)],
    duration_minutes: throws.int(1, 6) * 5,
    rating: throws.chance(0.15) ? null : throws.number(3.2, 5),
    free_preview: module === 1,
    media: media(throws, id, language),
    published_at: iso(throws.instant()),
    url: link(language, 'lessons', id),
    revision: 1,
  };
}

const lessonId = (course, topic, module) =>
  `lesson-${course.id}-${topic.key}-${module}`;

/** Half of the media come as a JSON text, as older lessons have them. */
function media(throws, id, language) {
  const value = {
    video: throws.chance(0.7)
      ? { url: link('video', `${id}.mp4`), seconds: throws.int(90, 900) }
      : null,
    captions: [...new Set(['en', language])],
    slides: throws.int(0, 24),
  };
  return throws.chance(0.5) ? JSON.stringify(value) : value;
}
