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
real sync of about 650 items, with PostgreSQL, a coordinator and an embedder, at
a moment drawn from a seed; then this sync or another one continues until a run
has ended. The *items* are compared with the tables of an undisturbed run, hash
by hash and vector by vector: missing or different ones are *lost*, rows that
should not exist are *doubled*. *Embedded again* counts texts for which the
embedder returned a vector more often than in an undisturbed run; all of them
were in flight when the fault came. A kill may cost at most the chunks that are
being embedded or stored, twice \`BATCH_SYNC_WORKERS\`.

| fault | tried | items | lost | doubled | embedded again | |
|---|--:|--:|--:|--:|--:|---|
${[...faults].map(([fault, row]) => cells(fault, row)).join('\n')}
${cells('**all**', total)}
`);
