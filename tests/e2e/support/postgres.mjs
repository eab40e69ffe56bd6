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
  const tell = (word) => {
    up = word === 'start';
    child.stdin.write(`${word}\n`);
    return said();
  };
  const start = () => tell('start');
  return { url, start, stop: (how = 'stop') => tell(how),
    /** For those who drop their database in the end. */
    upAfter: (test) => test.after(() => up || start()) };
}
