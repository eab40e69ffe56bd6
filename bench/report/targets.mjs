// What batchsync aims at, and whether the stored measurements say it is there.
// A target is a text and a function of the results that lists cases, each with
// what was measured and whether that is enough; no case: not measured.

import { loopQuantile } from './loop.mjs';
import { answered, gain, quantile, timed } from './searches.mjs';
import { groupBy, median, mib, number, percent, rate } from './stats.mjs';
import { ratios, table } from './table.mjs';
import { BOUND, BY_INDEX, COPY, DECLARED, LINK_FLOOR, ONE_FETCH,
  REQUESTS,
  changedBound, linkSeconds, neededRequests, serviceSeconds } from './terms.mjs';

const PEERS = /^(design|LangChain|LlamaIndex)/;

const scenarios = (result) => (result === undefined ? []
  : [...groupBy(result.measured, (m) => m.scenario)]);

const of = (list, subject) => list.filter((m) => m.subject === subject);

const atLeast = (label, value, least, show) => ({
  label, shown: show(value), met: value >= least });

const atMost = (label, value, most, show) => ({
  label, shown: show(value), met: value <= most });

/** A case for each scenario of a number of dimensions that has values. */
function cases(result, dimensions, values, judge) {
  return scenarios(result)
    .filter(([, list]) => list[0].dimensions === dimensions)
    .map(([name, list]) => [name, values(list)])
    .filter(([, found]) => found.length > 0)
    .map(([name, found]) => judge(name, median(found)));
}

const ofLimit = (dimensions, least) => ({ load }) =>
  cases(load, dimensions, (list) => ratios(list, 'batchsync', COPY),
    (name, value) => atLeast(name, value, least, percent));

/** A subject beside whichever peer was the best in each round. */
const overBestPeer = (list, subject) => of(list, subject)
  .map((m) => rate(m) / Math.max(...list
    .filter((p) => p.round === m.round && PEERS.test(p.subject)).map(rate)))
  .filter((r) => r > 0 && Number.isFinite(r));

const times = (value) => `${number(value, 1)}x`;

/** With what the limit would come to: nobody can be asked for more. */
const ofPeers = (dimensions, least) => ({ load }) =>
  cases(load, dimensions, (list) => overBestPeer(list, 'batchsync'),
    (name, value) => atLeast(name, value, least, (v) => {
      const [, list] = scenarios(load).find(([scenario]) => scenario === name);
      const most = median(overBestPeer(list, COPY));
      return `${times(v)}, where the limit is ${times(most)}`;
    }));

/** With what the machine lets a driver have that does nothing else. */
const besideRequests = (list) => (value) => {
  const alone = ratios(list, REQUESTS, BOUND);
  return alone.length === 0 ? percent(value)
    : `${percent(value)}, where the requests alone are ` +
      percent(median(alone));
};

const ofBound = (size, least) => ({ latency }) =>
  ['batchsync', 'batchsync, 20 ms jitter'].flatMap((subject) =>
    scenarios(latency)
      .filter(([, list]) => list[0].items === latency.settings[size])
      .map(([name, list]) => atLeast(
        name + (subject === 'batchsync' ? '' : ', jitter'),
        median(ratios(list, subject, BOUND)), least,
        subject === 'batchsync' ? besideRequests(list) : percent)));

const rerun = ({ unchanged }) => [256, 1536].flatMap((dimensions) =>
  cases(unchanged, dimensions,
    (list) => ratios(list, 'batchsync', 'LangChain index()'),
    (name, value) => atLeast(name, value, 10, times)));

// The trial write of the start: rolled back, but the server counts its rows.
const TRIED_ROWS = 4;

const nothingDone = ({ unchanged }) => scenarios(unchanged)
  .map(([name, list]) => {
    const done = of(list, 'batchsync');
    const requests = Math.max(...done.map((m) => m.requests));
    const rows = Math.max(0, Math.max(...done.map((m) => m.written)) -
      TRIED_ROWS);
    return { label: name, shown: `${requests} and ${rows}`,
      met: requests === 0 && rows === 0 };
  });

/** Both with their start and their end. */
const planned = ({ unchanged }) => scenarios(unchanged)
  .filter(([, list]) => list[0].items === unchanged.settings.many
    && of(list, 'batchsync plan').length > 0)
  .map(([name, list]) => {
    const [plan, sync] = ['batchsync plan', 'batchsync'].map((subject) =>
      median(of(list, subject).map((m) => m.seconds)));
    return atMost(name, plan / sync, 1.1, () =>
      `${number(plan, 2)} s beside ${number(sync, 2)} s`);
  });

const changedRequests = ({ changed }) => scenarios(changed)
  .map(([name, list]) => {
    const needed = neededRequests(list[0].items, changed.settings);
    const most = Math.max(...of(list, 'batchsync').map((m) => m.requests));
    return { label: name, shown: `${most}, filled ${needed}`,
      met: most <= needed + 4 };
  });

const changedTime = ({ changed }) => scenarios(changed)
  .filter(([, list]) => list[0].items === changed.settings.many)
  .map(([name, list]) => {
    const took = median(of(list, 'batchsync').map((m) => m.seconds));
    const bound = changedBound(list, changed.settings);
    return atMost(name, took / bound, 1.25, (value) =>
      `${number(took, 2)} s, ${percent(value, 0)} of ${number(bound, 2)} s`);
  });

const sideBySide = ({ fetches }) => cases(fetches, 256,
  (list) => ratios(list, 'batchsync, 4 at a time', ONE_FETCH),
  (name, value) => atLeast(name, value, 3, times));

const cpu = (dimensions, most) => ({ load }) =>
  cases(load, dimensions,
    (list) => of(list, 'batchsync').map((m) => 1000 * m.cpu / m.items),
    (name, value) => atMost(name, value, most, (v) => number(v, 4)));

const peak = (dimensions, most) => ({ load, memory }) =>
  [load, memory].filter((result) => result !== undefined)
    .map((result) => [result.section, result.measured.filter((m) =>
      m.subject === 'batchsync' && m.dimensions === dimensions)])
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => atMost(`section ${name}`,
      Math.max(...list.map((m) => mib(m.kib))), most,
      (value) => `${number(value, 1)} MiB`));

/** How far the peaks from 10,000 items on are from the first. */
const flat = ({ memory }) => scenarios(memory).map(([, list]) => {
  const sizes = [...groupBy(list.filter((m) => m.items >= 10000),
    (m) => m.items)].map(([items, some]) =>
    [items, median(some.map((m) => m.kib))]);
  if (sizes.length < 2) return undefined;
  const first = sizes[0][1];
  const worst = sizes.map(([, kib]) => Math.abs(kib / first - 1))
    .reduce((a, b) => Math.max(a, b));
  return atMost(`${list[0].dimensions} dimensions to ${
    number(sizes.at(-1)[0])}`, worst, 0.1, percent);
}).filter((one) => one !== undefined);

/** Peaks of the section documents, beside what is allowed by m. */
const documentPeak = (chosen, most) => ({ documents }) =>
  (documents?.measured ?? []).filter(chosen).map((m) =>
    [m, mib(m.kib) - most(m)]).sort((a, b) => b[1] - a[1]).slice(0, 1)
    .map(([m]) => atMost(`${number(m.x)} bytes`, mib(m.kib), most(m),
      (value) => `${number(value, 1)} MiB`));

/** The median of a field of the section idle. */
const idleField = (subject, field, most, show) => ({ idle }) => {
  const list = of(idle?.measured ?? [], subject).map((m) => m[field]);
  return list.length === 0 ? []
    : [atMost('', median(list), most, show)];
};

const loop = ({ idle }) => (idle?.measured ?? [])
  .filter((m) => m.subject.startsWith('flat out'))
  .map((m) => [m.subject, loopQuantile(m.metrics, 'cpu', 0.99)])
  .filter(([, value]) => value !== undefined)
  .map(([name, value]) => atMost(name.replace('flat out, ', ''), value, 0.005,
    (v) => `${number(1000 * v, 2)} ms`));

/** Requests beside a run: [p50, p99, most, count] of each path. */
const answers = ({ idle }) => (idle?.measured ?? [])
  .filter((m) => /^flat out.* every /.test(m.subject))
  .flatMap((m) => ['health', 'runs'].map((path) =>
    atMost(`${m.subject.replace('flat out, ', '')}, ${path}`, m[path][1],
      0.005, (v) => `${number(1000 * v, 1)} ms`)));

const unchangedService = ({ services }) => services === undefined ? []
  : [atMost('', median(services.measured.map(serviceSeconds)), 0.006,
    (v) => `${number(1000 * v, 1)} ms`)];

/** What a service costs of which the items are a few, beside the requests. */
const smallService = ({ curves }) => {
  const list = (curves?.measured ?? []).filter((m) =>
    m.scenario === 'services');
  const most = Math.max(...list.map((m) => m.x));
  const seconds = (x) => median(list.filter((m) => m.x === x)
    .map((m) => m.seconds));
  return list.length === 0 || most === 1 ? []
    : [atMost(`${number(most)} services`,
      (seconds(most) - seconds(1)) / (most - 1), 0.006,
      (v) => `${number(1000 * v, 1)} ms`)];
};

const share = ({ link }) => {
  const list = of(link?.measured ?? [], 'a run with linking beside it')
    .map((m) => m.link / m.seconds);
  // A batch that began in time may end later.
  return list.length === 0 ? []
    : [atMost('', median(list), 0.3, percent)];
};

const floors = ({ link }, items) => scenarios(link).filter(([, list]) =>
  of(list, LINK_FLOOR).length > 0 && (!items || list[0].items === items));

const linkTime = (items, most) => (results) => floors(results, items)
  .map(([name, list]) => atMost(name, linkSeconds(list),
    most(median(of(list, LINK_FLOOR).map((m) => m.writes))),
    (value) => `${number(value, 1)} s`));

const recall = (results) => floors(results).flatMap(([name, list]) =>
  [[name, LINK_FLOOR], [`${name}, by the index`, BY_INDEX]]
    .map(([label, subject]) => [label, of(list, subject).map((m) => m.recall)])
    .filter(([, found]) => found.length > 0)
    .map(([label, found]) => atLeast(label, Math.min(...found), 0.99, percent)));

const declared = ({ link }) => of(link?.measured ?? [], DECLARED)
  .filter((m) => m.items >= 20000)
  .map((m) => atLeast(m.scenario, m.per_second, 5000, number));

const linkPeak = (results) => floors(results).map(([name, list]) =>
  atMost(name, Math.max(...of(list, 'batchsync, linked')
    .map((m) => mib(m.kib))), 96, (value) => `${number(value, 1)} MiB`));

const slowed = ({ link }) => {
  const seconds = (subject) => median(of(link?.measured ?? [], subject)
    .map((m) => m.seconds));
  const alone = seconds('a run alone');
  return Number.isNaN(alone) ? []
    : [atMost('', seconds('a run with linking beside it') / alone - 1, 0.3,
      percent)];
};

/** Hybrid beside vectors alone, on the half that nothing was chosen by. */
const hybrid = (chosen, judge) => ({ search }) => {
  const list = search === undefined ? []
    : answered(search).filter((m) => m.half === 'reporting');
  return [...groupBy(list, (m) => m.embedder)].filter(([name]) => chosen(name))
    .map(([name, some]) => {
      const { ratio, within: [low, high] } = gain(
        some.find((m) => m.way === 'hybrid'),
        some.find((m) => m.way === 'vector'));
      return { label: name, met: judge(ratio, high), shown:
        `${number(ratio, 2)}x (${number(low, 2)} to ${number(high, 2)})` };
    });
};

const LOCAL = ['builtin', 'static'];

const searchTime = ({ search }) => (search === undefined ? [] : timed(search))
  .filter((m) => m.rows >= 100000 && m.scenario !== 'alone')
  .map(({ scenario, way, ms }) => atMost(
    `${scenario.replace('beside a first load, ', '')}, ${way}`,
    quantile(ms, 0.95), 30, (v) => `${number(v, 1)} ms`));

const staticModels = (field, judge) => ({ search }) =>
  (search?.measured ?? []).filter((m) => m.static !== undefined)
    .map((m) => judge(m.static, m[field]));

const staticSpeed = staticModels('per_second',
  (label, value) => ({ label, met: value >= 50000, shown: number(value) }));

const staticMemory = staticModels('kib',
  (label, value) => atMost(label, mib(value), 10,
    (v) => `${number(v, 1)} MiB`));

const TARGETS = [
  ['First load at 0 ms, 256 dimensions: at least 60% of COPY from ' +
    'memory',
    ofLimit(256, 0.6)],
  ['First load at 0 ms, 1,536 dimensions: at least 70% of COPY from ' +
    'memory',
    ofLimit(1536, 0.7)],
  ['First load at 0 ms, 256 dimensions: at least 5x the best peer',
    ofPeers(256, 5)],
  ['First load at 0 ms, 1,536 dimensions: at least 8x the best peer',
    ofPeers(1536, 8)],
  ['First load at 50 ms, few items: at least 95% of the bound',
    ofBound('few', 0.95)],
  ['First load at 50 ms, many items: at least 98% of the bound',
    ofBound('many', 0.98)],
  ['Unchanged: at least 10x LangChain index()', rerun],
  ['Unchanged: no request to the embedder, no row written', nothingDone],
  ['Unchanged, many items: a plan takes what the sync takes, to 10%', planned],
  ['1% changed: at most four requests more than the changed items fill',
    changedRequests],
  ['1% changed: at most 125% of the unchanged sync\'s time and its ' +
    'requests\', all workers busy', changedTime],
  ['A coordinator of 300 ms: four pages at a time at least 3 times as fast ' +
    'as one', sideBySide],
  ['CPU, 256 dimensions: at most 0.02 s per 1,000 items', cpu(256, 0.02)],
  ['CPU, 1,536 dimensions: at most 0.04 s per 1,000 items', cpu(1536, 0.04)],
  ['Peak memory, 256 dimensions: at most 48 MiB', peak(256, 48)],
  ['Peak memory, 1,536 dimensions: at most 64 MiB', peak(1536, 64)],
  ['Peak memory, 300 documents of 100 KB on a page or one of 4 MB: at most ' +
    '96 MiB', documentPeak((m) => m.page_bytes < 35e6 && m.x < 5e6, () => 96)],
  ['Peak memory, documents of any size: at most 4 pages and 64 MiB',
    documentPeak(() => true, (m) => 64 + 4 * m.page_bytes / 2 ** 20)],
  ['Peak memory from 10,000 items on: within 10% of itself', flat],
  ['Idle: at most 0.1% of a CPU', idleField('idle', 'cpu_share', 0.001,
    (v) => percent(v, 3))],
  ['Idle: at most 30 MiB resident', idleField('idle', 'kib', 30 * 1024,
    (v) => `${number(mib(v), 1)} MiB`)],
  ['Ready at most 200 ms after the start', idleField('ready', 'seconds', 0.2,
    (v) => `${number(1000 * v)} ms`)],
  ['The loop, flat out: at most 5 ms of CPU a turn at p99', loop],
  ['Answers while a run is flat out: at most 5 ms at p99', answers],
  ['A service of a few items: at most 6 ms', smallService],
  ['A service of ten items, unchanged: at most 6 ms', unchangedService],
  ['Linking 20,000 items of 256 dimensions: at most twice the same nodes and ' +
    'edges in plain SQL, and 2 s', linkTime(20000, (writes) => 2 * writes + 2)],
  ['Linking 100,000 items of 256 dimensions: at most 150 s',
    linkTime(100000, () => 150)],
  ['Linking: at least 99% of the ten nearest by brute force', recall],
  ['Linking: at most 96 MiB', linkPeak],
  ['Declared links: at least 5,000 a second', declared],
  ['A run is slowed by linking beside it by at most 30%', slowed],
  ['Linking: about a quarter of a run\'s time beside it, 30% at most', share],
  ['Hybrid search, builtin and static vectors: MRR@10 at least 1.15x vectors ' +
    'alone', hybrid((name) => LOCAL.includes(name), (ratio) => ratio >= 1.15)],
  ['Hybrid search, other vectors: not below vectors alone, by its 95% interval',
    hybrid((name) => !LOCAL.includes(name), (ratio, high) => high >= 1)],
  ['Searches of 100,000 rows beside a first load, flat out or with a ' +
    'provider of 50 ms: at most 30 ms at p95',
    searchTime],
  ['Static models: at least 50,000 texts of 400 characters a second and core',
    staticSpeed],
  ['Static models: at most 10 MiB beside the mapped file', staticMemory],
];

const verdict = (list) => (list.length === 0 ? 'not measured'
  : list.every((one) => one.met) ? 'met' : '**not met**');

const measured = (list) => list.map(({ label, shown, met }) =>
  `${label === '' ? '' : `${label}: `}${met ? shown : `**${shown}**`}`)
  .join('; ');

export function targetsTable(results) {
  return table(['target', 'measured', ''], TARGETS.map(([text, find]) => {
    const list = find(results);
    return [text, measured(list), verdict(list)];
  }), 3);
}
