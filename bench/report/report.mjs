// Makes RESULTS.md, and its pictures, of what the sections have stored.
//
//   node report.mjs FOLDER    reads FOLDER/results/*.json

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHAPTERS } from './chapters.mjs';
import { curves } from './curves.mjs';
import { searchPicture } from './searches.mjs';
import { number } from './stats.mjs';
import { table } from './table.mjs';
import { targetsTable } from './targets.mjs';

/** What is stored, by the section's name. */
function read(folder) {
  return Object.fromEntries(readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .map((result) => [result.section, result]));
}

function measuredTable(results) {
  const rows = Object.values(results).map((r) =>
    [r.section, r.date.slice(0, 16).replace('T', ' '), r.commit,
      number(r.took / 60, 1), r.load, r.quick ? 'a look' : 'full']);
  return table(['section', 'measured (UTC)', 'commit', 'minutes',
    'load before', ''], rows);
}

/** The machine; where sections were measured on several, the last one's. */
function machineTable(results) {
  const all = Object.values(results)
    .sort((a, b) => a.date.localeCompare(b.date));
  const { machine, settings } = all.at(-1);
  const same = all.every((r) =>
    JSON.stringify(r.machine) === JSON.stringify(machine));
  const rows = Object.entries(machine);
  rows.push(['settings of PostgreSQL', 'fsync on, shared_buffers 512 MB, no ' +
    'checkpoint or vacuum during a run'],
  ['items', `${all.find((r) => r.section !== 'curves')?.settings.item_bytes ??
    settings.item_bytes} bytes of JSON each; pages of ${
    number(settings.page)}, chunks of ${settings.chunk}, ${
    settings.workers} workers`]);
  return (same ? '' : 'Not all sections were measured on the same machine; ' +
    'this is the last one:\n\n') + table(['', ''], rows, 2);
}

const NOTES = `## How to read it

- Everything runs on this one machine: the database, the coordinator, the
  embedder and who is measured. So ratios say more than rates.
- A rate is the median of its rounds, the spread their least and most; everyone
  takes a turn in each round, and a ratio is the median of the rounds' ratios.
- batchsync is timed as a process, its start and its end included; peers from
  the moment their libraries are loaded. "start and end" is what the process
  took beyond the sync itself. CPU and memory are the whole process's.
- "link queue" is with the graph on, up to the end of the run; linking comes
  after it and has its own chapter. "adopted indexes" is with the btree indexes
  of existing deployments.
- Rows written are inserted, changed and deleted ones by
  \`pg_stat_user_tables\`, without the ledger's (a row a run, one a service of
  it, which each page changes); the four that the start writes on trial and
  rolls back count.
- After each run every row's vector is compared with the embedder's function of
  its text; a wrong one, or a wrong number of them, ends the section. Three
  quarters of a vector are its topic's, one of 1,024; no two are the same.
`;

function chapters(results) {
  return CHAPTERS.map(([section, heading, chapter]) =>
    `## ${heading}\n\n${results[section] === undefined
      ? `Not measured yet: \`./bench/run ${section}\`.\n`
      : chapter(results[section])}`);
}

function pictures({ search }, folder) {
  if (search !== undefined) {
    writeFileSync(join(folder, 'search.svg'), searchPicture(search));
  }
}

function growth(results, folder) {
  const all = curves(results);
  for (const { file, svg } of all) {
    writeFileSync(join(folder, `${file}.svg`), svg);
  }
  return `## How cost grows\n\n${all.length === 0
    ? 'Not measured yet: `./bench/run memory documents curves`.\n'
    : all.map(({ file, heading, text }) =>
      `### ${heading}\n\n![${heading}](results/${file}.svg)\n\n${text}\n`)
      .join('\n')}`;
}

const [folder] = process.argv.slice(2);
mkdirSync(join(folder, 'results'), { recursive: true });
const results = read(join(folder, 'results'));
if (Object.keys(results).length === 0) {
  console.error(`nothing is stored in ${folder}/results`);
  process.exit(1);
}
pictures(results, join(folder, 'results'));
writeFileSync(join(folder, 'RESULTS.md'), [
  '# Results\n\nWritten by ./bench/run of what its sections stored in ' +
    'results/; a bold figure misses its target.\n',
  `## Targets\n\n${targetsTable(results)}`,
  ...chapters(results),
  growth(results, join(folder, 'results')),
  NOTES,
  `## Where and when\n\n${machineTable(results)}\n${measuredTable(results)}`,
].join('\n'));
