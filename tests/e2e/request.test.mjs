// What the coordinator is asked: the request and its envelope byte for byte,
// signatures, TLS, and since when.

import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { signedMessage, verifySignature } from './rig/coordinator.mjs';
import { selfSigned, signingKeys } from './rig/keys.mjs';
import { errorsOf, folderOf, itemsOf, pagesOf, schemaOf, shapes, TENANT,
  world } from './support/world.mjs';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const SIGNATURE = ['x-signature', 'x-service-name', 'x-timestamp',
  'x-requester-service'];

const alpha = (t, options = {}) => world(t, {
  services: { alpha: pagesOf(itemsOf(12)) }, ...options,
  env: { BATCH_SYNC_LIMIT: '10', ...options.env } });

/** The universal envelope a call should have carried. */
function envelopeOf({ request, metadata }, requestId) {
  const { envelope_json: envelope, ...rest } = metadata;
  const ordered = {};
  for (const key of ['target_service', 'sync_type', 'page', 'limit',
    'requester_service', 'source', 'timestamp', 'since']) {
    if (key in rest) ordered[key] = rest[key];
  }
  return JSON.stringify({
    version: '1.0',
    timestamp: metadata.timestamp,
    request_id: requestId,
    tenant_id: request.tenant_id,
    user_id: 'system',
    source: 'rag-service',
    payload: { query_text: request.query_text, metadata: ordered },
  });
}

function checkCall(call, { service = 'alpha', page, limit = 10, since }) {
  const { request, metadata } = call;
  assert.equal(request.tenant_id, TENANT);
  assert.equal(request.user_id, 'system');
  assert.equal(request.query_text, `sync_${service}_batch_page_${page}`);
  const { envelope_json: envelope, timestamp, ...rest } = metadata;
  assert.equal(Object.keys(metadata).at(-1), 'envelope_json');
  assert.deepEqual(rest, {
    target_service: service,
    sync_type: 'batch',
    page: String(page),
    limit: String(limit),
    requester_service: 'rag-service',
    source: 'rag-batch-sync',
    ...since && { since },
  });
  assert.match(timestamp, ISO);
  assert.ok(Math.abs(Date.now() - Date.parse(timestamp)) < 120_000);
  const { request_id: requestId } = JSON.parse(envelope);
  const [, at] = /^rag-(\d{13})-[0-9a-z]{9}$/.exec(requestId);
  assert.equal(Number(at), Date.parse(timestamp));
  assert.equal(envelope, envelopeOf(call, requestId));
  return requestId;
}

test('the request and its envelope, page by page', async (t) => {
  const w = await alpha(t);
  await w.good();
  const [first, second, ...others] = w.coordinator.calls;
  assert.deepEqual(others, []);
  const ids = [checkCall(first, { page: 1 }), checkCall(second, { page: 2 })];
  assert.notEqual(ids[0], ids[1]);
  for (const name of SIGNATURE) assert.ok(!(name in first.headers), name);
});

test('names that need escapes', async (t) => {
  const service = 'quote"back\\slash שלום';
  const w = await world(t, { schemas: [],
    env: { BATCH_SYNC_SERVICES: service } });
  w.setSchema(schemaOf(service), 'odd');
  w.coordinator.script(service, shapes.dataItems(itemsOf(1)));
  await w.good();
  checkCall(w.coordinator.calls[0], { service, page: 1, limit: 1000 });
});

/* ---- signatures ---- */

const keys = signingKeys();
const base64 = (text) => Buffer.from(text).toString('base64');

const forms = {
  'a PEM of PKCS#8': keys.pkcs8,
  'a PEM of SEC1': keys.sec1,
  'base64 of a PEM of PKCS#8': base64(keys.pkcs8),
  'base64 of a PEM of SEC1': base64(keys.sec1),
};
for (const [form, key] of Object.entries(forms)) {
  test(`signed with ${form}`, async (t) => {
    // The coordinator refuses every call that the key did not sign.
    const w = await alpha(t, { env: { RAG_PRIVATE_KEY: key },
      coordinator: { publicKey: keys.publicKey } });
    await w.good();
    assert.equal(w.coordinator.calls.length, 2);
    for (const call of w.coordinator.calls) {
      verifySignature(call, keys.publicKey);
      assert.equal(Number(call.headers['x-timestamp']),
        Date.parse(call.metadata.timestamp));
    }
    const [a, b] = w.coordinator.calls;
    assert.throws(() => verifySignature(
      { headers: a.headers, request: b.request }, keys.publicKey));
  });
}

test('the key comes from a file', async (t) => {
  const file = join(folderOf(t, { 'key.pem': `${keys.pkcs8}\n` }), 'key.pem');
  const w = await alpha(t, { env: { RAG_PRIVATE_KEY_FILE: file },
    coordinator: { publicKey: keys.publicKey } });
  await w.good();
});

test('another key is refused, and nothing is tried again', async (t) => {
  const w = await alpha(t, { env: { RAG_PRIVATE_KEY: signingKeys().pkcs8 },
    coordinator: { publicKey: keys.publicKey } });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.match(errorsOf(result).join(), /^1: .*UNAUTHENTICATED/);
  assert.equal(w.coordinator.calls.length, 1);
});

test('no signature where it is switched off', async (t) => {
  const w = await alpha(t, { env: { RAG_PRIVATE_KEY: keys.pkcs8,
    COORDINATOR_SIGNATURE_ENABLED: 'false' } });
  await w.good();
  for (const name of SIGNATURE) {
    assert.ok(!(name in w.coordinator.calls[0].headers), name);
  }
});

test('a key that cannot be read stops the start', async (t) => {
  const w = await alpha(t);
  const rsa = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----';
  for (const env of [{ RAG_PRIVATE_KEY: 'no key at all' },
    { RAG_PRIVATE_KEY: rsa }, { RAG_PRIVATE_KEY_FILE: '/nowhere/key' }]) {
    const { code, stdout, stderr } = await w.run(['sync', '--json'], env);
    assert.equal(code, 78);
    assert.equal(stdout, '');
    assert.match(stderr, /configuration: RAG_PRIVATE_KEY/);
    assert.doesNotMatch(stderr, /no key at all|AAAA/);
  }
  assert.equal(w.coordinator.calls.length, 0);
});

test('the message that is signed', () => {
  const request = { tenant_id: '5a1cb1d2-343c-438c-9f4b-76f0f1aac59d',
    user_id: 'system', query_text: 'sync_assessment-service_daily_page_1' };
  const message = signedMessage(request, 1_766_448_000_000);
  assert.equal(message, 'educoreai-rag-service-'
    + 'aa36467946befb5e28ef430778dae57a362b9b487aaa52129062b0750fd3c737');
  assert.ok(sign('sha256', Buffer.from(message), keys.pkcs8).length > 60);
});

/* ---- TLS ---- */

test('TLS with the root certificate that is given', async (t) => {
  const w = await alpha(t, { coordinator: { tls: true } });
  const { certificate, endpoint } = w.coordinator;
  const file = join(folderOf(t), 'root.pem');
  writeFileSync(file, certificate);
  for (const env of [{ GRPC_ROOT_CERT: base64(certificate) },
    { GRPC_ROOT_CERT: certificate }, { GRPC_ROOT_CERT_FILE: file }]) {
    const result = await w.good({ env: { GRPC_USE_SSL: 'true', ...env,
      COORDINATOR_GRPC_ENDPOINT: endpoint } });
    assert.equal(result.totalItems, 12);
  }
});

test('TLS: another root, or none, or no TLS at all', async (t) => {
  const w = await alpha(t, { coordinator: { tls: true },
    env: { BATCH_SYNC_TRIES: '2', BATCH_SYNC_TIMEOUT: '10' } });
  for (const env of [
    { GRPC_USE_SSL: 'true', GRPC_ROOT_CERT: selfSigned().certificate },
    { GRPC_USE_SSL: 'true' },
    { GRPC_USE_SSL: 'false' },
  ]) {
    const { code, result } = await w.sync({ env });
    assert.equal(code, 75);
    assert.match(errorsOf(result).join(), /^1: .*UNAVAILABLE/);
  }
  assert.equal(w.coordinator.calls.length, 0);
});

/* ---- addresses ---- */

test('a scheme says whether calls go through TLS', async (t) => {
  const w = await alpha(t, { coordinator: { tls: true } });
  const { certificate, port } = w.coordinator;
  const root = { GRPC_ROOT_CERT: certificate, BATCH_SYNC_TRIES: '1',
    COORDINATOR_GRPC_ENDPOINT: undefined };
  for (const scheme of ['https', 'grpcs'])
    await w.good({ env: { ...root,
      COORDINATOR_GRPC_URL: `${scheme}://localhost:${port}` } });
  await w.good({ env: { ...root, COORDINATOR_GRPC_PORT: String(port),
    COORDINATOR_URL: 'https://localhost' } });
  const calls = w.coordinator.calls.length;
  for (const scheme of ['http', 'grpc']) {
    const { code } = await w.sync({ env: { ...root,
      COORDINATOR_GRPC_URL: `${scheme}://localhost:${port}` } });
    assert.equal(code, 75);
  }
  const { code, stderr } = await w.run(['sync'], { ...root,
    GRPC_USE_SSL: 'false', COORDINATOR_GRPC_URL: `https://localhost:${port}` });
  assert.equal(code, 78);
  assert.match(stderr, /COORDINATOR_GRPC_URL=.*contradicts GRPC_USE_SSL/);
  assert.equal(w.coordinator.calls.length, calls);
});

test('a bare host serves gRPC, and its service list at http://', async (t) => {
  const w = await alpha(t);
  const { port, httpPort } = w.coordinator;
  const env = { COORDINATOR_GRPC_ENDPOINT: undefined,
    COORDINATOR_GRPC_PORT: String(port), BATCH_SYNC_SERVICES: undefined,
    BATCH_SYNC_FALLBACK_SERVICES: 'alpha' };
  const sourceOf = async (url) => {
    await w.good({ env: { ...env, COORDINATOR_URL: url } });
    const { stdout } = await w.run(['services', '--json'],
      { ...env, COORDINATOR_URL: url });
    return JSON.parse(stdout).source;
  };
  assert.equal(await sourceOf(`127.0.0.1:${httpPort}`), 'coordinator');
  assert.equal(await sourceOf('localhost'), 'fallback');
  await w.good({ env: { ...env, COORDINATOR_GRPC_ENDPOINT: 'localhost',
    COORDINATOR_GRPC_URL: '127.0.0.1:1', BATCH_SYNC_SERVICES: 'alpha' } });
  for (const target of [`dns:///localhost:${port}`, `localhost:${port}`])
    await w.good({ env: { ...env, COORDINATOR_GRPC_URL: target,
      BATCH_SYNC_SERVICES: 'alpha' } });
});

test('a coordinator that is away: try later', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_TRIES: '2' } });
  const { code, result } = await w.sync(
    { env: { COORDINATOR_GRPC_ENDPOINT: '127.0.0.1:1' } });
  assert.equal(code, 75);
  assert.equal(result.success, false);
  await w.good();
});

test('a status may carry a stack trace of 64 KiB', async (t) => {
  const w = await alpha(t);
  const details = 'Error: relation "courses" does not exist\n'
    + '    at handler (/srv/app/index.js:1:1)\n'.repeat(1700);
  assert.ok(details.length > 64_000);
  w.coordinator.script('alpha', { grpcCode: 'NOT_FOUND', details });
  const { code, result } = await w.sync();
  assert.equal(code, 1);
  assert.match(errorsOf(result).join(), /NOT_FOUND: Error: relation/);
  assert.equal(w.coordinator.calls.length, 1);
});

/* ---- since ---- */

test('--since goes out as it is meant', async (t) => {
  const w = await alpha(t);
  for (const [given, since] of [
    ['2025-12-18T14:30:00.500Z', '2025-12-18T14:30:00.500Z'],
    ['2025-12-18', '2025-12-18T00:00:00.000Z'],
    ['2025-12-18T14:30:00+02:00', '2025-12-18T12:30:00.000Z'],
  ]) {
    w.coordinator.calls.length = 0;
    await w.good({ args: ['--since', given] });
    checkCall(w.coordinator.calls[0], { page: 1, since });
    checkCall(w.coordinator.calls[1], { page: 2, since });
  }
  const [run] = await w.db.rows(`SELECT kind, since FROM batch_sync_runs
    ORDER BY started_at LIMIT 1`);
  assert.deepEqual(run, { kind: 'incremental',
    since: '2025-12-18T14:30:00.500Z' });
});

test('--incremental asks since the last success, less the overlap',
  async (t) => {
    const w = await alpha(t, { env: { BATCH_SYNC_OVERLAP_SECONDS: '60' } });
    // Nothing has succeeded yet: everything.
    await w.good({ args: ['--incremental'] });
    checkCall(w.coordinator.calls[0], { page: 1 });
    const started = () => w.db.value(`SELECT max(started_at)
      FROM batch_sync_service_runs WHERE status = 'success'`);
    for (let round = 0; round < 2; round++) {
      const last = await started();
      w.coordinator.calls.length = 0;
      await w.good({ args: ['--incremental'] });
      const { since } = w.coordinator.calls[0];
      assert.match(since, ISO);
      assert.ok(Math.abs(last.getTime() - 60_000 - Date.parse(since)) <= 1,
        `${since} after ${last.toISOString()}`);
      checkCall(w.coordinator.calls[0], { page: 1, since });
    }
    // One that fails does not move it.
    const last = await started();
    w.coordinator.script('alpha', { grpcCode: 'NOT_FOUND', details: 'no' });
    assert.equal((await w.sync({ args: ['--incremental'] })).code, 1);
    assert.equal((await started()).getTime(), last.getTime());
    // And a whole one asks for everything.
    w.coordinator.script('alpha', pagesOf(itemsOf(12)));
    w.coordinator.calls.length = 0;
    await w.good();
    checkCall(w.coordinator.calls[0], { page: 1 });
  });

test('what moves the time that --incremental asks since', async (t) => {
  const w = await alpha(t, { env: { BATCH_SYNC_OVERLAP_SECONDS: '0' } });
  const incremental = async (code = 0) => {
    w.coordinator.calls.length = 0;
    const outcome = await w.sync({ args: ['--incremental'] });
    assert.equal(outcome.code, code, outcome.stderr);
    return w.coordinator.calls[0].since;
  };
  const begun = (where) => w.db.value(`SELECT to_char(s.started_at
      AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    FROM batch_sync_service_runs s JOIN batch_sync_runs r ON r.id = run_id
    WHERE ${where} ORDER BY s.started_at DESC LIMIT 1`);

  // Nothing stored in part: no success yet, so everything is asked for.
  const bad = { ...itemsOf(1)[0], id: null };
  w.coordinator.script('alpha', pagesOf([...itemsOf(4), bad]));
  assert.equal(await incremental(1), undefined);
  assert.equal(await begun("s.status = 'success'"), undefined);
  // The failure is known now, and holds nothing back.
  assert.equal(await incremental(), undefined);
  const first = await begun("s.status = 'success'");
  assert.equal(await incremental(), first);
  const second = await begun("s.status = 'success'");
  assert.ok(second > first);
  // A new failure does, and so does a run since another time.
  w.coordinator.script('alpha', pagesOf([...itemsOf(4), bad,
    { ...bad, name: 'another' }]));
  assert.equal(await incremental(1), second);
  w.coordinator.script('alpha', pagesOf(itemsOf(4)));
  await w.good({ args: ['--since', '2026-01-01'] });
  assert.equal(await incremental(), second);
  // And a whole run moves it like an incremental one.
  await w.good();
  assert.equal(await incremental(), await begun(
    "s.status = 'success' AND r.kind = 'batch'"));
});

test('the target: its names, and their order', async (t) => {
  const w = await alpha(t);
  const { port } = w.coordinator;
  const none = { COORDINATOR_GRPC_ENDPOINT: undefined };
  for (const env of [
    { COORDINATOR_GRPC_ENDPOINT: `127.0.0.1:${port}`,
      COORDINATOR_GRPC_URL: 'nowhere.invalid:1' },
    { ...none, COORDINATOR_GRPC_URL: `http://127.0.0.1:${port}` },
    { ...none, COORDINATOR_GRPC_URL: `localhost:${port}` },
    { ...none, COORDINATOR_URL: 'http://127.0.0.1:9/api',
      COORDINATOR_GRPC_PORT: String(port) },
    { ...none, COORDINATOR_SERVICE_URL: 'http://localhost',
      COORDINATOR_GRPC_PORT: String(port) },
    { ...none, COORDINATOR_GRPC_PORT: String(port) },
  ]) {
    w.coordinator.calls.length = 0;
    await w.good({ env });
    assert.equal(w.coordinator.calls.length, 2, JSON.stringify(env));
  }
});
