// Pages: every shape they come in, every way of saying that there are more,
// every guard, and every failure, be it behind status OK or not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStored, countsOf, errorsOf, failing, itemsOf, pagesOf, schemaOf,
  sequence, shapes, sleep, until, world } from './support/world.mjs';

const LIMIT = 10;

/** A service a case: { name: script }, all in one run. */
async function together(t, services, { env, ...options } = {}) {
  const w = await world(t, { services,
    env: { BATCH_SYNC_LIMIT: String(LIMIT), ...env }, ...options });
  const outcome = await w.sync();
  const entry = (name) =>
    outcome.result.services.find((s) => s.service === name);
  return Object.assign(w, { outcome, entry });
}

const asked = (w, name) =>
  w.coordinator.callsTo(name).map(({ page, limit }) => [page, limit]);

/** Items by number, whatever limit is asked for: n a page. */
const slices = (items, n, reply) => (context) => {
  const from = (context.page - 1) * n;
  return reply(items.slice(from, from + n), from + n < items.length, context);
};

/* ---- shapes ---- */

test('every shape a page comes in', async (t) => {
  const several = ['dataItems', 'dataArray', 'wrappedItems', 'wrappedArray',
    'items', 'rootArray', 'legacyPayload'];
  const single = ['single', 'wrappedSingle'];
  const named = (shape) => `shape-${shape.toLowerCase()}`;
  const items = (shape, n) => itemsOf(n, 1, named(shape));
  const services = {};
  for (const shape of several) {
    services[named(shape)] = pagesOf(items(shape, 23), shapes[shape]);
  }
  for (const shape of single) {
    services[named(shape)] = pagesOf(items(shape, 1), shapes[shape]);
  }
  const w = await together(t, services);
  assert.equal(w.outcome.code, 0, w.outcome.stderr);
  for (const shape of several) {
    await t.test(shape, async () => {
      await checkStored(w, named(shape), items(shape, 23));
      assert.deepEqual(asked(w, named(shape)), [[1, 10], [2, 10], [3, 10]]);
      assert.equal(w.entry(named(shape)).totalPages, 3);
    });
  }
  for (const shape of single) {
    await t.test(shape, async () => {
      await checkStored(w, named(shape), items(shape, 1));
      assert.deepEqual(asked(w, named(shape)), [[1, 10]]);
    });
  }
});

test('the first match counts; an empty object is an empty page', async (t) => {
  const [a, b] = itemsOf(2);
  const w = await together(t, {
    first: { envelope: { items: [b], data: { items: [a] } } },
    nothing: { envelope: { data: {} } },
    'nothing-behind': shapes.wrappedSingle([]),
    'empty-list': { envelope: { data: { items: [] } } },
  });
  assert.equal(w.outcome.code, 0, w.outcome.stderr);
  await checkStored(w, 'first', [a]);
  for (const name of ['nothing', 'nothing-behind', 'empty-list']) {
    assert.deepEqual([w.entry(name).success, w.entry(name).totalItems],
      [true, 0], name);
    assert.equal(w.coordinator.callsTo(name).length, 1);
  }
});

/* ---- more pages ---- */

/** Where an envelope speaks about further pages. */
const places = {
  data: (items, extra) => ({ envelope: { data: { items, ...extra } } }),
  metadata: (items, extra) =>
    ({ envelope: { data: { items }, metadata: extra } }),
  resultdata: (items, extra) =>
    ({ envelope: { successfulResult: { data: { items, ...extra } } } }),
  result: (items, extra) =>
    ({ envelope: { successfulResult: { data: items, ...extra } } }),
  resultmetadata: (items, extra) =>
    ({ envelope: { successfulResult: { data: items, metadata: extra } } }),
  root: (items, extra) => ({ envelope: { data: items, ...extra } }),
  fields: shapes.rootArray,
};

const ways = {
  'has_more': (more) => ({ has_more: more }),
  'has_more as a string': (more) => ({ has_more: String(more) }),
  'total': () => ({ total: 10 }),
  'total as a string': () => ({ total: '10' }),
};

for (const [way, extra] of Object.entries(ways)) {
  test(`more pages: ${way}, in each place`, async (t) => {
    // Short pages, so that nothing else says that there are more.
    const w = await together(t, Object.fromEntries(
      Object.entries(places).map(([place, reply]) => [place, slices(
        itemsOf(10, 1, place), 4, (items, more) => reply(items, extra(more)),
      )])));
    assert.equal(w.outcome.code, 0, w.outcome.stderr);
    for (const place of Object.keys(places)) {
      await t.test(place, async () => {
        assert.deepEqual(asked(w, place), [[1, 10], [2, 10], [3, 10]]);
        await checkStored(w, place, itemsOf(10, 1, place));
      });
    }
  });
}

test('a full page asks again, whatever has_more says; an empty one ends',
  async (t) => {
    const w = await together(t, {
      full: pagesOf(itemsOf(20, 1, 'full'), shapes.dataItems,
        { extra: { has_more: false } }),
      silent: pagesOf(itemsOf(20, 1, 'silent'), shapes.dataItems,
        { silent: true }),
      short: pagesOf(itemsOf(9, 1, 'short')),
      // One more request proves that a page which says nothing was the last.
      proven: pagesOf(itemsOf(9, 1, 'proven'), shapes.dataItems,
        { silent: true }),
      none: pagesOf(itemsOf(5, 1, 'none'), shapes.rootArray,
        { extra: { has_more: 'none', total: 'none', limit: 'none' } }),
    });
    assert.equal(w.outcome.code, 0, w.outcome.stderr);
    const pages = (name) => w.coordinator.callsTo(name).map((c) => c.page);
    assert.deepEqual(pages('full'), [1, 2, 3]);
    assert.deepEqual(pages('silent'), [1, 2, 3]);
    assert.deepEqual(pages('short'), [1]);
    assert.deepEqual(pages('proven'), [1, 2]);
    assert.deepEqual(pages('none'), [1, 2]);
    assert.deepEqual(w.outcome.result.services.map((s) =>
      [s.totalItems, s.complete]),
    [[20, true], [20, true], [9, true], [9, true], [5, true]]);
  });

test('the limit that is answered replaces the one asked for', async (t) => {
  const shapesOf = { said: shapes.dataItems, fields: shapes.rootArray,
    beside: shapes.wrappedArray };
  const w = await together(t, Object.fromEntries(
    Object.entries(shapesOf).map(([name, shape]) =>
      [name, pagesOf(itemsOf(11, 1, name), shape, { limit: 4 })])));
  assert.equal(w.outcome.code, 0, w.outcome.stderr);
  for (const name of Object.keys(shapesOf)) {
    assert.deepEqual(asked(w, name), [[1, 10], [2, 4], [3, 4]]);
    await checkStored(w, name, itemsOf(11, 1, name));
  }
});

/* ---- guards ---- */

test('full pages that are repeated end the service', async (t) => {
  const page = itemsOf(10);
  const other = itemsOf(10, 11);
  const repeats = (number) => [`${number}: source repeats: 3 pages in a row `
    + '(30 items) without an id that no page before them had'];
  const w = await together(t, {
    // The envelope around the items has another time in every answer.
    stuck: shapes.wrappedItems(page),
    later: sequence(shapes.dataItems(page), shapes.dataItems(other),
      shapes.dataItems(other)),
    // The same items in another order are no news, but two such pages are
    // not enough.
    turned: sequence(shapes.dataItems(page),
      shapes.dataItems([...page].reverse()), shapes.dataItems([])),
  });
  assert.equal(w.outcome.code, 1);
  const errors = (name) => errorsOf(w.outcome.result, name);
  assert.deepEqual(errors('stuck'), repeats(4));
  assert.equal(w.coordinator.callsTo('stuck').length, 4);
  await checkStored(w, 'stuck', page);
  assert.deepEqual(errors('later'), repeats(5));
  assert.equal(w.coordinator.callsTo('later').length, 5);
  await checkStored(w, 'later', [...page, ...other]);
  assert.deepEqual(errors('turned'), []);
});

test('a source without an end is left after the most pages', async (t) => {
  const w = await together(t, {
    endless: ({ page }) => shapes.dataItems(itemsOf(3, page * 3),
      { has_more: true }),
  }, { env: { BATCH_SYNC_MAX_PAGES: '4' } });
  assert.equal(w.outcome.code, 1);
  assert.match(errorsOf(w.outcome.result)[0],
    /^5: the source has more than 4 pages/);
  assert.deepEqual(asked(w, 'endless').map(([page]) => page), [1, 2, 3, 4]);
  await checkStored(w, 'endless', itemsOf(12, 3));
});

/* ---- failures behind status OK ---- */

test('failures hidden behind status OK', async (t) => {
  const items = itemsOf(3);
  const cases = {
    down: [shapes.serviceDown('connect ECONNREFUSED'),
      /^1: down: connect ECONNREFUSED$/, 5],
    rejected: [{ cascade: [{ rejectReason: 'low_quality' }] },
      /^1: rejected: low_quality$/, 5],
    'down-twice': [{ cascade: [{ error: 'fetch failed' },
      { service: 'another', rejectReason: 'empty_results' }] },
    /^1: down-twice: fetch failed$/, 5],
    other: [shapes.answeredBy('another', items), /^1: answered by another$/, 1],
    'other-name': [{ ...shapes.dataItems(items),
      normalizedFields: { successful_service: 'another' } },
    /^1: answered by another$/, 1],
    'other-result': [{ envelope: { successfulResult: {
      serviceName: 'another', data: { items } } },
    normalizedFields: { successful_service: 'none' } },
    /^1: answered by another$/, 1],
    failed: [shapes.failure('no table\n    at query (db.js:1)'),
      /^1: source failed: no table$/, 5],
    garbage: [{ envelope: '{"data":[{"id":"a"},' },
      /^1: envelope_json is not JSON: /, 5],
    empty: [{ envelope: '' }, /^1: empty envelope_json$/, 5],
    keys: [{ envelope: { status: 'ok', rows: [1], count: 1 } },
      /^1: no items in the answer; it has the keys: status, rows, count$/, 5],
  };
  const w = await together(t, Object.fromEntries(
    Object.entries(cases).map(([name, [reply]]) => [name, reply])));
  assert.equal(w.outcome.code, 1);
  assert.equal(w.outcome.result.failedServices, Object.keys(cases).length);
  for (const [name, [, error, calls]] of Object.entries(cases)) {
    await t.test(name, () => {
      assert.match(errorsOf(w.outcome.result, name).join(), error);
      assert.equal(w.coordinator.callsTo(name).length, calls);
      assert.equal(w.entry(name).totalItems, 0);
    });
  }
  assert.deepEqual(await w.db.vectors(), []);
  assert.equal(w.embedder.requests.length, 0);
});

test('empty results of the service asked are the end', async (t) => {
  const items = (name) => itemsOf(10, 1, name);
  const w = await together(t, {
    nothing: shapes.emptyResults(),
    'other-answered': shapes.answeredBy('another', itemsOf(3),
      { rejectReason: 'empty_results' }),
    'second-page': sequence(shapes.wrappedItems(items('second-page')),
      shapes.emptyResults()),
    'second-other': sequence(shapes.wrappedItems(items('second-other')),
      shapes.answeredBy('another', itemsOf(3),
        { rejectReason: 'empty_results' })),
    'not-mine': { cascade: [{ service: 'another',
      rejectReason: 'empty_results' }] },
  });
  assert.equal(w.outcome.code, 1);
  const { services } = w.outcome.result;
  assert.deepEqual(services.map((s) => [s.success, s.totalItems]),
    [[true, 0], [true, 0], [true, 10], [true, 10], [false, 0]]);
  assert.match(errorsOf(w.outcome.result, 'not-mine').join(), /empty_results/);
  assert.deepEqual(services.map((s) => w.coordinator.callsTo(s.service).length),
    [1, 1, 2, 2, 5]);
  assert.equal((await w.db.vectors()).length, 20);
});

test('the names of the schema count as the target', async (t) => {
  const schema = schemaOf('alpha-backend', { aliases: ['alpha-old', 'alpha'] });
  const answering = (name) => ({ ...shapes.dataItems(itemsOf(3)),
    normalizedFields: { successful_service: name } });
  const w = await world(t, { schemas: [schema],
    env: { BATCH_SYNC_SERVICES: 'alpha' } });
  for (const name of ['alpha', 'alpha-old', 'alpha-backend', 'none', ' alpha ',
    '']) {
    w.coordinator.script('alpha', answering(name));
    const result = await w.good();
    assert.equal(result.totalItems, 3, name);
  }
});

test('another service in mid-run: what was stored stays', async (t) => {
  const w = await together(t, { alpha: sequence(
    shapes.wrappedItems(itemsOf(10)),
    shapes.answeredBy('another', itemsOf(10, 50))) });
  assert.equal(w.outcome.code, 1);
  assert.deepEqual(errorsOf(w.outcome.result), ['2: answered by another']);
  await checkStored(w, 'alpha', itemsOf(10));
});

/* ---- failures of the call ---- */

const LASTING = ['CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'NOT_FOUND',
  'ALREADY_EXISTS', 'PERMISSION_DENIED', 'FAILED_PRECONDITION', 'OUT_OF_RANGE',
  'UNIMPLEMENTED', 'DATA_LOSS', 'UNAUTHENTICATED'];
const PASSING = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED',
  'ABORTED', 'INTERNAL'];

const named = (code, tail = '') => code.toLowerCase().replace('_', '-') + tail;

test('codes that are tried again, and those that are not', async (t) => {
  const services = {};
  for (const code of [...LASTING, ...PASSING]) {
    services[named(code)] = { grpcCode: code, details: `says ${code}` };
  }
  for (const code of PASSING) {
    const name = named(code, '-twice');
    services[name] = failing(2, { grpcCode: code, details: 'wait' },
      pagesOf(itemsOf(2, 1, name)));
  }
  const w = await together(t, services);
  assert.equal(w.outcome.code, 1);
  for (const code of LASTING) {
    await t.test(code, () => {
      assert.equal(w.coordinator.callsTo(named(code)).length, 1);
      assert.match(errorsOf(w.outcome.result, named(code)).join(),
        new RegExp(`^1: .*says ${code}$`));
    });
  }
  for (const code of PASSING) {
    await t.test(code, async () => {
      assert.equal(w.coordinator.callsTo(named(code)).length, 5);
      assert.match(errorsOf(w.outcome.result, named(code)).join(),
        new RegExp(`^1: .*says ${code}$`));
      const name = named(code, '-twice');
      assert.equal(w.coordinator.callsTo(name).length, 3);
      await checkStored(w, name, itemsOf(2, 1, name));
      const pages = asked(w, name);
      assert.deepEqual(pages, [[1, 10], [1, 10], [1, 10]]);
    });
  }
});

test('envelopes that go wrong twice are asked for again', async (t) => {
  const good = (name) => pagesOf(itemsOf(2, 1, name), shapes.wrappedItems);
  const faults = { down: shapes.serviceDown(), garbage: { envelope: '<html>' },
    failed: shapes.failure('busy'), keys: { envelope: { a: 1 } } };
  const w = await together(t, Object.fromEntries(Object.entries(faults)
    .map(([name, fault]) => [name, failing(2, fault, good(name))])));
  assert.equal(w.outcome.code, 0, w.outcome.stderr);
  for (const name of Object.keys(faults)) {
    assert.equal(w.coordinator.callsTo(name).length, 3);
    await checkStored(w, name, itemsOf(2, 1, name));
  }
});

test('of a stack trace the first line is told', async (t) => {
  const trace = 'Error: boom in the router\n    at route (/srv/router.js:17)\n'
    + '    at process.processTicksAndRejections';
  const w = await together(t, {
    internal: { grpcCode: 'INTERNAL', details: trace },
    unknown: { grpcCode: 'UNKNOWN', details: 'No active services\n  at x' },
  });
  const errors = (name) => errorsOf(w.outcome.result, name).join('|');
  assert.match(errors('internal'), /^1: .*Error: boom in the router$/);
  assert.match(errors('unknown'), /^1: .*No active services$/);
  assert.doesNotMatch(w.outcome.stderr + w.outcome.stdout, /router\.js|at x/);
});

test('a call without an answer ends at its deadline', async (t) => {
  const w = await together(t, {
    hanging: { hang: true },
    slow: failing(1, { hang: true }, shapes.dataItems(itemsOf(2))),
  }, { env: { BATCH_SYNC_TIMEOUT: '1', BATCH_SYNC_TRIES: '2' } });
  assert.equal(w.outcome.code, 1);
  assert.equal(w.coordinator.callsTo('hanging').length, 2);
  assert.match(errorsOf(w.outcome.result, 'hanging').join(),
    /^1: .*(deadline|DEADLINE)/i);
  assert.equal(w.entry('slow').success, true);
  await until(() => w.coordinator.callsTo('hanging')
    .every((call) => call.cancelled), 'the calls to be given up');
});

test('a coordinator that is down', async (t) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
  const { endpoint } = w.coordinator;
  const { code, result } = await w.sync({ env: {
    COORDINATOR_GRPC_ENDPOINT: '127.0.0.1:1', BATCH_SYNC_TRIES: '2' } });
  assert.equal(code, 75);
  assert.match(errorsOf(result).join(), /^1: .*UNAVAILABLE/);
  assert.equal(w.coordinator.calls.length, 0);
  await w.good({ env: { COORDINATOR_GRPC_ENDPOINT: endpoint } });
});

/* ---- answers that are too large ---- */

const big = (n, bytes) => itemsOf(n).map((item, i) => ({ ...item,
  body: 'x'.repeat(typeof bytes === 'function' ? bytes(i) : bytes) }));

test('an answer that is too large is asked for in smaller pages', async (t) => {
  const items = big(100, 1000);
  const w = await together(t, { alpha: pagesOf(items) },
    { env: { BATCH_SYNC_LIMIT: '60', GRPC_MAX_MESSAGE_BYTES: '40000' } });
  assert.equal(w.outcome.code, 0, w.outcome.stderr);
  assert.deepEqual(asked(w, 'alpha'),
    [[1, 60], [1, 30], [2, 30], [3, 30], [4, 30]]);
  assert.deepEqual(countsOf(w.outcome.result), { totalItems: 100, totalPages: 4,
    embedded: 100, unchanged: 0, stored: 100, failed: 0 });
  await checkStored(w, 'alpha', items);
  assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
});

test('it grows too large in mid-run: no item is lost or repeated',
  async (t) => {
    // First 12 fit, then 6, then 3.
    const items = big(60, (i) => i < 24 ? 500 : i < 48 ? 2000 : 6000);
    const w = await together(t, { alpha: pagesOf(items) },
      { env: { BATCH_SYNC_LIMIT: '12', GRPC_MAX_MESSAGE_BYTES: '20000' } });
    assert.equal(w.outcome.code, 0, w.outcome.stderr);
    const calls = asked(w, 'alpha');
    assert.deepEqual(calls.slice(0, 5),
      [[1, 12], [2, 12], [3, 12], [5, 6], [6, 6]]);
    assert.deepEqual(calls.slice(7, 11), [[9, 6], [17, 3], [18, 3], [19, 3]]);
    await checkStored(w, 'alpha', items);
    assert.equal(w.outcome.result.totalItems, 60);
    assert.ok([...w.embedder.seen.values()].every((n) => n === 1));
    const again = await w.good();
    assert.equal(again.services[0].unchanged, 60);
  });

/** Pages of ten, whatever limit is asked for. */
const tens = (items) => ({ page }) =>
  shapes.dataItems(items.slice(page * 10 - 10, page * 10));

test('a source that ignores the limit is not read in smaller pages',
  async (t) => {
    // Its second page cannot be had; the smaller pages of that range have
    // numbers that mean later pages to it, or pages beyond its end.
    for (const n of [20, 60]) {
      const items = big(n, (i) => i >= 10 && i < 20 ? 3000 : 100);
      const w = await together(t, { alpha: tens(items) },
        { env: { BATCH_SYNC_LIMIT: '10', GRPC_MAX_MESSAGE_BYTES: '20000' } });
      assert.equal(w.outcome.code, 1, w.outcome.stderr);
      assert.match(errorsOf(w.outcome.result).join(), /ignores? the limit/);
      await checkStored(w, 'alpha', items.slice(0, 10));
      assert.equal(w.embedder.embedded, 10);
    }
  });

test('an item that no page can carry fails its page', async (t) => {
  const items = big(20, (i) => i === 13 ? 30_000 : 100);
  const w = await together(t, { alpha: pagesOf(items) },
    { env: { GRPC_MAX_MESSAGE_BYTES: '20000' } });
  assert.equal(w.outcome.code, 1);
  assert.deepEqual(asked(w, 'alpha'), [[1, 10], [2, 10], [3, 5], [11, 1],
    [12, 1], [13, 1], [14, 1]]);
  assert.match(errorsOf(w.outcome.result).join(), /^14: .*larger/);
  await checkStored(w, 'alpha', items.slice(0, 13));
});

test('the coordinator that cannot send so much says so, too', async (t) => {
  const items = itemsOf(20);
  const serve = pagesOf(items);
  const w = await together(t, { alpha: (context) => context.limit > 5
    ? { grpcCode: 'RESOURCE_EXHAUSTED',
      details: 'Attempted to send message with a size larger than 4194304' }
    : serve(context) });
  assert.equal(w.outcome.code, 0, w.outcome.stderr);
  await checkStored(w, 'alpha', items);
});

test('a page of more than 4 MiB is nothing special', async (t) => {
  const items = big(150, 40_000).map((item, i) => ({ ...item,
    body: `${i} ${item.body}` }));
  const w = await together(t, { alpha: pagesOf(items) },
    { env: { BATCH_SYNC_LIMIT: '150', EMBEDDING_MAX_TOKENS: '100000' },
      embedder: { limits: { tokensPerInput: 100_000 } } });
  assert.equal(w.outcome.code, 0, w.outcome.stderr);
  assert.equal(w.coordinator.calls[0].limit, 150);
  await checkStored(w, 'alpha', items);
  assert.deepEqual(w.embedder.violations, []);
});

