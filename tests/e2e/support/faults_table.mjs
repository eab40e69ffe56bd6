// Writes the table of faults: node faults_table.mjs LINES TABLE, where LINES
// is what the tests have appended to FAULTS_TABLE.

import { readFileSync, writeFileSync } from 'node:fs';

const SUMS = ['tried', 'items', 'lost', 'doubled', 'again'];

const [lines, table] = process.argv.slice(2);
const faults = new Map();
for (const line of readFileSync(lines, 'utf8').trim().split('\n')) {
  const { fault, remark, ...sums } = JSON.parse(line);
  const row = faults.get(fault)
    ?? { remark, ...Object.fromEntries(SUMS.map((name) => [name, 0])) };
  for (const name of SUMS) row[name] += sums[name];
  faults.set(fault, row);
}

const total = Object.fromEntries(SUMS.map((name) =>
  [name, [...faults.values()].reduce((sum, row) => sum + row[name], 0)]));
const number = (n) => n.toLocaleString('en-US');
const cells = (title, row) => `| ${[title,
  ...SUMS.map((name) => number(row[name])), row.remark ?? ''].join(' | ')} |`;

writeFileSync(table, `# Faults

Written by the tests (\`./scripts/test --long\`), not by hand. Each fault hits a
real sync of some 650 items, with PostgreSQL, a coordinator and an embedder, at
a moment drawn from a seed; then the sync goes on, or another one does, until a
run has ended. *items* were compared with the tables of an undisturbed run, hash
by hash and vector by vector: those that were missing or different are *lost*,
rows that should not be there are *doubled*. *Embedded again* are texts that
were answered with a vector more often than an undisturbed run needs, all of
them in flight when the fault came: a kill may cost at most the chunks that are
being embedded or stored, twice \`BATCH_SYNC_WORKERS\`.

| fault | tried | items | lost | doubled | embedded again | |
|---|--:|--:|--:|--:|--:|---|
${[...faults].map(([fault, row]) => cells(fault, row)).join('\n')}
${cells('**all**', total)}
`);
