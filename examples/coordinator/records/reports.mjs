// Reports for managers: each organisation, each kind, each month.

import { dice, iso } from './dice.mjs';
import { english, world } from './packs.mjs';

const YEAR = 2025;
const TARGET = 0.7;
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July',
  'August', 'September', 'October'];

/** Each kind: what it measures, and what it says about that. */
const KINDS = {
  completion: {
    title: 'Course completion',
    metrics: (throws, { learners }) => {
      const enrolled = throws.int(learners >> 2, learners);
      const rate = throws.number(0.41, 0.96, 3);
      return {
        enrolled,
        completed: Math.round(enrolled * rate),
        completion_rate: rate,
        change_since_last_month: throws.number(-0.08, 0.09, 3),
        median_days_to_complete: throws.int(6, 45),
      };
    },
    summary: (m, topic) =>
      `${m.completed} of ${m.enrolled} enrolled learners finished their `
      + `course: a completion rate of ${percent(m.completion_rate)}, `
      + `${trend(m.change_since_last_month)}. Half of them needed no more `
      + `than ${m.median_days_to_complete} days. Most certificates were `
      + `earned in ${topic.title}.`,
  },
  skills: {
    title: 'Skills development',
    metrics: (throws) => ({
      assessed: throws.int(40, 600),
      average_score: throws.number(58, 91),
      levels: Object.fromEntries(['beginner', 'intermediate', 'advanced']
        .map((level) => [level, throws.int(10, 200)])),
      change_since_last_month: throws.number(-0.05, 0.07, 3),
    }),
    summary: (m, topic) =>
      `${m.assessed} people were assessed and reached ${m.average_score} `
      + `points on average, ${trend(m.change_since_last_month)}. `
      + `${topic.title} shows the widest gap between what is needed and what `
      + 'people can do; a course and two labs on it are recommended.',
  },
  engagement: {
    title: 'Learner engagement',
    metrics: (throws, { learners }) => ({
      active_learners: throws.int(learners >> 3, learners >> 1),
      minutes_per_learner: throws.int(35, 310),
      sessions: { web: throws.int(200, 9000), mobile: throws.int(50, 6000) },
      satisfaction: throws.number(3.1, 4.9),
      change_since_last_month: throws.number(-0.2, 0.25, 3),
    }),
    summary: (m, topic) =>
      `${m.active_learners} learners were active and spent `
      + `${m.minutes_per_learner} minutes each, `
      + `${trend(m.change_since_last_month)}. They rated their lessons `
      + `${m.satisfaction} out of 5. The lesson most often opened was on `
      + `${topic.title}.`,
  },
  compliance: {
    title: 'Compliance training',
    metrics: (throws, { learners }) => {
      const overdue = throws.int(0, learners >> 3);
      return {
        required: learners,
        fulfilled: learners - overdue,
        overdue,
        overdue_by_course: overdue === 0 ? {} : {
          'Data protection': Math.ceil(overdue / 2),
          'Recognising phishing': Math.floor(overdue / 2),
        },
        change_since_last_month: throws.number(-0.04, 0.06, 3),
      };
    },
    summary: (m) => (m.overdue === 0
      ? 'Every compulsory training is done; nobody is overdue'
      : `${m.overdue} of ${m.required} people are overdue with compulsory `
        + 'training in data protection or phishing')
      + `, ${trend(m.change_since_last_month)}. Reminders were sent to them `
      + 'and to their managers.',
  },
};

const percent = (share) => `${(share * 100).toFixed(1)}%`;

const trend = (change) => Math.abs(change) < 0.005
  ? 'much the same as last month'
  : `${change > 0 ? 'up' : 'down'} ${percent(Math.abs(change))} `
    + 'since last month';

export function reports() {
  return world.organizations.flatMap((organization) =>
    Object.keys(KINDS).flatMap((kind) =>
      MONTHS.map((_, month) => report(organization, kind, month))));
}

function report(organization, kind, month) {
  const period = `${YEAR}-${String(month + 1).padStart(2, '0')}`;
  const throws = dice(`${organization.id} ${kind} ${period}`);
  const topic = throws.pick(english.topics);
  const { title, summary, metrics: measure } = KINDS[kind];
  const metrics = measure(throws, organization);
  const end = Date.UTC(YEAR, month + 1, 0);
  return {
    organization_id: organization.id,
    organization_name: organization.name,
    report_type: kind,
    period,
    title: `${title} at ${organization.name}, ${MONTHS[month]} ${YEAR}`,
    summary: summary(metrics, topic),
    period_start: `${period}-01`,
    period_end: iso(end).slice(0, 10),
    metrics,
    departments: departments(throws, kind),
    highlights: throws.shuffled(topic.facts).slice(0, 2).map((fact) =>
      `Worth repeating from the lesson on ${topic.title}: ${fact}`),
    final: month < MONTHS.length - 1,
    contact: throws.chance(0.8) ? throws.pick(world.authors) : null,
    generated_at: iso(end + throws.int(30, 60) * 3_600_000),
    next_review: end + throws.int(5, 25) * 86_400_000,
    country: organization.country,
    revision: 1,
  };
}

function departments(throws, kind) {
  return throws.shuffled(world.departments).slice(0, throws.int(2, 5))
    .map((name) => {
      const rate = throws.number(0.3, 1, 2);
      return {
        name,
        learners: throws.int(8, 240),
        [`${kind}_rate`]: rate,
        on_target: rate >= TARGET,
      };
    });
}
