// Whoever the sync depends on is killed, hangs, answers garbage or answers
// slowly, at random moments: the run goes on to its end, and the tables become
// those of an undisturbed one.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { Account, IN_FLIGHT, ROUNDS, bench } from './support/faults.mjs';
import { missing, pooler } from './support/pooler.mjs';
import { postgres } from './support/postgres.mjs';
import { faults, onceProven, shapes, sleep } from './support/world.mjs';

const pick = (random, list) => list[Math.floor(random() * list.length)];

/** So many runs, each with the fault once; `allowed` texts embedded again. */
async function disturb(b, account, fault, { allowed = 0, env, remark }) {
  for (let i = 0; i < ROUNDS; i++) {
    await b.disturbed(account.random, fault, env);
    await account.add(b, { allowed });
    await b.next();
  }
  account.end(remark);
}

/** Runs in which each of some requests goes wrong as `spoil` says. */
async function spoiled(b, account, { start, stop, allowed, env, remark }) {
  for (let i = 0; i < ROUNDS; i++) {
    let tried = 0;
    await start(() => { tried++; });
    await b.w.good({ env });
    await stop();
    assert.ok(tried > 0, 'nothing went wrong');
    await account.add(b, { tried, allowed: allowed?.(tried) ?? 0 });
    await b.next();
  }
  account.end(remark);
}

/* ---- the coordinator ---- */

/** Listens where the coordinator did and talks nonsense. */
async function nonsense(port, ms) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.end('HTTP/1.1 200 OK\r\n\r\n\u0000\u0001 no frames of HTTP/2',
      () => socket.destroy());
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  await sleep(ms);
  await new Promise((done) => server.close(done));
}

test('the coordinator', async (t) => {
  const b = await bench(t, { embedder: { latencyMs: 2 } });
  const { coordinator } = b.w;

  await t.test('killed and started again', async (t) => {
    const account = new Account(t, 'coordinator killed');
    await disturb(b, account, async () => {
      await coordinator.close();
      await sleep(200);
      await coordinator.relisten();
    }, { remark: 'away for 0.2 s' });
  });

  await t.test('replaced by nonsense', async (t) => {
    const account = new Account(t, 'coordinator replaced by another protocol');
    await disturb(b, account, async () => {
      await coordinator.close();
      await nonsense(coordinator.port, 200);
      await coordinator.relisten();
    }, { remark: 'for 0.2 s' });
  });

  /** Each call of the services goes wrong with that probability. */
  const calls = (account, probability, wrong) => ({
    start: (count) => {
      for (const [name, good] of Object.entries(b.services)) {
        let first = name === 'alpha';
        coordinator.script(name, (context) => {
          if (!first && account.random() >= probability) return good(context);
          first = false;
          count();
          return wrong(good(context));
        });
      }
    },
    stop: () => {
      for (const [name, good] of Object.entries(b.services)) {
        coordinator.script(name, good);
      }
    },
  });

  await t.test('hanging', async (t) => {
    const account = new Account(t, 'coordinator hanging');
    await spoiled(b, account, { ...calls(account, 0.1,
      () => ({ hang: true })), env: { BATCH_SYNC_TIMEOUT: '1' },
    remark: 'calls that are never answered, given up after 1 s' });
  });

  await t.test('answering garbage', async (t) => {
    const account = new Account(t, 'coordinator answering garbage');
    const cut = (reply) => ({ envelope:
      JSON.stringify(reply.envelope).slice(0, -9) });
    await spoiled(b, account, { ...calls(account, 0.4, (reply) =>
      pick(account.random, [cut(reply), { envelope: '' },
        { envelope: '<html>bad gateway</html>' }, { envelope: { data: 7 } },
        shapes.failure('out of order'), { grpcCode: 'INTERNAL' },
        { grpcCode: 'UNAVAILABLE' }, { grpcCode: 'RESOURCE_EXHAUSTED' }])),
    remark: 'answers that are cut, empty or of another type; failures' });
  });

  await t.test('answering slowly', async (t) => {
    const account = new Account(t, 'coordinator answering slowly');
    await spoiled(b, account, { ...calls(account, 0.5, (reply) =>
      ({ ...reply, delayMs: account.random() * 400 })),
    remark: 'answers that take up to 0.4 s' });
  });
});

/* ---- the embedder ---- */

test('the embedder', async (t) => {
  const b = await bench(t, { embedder: { latencyMs: 2 } });
  const { embedder } = b.w;

  await t.test('killed and started again', async (t) => {
    const account = new Account(t, 'embedder killed');
    await disturb(b, account, async () => {
      await embedder.close();
      await sleep(200);
      await embedder.relisten();
    }, { allowed: IN_FLIGHT / 2,
      remark: 'away for 0.2 s; its last answers are lost with it' });
  });

  /** Each request goes wrong with that probability, the first one always; but
   * for the one that proves the settings. */
  const requests = (account, probability, wrong) => ({
    start: (count) => {
      let first = true;
      embedder.script(onceProven((request) => {
        if (!first && account.random() >= probability) return undefined;
        first = false;
        count();
        return wrong(request);
      }));
    },
    stop: () => embedder.script(),
  });

  await t.test('hanging', async (t) => {
    const account = new Account(t, 'embedder hanging');
    await spoiled(b, account, { ...requests(account, 0.05, faults.hang),
      env: { EMBEDDING_TIMEOUT: '1' },
      remark: 'requests that are never answered, given up after 1 s' });
  });

  await t.test('answering garbage', async (t) => {
    const account = new Account(t, 'embedder answering garbage');
    // A text alone gets no bad vector: twice would be the text's own fault.
    await spoiled(b, account, { ...requests(account, 0.3, ({ inputs }) =>
      pick(account.random, [faults.garbage(), faults.truncated(),
        faults.reset(), faults.wrongCount(-1), faults.wrongCount(2),
        faults.duplicateIndex(),
        ...inputs.length > 1 ? [faults.nan(), faults.zero()] : []])),
    remark: 'not JSON, cut, reset, wrong count or index, NaN, zero' });
  });

  await t.test('refusing in bursts', async (t) => {
    const account = new Account(t, 'embedder refusing in bursts');
    let burst = 0, fault;
    const wrong = () => {
      if (burst-- <= 0) {
        burst = Math.floor(account.random() * 8);
        fault = pick(account.random, [faults.rateLimited(),
          faults.rateLimited(1), faults.status(500, 'overloaded'),
          faults.status(503, 'try later')]);
      }
      return fault;
    };
    const { start, stop } = requests(account, 0.2, wrong);
    await spoiled(b, account, { start: (count) => {
      start(count);
    }, stop, remark: '429 with and without Retry-After, 500, 503' });
  });

  await t.test('answering slowly', async (t) => {
    const account = new Account(t, 'embedder answering slowly');
    await spoiled(b, account, { ...requests(account, 0.2, () =>
      account.random() < 0.5 ? faults.slow(account.random() * 300)
        : faults.slowDrip(10, account.random() * 20)),
    remark: 'answers that take up to 0.3 s, or drip' });
  });
});

/* ---- the database ---- */

test('the database', async (t) => {
  const pg = await postgres(t);
  await t.test('in all its ways to go', (t) => database(t, pg));
});

async function database(t, pg) {
  pg.upAfter(t);
  const b = await bench(t, { database: { url: pg.url },
    embedder: { latencyMs: 2 } });

  for (const [how, fault] of [['stop', 'PostgreSQL stopped (fast)'],
    ['stop-now', 'PostgreSQL stopped (immediate)']]) {
    await t.test(fault, async (t) => {
      await disturb(b, new Account(t, fault), async () => {
        await pg.stop(how);
        await sleep(200);
        await pg.start();
      }, { remark: 'and started again after 0.2 s; the run goes on' });
    });
  }

  await t.test('a server process killed', async (t) => {
    await disturb(b, new Account(t, 'kill -9 of a PostgreSQL backend'),
      async () => {
        const [backend] = await b.w.connections();
        if (backend) process.kill(backend.pid, 'SIGKILL');
        // All others end with it; its own connections are not the test's.
        await sleep(100);
      }, { remark: 'the server restarts; the run goes on' });
  });

  await t.test('every connection ended', async (t) => {
    await disturb(b, new Account(t, 'every connection ended'),
      () => b.w.db.disconnectAll(), { remark: 'as in a failover' });
  });
}

test('the pooler is killed', { skip: missing }, async (t) => {
  const b = await bench(t, { embedder: { latencyMs: 2 } });
  const { url, kill, start } = await pooler(t, b.w, 2);
  await disturb(b, new Account(t, 'PgBouncer killed'), async () => {
    await kill();
    await sleep(200);
    await start();
  }, { env: { DATABASE_URL: url },
    remark: 'and started again after 0.2 s; the run goes on' });
});
