// An embedding provider that keeps the rules of the real one, counts what it
// is asked, and fails as the test says.

import { createHash } from 'node:crypto';
import { base64Of } from '../../../examples/embedder/vector.mjs';
import { listen } from './http.mjs';
import { sleep } from './wait.mjs';

export { vectorOf as wordVector } from '../../../examples/embedder/vector.mjs';

const DEFAULT_DIMENSIONS = 1536;

const isProbe = ({ inputs }) =>
  inputs.length === 1 && /^[a-z]{5}\d{6}$/.test(inputs[0]);

/** What the provider refuses, in its own words. */
const LIMITS = { inputs: 2048, tokens: 300_000, tokensPerInput: 8191 };

/**
 * The vector of a text: unit length, float32, the same for the same text and
 * dimensions, unlike any other's.
 */
export function vectorOf(text, dimensions = DEFAULT_DIMENSIONS) {
  const next = generator(createHash('sha256').update(text).digest());
  const raw = Float64Array.from({ length: dimensions }, next);
  const norm = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(raw, (value) => value / norm);
}

/** Numbers in (-1, 1) from a seed: xorshift128 over its first 16 bytes. */
function generator(seed) {
  let [a, b, c, d] = [0, 4, 8, 12].map((at) => seed.readUInt32LE(at));
  d |= 1;
  return () => {
    let t = a ^ (a << 11);
    t ^= t >>> 8;
    [a, b, c] = [b, c, d];
    d ^= (d >>> 19) ^ t;
    return (d >>> 0) / 0x80000000 - 1;
  };
}

/**
 * Starts a provider; its OpenAI-compatible base is `url`.
 *
 * options.token        the Bearer token to insist on
 * options.latencyMs    a request takes so long
 * options.maxInFlight  more requests at a time than that are answered 429
 * options.vectorOf     (text, dimensions) -> vector, instead of the one above;
 *                      `wordVector` makes similar texts similar
 * options.limits       { inputs, tokens, tokensPerInput } instead of LIMITS
 * options.port         instead of any free one
 */
export async function start(options = {}) {
  const embedder = new Embedder(options);
  await embedder.listen(options.port);
  return embedder;
}

class Embedder {
  /**
   * Every request in order of arrival: { inputs, model, dimensions,
   * encodingFormat, headers, body, connection, callNumber, at, status }.
   */
  requests = [];

  /** How often each text was answered with a vector. */
  seen = new Map();

  /** Requests for one word alone, which tells whether anything is embedded. */
  probes = 0;
  tokens = 0;

  /** Broken rules, in words; a test that breaks none asserts it is empty. */
  violations = [];

  maxConcurrent = 0;
  #inFlight = 0;
  #step;
  #options;
  #server;

  constructor(options) {
    this.#options = { latencyMs: 0, maxInFlight: Infinity, vectorOf,
      ...options, limits: { ...LIMITS, ...options.limits } };
  }

  async listen(port) {
    this.#server = await listen((request) => this.#handle(request),
      { port, over: () => this.#inFlight-- });
    this.port = this.#server.port;
    this.url = `http://127.0.0.1:${this.port}/v1`;
  }

  /** Once more after close(), on the port it had. */
  relisten() {
    return this.listen(this.port);
  }

  /**
   * Says how requests go wrong from here on: with `step`, one of `faults`, or
   * a function from a request to one, or nothing for a good answer.
   */
  script(step) {
    this.#step = step;
    return this;
  }

  /** Changes latencyMs, maxInFlight, token, ... while running. */
  set(options) {
    Object.assign(this.#options, options);
    return this;
  }

  /** Inputs answered with a vector, over all requests. */
  get embedded() {
    return [...this.seen.values()].reduce((sum, n) => sum + n, 0);
  }

  /** TCP connections accepted so far. */
  get connections() {
    return this.#server.stats.connections;
  }

  /** Forgets what was counted; scripts stay. */
  reset() {
    this.requests.length = 0;
    this.violations.length = 0;
    this.seen.clear();
    this.probes = 0;
    this.tokens = 0;
    this.maxConcurrent = this.#inFlight;
  }

  close() {
    return this.#server.close();
  }

  async #handle(http) {
    this.maxConcurrent = Math.max(this.maxConcurrent, ++this.#inFlight);
    const request = this.#record(http);
    const answer = await this.#answer(request);
    request.status = answer.status ?? 200;
    return answer;
  }

  #record({ method, path, headers, body, connection }) {
    const document = parsed(body) ?? {};
    const request = {
      method, path, headers, body, connection,
      inputs: [document.input ?? []].flat(),
      model: document.model,
      dimensions: document.dimensions,
      encodingFormat: document.encoding_format,
      callNumber: this.requests.length + 1,
      at: Date.now(),
    };
    this.requests.push(request);
    return request;
  }

  async #answer(request) {
    const { latencyMs, maxInFlight } = this.#options;
    if (this.#inFlight > maxInFlight) return faults.rateLimited();
    const step = this.#step;
    const fault = (typeof step === 'function' ? await step(request) : step)
      ?? {};
    await sleep(latencyMs + (fault.delayMs ?? 0));
    const refusal = this.#refusal(request);
    if (refusal) return refusal;
    if (fault.body !== undefined || fault.wire === 'hang') {
      return { ...fault, delayMs: 0 };
    }
    return { ...fault, delayMs: 0, body: this.#embed(request, fault) };
  }

  /** What the provider would not accept, fault or no fault. */
  #refusal(request) {
    const { token } = this.#options;
    if (request.method !== 'POST' || !request.path.endsWith('/embeddings')) {
      return error(404, `no ${request.method} ${request.path} here`);
    }
    if (token && request.headers.authorization !== `Bearer ${token}`) {
      return faults.unauthorized();
    }
    const rule = brokenRule(request, this.#options.limits);
    if (rule) this.violations.push(rule);
    return rule && error(400, rule);
  }

  #embed(request, fault) {
    const { inputs, model, dimensions = DEFAULT_DIMENSIONS } = request;
    const format = fault.format ?? request.encodingFormat ?? 'float';
    let vectors = inputs.map((text, index) => ({
      index,
      vector: this.#options.vectorOf(text, fault.dimensions ?? dimensions),
    }));
    if (fault.edit) vectors = fault.edit(vectors);
    if (!fault.spoiled) {
      if (isProbe(request)) this.probes++;
      else inputs.forEach((text) => count(this.seen, text));
    }
    const tokens = inputs.reduce((sum, text) => sum + estimate(text), 0);
    this.tokens += tokens;
    return {
      object: 'list',
      data: vectors.map(({ index, vector }) => ({
        object: 'embedding', index, embedding: encoded(vector, format),
      })),
      model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function count(map, key) {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** Tokens of a text: one per 3 ASCII bytes, one per other code point. */
export function estimate(text) {
  const others = text.replace(/[\0-\x7f]+/g, '');
  return Math.floor((text.length - others.length) / 3) + [...others].length;
}

function brokenRule({ inputs, model }, limits) {
  if (!model) return 'you must provide a model parameter';
  if (inputs.length === 0) return "'$.input' is invalid: nothing in it";
  if (inputs.length > limits.inputs) {
    return `'$.input' is longer than ${limits.inputs}`;
  }
  if (inputs.some((text) => typeof text !== 'string' || text === '')) {
    return "'$.input' is invalid: empty or not a text";
  }
  const tokens = inputs.map(estimate);
  if (tokens.some((n) => n > limits.tokensPerInput)) {
    return `maximum context length is ${limits.tokensPerInput} tokens, `
      + `you requested ${Math.max(...tokens)}`;
  }
  const sum = tokens.reduce((a, b) => a + b, 0);
  return sum > limits.tokens
    ? `requested ${sum} tokens, max ${limits.tokens} per request` : undefined;
}

/** As numbers, NaN turns into null; as base64 it passes. */
function encoded(vector, format) {
  return format === 'base64' ? base64Of(vector) : Array.from(vector);
}

function error(status, message, code = null, headers = {}) {
  const type = status === 429 ? code ?? 'rate_limit_error'
    : status < 500 ? 'invalid_request_error' : 'server_error';
  return {
    status,
    headers,
    body: { error: { message, type, param: null, code } },
  };
}

/** A spoiled answer is no answer: its texts are not counted as seen. */
const edited = (edit) => ({ edit, spoiled: true });
const replaced = (at, change) => edited((vectors) =>
  vectors.map((entry, i) => i === at ? change(entry) : entry));

/** All that may go wrong, to be given to `script`. */
export const faults = {
  status: error,
  badRequest: (message = "'$.input' is invalid") => error(400, message),
  unauthorized: () => error(401, 'Incorrect API key provided',
    'invalid_api_key'),
  forbidden: () => error(403, 'Your project may not use this model',
    'model_not_found'),
  rateLimited: (retryAfter) => error(429, 'Rate limit reached',
    'rate_limit_exceeded',
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  insufficientQuota: () => error(429,
    'You exceeded your current quota, please check your plan.',
    'insufficient_quota'),

  /** The answers in another order; `index` still says where they belong. */
  shuffled: () => ({ edit: (vectors) => vectors.reverse() }),
  floats: () => ({ format: 'float' }),
  base64: () => ({ format: 'base64' }),

  /** n answers too many (the last one again) or, below 0, too few. */
  wrongCount: (n = -1) => edited((vectors) => n < 0 ? vectors.slice(0, n)
    : [...vectors, ...Array(n).fill(vectors.at(-1))]),
  duplicateIndex: () => edited((vectors) =>
    vectors.map((entry) => ({ ...entry, index: 0 }))),
  wrongLength: (dimensions) => ({ dimensions, spoiled: true }),
  nan: (at = 0) => replaced(at, (entry) =>
    ({ ...entry, vector: entry.vector.map(() => NaN) })),
  zero: (at = 0) => replaced(at, (entry) =>
    ({ ...entry, vector: entry.vector.map(() => 0) })),

  garbage: () => ({ body: '<html><body>502 Bad Gateway</body></html>' }),
  hang: () => ({ wire: 'hang' }),
  reset: () => ({ wire: 'reset', spoiled: true }),
  truncated: () => ({ wire: 'truncate', spoiled: true }),
  slowDrip: (steps = 20, everyMs = 50) => ({ wire: 'drip', steps, everyMs }),
  slow: (delayMs) => ({ delayMs }),
};

/**
 * A good answer to the first request, the one text with which a run finds out
 * that its settings work, and then `step`.
 */
export function onceProven(step) {
  let proven = false;
  return (request) => {
    if (proven) return typeof step === 'function' ? step(request) : step;
    proven = true;
    return undefined;
  };
}

/** The fault for the first n requests, then good answers. */
export function times(n, fault) {
  let left = n;
  return () => left-- > 0 ? fault : undefined;
}

/** 400 for every request that has a text for which `predicate` is true. */
export function rejecting(predicate, message = "'$.input' is invalid") {
  return ({ inputs }) =>
    inputs.some(predicate) ? faults.badRequest(message) : undefined;
}
