// Server-sent events: numbered, resumed, of every replica; slow readers are
// dropped.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { checkError, gate, serve } from './support/serve.mjs';
import { itemsOf, onceProven, pagesOf, until, world }
  from './support/world.mjs';

const ADMIN = '/admin/batch-sync';
const NOBODY = '6f9619ff-8b86-d011-b42d-00c04fc964ff';

const start = async (t, env) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(40)),
    beta: pagesOf(itemsOf(5, 1, 'b')) }, env: { BATCH_SYNC_CHUNK_SIZE: '5',
    ...env } });
  return { w, s: await serve(t, w) };
};

/** Reads a stream: { events, status, headers, over, stop() }. */
function follow(t, s, path, headers = {}) {
  const stream = { events: [], over: false };
  const request = http.get({ host: '127.0.0.1', port: s.port, path, headers,
    agent: false }, (answer) => {
    Object.assign(stream, { status: answer.statusCode,
      headers: answer.headers });
    let text = '';
    answer.setEncoding('utf8').on('data', (part) => {
      const blocks = (text + part).split('\n\n');
      text = blocks.pop();
      stream.events.push(...blocks.map(parse).filter(({ event }) => event));
    }).on('close', () => { stream.over = true; });
  });
  request.on('error', () => { stream.over = true; });
  stream.stop = () => request.destroy();
  t.after(stream.stop);
  return until(() => stream.status, 'the stream').then(() => stream);
}

function parse(block) {
  const fields = Object.fromEntries(block.split('\n').filter((line) =>
    /^\w+: /.test(line)).map((line) => /^(\w+): (.*)$/.exec(line).slice(1)));
  return { ...fields, data: fields.data && JSON.parse(fields.data) };
}

const runs = ({ events }) => events.filter(({ event }) => event === 'run');

test('what happens, and what was missed', async (t) => {
  const { s } = await start(t);
  const stream = await follow(t, s, `${ADMIN}/events`);
  assert.equal(stream.status, 200);
  assert.equal(stream.headers['content-type'], 'text/event-stream');
  assert.equal(stream.headers['cache-control'], 'no-store');
  await s.good();
  await until(() => runs(stream).length === 2, 'the end of the run');
  const { events } = stream;
  assert.deepEqual(runs(stream).map(({ data }) => data.status),
    ['running', 'success']);
  assert.deepEqual(events.filter(({ event }) => event === 'service')
    .map(({ data }) => [data.service, data.status]), [['alpha', 'running'],
    ['alpha', 'success'], ['beta', 'running'], ['beta', 'success']]);
  assert.equal(events.findLast(({ event }) => event === 'service')
    .data.counts.stored, 5);
  assert.ok(events.some(({ event }) => event === 'progress'));
  const numbers = events.map(({ id }) => Number(id.split('-')[1]));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));

  // Another reader goes on where it stopped.
  const later = await follow(t, s, `${ADMIN}/events`,
    { 'last-event-id': events[1].id });
  await until(() => later.events.length === events.length - 2, 'the rest');
  assert.deepEqual(later.events, events.slice(2));
  for (const id of ['1-1', 'x', `${events[0].id}999`]) {
    const lost = await follow(t, s, `${ADMIN}/events`, { 'last-event-id': id });
    await until(() => lost.events.length > 0, 'a reset');
    assert.equal(lost.events[0].event, 'reset');
    lost.stop();
  }
  await s.end();
  await until(() => stream.over && later.over, 'the streams to end');
});

test('a run: its state, what happens, its end', async (t) => {
  const { w, s } = await start(t);
  const hold = gate();
  w.embedder.script(onceProven(() => hold.wait));
  const done = s.trigger();
  await until(() => w.embedder.requests.length > 1, 'requests', 30_000);
  const [{ id }] = (await s.get(`${ADMIN}/runs`)).json.runs;
  const path = `${ADMIN}/runs/${id}/events`;
  const stream = await follow(t, s, path);
  await until(() => stream.events.length > 0, 'the state');
  assert.deepEqual([stream.events[0].event, stream.events[0].data.status],
    ['snapshot', 'running']);
  hold.open();
  await done;
  await until(() => stream.over, 'the end of the stream');
  assert.equal(stream.events.at(-1).data.status, 'success');
  assert.ok(stream.events.slice(1).every(({ data }) =>
    (data.run ?? data.id) === id));

  const after = await follow(t, s, path);
  await until(() => after.over, 'the end of the stream');
  assert.deepEqual(after.events.map(({ event }) => event), ['snapshot']);
  const nobody = `${ADMIN}/runs/${NOBODY}/events`;
  checkError(await s.get(nobody), 404, nobody, /no run/);
  await s.end();
});

test('the run of another process is seen', async (t) => {
  const { w, s } = await start(t);
  const stream = await follow(t, s, `${ADMIN}/events`);
  await s.good({ services: ['beta'] });
  await until(() => runs(stream).length === 2, 'our own run');
  await w.good();
  await until(() => runs(stream).some(({ data }) => data.trigger === 'cli'
    && data.status === 'success'), 'the other run');
  stream.stop();
  await s.end();
});

test('what another process does to a service is seen', async (t) => {
  const { w, s } = await start(t, { BATCH_SYNC_LIMIT: '10' });
  const stream = await follow(t, s, `${ADMIN}/events`);
  const of = (name, kind = 'service') => stream.events.filter(({ event, data }) =>
    event === kind && data.service === name);
  const [begin, hold] = [gate(), gate()];
  let passing = 4; // so that there is something to tell before it ends
  w.embedder.script(async () => {
    await begin.wait;
    return passing-- > 0 ? undefined : hold.wait;
  });
  const program = w.begin();
  await until(() => of('alpha').length > 0, 'a service of the other process');
  const own = await follow(t, s, `${ADMIN}/runs/${of('alpha')[0].data.run}/events`);
  begin.open();
  await until(() => of('alpha', 'progress').some(({ data }) =>
    data.counts.stored > 0), 'its progress');
  hold.open();
  assert.equal((await program.exit(60_000)).code, 0);
  await until(() => of('alpha').length > 1, 'its end');
  assert.deepEqual(of('alpha').map(({ data: { status } }) => status),
    ['running', 'success']);
  const { data } = of('alpha').at(-1);
  assert.deepEqual([data.position, data.counts.stored], [0, 40]);
  await until(() => of('beta').at(-1)?.data.status === 'success', 'the other');
  const numbers = stream.events.map(({ id }) => Number(id.split('-')[1]));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
  // A run's own stream ends with its run, behind all its services.
  await until(() => own.over, 'the stream of the run to end');
  assert.equal(own.events.at(-1).event, 'run');
  assert.equal(own.events.at(-1).data.status, 'success');
  assert.deepEqual(own.events.filter(({ event, data }) => event === 'service'
    && data.service === 'alpha').at(-1)?.data.status, 'success');
  stream.stop();
  await s.end();
});

test('readers are few, and one that does not read is dropped', async (t) => {
  const { s } = await start(t);
  const streams = [];
  for (let i = 0; i < 64; i++) streams.push(await follow(t, s, `${ADMIN}/events`));
  const path = `${ADMIN}/events`;
  checkError(await s.get(path), 503, path, /too many readers/);
  streams.forEach((stream) => stream.stop());
  await s.program.until(async () => {
    const stream = await follow(t, s, path);
    stream.stop();
    return stream.status === 200;
  }, 'room for a reader');
  await s.good();
  assert.equal((await s.call('HEAD', path)).status, 200);
  await s.end();
});
