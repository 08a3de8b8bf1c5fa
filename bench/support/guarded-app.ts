/** A Koa app that answers a little JSON, guarded or not; started by `bench/guard.ts`, which it tells its port. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { createVerifier } from '../../src/resource/index.ts';
import { bearerAuth, requireScopes } from '../../src/resource/koa.ts';
import { ISSUER, RESOURCE } from './tokens.ts';

const [kind, jwks = '{}'] = process.argv.slice(2);

const app = new Koa();
if (kind === 'guarded') {
  const verifier = createVerifier({ issuer: ISSUER, resource: RESOURCE, jwks: JSON.parse(jwks) });
  app.use(bearerAuth({ verifier }));
  app.use(requireScopes('mcp:read'));
}
app.use((ctx) => {
  ctx.body = { jsonrpc: '2.0', id: 1, result: {} };
});

const answer = app.callback();
const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.((server.address() as AddressInfo).port);
