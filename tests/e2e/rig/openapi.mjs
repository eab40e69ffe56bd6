// Holds the service's answers to what its own document says of them.

import assert from 'node:assert/strict';
import Ajv from 'ajv/dist/2020.js';

/** What a path that no route has, or a method it has not, is answered. */
const UNKNOWN = [400, 401, 403, 404, 405, 408, 413, 414, 431, 503];

export class Contract {
  #document;
  #checks = new Map();

  constructor(document) {
    this.#document = document;
    this.ajv = new Ajv({ strict: false, validateFormats: false });
    this.ajv.addSchema(document, 'api');
  }

  /** Throws unless status, type and body are what is declared. */
  check(method, path, { status, headers, json }) {
    const name = this.#pathOf(path.split('?')[0]);
    const verb = (method === 'HEAD' ? 'GET' : method).toLowerCase();
    const operation = this.#document.paths[name]?.[verb];
    if (operation === undefined) {
      assert.ok(UNKNOWN.includes(status), `${method} ${path}: ${status}`);
      if (json !== undefined) this.#valid('components/schemas/Error', path, json);
      return;
    }
    const declared = operation.responses[status];
    assert.ok(declared, `${verb} ${name} does not declare ${status}`);
    if (method === 'HEAD' || status === 304) return;
    const type = headers['content-type'].split(';')[0];
    assert.ok(declared.content[type], `${verb} ${name} ${status}: ${type}`);
    if (json !== undefined) this.#body(name, verb, status, json);
  }

  #pathOf(path) {
    const plain = path.length > 1 ? path.replace(/\/$/, '') : path;
    if (plain in this.#document.paths) return plain;
    return Object.keys(this.#document.paths).find((name) =>
      name.includes('{') && new RegExp(`^${name.replace(/\{\w+\}/, '[^/]+')}$`)
        .test(plain)) ?? plain;
  }

  #body(name, verb, status, json) {
    const pointer = ['paths', name, verb, 'responses', status, 'content',
      'application/json', 'schema'].map((part) => encodeURIComponent(
      String(part).replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    this.#valid(pointer, `${verb} ${name} ${status}`, json);
  }

  /** Throws unless `json` is as the schema there says. */
  #valid(pointer, what, json) {
    let check = this.#checks.get(pointer);
    if (check === undefined) {
      check = this.ajv.compile({ $ref: `api#/${pointer}` });
      this.#checks.set(pointer, check);
    }
    assert.ok(check(json), `${what}: ${
      this.ajv.errorsText(check.errors)}\n${JSON.stringify(json)}`);
  }
}
