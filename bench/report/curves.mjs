// How cost grows: a picture and a sentence each. A sentence says what bends the
// curve, with the curve's own figures in it.

import { lineChart } from './chart.mjs';
import { groupBy, median, mib, number, rate, short } from './stats.mjs';
import { BY_INDEX, LINK_FLOOR, linkSeconds } from './terms.mjs';

/** [[x, median of y], ...] of some measurements, x ascending. */
function points(measured, x, y) {
  return [...groupBy(measured, x)].map(([value, list]) =>
    [value, median(list.map(y))]).sort((a, b) => a[0] - b[0]);
}

const first = (curve) => curve[0];
const last = (curve) => curve.at(-1);
const best = (curve) => curve.reduce((a, b) => (b[1] > a[1] ? b : a));
const at = (curve, x) => curve.find((p) => p[0] === x) ?? last(curve);

const RATE = { label: 'items a second' };

function byDimensions(memory, y) {
  return [...groupBy(memory.measured.filter((m) => m.subject),
    (m) => m.dimensions)].map(([dimensions, list]) => ({
    name: `${dimensions} dimensions`,
    points: points(list, (m) => m.items, y),
  }));
}

function memoryCurve({ memory }) {
  const series = byDimensions(memory, (m) => mib(m.kib));
  const said = series.map(({ name, points: p }) =>
    `with ${name} ${number(first(p)[1], 1)} MiB at ${short(first(p)[0])}, ${
      number(at(p, 10000)[1], 1)} at ${short(at(p, 10000)[0])} and ${
      number(last(p)[1], 1)} at ${short(last(p)[0])}`);
  return {
    file: 'memory', heading: 'Items: peak memory', series,
    x: { label: 'items', log: true }, y: { label: 'peak memory, MiB' },
    text: `Pages stream, so that what is held is two pages and the chunks in ` +
      `flight: ${said.join('; ')}. Below a few pages there is less to hold; ` +
      'a longer run only has more moments at which all of it is held at once.',
  };
}

function itemsCurve({ memory }) {
  const series = byDimensions(memory, rate);
  const [p] = series.map((s) => s.points);
  return {
    file: 'items', heading: 'Items: rate', series,
    x: { label: 'items', log: true }, y: RATE,
    text: `At ${short(first(p)[0])} items the start and the end of the ` +
      `process are part of it (${number(first(p)[1])} a second); at ${
        short(last(p)[0])} it is ${number(last(p)[1])}: what a row costs the ` +
      'database then, its indexes having grown, and little else.',
  };
}

/** A curve of the section of that name. */
function of({ curves }, name) {
  return points(curves.measured.filter((m) => m.scenario === name),
    (m) => m.x, rate);
}

function sizeCurve(results) {
  const p = of(results, 'size');
  const megabytes = ([x, y]) => number(x * y / 1e6, 1);
  const peak = points(results.curves.measured.filter((m) =>
    m.scenario === 'size'), (m) => m.x, (m) => mib(m.kib));
  return {
    file: 'size', heading: 'Item size',
    x: { label: 'bytes of JSON', log: true },
    y: { ...RATE, log: true }, series: [{ name: '256 dimensions', points: p }],
    text: `Small items cost what a row costs, large ones what their bytes ` +
      `cost: ${megabytes(first(p))} MB a second at ${short(first(p)[0])} ` +
      `bytes, ${megabytes(last(p))} at ${short(last(p)[0])}. Texts beyond ` +
      '8,191 estimated tokens are stored in pieces, each with a vector. Two ' +
      'pages of 100 items are in memory: ' +
      `${number(first(peak)[1])} MiB at ${short(first(peak)[0])} bytes, ${
        number(last(peak)[1])} at ${short(last(peak)[0])}.`,
  };
}

/** The pages and the single documents, as series. */
const documentSeries = ({ documents }, y) => [['page', '300 on a page'],
  ['alone', 'one alone']].map(([scenario, name]) => ({ name,
  points: points(documents.measured.filter((m) => m.scenario === scenario),
    (m) => m.x, y) })).filter((s) => s.points.length > 0);

function documentsMemoryCurve(results) {
  const series = documentSeries(results, (m) => mib(m.kib));
  const said = series.map(({ name, points: p }) =>
    `${number(first(p)[1])} MiB at ${short(first(p)[0])} bytes and ${
      number(last(p)[1])} at ${short(last(p)[0])} with ${name}`);
  return {
    file: 'documents-memory', heading: 'Documents: peak memory', series,
    x: { label: 'bytes of one document as JSON', log: true },
    y: { label: 'peak memory, MiB' },
    text: 'A large page is in memory twice while it is read, and once ' +
      'afterwards, beside the texts that are being embedded or stored: ' +
      `${said.join('; ')}.`,
  };
}

function documentsRateCurve(results) {
  const megabytes = (m) => m.page_bytes / 1e6 / m.seconds;
  const series = documentSeries(results, megabytes);
  return {
    file: 'documents-rate', heading: 'Documents: rate', series,
    x: { label: 'bytes of one document as JSON', log: true },
    y: { label: 'MB a second' },
    text: 'The start and the end of the process are part of it, which is ' +
      'most of the smallest ones\' time. At their largest, ' +
      `${series.map(({ name, points: p }) =>
        `${number(last(p)[1], 1)} MB a second with ${name}`).join('; ')}.`,
  };
}

function dimensionsCurve(results) {
  const p = of(results, 'dimensions');
  return {
    file: 'dimensions', heading: 'Dimensions', y: RATE,
    x: { label: 'dimensions', log: true },
    series: [{ name: 'batchsync', points: p }],
    text: `A vector is 4 bytes a dimension to decode, send and write: ` +
      `${number(first(p)[1])} items a second at ${first(p)[0]}, ${
        number(last(p)[1])} at ${last(p)[0]}. Beyond half a page a row ` +
      'PostgreSQL moves the vector out of the row, into its TOAST table.',
  };
}

function workersCurve(results) {
  const p = of(results, 'workers');
  const { chunk } = results.curves.settings;
  const bound = p.map(([x]) => [x, x * chunk / 0.05]);
  const top = best(p);
  return {
    file: 'workers', heading: 'Workers, an embedder of 50 ms',
    x: { label: 'workers', log: true }, y: { ...RATE, log: true },
    series: [{ name: 'batchsync', points: p },
      { name: 'workers x 50 / latency', points: bound, dashed: true }],
    text: `With ${first(p)[0]} worker the embedder is what limits (${
      number(100 * first(p)[1] / first(bound)[1], 1)}% of its bound); ` +
      `the curve leaves the bound where the database, or a page's few ` +
      `chunks, begin to limit: at most ${number(top[1])} a second, with ${
        top[0]} workers.`,
  };
}

function chunkCurve(results) {
  const p = of(results, 'chunk');
  const beyond = best(p) === last(p) ? '' : ' Beyond, a page has too few ' +
    'chunks to keep embedder and database busy at the same time.';
  return {
    file: 'chunk', heading: 'Chunk size', y: RATE,
    x: { label: 'items a chunk', log: true },
    series: [{ name: '256 dimensions', points: p }],
    text: 'A chunk is a request, a statement and a commit, shared by its ' +
      `items: ${number(first(p)[1])} items a second at ${first(p)[0]} a ` +
      `chunk, ${number(at(p, 50)[1])} at 50; the best is ${
        number(best(p)[1])} at ${best(p)[0]}.${beyond}`,
  };
}

function servicesCurve(results) {
  const p = of(results, 'services');
  const { items } = results.curves.measured.find((m) =>
    m.scenario === 'services');
  const cost = (items / last(p)[1] - items / first(p)[1]) /
    (last(p)[0] - first(p)[0]);
  return {
    file: 'services', heading: `Services that share ${number(items)} items`,
    x: { label: 'services', log: true }, y: RATE,
    series: [{ name: '256 dimensions', points: p }],
    text: 'A service costs a look at its ledger, a page at least, a ' +
      'checkpoint and its end, one after another: ' +
      `${number(1000 * cost, 1)} ms each here.`,
  };
}

function replicasCurve(results) {
  const p = of(results, 'replicas');
  const { workers, chunk } = results.curves.settings;
  const bound = p.map(([x]) => [x, x * workers * chunk / 0.05]);
  const gain = last(p)[1] / first(p)[1];
  return {
    file: 'replicas', heading: 'Replicas, 8 services, an embedder of 50 ms',
    x: { label: 'processes on one database' }, y: RATE,
    series: [{ name: 'a run, from trigger to answer', points: p },
      { name: 'their bound', points: bound, dashed: true }],
    text: `Each brings its own ${workers} requests in flight: ${last(p)[0]} ` +
      `processes are ${number(gain, 1)} times as fast as one. What keeps it ` +
      `from ${last(p)[0]} times is that they look for a run every two ` +
      'seconds, that services are shared whole, and that all of them, the ' +
      `database and the embedder share ${results.curves.machine.cores} cores.`,
  };
}

function indexCurve({ index }) {
  const series = [...groupBy(index.measured, (m) => m.subject)]
    .map(([name, list]) => ({ name,
      points: points(list, (m) => m.items, (m) => m.seconds) }));
  const [after, live] = series.map((s) => s.points);
  return {
    file: 'index', heading: 'The vector index, by rows', series,
    x: { label: 'rows', log: true }, y: { label: 'seconds', log: true },
    text: `Going through the index takes ${
      number(first(live)[1] / first(after)[1], 1)} times as long as building ` +
      `it after the load at ${short(first(live)[0])} rows, ${
        number(last(live)[1] / last(after)[1], 1)} times at ${
        short(last(live)[0])}: a row is linked to its neighbours under locks ` +
      'and with a log record for each page it touches, while a build has all ' +
      'of them in memory, as far as maintenance_work_mem goes.',
  };
}

/** Undefined: its floor has not been measured. */
function linkCurve({ link }) {
  const loads = [...groupBy(link.measured, (m) => m.scenario).values()]
    .filter((list) => list.some((m) => m.subject === LINK_FLOOR));
  const floor = (key) => loads.map((list) => [list[0].items,
    median(list.filter((m) => m.subject === LINK_FLOOR).map((m) => m[key]))]);
  const index = loads.flatMap((list) => list
    .filter((m) => m.subject === BY_INDEX).map((m) => [m.items, m.seconds]));
  if (loads.length < 2) return undefined;
  return {
    file: 'link', heading: 'Linking, by items',
    x: { label: 'items', log: true }, y: { label: 'seconds', log: true },
    series: [
      { name: 'linking, exact', points: loads.map((list) =>
        [list[0].items, linkSeconds(list)]) },
      ...(index.length > 0 ? [{ name: 'linking, by the index',
        points: index }] : []),
      { name: 'the nearest, one thread', points: floor('compute') },
      { name: 'plain SQL', points: floor('writes') },
      { name: 'floor', points: floor('seconds'), dashed: true }],
    text: 'To the last edge. Neighbours are computed in blocks while the rows ' +
      'of the next one are on their way, then nodes and edges are written in ' +
      'batches over two connections. By the index, which is there already, each ' +
      'item costs a search, whatever their number: that is the way beyond what ' +
      'is worth computing.',
  };
}

const CURVES = [
  ['memory', memoryCurve], ['memory', itemsCurve], ['curves', sizeCurve],
  ['documents', documentsMemoryCurve], ['documents', documentsRateCurve],
  ['curves', dimensionsCurve], ['curves', workersCurve],
  ['curves', chunkCurve], ['curves', servicesCurve],
  ['curves', replicasCurve], ['index', indexCurve],
  ['link', linkCurve],
];

/** [{file, heading, text, svg}, ...] of what has been measured. */
export function curves(results) {
  return CURVES.filter(([section]) => results[section] !== undefined)
    .map(([, make]) => make(results)).filter((one) => one !== undefined)
    .map(({ file, heading, text, ...chart }) => {
      const svg = lineChart({ title: heading, ...chart });
      return { file, heading, text, svg };
    });
}
