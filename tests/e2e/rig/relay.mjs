// A relay before a PostgreSQL server that loses what a test tells it to lose.

import net from 'node:net';

/** What ends a unit: a Sync, or the end of what a COPY is given. */
const ENDS = ['S', 'c'].map((type) =>
  Buffer.concat([Buffer.from(type), Buffer.from([0, 0, 0, 4])]));

/** Starts a relay to the server of `url`; its own is `relay.url`. */
export async function start(url) {
  const relay = new Relay(new URL(url));
  await relay.listen();
  return relay;
}

class Relay {
  #target;
  #server;
  #pairs = new Set();
  #cut = false;
  #until;

  constructor(target) {
    this.#target = target;
  }

  async listen() {
    this.#server = net.createServer((client) => this.#connect(client));
    await new Promise((done) =>
      this.#server.listen(0, '127.0.0.1', done));
    const url = new URL(this.#target);
    url.port = String(this.#server.address().port);
    this.url = url.href;
  }

  /** From here on nothing passes, either way; connections stay open. */
  cut() {
    this.#cut = true;
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** All that was held back passes. */
  mend() {
    this.#cut = false;
    for (const pair of this.#pairs) {
      if (pair.held) pair.server.write(pair.held);
      pair.held = undefined;
      pair.client.resume();
      pair.server.resume();
    }
  }

  /**
   * Resolves when a unit that has `word` in it has been passed on but for its
   * end, so that the server has done it all and not committed it. Nothing
   * passes any more then.
   */
  unfinished(word) {
    return new Promise((done) => { this.#until = { word, done }; });
  }

  close() {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    return new Promise((done) => this.#server.close(done));
  }

  #connect(client) {
    const server = net.connect(this.#target.port, this.#target.hostname);
    const pair = { client, server, unit: Buffer.alloc(0) };
    this.#pairs.add(pair);
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    client.on('data', (data) => this.#pass(pair, data));
    server.on('data', (data) => client.write(data));
    if (this.#cut) {
      client.pause();
      server.pause();
    }
  }

  #pass(pair, data) {
    pair.unit = Buffer.concat([pair.unit, data]);
    const end = ENDS.find((one) =>
      pair.unit.subarray(-one.length).equals(one));
    const awaited = this.#until;
    if (end && awaited && pair.unit.includes(awaited.word)) {
      this.#until = undefined;
      pair.server.write(data.subarray(0, -end.length), () => {
        pair.held = end;
        this.cut();
        awaited.done();
      });
    } else {
      pair.server.write(data);
    }
    if (end) pair.unit = Buffer.alloc(0);
  }
}
