// Sets the calendar's answers beside those of croner, cron-parser and systemd:
//
//     node compare.mjs PATH/TO/clock_answers [COUNT [SEED]]
//
// A difference is fine when its reason is one of docs/calendar.md; any other
// one is printed, and the exit code is 1.
import { spawnSync } from 'node:child_process';
import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';
import { questions } from './questions.mjs';
import { systemdNext } from './systemd.mjs';

const FIRES = 3;
// systemd too wants both days where one begins with *.
const EITHER_DAY = ['croner', 'cron-parser'];
const NEAR = 49 * 3600 * 1000;
const SHOWN = 10;

const peers = {
  croner: ({ text, zone, after }) =>
    new Cron(text, { timezone: zone, paused: true })
      .nextRuns(FIRES, new Date(after)).map(Number),
  'cron-parser': ({ text, zone, after }) => {
    const it = CronExpressionParser.parse(text,
      { currentDate: new Date(after), tz: zone });
    return Array.from({ length: FIRES }, () => Number(it.next().toDate()));
  },
  // A process a question: one in ten is asked.
  systemd: (question, i) => {
    if (i % 10 !== 0) throw new Error('not asked');
    return systemdNext(question, FIRES);
  },
};

function ours(program, all) {
  const input = all.map(({ text, zone, after }) =>
    `${text}\t${zone}\t${after}\t${FIRES}\n`).join('');
  const { stdout, status } = spawnSync(program, { input, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${program}: exit code ${status}`);
  // A refused expression, one that can never fire, has no fires.
  return String(stdout).replace(/\n$/, '').split('\n').map((line) =>
    line.startsWith('error:') ? { error: `${line}\n      `, fires: [] } :
      { error: '', fires: line.split(' ').filter(Boolean).map(Number) });
}

const restricted = (field) => field !== '*' && field !== '?';

/** Why two answers may differ; null: for no reason that is known. */
function reason(name, { text }, changes, a, b) {
  const [day, , weekday] = text.split(' ').slice(-3);
  const steps = (field) => field.startsWith('*/');
  if (EITHER_DAY.includes(name) && restricted(day) && restricted(weekday) &&
    (steps(day) || steps(weekday)))
    return 'a day field that begins with * is free';
  const i = a.findIndex((at, k) => at !== b[k]);
  const at = i < 0 ? a.length : Math.min(a[i], b[i] ?? Infinity);
  const change = changes.find((c) => Math.abs(c.at - at) < NEAR);
  if (change === undefined) return null;
  const hours = text.split(' ').at(-4);
  const kind = /[*/]/.test(hours) ? 'free hours' : 'fixed hours';
  return `${change.by > 0 ? 'clock goes ahead' : 'clock goes back'}, ${kind}`;
}

function same(a, b) {
  return a.length === b.length && a.every((at, i) => at === b[i]);
}

function show(question, a, b) {
  const iso = (list) => list.map((ms) => new Date(ms).toISOString().slice(0, 19))
    .join(' ');
  return `${question.text}  ${question.zone}  after ` +
    `${iso([question.after])}\n      ours   ${iso(a)}\n      theirs ${iso(b)}`;
}

function compare(name, ask, all, answers, changes) {
  const count = { same: 0, unread: 0, unknown: 0 };
  const reasons = new Map();
  all.forEach((question, i) => {
    let theirs;
    try {
      theirs = ask(question, i);
    } catch {
      count.unread++;
      return;
    }
    if (same(answers[i].fires, theirs)) {
      count.same++;
      return;
    }
    const why = reason(name, question, changes.get(question.zone),
      answers[i].fires, theirs);
    if (why === null && count.unknown++ < SHOWN)
      console.log(`   ${name}: ${answers[i].error}` +
        show(question, answers[i].fires, theirs));
    if (why === null) return;
    const entry = reasons.get(why) ?? { n: 0, example: question, i, theirs };
    entry.n++;
    reasons.set(why, entry);
  });
  console.log(`${name}: ${count.same} the same, ${count.unread} not asked or ` +
    `not in its grammar, ${count.unknown} unexplained`);
  for (const [why, { n, example, i, theirs }] of [...reasons].sort())
    console.log(`   ${n} ${why}: ${show(example, answers[i].fires,
      theirs)}`);
  return count.unknown;
}

const [program, count = '5000', seed = '1'] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: node compare.mjs CLOCK_ANSWERS [COUNT [SEED]]');
  process.exit(64);
}
const { all, changes } = questions(Number(count), Number(seed));
const answers = ours(program, all);
let unexplained = 0;
for (const [name, ask] of Object.entries(peers))
  unexplained += compare(name, ask, all, answers, changes);
process.exit(unexplained > 0 ? 1 : 0);
