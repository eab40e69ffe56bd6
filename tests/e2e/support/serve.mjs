// The service as a process that a test talks to over HTTP.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import * as batchsync from '../rig/batchsync.mjs';

export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const READY_MS = 60_000;
const ANSWER_MS = 60_000;
const END_MS = 60_000;
const LISTENING = /"listening on (\S+) port (\d+)"/;

/** A schedule that does not come round while a test runs. */
const NEVER = '0 0 29 2 *';

/**
 * Starts the service for `w` and waits until it is ready. It must be ended
 * with `end()`, which checks how it ended.
 *
 * options.env       further variables
 * options.ready     false: wait for its port alone
 */
export async function serve(t, w, { env, ready = true } = {}) {
  const server = new Server(t, w.with({ HOST: '127.0.0.1', PORT: '0',
    BATCH_SYNC_SCHEDULE: NEVER, ...env }));
  await server.listening();
  if (ready) await server.ready();
  return server;
}

/** Not there before `npm ci` has been run anew: then nothing is compared. */
const { Contract } = await import('../rig/openapi.mjs').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  return {};
});

class Server {
  #contract;

  constructor(t, env) {
    this.program = batchsync.start(['serve'], { env });
    t.after(() => this.program.kill('SIGKILL'));
  }

  get pid() {
    return this.program.pid;
  }

  async listening() {
    const [, , port] = await this.program.until(
      ({ stdout }) => LISTENING.exec(stdout), 'its port', READY_MS);
    this.port = Number(port);
  }

  /** Waits until /readyz answers `status`. */
  ready(status = 200, timeoutMs = READY_MS) {
    return this.program.until(async () =>
      (await this.get('/readyz')).status === status,
    `/readyz to answer ${status}`, timeoutMs);
  }

  /** The scheduler asks the database for the last fire before it starts. */
  scheduled(timeoutMs = READY_MS) {
    return this.program.until(async () => (await this.get(
      '/health/batch-sync')).json.scheduler.isScheduled,
    'the schedule to start', timeoutMs);
  }

  /**
   * One request on a connection of its own: { status, headers, text, json }.
   * The answer must be as /openapi.json says.
   * options: headers, body (a string, or a document), host, signal.
   */
  async call(method, path, { body, ...options } = {}) {
    const text = body === undefined || typeof body === 'string' ? body
      : JSON.stringify(body);
    const answer = await this.request(method, path, options, text);
    await this.#compare(method, path, answer, options.host);
    return answer;
  }

  async #compare(method, path, answer, host) {
    if (Contract === undefined) return;
    this.#contract ??= new Contract((await this.request('GET', '/openapi.json',
      host === undefined ? {} : { host })).json);
    this.#contract.check(method, path, answer);
  }

  /** The same, with `text` for a body, and nothing compared. */
  request(method, path, options, text) {
    return call(method, { host: '127.0.0.1', port: this.port, path,
      ...options }, text);
  }

  get(path, options) {
    return this.call('GET', path, options);
  }

  /** POST /admin/batch-sync/trigger. */
  trigger(body, options) {
    return this.call('POST', '/admin/batch-sync/trigger',
      { body, ...options });
  }

  /** The same with `Prefer: respond-async`. */
  triggerAsync(body) {
    return this.trigger(body, { headers: { prefer: 'respond-async' } });
  }

  /** A trigger whose run must succeed. Returns R. */
  async good(body) {
    const answer = await this.trigger(body);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.success, true, answer.text);
    return answer.json.result;
  }

  /** The run of that id, once it is no longer running. */
  run(id) {
    return this.program.until(async () => {
      const { json } = await this.get(`/admin/batch-sync/runs/${id}`);
      return json.status === 'running' ? undefined : json;
    }, 'the run to end', ANSWER_MS);
  }

  async metrics() {
    const { status, text } = await this.get('/metrics');
    assert.equal(status, 200);
    return samplesOf(text);
  }

  /** Waits until the metrics are such that `probe(metrics)` is truthy. */
  untilMetrics(probe, what) {
    return this.program.until(async () => probe(await this.metrics()), what,
      READY_MS);
  }

  /** Waits for a line of the log. */
  untilLog(pattern, timeoutMs = READY_MS) {
    return this.program.until(({ logs }) =>
      logs.find(({ message }) => pattern.test(message)), `${pattern}`,
    timeoutMs);
  }

  /** Raw bytes on a connection of their own; what came back, as text. */
  raw(bytes) {
    return raw(this.port, bytes);
  }

  resources() {
    return resourcesOf(this.pid);
  }

  /** SIGTERM; it must end by itself, with `code`. */
  async end({ code = 0, signal = 'SIGTERM' } = {}) {
    this.program.kill(signal);
    return this.ended({ code });
  }

  /** Waits until it has ended by itself, with `code`. */
  async ended({ code = 0 } = {}) {
    const outcome = await this.program.exit(END_MS);
    const { stdout, stderr } = outcome;
    assert.deepEqual({ code: outcome.code, signal: outcome.signal },
      { code, signal: null }, `${stdout}\n${stderr}`);
    checkServeLogs(outcome);
    return outcome;
  }
}

function call(method, options, body) {
  return new Promise((done, fail) => {
    const request = http.request({ method, agent: false, timeout: ANSWER_MS,
      ...options }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', fail);
      response.on('end', () => done(answerOf(response, parts)));
    });
    request.on('timeout', () => request.destroy(
      new Error(`no answer to ${method} ${options.path}`)));
    request.on('error', fail);
    request.end(body);
  });
}

function answerOf({ statusCode, headers }, parts) {
  const text = Buffer.concat(parts).toString('utf8');
  const isJson = /^application\/json/.test(headers['content-type'] ?? '');
  return { status: statusCode, headers, text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined };
}

function raw(port, bytes) {
  return new Promise((done, fail) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.setTimeout(ANSWER_MS, () => socket.destroy(
      new Error(`the connection stayed open after ${text}`)));
    socket.on('data', (part) => { text += part; });
    // What was sent beyond the answer may meet a closed connection.
    socket.on('error', (error) => text === '' ? fail(error) : done(text));
    socket.on('close', () => done(text));
    socket.write(bytes);
  });
}

/** Standard output has JSON lines alone, standard error nothing. */
export function checkServeLogs({ stdout, stderr }) {
  assert.equal(stderr, '');
  assert.ok(stdout.endsWith('\n'));
  for (const line of stdout.trimEnd().split('\n')) {
    const { time, level, message } = JSON.parse(line);
    assert.match(time, ISO);
    assert.match(level, /^(debug|info|warn|error)$/);
    assert.ok(message.length > 0);
    assert.doesNotMatch(line, /Body \d|lorem/);
  }
}

/** An error in the one shape that they have. */
export function checkError(answer, status, path, message) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  const { error, ...others } = answer.json;
  assert.deepEqual(others, {});
  assert.deepEqual(Object.keys(error).sort(),
    ['message', 'path', 'statusCode']);
  assert.equal(error.statusCode, status);
  assert.equal(error.path, path);
  assert.match(error.message, message);
}

/**
 * The samples of a text of Prometheus's: a map of `name{labels}`, as written,
 * to numbers.
 */
export function samplesOf(text) {
  const samples = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return samples;
}

/** A sample's value by name and labels in any order; 0 if it is not there. */
export function valueOf(samples, name, labels = {}) {
  const wanted = Object.entries(labels).map(([k, v]) => `${k}="${v}"`).sort();
  for (const [key, value] of samples) {
    const [, found, rest = ''] = /^([^{]+)(?:\{(.*)\})?$/.exec(key);
    const has = rest.match(/\w+="[^"]*"/g) ?? [];
    if ((found === `batchsync_${name}` || found === name)
        && has.sort().join() === wanted.join()) return value;
  }
  return 0;
}

/** What a process holds: { fds, rssKiB }. */
export function resourcesOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    fds: readdirSync(`/proc/${pid}/fd`).length,
    rssKiB: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]),
  };
}

/** Something a test opens and shuts: `hold.wait` pends until `hold.open()`. */
export function gate() {
  let open;
  const wait = new Promise((done) => { open = done; });
  return { wait, open };
}
