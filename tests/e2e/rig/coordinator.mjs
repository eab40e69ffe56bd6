// A coordinator that does as the test says: Route over gRPC, the list of
// services over HTTP.

import { createHash, verify } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { cascade } from '../../../examples/coordinator/envelope.mjs';
import { listen } from './http.mjs';
import { selfSigned } from './keys.mjs';
import { sleep } from './wait.mjs';
import { shapes } from './shapes.mjs';

export { failing, pagesOf, sequence, shapes } from './shapes.mjs';

const PROTO = fileURLToPath(
  new URL('../../../proto/coordinator.proto', import.meta.url));

/** The generated service: `new CoordinatorService(endpoint, credentials)`. */
export const { CoordinatorService } = grpc.loadPackageDefinition(
  protoLoader.loadSync(PROTO, { keepCase: true, defaults: true })).rag.v1;

/**
 * Starts a coordinator.
 *
 * options.tls        true: a certificate of its own, see `certificate`
 * options.publicKey  PEM: calls that it did not sign are UNAUTHENTICATED
 * options.port, options.httpPort   instead of any free one
 */
export async function start(options = {}) {
  const coordinator = new Coordinator(options);
  await coordinator.listen(options);
  return coordinator;
}

class Coordinator {
  /** Every Route call in order of arrival, as the scripts see it. */
  calls = [];

  /** Every HTTP request in order of arrival. */
  httpCalls = [];

  #scripts = new Map();
  #routes = new Map();
  #server;
  #http;
  #publicKey;

  constructor({ publicKey }) {
    this.#publicKey = publicKey;
    this.http('/services/list', () => ({
      body: { success: true, services: [...this.#scripts.keys()] },
    }));
  }

  /** Once more after close(), on the ports it had. */
  relisten() {
    return this.listen({ port: this.port, httpPort: this.httpPort });
  }

  async listen({ tls, port = 0, httpPort = 0 }) {
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
    });
    const identity = tls ? selfSigned() : undefined;
    this.#server.addService(CoordinatorService.service, {
      Route: (call, callback) => this.#route(call, callback),
    });
    this.port = await bind(this.#server, port, identity);
    this.endpoint = `${tls ? 'localhost' : '127.0.0.1'}:${this.port}`;
    this.certificate = identity?.certificate;
    this.#http = await listen((request) => this.#answerHttp(request),
      { port: httpPort });
    this.httpPort = this.#http.port;
    this.httpUrl = `http://127.0.0.1:${this.httpPort}`;
  }

  /**
   * Says how a service answers: with `step`, a reply or a function from the
   * context of a call to a reply. A service without a script is down.
   *
   * The context: { service, page, limit, syncType, since, metadata, headers,
   * request, callNumber }; callNumber counts the service's calls from 1.
   *
   * A reply is one of
   *   { envelope, normalizedFields, routingMetadata, targetServices }
   *                           envelope: a document, or the text itself.
   *                           The other three default to what a coordinator
   *                           says when the service answered; of the fields,
   *                           those given are set, null removes one or all.
   *   { cascade: [attempt] }  the full envelope, see envelope.mjs; an attempt
   *                           is the called service's unless it names another
   *   { grpcCode, details }   a status; a code's name or number. May be thrown
   *   { hang: true }          no answer, ever
   * and may add `delayMs`.
   */
  script(service, step) {
    this.#scripts.set(service, step);
    return this;
  }

  /**
   * Says how an HTTP path answers: with an answer as http.mjs describes it or
   * a function from the request to one. Unknown paths are 404.
   */
  http(path, step) {
    this.#routes.set(path, step);
    return this;
  }

  callsTo(service) {
    return this.calls.filter((call) => call.service === service);
  }

  /** Ends at once, whoever still waits for an answer. */
  async close() {
    this.#server.forceShutdown();
    await this.#http.close();
  }

  async #route(call, callback) {
    const context = this.#record(call);
    try {
      if (this.#publicKey) authenticate(context, this.#publicKey);
      const reply = await this.#reply(context);
      if (reply.delayMs) await sleep(reply.delayMs);
      if (reply.hang || context.cancelled) return;
      if (reply.grpcCode !== undefined) throw reply;
      callback(null, response(context, reply));
    } catch (error) {
      callback(status(error));
    }
  }

  #record(call) {
    const { request } = call;
    const { metadata } = request;
    const context = {
      service: metadata.target_service,
      page: Number(metadata.page),
      limit: Number(metadata.limit),
      syncType: metadata.sync_type,
      since: metadata.since,
      metadata,
      headers: call.metadata.getMap(),
      request,
      callNumber: this.callsTo(metadata.target_service).length + 1,
      at: Date.now(),
      cancelled: false,
    };
    call.on('cancelled', () => { context.cancelled = true; });
    this.calls.push(context);
    return context;
  }

  async #reply(context) {
    const step = this.#scripts.get(context.service) ?? shapes.serviceDown();
    return typeof step === 'function' ? step(context) : step;
  }

  async #answerHttp(request) {
    this.httpCalls.push(request);
    const step = this.#routes.get(request.path)
      ?? { status: 404, body: { error: 'not found' } };
    return typeof step === 'function' ? step(request) : step;
  }
}

function bind(server, port, identity) {
  const credentials = identity
    ? grpc.ServerCredentials.createSsl(null, [{
      private_key: Buffer.from(identity.key),
      cert_chain: Buffer.from(identity.certificate),
    }])
    : grpc.ServerCredentials.createInsecure();
  return new Promise((done, fail) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials,
      (error, bound) => error ? fail(error) : done(bound));
  });
}

/** A reply as the RouteResponse it stands for. */
function response({ service, request }, reply) {
  const attempts = (reply.cascade ?? [{}])
    .map((attempt) => ({ ...attempt, service: attempt.service ?? service }));
  const base = cascade(request, attempts);
  const { envelope } = reply;
  return {
    target_services: reply.targetServices ?? base.target_services,
    normalized_fields:
      merged(base.normalized_fields, reply.normalizedFields),
    envelope_json: reply.cascade ? base.envelope_json
      : typeof envelope === 'string' ? envelope : JSON.stringify(envelope),
    routing_metadata: reply.routingMetadata ?? base.routing_metadata,
  };
}

function merged(base, changes) {
  if (changes === null) return {};
  const entries = Object.entries({ ...base, ...changes });
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

function status(error) {
  const { grpcCode: code = grpc.status.UNKNOWN } = error;
  return {
    code: typeof code === 'string' ? grpc.status[code] : code,
    details: error.details ?? error.message ?? '',
  };
}

function authenticate(call, publicKey) {
  try {
    verifySignature(call, publicKey);
  } catch (error) {
    throw { grpcCode: 'UNAUTHENTICATED', details: error.message };
  }
}

const CALLER = 'rag-service';
const MESSAGE_PREFIX = 'educoreai-rag-service-';
const CLOCK_SKEW_MS = 5 * 60_000;

/** The message that is signed for a request made at `timestamp`. */
export function signedMessage(request, timestamp) {
  const payload = JSON.stringify({
    tenant_id: request.tenant_id,
    user_id: request.user_id,
    query_text: request.query_text,
    requester_service: CALLER,
    timestamp,
  });
  return MESSAGE_PREFIX + createHash('sha256').update(payload).digest('hex');
}

/**
 * Throws unless the call carries the headers of a signed call and the key
 * made the signature. `call` is one of `coordinator.calls`.
 */
export function verifySignature({ headers, request }, publicKeyPem) {
  for (const name of ['x-service-name', 'x-requester-service']) {
    if (headers[name] !== CALLER) {
      throw new Error(`${name} is ${headers[name]}, not ${CALLER}`);
    }
  }
  const timestamp = headers['x-timestamp'];
  if (!/^\d{13}$/.test(timestamp ?? '')
      || Math.abs(Date.now() - timestamp) > CLOCK_SKEW_MS) {
    throw new Error(`x-timestamp is ${timestamp}`);
  }
  const signature = headers['x-signature'] ?? '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(signature)) {
    throw new Error(`x-signature is "${signature}"`);
  }
  const message = Buffer.from(signedMessage(request, Number(timestamp)));
  if (!verify('sha256', message, publicKeyPem,
    Buffer.from(signature, 'base64'))) {
    throw new Error('x-signature does not fit the request');
  }
}
