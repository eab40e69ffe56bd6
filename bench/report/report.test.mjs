// The report's arithmetic: what is met is met, what is not is said to be not,
// and what was not measured is neither.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineChart } from './chart.mjs';
import { loopQuantile } from './loop.mjs';
import { pieces } from './pieces.mjs';
import { searchPicture, searches } from './searches.mjs';
import { median, short } from './stats.mjs';
import { comparison, ratios } from './table.mjs';
import { targetsTable } from './targets.mjs';
import { BOUND, BY_INDEX, COPY, DECLARED, LIMIT, LINK_FLOOR, REQUESTS,
  neededRequests }
  from './terms.mjs';

const settings = { few: 20000, many: 100000, page: 1000, chunk: 50,
  workers: 5 };

/** A section's result; each of `measured` is [scenario, subject, seconds]. */
function result(section, items, dimensions, measured, more = {}) {
  return { section, settings, measured: measured.map(
    ([scenario, subject, seconds, round = 1]) => ({ scenario, subject, round,
      items, dimensions, seconds, requests: 0, written: 0, cpu: 1, kib: 1024,
      ...more })) };
}

/** The last cell of the row that begins with a text. */
function verdict(table, start) {
  const line = table.split('\n').find((l) => l.startsWith(`| ${start}`));
  assert.ok(line, `no row ${start}`);
  return line.split('|').at(-2).trim();
}

test('median, and short numbers', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
  assert.equal(short(1500000), '1.5M');
});

test('a ratio is of the same round', () => {
  const { measured } = result('load', 100, 256, [
    ['s', LIMIT, 1, 1], ['s', 'batchsync', 2, 1],
    ['s', LIMIT, 3, 2], ['s', 'batchsync', 4, 2]]);
  assert.deepEqual(ratios(measured, 'batchsync', LIMIT), [0.5, 0.75]);
  assert.match(comparison(measured, LIMIT), /\| batchsync \| .* \| 62\.5% \|/);
});

test('targets of the first load', () => {
  const at = (ours) => targetsTable({ load: result('load', 20000, 256, [
    ['20000 x 256', COPY, 1], ['20000 x 256', 'batchsync', ours],
    ['20000 x 256', 'LangChain index()', 10],
    ['20000 x 256', 'LangChain addDocuments', 8]]) });
  const limit = 'First load at 0 ms, 256 dimensions: at least 60%';
  const peers = 'First load at 0 ms, 256 dimensions: at least 5x';
  assert.equal(verdict(at(1.6), limit), 'met');
  assert.equal(verdict(at(1.7), limit), '**not met**');
  assert.equal(verdict(at(1.6), peers), 'met');
  assert.equal(verdict(at(1.7), peers), '**not met**');
  assert.match(at(1.6), /5\.0x, where the limit is 8\.0x/);
  assert.equal(verdict(at(1), 'First load at 0 ms, 1,536'), 'not measured');
});

test('what a small service costs', () => {
  const at = (seconds) => targetsTable({ curves: { measured: [1, 101].map(
    (x) => ({ scenario: 'services', subject: 'batchsync', x,
      seconds: x === 1 ? 1 : seconds })) } });
  const text = 'A service of a few items';
  assert.equal(verdict(at(1.5), text), 'met');
  assert.equal(verdict(at(1.7), text), '**not met**');
  assert.equal(verdict(targetsTable({}), text), 'not measured');
});

test('answers while a run is flat out', () => {
  const at = (p99) => targetsTable({ idle: { measured: [
    { subject: 'flat out, base64, a request every 5 ms', items: 1,
      dimensions: 256, health: [0.001, 0.002, 1, 9],
      runs: [0.001, p99, 1, 9], metrics: '' }] } });
  assert.equal(verdict(at(0.005), 'Answers while'), 'met');
  assert.equal(verdict(at(0.006), 'Answers while'), '**not met**');
});

test('the bound at 50 ms is for jitter, too', () => {
  const at = (jitter) => targetsTable({ latency: result('latency', 20000, 256, [
    ['s', BOUND, 4], ['s', REQUESTS, 4.05], ['s', 'batchsync', 4.1],
    ['s', 'batchsync, 20 ms jitter', jitter]]) });
  const few = 'First load at 50 ms, few';
  assert.equal(verdict(at(4.2), few), 'met');
  assert.equal(verdict(at(4.3), few), '**not met**');
  assert.equal(verdict(at(4.2), 'First load at 50 ms, many'), 'not measured');
  assert.match(at(4.2), /s: 97\.6%, where the requests alone are 98\.8%/);
});

test('an unchanged sync that writes misses', () => {
  const at = (written) => targetsTable({ unchanged: result('unchanged', 20000,
    256, [['s', 'batchsync', 1], ['s', 'LangChain index()', 11]],
    { written }) });
  assert.equal(verdict(at(0), 'Unchanged: no request'), 'met');
  assert.equal(verdict(at(4), 'Unchanged: no request'), 'met');
  assert.equal(verdict(at(5), 'Unchanged: no request'), '**not met**');
  assert.equal(verdict(at(0), 'Unchanged: at least 10x'), 'met');
});

test('a plan of unchanged items takes what the sync takes', () => {
  const at = (seconds) => verdict(targetsTable({ unchanged: result('unchanged',
    100000, 256, [['s', 'batchsync', 1], ['s', 'batchsync plan', seconds]]) }),
  'Unchanged, many items: a plan');
  assert.equal(at(1.09), 'met');
  assert.equal(at(1.2), '**not met**');
  assert.equal(verdict(targetsTable({}), 'Unchanged, many items: a plan'),
    'not measured');
});

test('changed items fill requests', () => {
  assert.equal(neededRequests(100000, settings), 20);
  assert.equal(neededRequests(1500, settings), 1);
  assert.equal(neededRequests(1000, { chunk: 5 }), 2);
  const at = (seconds, requests) => targetsTable({
    changed: result('changed', 100000, 256, [['s', 'batchsync, unchanged', 1],
      ['s', 'batchsync', seconds]], { requests }) });
  assert.equal(verdict(at(1.5, 24), '1% changed: at most 125%'), 'met');
  assert.equal(verdict(at(1.6, 24), '1% changed: at most 125%'),
    '**not met**');
  assert.equal(verdict(at(1.5, 24), '1% changed: at most four'), 'met');
  assert.equal(verdict(at(1.5, 25), '1% changed: at most four'),
    '**not met**');
});

test('a small service is measured without start and end', () => {
  const at = (seconds) => targetsTable({ services: result('services', 2000, 256,
    [['services', 'batchsync', seconds]], { around: 0.1, services: 200 }) });
  assert.equal(verdict(at(1.3), 'A service of ten items'), 'met');
  assert.equal(verdict(at(1.31), 'A service of ten items'), '**not met**');
  assert.equal(verdict(targetsTable({}),
    'A service of ten items'), 'not measured');
});

test('pages side by side are three times as fast', () => {
  const at = (seconds) => targetsTable({ fetches: result('fetches', 20000, 256,
    [['s', 'batchsync, 1 at a time', 12], ['s', 'batchsync, 4 at a time',
      seconds]]) });
  assert.equal(verdict(at(4), 'A coordinator of 300 ms'), 'met');
  assert.equal(verdict(at(4.1), 'A coordinator of 300 ms'), '**not met**');
});

test('memory that grows misses', () => {
  const memory = (kib) => ({ section: 'memory', settings, measured: [
    [1000, 10], [10000, 1000], [1000000, kib]].map(([items, peak]) => ({
    scenario: 'x 256', subject: 'batchsync', round: 1, items, dimensions: 256,
    seconds: 1, kib: peak })) });
  const flat = (kib) => verdict(targetsTable({ memory: memory(kib) }),
    'Peak memory from 10,000');
  assert.equal(flat(1099), 'met');
  assert.equal(flat(1101), '**not met**');
});

test('quantiles of the loop', () => {
  const name = 'batchsync_event_loop_turn_cpu_seconds_bucket';
  const text = [['0.001', 90], ['0.01', 100], ['+Inf', 100]]
    .map(([le, n]) => `${name}{le="${le}"} ${n}\n`).join('');
  assert.equal(loopQuantile(text, 'cpu', 0.9), 0.001);
  assert.ok(Math.abs(loopQuantile(text, 'cpu', 0.95) - 0.0055) < 1e-9);
  assert.equal(loopQuantile(text, 'lag', 0.5), undefined);
});

test('a chart places what it is given', () => {
  const svg = lineChart({ title: 'a < b', x: { label: 'x', log: true },
    y: { label: 'y' }, series: [{ name: 's', points: [[1, 0], [100, 10]] }] });
  assert.match(svg, /a &lt; b/);
  assert.match(svg, /d="M88 324L684 64"/); // corner to corner
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
});

test('linking is measured against plain SQL of the same edges', () => {
  const one = (around, writes, recall) => targetsTable({ link: {
    section: 'link', settings, measured: [
      { scenario: 's', subject: 'batchsync', items: 20000, around: 1 },
      { scenario: 's', subject: 'batchsync, linked', items: 20000, around,
        kib: 90 * 1024 },
      { scenario: 's', subject: LINK_FLOOR, items: 20000, writes, recall }] } });
  const time = 'Linking 20,000', found = 'Linking: at least 99%';
  assert.equal(verdict(one(10, 4, 0.995), time), 'met'); // 9 of 10 s
  assert.equal(verdict(one(12, 4, 0.995), time), '**not met**');
  assert.equal(verdict(one(12, 4, 0.98), found), '**not met**');
  assert.equal(verdict(one(12, 4, 0.99), found), 'met');
  assert.equal(verdict(one(12, 4, 0.99), 'Linking: at most 96 MiB'), 'met');
  assert.equal(verdict(one(12, 4, 0.99), 'Linking 100,000'), 'not measured');
  const methods = (perSecond, byIndex) => targetsTable({ link: {
    section: 'link', settings, measured: [
      { scenario: 's', subject: LINK_FLOOR, items: 20000, recall: 1 },
      { scenario: 's', subject: BY_INDEX, items: 20000, recall: byIndex },
      { scenario: 's', subject: DECLARED, items: 20000,
        per_second: perSecond }] } });
  assert.equal(verdict(methods(5001, 1), 'Declared'), 'met');
  assert.equal(verdict(methods(4999, 1), 'Declared'), '**not met**');
  assert.equal(verdict(methods(5001, 0.98), found), '**not met**');
});

test('searches: hybrid beside vectors alone, and their time', () => {
  const one = (way, rank, embedder = 'static') => ({ embedder, way,
    half: 'reporting', ranks: Array(50).fill(rank),
    recalls: Array(50).fill(0.5), ms: [1, 2, 3] });
  const at = (rank, p95 = 29, embedder) => ({ search: { measured: [
    one('vector', 0.5, embedder), one('hybrid', rank, embedder),
    ...['alone', 'beside'].map((scenario) => ({ scenario, rows: 100000,
      way: 'hybrid', ms: [1, 1, scenario === 'alone' ? 99 : p95] }))] } });
  const local = 'Hybrid search, builtin and static';
  assert.equal(verdict(targetsTable(at(0.58)), local), 'met');
  assert.equal(verdict(targetsTable(at(0.57)), local), '**not met**');
  assert.equal(verdict(targetsTable({}), local), 'not measured');
  const others = 'Hybrid search, other';
  assert.equal(verdict(targetsTable(at(0.5, 1, 'x')), others), 'met');
  assert.equal(verdict(targetsTable(at(0.49, 1, 'x')), others), '**not met**');
  assert.equal(verdict(targetsTable(at(0.5)), others), 'not measured');
  const time = 'Searches of 100,000 rows';
  assert.equal(verdict(targetsTable(at(1)), time), 'met');
  assert.equal(verdict(targetsTable(at(1, 31)), time), '**not met**');
  const { search } = at(0.58);
  search.measured.push({ ...one('vector', 0.4), half: 'tuning' });
  assert.match(searches(search), /hybrid \| 0\.580 .* \| 1\.16x \|/);
  const model = (per_second, kib) => targetsTable({ search: { measured: [
    { static: 'small', per_second, kib }] } });
  assert.equal(verdict(model(50000, 10240), 'Static models: at least'), 'met');
  assert.equal(verdict(model(49999, 1), 'Static models: at least'),
    '**not met**');
  assert.equal(verdict(model(1, 10241), 'Static models: at most'),
    '**not met**');
  assert.match(searchPicture(search), /vectors: static.*0\.580/s);
});

test('pieces: what is sent is compared with the piece alone', () => {
  const at = (sent, half, ranks) => ({ sent, half, pieces: 1234, ranks });
  const report = pieces({ measured: ['tuning', 'reporting'].flatMap((half) =>
    [at('the piece alone', half, [0.5, 0.5]), at('both', half, [1, 0.5])]) });
  assert.match(report, /The reporting half, 2 queries/);
  assert.match(report, /the piece alone +\| +1,234 \| +0\.500 \|/);
  assert.match(report, /both +\| +1,234 \| +0\.750 .* 1\.50x/);
});
