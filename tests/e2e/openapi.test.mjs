// The description of the HTTP API, as it is served: what other tools think of
// it, and what it says of refusals.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { serve } from './support/serve.mjs';
import { folderOf, itemsOf, pagesOf, world } from './support/world.mjs';

const run = promisify(execFile);

/** The linter, or why there is none: it needs a younger Node than the rest. */
function linter() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) return undefined;
  return createRequire(import.meta.url).resolve('@redocly/cli/bin/cli.js');
}

const described = async (t, env) => {
  const w = await world(t, { services: { alpha: pagesOf(itemsOf(1)) } });
  const s = await serve(t, w, { env });
  return { s, document: (await s.get('/openapi.json')).json };
};

const skip = linter() ? false : 'this Node is too old for the linter';

test('redocly finds nothing to mend', { skip }, async (t) => {
  const { s, document } = await described(t);
  await s.end();
  const folder = folderOf(t, { 'openapi.json': document });
  const { stdout } = await run(process.execPath, [linter(), 'lint',
    join(folder, 'openapi.json'), '--format=json'], { cwd: folder, env: {
    PATH: process.env.PATH, HOME: folder, REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } })
    .catch((error) => assert.fail(error.stdout + error.stderr));
  const { problems } = JSON.parse(stdout.slice(stdout.indexOf('{')));
  assert.deepEqual(problems, []);
});

test('what every route may answer is declared', async (t) => {
  const { s, document } = await described(t, { ADMIN_TOKEN: 'open-sesame' });
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { responses, operationId }] of
      Object.entries(operations)) {
      const always = ['400', '408', '500', '503',
        ...path.startsWith('/admin/') ? ['401', '403', '429'] : []];
      for (const status of always) {
        assert.ok(status in responses, `${operationId} ${status}`);
      }
      // The table of routes knows it, too: it is guarded, or answers.
      const { status } = await s.call(method.toUpperCase(),
        path.replace('{id}', 'nobody'));
      assert.notEqual(status, 404, operationId);
      assert.equal(status === 401, path.startsWith('/admin/'), operationId);
    }
  }
  await s.end();
});
