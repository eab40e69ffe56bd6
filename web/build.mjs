// node build.mjs OUT.c: bundles the page, packs its files, and writes them as
// the list that src/api/page.h declares. A page that is too large fails.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const MOST_BYTES = 90 * 1024; // packed, all files together

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const require = createRequire(here('../deps/web/package.json'));
const esbuild = require('esbuild');

const { outputFiles } = await esbuild.build({
  entryPoints: { page: here('src/main.js') },
  outdir: '/',
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  nodePaths: [here('../deps/web/node_modules')],
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
}).catch(() => process.exit(1)); // it has said why
const bundle = (ending) =>
  outputFiles.find(({ path }) => path.endsWith(ending)).contents;

const files = [
  ['/', 'text/html; charset=utf-8', readFileSync(here('index.html'))],
  ['/page.js', 'text/javascript; charset=utf-8', bundle('.js')],
  ['/page.css', 'text/css; charset=utf-8', bundle('.css')],
  ['/icon.svg', 'image/svg+xml', readFileSync(here('icon.svg'))],
].map(([path, type, content]) => ({
  path,
  type,
  gzip: gzipSync(content, { level: 9 }),
  etag: createHash('sha256').update(content).digest('hex').slice(0, 32),
}));

const total = files.reduce((sum, { gzip }) => sum + gzip.length, 0);
if (total > MOST_BYTES) {
  console.error(`the page takes ${total} bytes packed; ${MOST_BYTES} is the most`);
  process.exit(1);
}

/** The bytes of a C array, 16 a line. */
const array = (bytes) => Array.from({ length: Math.ceil(bytes.length / 16) },
  (_, i) => `    ${[...bytes.subarray(16 * i, 16 * i + 16)].join(', ')},`)
  .join('\n');

writeFileSync(process.argv[2], `#include "api/page.h"

${files.map(({ gzip }, i) => `static const unsigned char file_${i}[] = {
${array(gzip)}
};
`).join('\n')}
const struct page_file page_files[] = {
${files.map(({ path, type, etag }, i) => `    {"${path}", "${type}", "\\"${etag}\\"",
        {(const char *)file_${i}, sizeof(file_${i})}},`).join('\n')}
    {.path = 0},
};
`);
