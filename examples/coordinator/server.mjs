#!/usr/bin/env node
// A coordinator with five services behind it, for trying batchsync out.

import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { counts, edit, enliven, names, route, thin } from './catalog.mjs';

const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '50051' },
    'http-port': { type: 'string', default: '4000' },
    // One of so many records alone.
    every: { type: 'string', default: process.env.DEMO_EVERY ?? '1' },
  },
});

const PROTO = fileURLToPath(
  new URL('../../proto/coordinator.proto', import.meta.url));
const { CoordinatorService } = grpc.loadPackageDefinition(
  protoLoader.loadSync(PROTO, { keepCase: true })).rag.v1;

function onRoute({ request }, callback) {
  const { response, note } = route(request);
  const { target_service: service, page, limit } = request.metadata;
  console.log(`page ${service} ${page} (limit ${limit}): ${note}`);
  callback(null, response);
}

const routes = {
  'GET /services/list': () => ({ success: true, services: names }),

  // Changes some records, so that the next run has something to do.
  'POST /demo/edit': ({ searchParams }) => {
    const service = searchParams.get('service');
    const edited = edit(service, Number(searchParams.get('count') ?? 1));
    console.log(`edit ${service}: ${edited} items`);
    return { success: edited > 0, edited };
  },

  // Records change from now on, a service fails, a few records are spoilt.
  'POST /demo/enliven': () => {
    enliven();
    console.log('the data live');
    return { success: true };
  },
};

function onHttp(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const handler = routes[`${request.method} ${url.pathname}`];
  const body = handler ? handler(url) : { success: false, error: 'not found' };
  response.writeHead(handler ? 200 : 404,
    { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const server = new grpc.Server({ 'grpc.max_send_message_length': -1 });
server.addService(CoordinatorService.service, { Route: onRoute });
const http = createServer(onHttp);

function fail(error) {
  console.error(`cannot listen: ${error.message}`);
  process.exit(1);
}

function stop() {
  server.forceShutdown();
  http.close();
  http.closeAllConnections();
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);

thin(Number(options.every));
for (const [name, count] of Object.entries(counts())) {
  console.log(`start ${name}: ${count} items`);
}
http.on('error', fail);
http.listen(Number(options['http-port']), options.host, () => {
  server.bindAsync(`${options.host}:${options.port}`,
    grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error) fail(error);
      console.log(`ready grpc=${options.host}:${port} `
        + `http=http://${options.host}:${http.address().port}`);
    });
});
