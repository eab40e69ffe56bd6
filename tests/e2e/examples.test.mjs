// The demo's data: what the examples serve has to fit the schemas they ship
// with.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { names, route } from '../../examples/coordinator/catalog.mjs';
import { vectorOf } from '../../examples/embedder/vector.mjs';
import { binary, SCHEMA_DIR } from './rig/batchsync.mjs';

const schemaOf = (service) => JSON.parse(readFileSync(
  new URL(`../../schema/services/${service}.json`, import.meta.url), 'utf8'));

/** Where each service puts its items. */
const places = {
  'demo-assessment': (d) => d.successfulResult.data.items,
  'demo-devlab': (d) => d.data.items,
  'demo-reports': (d) => d.data,
  'demo-courses': (d) => d,
  'demo-knowledge': (d) => d.successfulResult.data,
};

function page(service, number, limit, since) {
  const { response } = route({
    tenant_id: 't', user_id: 'system', query_text: 'q',
    metadata: { target_service: service, page: String(number),
      limit: String(limit), ...since && { since } },
  });
  return { response, document: JSON.parse(response.envelope_json) };
}

function itemsOf(service, limit) {
  const all = [];
  for (let number = 1; ; number++) {
    const items = places[service](page(service, number, limit).document);
    all.push(...items);
    if (items.length < limit) return all;
  }
}

const empty = (value) =>
  value === undefined || value === null || value === '';

for (const service of names) {
  test(`${service}: fields and ids as its schema says`, () => {
    const { data_structure: fields, id_fields: ids } = schemaOf(service);
    const wanted = Object.keys(fields);
    const items = itemsOf(service, 100);
    const keys = items.map((item) =>
      (ids ?? wanted.slice(0, 1)).map((field) => item[field]).join(':'));
    assert.equal(new Set(keys).size, items.length, 'ids differ');
    for (const item of items) {
      const missing = wanted.filter((field) => !(field in item));
      assert.deepEqual(missing, []);
      assert.ok(!empty(item.title));
    }
    assert.deepEqual(Object.keys(items[0]).filter((f) => !(f in fields))
      .filter((f) => f !== 'country'), ['revision']);
  });
}

test('the page size does not change what is served', () => {
  for (const service of names) {
    assert.deepEqual(itemsOf(service, 1000), itemsOf(service, 37));
  }
});

test('nothing has changed since tomorrow', () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  for (const service of names) {
    const { document } = page(service, 1, 10, tomorrow);
    assert.deepEqual(places[service](document), []);
  }
});

test('an unknown service is down', () => {
  const { response, document } = page('nobody', 1, 10);
  assert.equal(response.normalized_fields.successful_service, 'none');
  assert.equal(document.successfulResult, null);
  assert.equal(document.cascadeAttempts[0].error, 'fetch failed');
});

test('example vectors: nearer when words are shared', () => {
  const [a, b, c] = ['an inner join of tables', 'tables and an inner join',
    'giving feedback to people'].map((text) => vectorOf(text, 256));
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  assert.ok(Math.abs(dot(a, a) - 1) < 1e-5);
  assert.ok(dot(a, b) > dot(a, c) + 0.3);
  assert.ok(Math.abs(dot(vectorOf('?!', 8), vectorOf('?!', 8)) - 1) < 1e-5);
});

for (const verb of ['lint', 'test']) {
  test(`batchsync schema ${verb} has nothing against them`, () => {
    const said = execFileSync(binary(), ['schema', verb, SCHEMA_DIR],
      { encoding: 'utf8' });
    assert.match(said, /^5 schemas, 15 cases: all well\n$/);
  });
}
