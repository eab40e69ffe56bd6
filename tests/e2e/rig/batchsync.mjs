// The program under test: BATCHSYNC names it, build/batchsync by default.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SAMPLE_MS = 50;
const TAIL = 6000;

/** Where schemas lie in the source tree. */
export const SCHEMA_DIR = resolve(ROOT, 'schema/services');

/** Passed on from the test's own environment; sanitizers have their say. */
const INHERITED = ['PATH', 'HOME', 'ASAN_OPTIONS', 'LSAN_OPTIONS',
  'TSAN_OPTIONS', 'UBSAN_OPTIONS'];

/** Linking takes time that few tests are about; those set it themselves. */
const DEFAULTS = { KG_ENABLED: 'false' };

export const binary = () =>
  resolve(ROOT, process.env.BATCHSYNC ?? 'build/batchsync');

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/**
 * Runs the program to its end and returns { code, signal, stdout, stderr,
 * logs, result, maxRssKiB }. One that takes longer than `timeoutMs` is killed,
 * and the error shows what it had to say.
 */
export async function run(args, { timeoutMs = 60_000, ...options } = {}) {
  const program = start(args, options);
  return program.exit(timeoutMs);
}

/**
 * Starts the program and returns at once, for `serve` and for tests that
 * interfere. options: env (nothing else is set), cwd, binary.
 */
export function start(args, options = {}) {
  return new Program(args, options);
}

class Program {
  stdout = '';
  stderr = '';
  maxRssKiB = 0;
  #child;
  #ended;

  constructor(args, { env = {}, cwd = ROOT, binary: file = binary() }) {
    this.#child = spawn(file, args, {
      cwd,
      env: { ...DEFAULTS, ...inherited(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid;
    running.add(this.#child);
    this.#collect('stdout');
    this.#collect('stderr');
    const sampling = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#ended = new Promise((done, fail) => {
      this.#child.on('error', fail);
      this.#child.on('close', (code, signal) => done({ code, signal }));
    }).finally(() => {
      clearInterval(sampling);
      running.delete(this.#child);
    });
    this.#ended.catch(() => {});
  }

  /** Lines of the log so far, parsed. */
  get logs() {
    return [...jsonLines(this.stderr), ...jsonLines(this.stdout)]
      .filter((line) => 'level' in line);
  }

  /** The result that `--json` prints: the last document on stdout. */
  get result() {
    return parsed(this.stdout) ?? jsonLines(this.stdout).at(-1);
  }

  kill(signal = 'SIGTERM') {
    this.#child.kill(signal);
  }

  /** Waits until `probe(program)` is truthy, and returns that. */
  until(probe, what, timeoutMs = 20_000) {
    let over = false;
    this.#ended.catch(() => {}).then(() => { over = true; });
    return until(async () => {
      const value = await probe(this);
      if (value || !over) return value;
      throw new Error(`the program ended before ${what}`);
    }, what, timeoutMs).catch((error) => { throw this.#explained(error); });
  }

  /** Waits for the end. */
  async exit(timeoutMs = 20_000) {
    let timer;
    const timeout = new Promise((_, fail) => {
      timer = setTimeout(() => fail(this.#explained(
        new Error(`still running after ${timeoutMs} ms`))), timeoutMs);
    });
    try {
      const { code, signal } = await Promise.race([this.#ended, timeout]);
      const { stdout, stderr, logs, result, maxRssKiB } = this;
      return { code, signal, stdout, stderr, logs, result, maxRssKiB };
    } finally {
      clearTimeout(timer);
      this.kill('SIGKILL');
    }
  }

  /** SIGTERM, then waits for the end. */
  stop(timeoutMs) {
    this.kill();
    return this.exit(timeoutMs);
  }

  /** Resolves as soon as it says something more, on 'stdout' or 'stderr'. */
  said(name) {
    return new Promise((done) => this.#child[name].once('data', done));
  }

  #collect(name) {
    this.#child[name].setEncoding('utf8').on('data', (text) => {
      this[name] += text;
      this.#sample();
    });
  }

  /**
   * The peak so far. The kernel keeps it; it is gone with the process, so it
   * is read now and then, and whenever something was printed.
   */
  #sample() {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
      const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
      this.maxRssKiB = Math.max(this.maxRssKiB, peak);
    } catch {
      // gone already
    }
  }

  #explained(error) {
    error.message += `\n--- stderr of ${this.#child.spawnargs.join(' ')}\n`
      + `${this.stderr.slice(-TAIL)}\n--- stdout\n${this.stdout.slice(-TAIL)}`;
    return error;
  }
}

function inherited() {
  return Object.fromEntries(INHERITED.filter((name) => name in process.env)
    .map((name) => [name, process.env[name]]));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function jsonLines(text) {
  return text.split('\n').map(parsed)
    .filter((line) => line !== null && typeof line === 'object');
}
