// Who is let in, and what those who are not may cost.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkError, serve } from './support/serve.mjs';
import { folderOf, itemsOf, pagesOf, until, world } from './support/world.mjs';

const RUNS = '/admin/batch-sync/runs';
const TRIGGER = '/admin/batch-sync/trigger';
const RETRY = '/admin/batch-sync/dead-letters/retry';

const alpha = (t) => world(t, { services: { alpha: pagesOf(itemsOf(5)) } });
const as = (token) => ({ headers: { authorization: `Bearer ${token}` } });
const statusOf = (text) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

test('several tokens, and others once their file has changed', async (t) => {
  const w = await alpha(t);
  const folder = folderOf(t, { admin: 'tok-1\n\ntok-2\r\n', viewer: 'look\n' });
  const file = join(folder, 'admin');
  const s = await serve(t, w, { env: { ADMIN_TOKEN_FILE: file,
    VIEWER_TOKEN_FILE: join(folder, 'viewer') } });
  const status = async (token) => (await s.get(RUNS, as(token))).status;

  for (const token of ['tok-1', 'tok-2', 'look']) {
    assert.equal(await status(token), 200, token);
  }
  writeFileSync(file, 'tok-3\n');
  await until(async () => await status('tok-3') === 200, 'the new token');
  assert.equal(await status('tok-1'), 401);

  // What cannot be used leaves the tokens as they are.
  writeFileSync(file, 'not a token\n');
  await until(async () => {
    assert.equal(await status('tok-3'), 200);
    return s.program.logs.some(({ message }) =>
      /ADMIN_TOKEN_FILE: its content must be/.test(message));
  }, 'a warning');

  writeFileSync(file, 'tok-4\n');
  s.program.kill('SIGHUP');
  await s.untilLog(/SIGHUP/);
  assert.equal(await status('tok-4'), 200);
  assert.equal(await status('tok-3'), 401);
  const { stdout } = await s.end();
  assert.doesNotMatch(stdout, /tok-|not a token/);
});

test('VIEWER_TOKEN may look', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w, { env: { ADMIN_TOKEN: 'all',
    VIEWER_TOKEN: 'look' } });
  await s.trigger({}, as('all'));
  const [{ id: runId }] = (await s.get(RUNS, as('all'))).json.runs;
  for (const path of [RUNS, `${RUNS}/${runId}`, '/admin/batch-sync/services',
    '/admin/batch-sync/dead-letters']) {
    assert.equal((await s.get(path, as('look'))).status, 200, path);
  }
  for (const path of [TRIGGER, RETRY, `${RUNS}/${runId}/cancel`]) {
    checkError(await s.call('POST', path, as('look')), 403, path,
      /VIEWER_TOKEN may look .* ADMIN_TOKEN/);
  }
  const letter = `/admin/batch-sync/dead-letters?digest=${'0'.repeat(64)}`;
  assert.equal((await s.get(letter, as('look'))).status, 403);
  assert.equal((await s.get(letter, as('all'))).status, 404);
  checkError(await s.get('/admin/nothing', as('look')), 404, '/admin/nothing',
    /./);
  await s.end();
});

/** Requests of this machine that nobody on this machine has sent directly. */
const FOREIGN = {
  'behind a proxy': ['X-Forwarded-For: 127.0.0.1', /header X-Forwarded-For/],
  'behind another proxy': ['Forwarded: for=127.0.0.1', /header Forwarded/],
  'behind a third one': ['Via: 1.1 x', /header Via/],
  'of a page': ['Origin: http://evil.example', /Origin/],
  'of a page that hides it': ['Sec-Fetch-Site: cross-site', /Sec-Fetch-Site/],
};

test('without ADMIN_TOKEN, direct clients on this machine', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w);
  const ask = async (target, lines) => {
    const text = await s.raw(
      `GET ${target} HTTP/1.1\r\nConnection: close\r\n${lines}\r\n\r\n`);
    return [statusOf(text), text];
  };
  for (const [name, [line, why]] of Object.entries(FOREIGN)) {
    const [status, text] = await ask(RUNS, `Host: localhost\r\n${line}`);
    assert.equal(status, 403, name);
    assert.match(text, why, name);
    assert.match(text, /set ADMIN_TOKEN/);
  }
  // The authority of an absolute target is the host, whatever Host says.
  assert.equal((await ask(`http://localhost${RUNS}`, 'Host: evil'))[0], 200);
  assert.equal((await ask(`http://evil${RUNS}`, 'Host: localhost'))[0], 403);
  for (const host of ['localhost:1@evil', 'localhost evil', '127.0.0.1, evil',
    '[evil', '[::1].evil', 'localhost:x', 'a/b', '\x80']) {
    assert.equal((await ask('/livez', `Host: ${host}`))[0], 400, host);
  }
  assert.equal((await ask('http://a@b/livez', 'Host: localhost'))[0], 400);
  assert.equal((await s.trigger({}, { headers: {
    origin: `http://127.0.0.1:${s.port}` } })).status, 200, 'our own page');
  await s.end();
});

test('a body is read when its sender may send it', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w, { env: { ADMIN_TOKEN: 'all' } });
  const head = (path, lines) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\n` +
    `Connection: close\r\n${lines}\r\n\r\n`;
  const EXPECT = 'Expect: 100-continue\r\nContent-Length: 2';

  assert.match(await s.raw(head(TRIGGER, EXPECT)), /^HTTP\/1\.1 401 /);
  assert.match(await s.raw(head('/livez', EXPECT)), /^HTTP\/1\.1 405 /);
  assert.match(await s.raw(head('/nothing', EXPECT)), /^HTTP\/1\.1 404 /);
  const socket = net.connect(s.port, '127.0.0.1');
  let text = '';
  socket.on('data', (part) => { text += part; });
  socket.write(head(RETRY, `Authorization: Bearer all\r\n${EXPECT}`));
  await until(() => text.startsWith('HTTP/1.1 100 '), '100 Continue');
  socket.write('{}');
  await until(() => /HTTP\/1\.1 200 /.test(text), 'the answer');

  // Nobody fills the memory for bodies without a token.
  const others = Array.from({ length: 40 }, () => {
    const other = net.connect(s.port, '127.0.0.1');
    other.on('error', () => {});
    other.on('data', () => {});
    other.write(head(TRIGGER, 'Content-Length: 1048576'));
    other.write(Buffer.alloc(1048575));
    return other;
  });
  t.after(() => others.forEach((other) => other.destroy()));
  const answer = await s.trigger({ services: ['alpha'] }, as('all'));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.success, true);
  await s.end();
});

test('one Authorization header', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w, { env: { ADMIN_TOKEN: 'all' } });
  const right = 'Authorization: Bearer all\r\n';
  for (const lines of [`${right}Authorization: Bearer x\r\n`,
    `Authorization: Bearer x\r\n${right}`, right + right]) {
    assert.equal(statusOf(await s.raw(`GET ${RUNS} HTTP/1.1\r\nHost: a\r\n` +
      `Connection: close\r\n${lines}\r\n`)), 400);
  }
  await s.end();
});

test('who guesses is counted, told once and answered later', async (t) => {
  const w = await alpha(t);
  const s = await serve(t, w, { env: { ADMIN_TOKEN: 'all' } });
  const began = Date.now();
  for (let i = 0; i < 16; i++) {
    assert.equal((await s.get(RUNS, as(`guess ${i}`))).status, 401);
  }
  // After ten of them: 100 ms, 200 ms, ..., 600 ms.
  assert.ok(Date.now() - began >= 2000);
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    s.get(RUNS, as(`more ${i}`))));
  const statuses = many.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 401).length, 4);
  assert.equal(statuses.filter((status) => status === 429).length, 16);
  assert.equal(many.find(({ status }) => status === 429)
    .headers['retry-after'], '1');

  assert.equal((await s.get(RUNS, as('all'))).status, 200);
  // Whoever has sent a right token is not shut out by his neighbours.
  const mixed = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    s.get(RUNS, as(i < 18 ? 'wrong' : 'all'))));
  assert.deepEqual(mixed.slice(18).map(({ status }) => status), [200, 200]);

  const metrics = await s.metrics();
  assert.equal(metrics.get('batchsync_http_refused_total'), 54);
  const { stdout } = await s.end();
  const lines = stdout.split('\n').filter((line) => /rights/.test(line));
  assert.match(lines[0], /a request from 127\.0\.0\.1 lacks the rights/);
  assert.match(lines[1], /53 more requests .* the last one came from 127/);
  assert.equal(lines.length, 2);
  assert.doesNotMatch(stdout, /guess/);
});
