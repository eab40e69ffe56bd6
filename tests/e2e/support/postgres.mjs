// A PostgreSQL of the test's own, which it can stop and start.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Starts one; `stop('stop-now')` is the stop that needs a recovery. */
export async function postgres(t) {
  const child = spawn(fileURLToPath(
    new URL('postgres.sh', import.meta.url)),
  { stdio: ['pipe', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text) => { log += text; });
  const ended = new Promise((done) => child.once('close', done));
  const lines = createInterface({ input: child.stdout })
    [Symbol.asyncIterator]();
  const said = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`PostgreSQL: ${log}`);
    return value;
  };
  t.after(async () => {
    child.stdin.end();
    await ended;
  });
  const url = await said();
  let up = true;
  const ask = (word) => {
    child.stdin.write(`${word}\n`);
    return said();
  };
  const tell = (word) => {
    up = word === 'start';
    return ask(word);
  };
  const start = () => tell('start');
  return { url, start, stop: (how = 'stop') => tell(how),
    /** A standby of it; the URL. And that one as a primary. */
    standby: () => ask('standby'),
    promote: () => ask('promote'),
    /** For those who drop their database in the end. */
    upAfter: (test) => test.after(() => up || start()) };
}
