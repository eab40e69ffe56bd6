// The chapters of RESULTS.md: for each section its tables, and what they mean.

import { longestTurn, loopQuantile } from './loop.mjs';
import { profile } from './profile.mjs';
import { pieces } from './pieces.mjs';
import { searches } from './searches.mjs';
import { groupBy, median, mib, number, percent, rate } from './stats.mjs';
import { comparison, most, spread, table } from './table.mjs';
import { BOUND, BY_INDEX, DECLARED, LIMIT, LINK_FLOOR, ONE_FETCH, PULL,
  changedBound,
  linkSeconds, neededRequests, serviceSeconds } from './terms.mjs';

const scenarios = (result) => [...groupBy(
  result.measured.filter((m) => m.scenario !== undefined),
  (m) => m.scenario)];

const med = (list, key) => median(list.map(key));

const ms = (seconds, digits = 1) => (seconds === undefined ? ''
  : number(1000 * seconds, digits));

function title([{ items, dimensions }]) {
  return `### ${number(items)} items of ${number(dimensions)} dimensions\n\n`;
}

/** A table a scenario, in ratio to a subject. */
const tables = (result, limit) => scenarios(result)
  .map(([, list]) => title(list) + comparison(list, limit)).join('\n');

function servers(list) {
  const pull = list.filter((m) => m.subject === PULL);
  const rows = [['items, in pages of 1,000', number(med(pull, rate))],
    ...list.filter((m) => m.subject === 'vectors').map((m) =>
      [`vectors of ${m.dimensions}`, number(m.per_second)])];
  return '### The servers by themselves\n\nWhat the coordinator and the ' +
    'embedder give to a driver that does nothing with it: neither is what ' +
    `slows anybody down.\n\n${table(['', 'a second'], rows)}\n`;
}

function load(result) {
  const [[, alone], ...rest] = scenarios(result);
  const measured = rest.flatMap(([, list]) => list);
  return 'The database is what limits: the statement of a sync, fed from ' +
    'memory over two connections and without anything else, is 100%.\n\n' +
    `${servers(alone)}${tables({ measured }, LIMIT)}`;
}

function latency(result) {
  const { workers, chunk } = result.settings;
  return `The embedder is what limits: ${workers} requests of ${chunk} at a ` +
    'time, each of which takes 50 ms, is 100%. With jitter each takes 30 to ' +
    '70 ms. A driver that asks for the same vectors and does nothing else ' +
    `shows how near to that this machine comes.\n\n${tables(result, BOUND)}`;
}

function unchanged(result) {
  return 'Nothing has changed since the last sync. Reading the pages, ' +
    'finding the items in them and rendering these is shown step by step, ' +
    'one page after another; the rest of a re-run is looking up what is ' +
    'stored. A plan reads, renders and looks up the same, and writes no ' +
    `ledger.\n\n${tables(result, PULL)}`;
}

function changedRows(list, result) {
  const rows = [...groupBy(list, (m) => m.subject)].map(([subject, some]) =>
    [subject, number(med(some, (m) => m.seconds), 2),
      spread(some.map((m) => m.seconds), 2), number(med(some, rate)),
      number(med(some, (m) => 1000 * m.cpu / m.items), 4),
      number(med(some, (m) => mib(m.kib)), 1), med(some, (m) => m.requests),
      most(some, (m) => m.billed / m.unique, 2),
      med(some, (m) => m.written), some.length]);
  rows.push(['the unchanged sync and full requests, all workers busy',
    number(changedBound(list, result.settings), 2), '', '', '', '',
    neededRequests(list[0].items, result.settings), '', '', '']);
  return table(['what', 'seconds', 'spread', 'items/s', 'CPU s per 1,000',
    'peak MiB', 'requests', 'billed over unique tokens', 'rows written',
  'rounds'], rows);
}

function changed(result) {
  return 'Each page has ten changed items, so that five pages fill a request, ' +
    `for which the embedder takes 50 ms.\n\n${scenarios(result)
      .map(([, list]) => title(list) + changedRows(list, result)).join('\n')}`;
}

function smallServices(result) {
  const list = result.measured;
  const each = list.map(serviceSeconds);
  return 'A run over services of ten items each, of which nothing has ' +
    'changed, one service after another: claimed, opened, read, looked up, ' +
    `checkpointed, ended.\n\n${table(['services', 'ms a service', 'spread',
      'CPU ms a service', 'rounds'], [[number(list[0].services),
      ms(median(each), 1), spread(each.map((s) => 1000 * s), 1),
      ms(med(list, (m) => m.cpu / m.services), 1), list.length]])}`;
}

function fetches(result) {
  return 'The coordinator is what limits: it takes 300 ms for each of 100 ' +
    'pages of which nothing has changed, and of the empty one behind them. ' +
    'They are asked for one after another (100%) and four at a time ' +
    `(BATCH_SYNC_FETCHES).\n\n${tables(result, ONE_FETCH)}`;
}

function memory(result) {
  const rows = scenarios(result).flatMap(([, list]) => {
    const sizes = [...groupBy(list, (m) => m.items)];
    const peak = (some) => med(some, (m) => mib(m.kib));
    const base = sizes.find(([items]) => items >= 10000) ?? sizes[0];
    return sizes.map(([items, some]) => [number(list[0].dimensions),
      number(items), number(med(some, rate)), spread(some.map(rate)),
      number(peak(some), 1), spread(some.map((m) => mib(m.kib)), 1),
      items < base[0] ? '' : percent(peak(some) / peak(base[1])),
      some.length]);
  });
  const skipped = result.measured.filter((m) => m.skipped !== undefined)
    .map((m) => `\nLeft out: ${m.skipped}: ${m.why}.\n`);
  return 'First loads at 0 ms. Every row has been compared with the ' +
    `embedder's function of its text, the million too.\n\n${table(
      ['dimensions', 'items', 'items/s', 'spread', 'peak MiB', 'spread',
        'of that at 10,000', 'rounds'], rows)}${skipped.join('')}`;
}

function service(list) {
  const ready = list.filter((m) => m.subject === 'ready')
    .map((m) => m.seconds);
  const idle = list.find((m) => m.subject === 'idle');
  return table(['', ''], [
    ['ready after the start, median of 10, ms', ms(median(ready), 0)],
    ['... least and most', `${ms(Math.min(...ready), 0)}-${
      ms(Math.max(...ready), 0)}`],
    [`CPU over ${idle.for_seconds} s idle`, percent(idle.cpu_share, 3)],
    ['resident when idle, MiB', number(mib(idle.kib), 1)],
  ]);
}

function underLoad(list) {
  const quantile = (some, which, q) => med(some,
    (m) => loopQuantile(m.metrics, which, q) ?? NaN);
  const busy = list.filter((m) => m.subject.startsWith('flat out'));
  return table(['while it syncs', 'items/s', '/health p50, ms', 'p99',
    'asked', '/admin/.../runs p50, ms', 'p99', 'loop lag p99, ms',
    'CPU a turn of the loop p99, ms', 'most'],
  [...groupBy(busy, (m) => m.subject)].map(([subject, some]) => [
    subject.replace('flat out, ', ''), number(med(some, rate)),
    ms(med(some, (m) => m.health[0]), 2), ms(med(some, (m) => m.health[1]), 2),
    number(med(some, (m) => m.health[3])),
    ms(med(some, (m) => m.runs[0]), 2), ms(med(some, (m) => m.runs[1]), 2),
    ms(quantile(some, 'lag', 0.99), 2), ms(quantile(some, 'cpu', 0.99), 2),
    ms(Math.max(...some.map((m) => longestTurn(m.metrics) ?? NaN)), 1)]));
}

function wrk(list) {
  const asked = list.filter((m) => m.subject.startsWith('wrk, '));
  return table(['wrk, 4 connections', 'requests/s', 'p50, ms', 'p99',
    'items/s meanwhile', 'rounds'],
  [...groupBy(asked, (m) => m.subject)].map(([subject, some]) => [
    subject.replace('wrk, ', ''), number(med(some, (m) => m.per_second)),
    ms(med(some, (m) => m.p50), 2), ms(med(some, (m) => m.p99), 2),
    number(med(some, rate)), some.length]));
}

function idle(result) {
  const { measured } = result;
  const { items } = measured.find((m) => m.subject.startsWith('flat out'));
  return `\`batchsync serve\` with the database up.\n\n${service(measured)}\n` +
    `Under load: ${number(items)} items of 1,536 dimensions at 0 ms, pages ` +
    `of 1,000, answers of 50 vectors in that encoding.\n\n${
      underLoad(measured)}\n${wrk(measured)}`;
}

/** Linking beside its floor, where that was measured. */
function linkFloors(loads) {
  const rows = loads.filter(([, list]) =>
    list.some((m) => m.subject === LINK_FLOOR)).map(([, list]) => {
    const floor = list.filter((m) => m.subject === LINK_FLOOR);
    const of = (key) => med(floor, (m) => m[key]);
    const linking = linkSeconds(list);
    return [number(list[0].items), number(linking, 2),
      number(of('seconds'), 2), percent(of('seconds') / linking),
      number(of('compute'), 2), number(of('writes'), 2),
      percent(of('recall')), number(med(list.filter((m) =>
        m.subject === 'batchsync, linked'), (m) => m.kib / 1024), 1)];
  });
  return rows.length === 0 ? '' : 'The floor is what is needed at least: the ' +
    'ten nearest of each item computed exactly by one thread from memory, then ' +
    'the same nodes and edges in plain SQL from tables of the same server. ' +
    `Recall is of the ten nearest by brute force.\n\n${table(['items',
      'linking, s', 'floor, s', 'of linking', 'the nearest, s', 'plain SQL, s',
      'recall', 'MiB'], rows)}\n`;
}

/** What is not part of these loads: the index, and links that are declared. */
function linkOthers({ measured }) {
  const rows = measured.filter((m) => [BY_INDEX, DECLARED].includes(m.subject))
    .map((m) => [m.subject, number(m.items), number(m.seconds, 2),
      number(m.per_second), m.recall === undefined ? '' : percent(m.recall),
      m.build === undefined ? '' : number(m.build, 2)]);
  return rows.length === 0 ? '' : 'The same items by the index, which has been ' +
    'built before, over two connections; and a link of each to the next one, ' +
    `declared.\n\n${table(['', 'items', 'seconds', 'a second', 'recall',
      'the index, s'], rows)}\n`;
}

function linkRow([, list]) {
  const of = (subject, key) => med(
    list.filter((m) => m.subject === subject), key);
  const whole = of('batchsync, linked', (m) => m.seconds);
  // What it takes to start and to end is no part of linking.
  const linking = of('batchsync, linked', (m) => m.around) -
    of('batchsync', (m) => m.around);
  return [number(list[0].items), number(of('batchsync', (m) => m.seconds), 2),
    number(of('batchsync, linked', (m) => m.seconds - m.around), 2),
    number(linking, 2), percent(linking / whole),
    number(list[0].items / linking)];
}

function link(result) {
  const [beside] = scenarios(result).filter(([name]) => name === 'beside');
  const loads = scenarios(result).filter(([name]) => name !== 'beside');
  const rows = [...groupBy(beside[1], (m) => m.subject)].map(
    ([subject, some]) => [subject, number(med(some, (m) => m.seconds), 2),
      spread(some.map((m) => m.seconds), 2),
      percent(med(some, (m) => m.link / m.seconds)), some.length]);
  return 'A first load at 0 ms of 256 dimensions, and the graph after it, to ' +
    'its last edge; the vector index is built later. The last three columns ' +
    `are of linking alone.\n\n${table(['items', 'without the graph, s',
      'run with it, s', 'linking, s', 'of the whole', 'items/s'],
    loads.map(linkRow))}\n${linkFloors(loads)}${linkOthers(result)}And beside a run: the service syncs ${
      number(beside[1][0].items)} items into a database that has the vector ` +
    `index, while as many others wait to be linked.\n\n${table(['',
      'seconds', 'spread', 'linking at work', 'rounds'], rows)}`;
}

function index(result) {
  const rows = scenarios(result).flatMap(([, list]) =>
    [...groupBy(list, (m) => m.subject)].map(([subject, some]) => [
      number(list[0].items), subject, number(med(some, (m) => m.seconds), 2),
      spread(some.map((m) => m.seconds), 2),
      number(med(some, (m) => m.seconds - m.load), 2),
      number(med(some, rate)), some.length]));
  return 'First loads of distinct vectors of 256 dimensions at 0 ms, until ' +
    'the HNSW index (m 16, ef_construction 64) has all of them.\n\n' +
    table(['rows', 'index', 'seconds', 'spread', 'of these after the load',
      'rows/s', 'rounds'], rows, 2);
}

/** [section, heading, chapter] in the order of the report. */
export const CHAPTERS = [
  ['load', 'First load, an embedder of 0 ms', load],
  ['latency', 'First load, an embedder of 50 ms', latency],
  ['unchanged', 'Unchanged', unchanged],
  ['changed', '1% changed, an embedder of 50 ms', changed],
  ['services', 'Small services, unchanged', smallServices],
  ['fetches', 'A slow coordinator', fetches],
  ['memory', 'Memory', memory],
  ['idle', 'The service', idle],
  ['link', 'Linking', link],
  ['index', 'The vector index', index],
  ['search', 'Searches', searches],
  ['pieces', 'Pieces of long texts', pieces],
  ['profile', 'Where the time goes', profile],
];
