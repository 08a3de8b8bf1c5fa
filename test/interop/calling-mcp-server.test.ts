import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import { createCallingMcpApp } from '../../examples/calling-mcp-server.ts';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { sha256 } from '../../src/platform/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';

const SECRET = 'a secret of the server';

test('an MCP server calls a second one with a token it exchanged, never with the one it got [TX-01, TX-05]', async () => {
  const received: string[] = [];
  let issuer = '';
  await using there = await serve((origin) => {
    const app = () => createMcpApp({ issuer, resource: `${origin}/mcp`, name: 'search', scope: 'search:query' }).app;
    let handler: ReturnType<ReturnType<typeof app>['callback']> | undefined;
    return {
      callback: () => (request, response) => {
        received.push(String(request.headers.authorization).replace('Bearer ', ''));
        handler ??= app().callback();
        void handler(request, response);
      },
    };
  });
  await using here = await serve((origin) => {
    let handler: ReturnType<ReturnType<typeof createCallingMcpApp>['app']['callback']> | undefined;
    return {
      callback: () => (request, response) => {
        handler ??= createCallingMcpApp({
          issuer,
          resource: `${origin}/mcp`,
          scope: 'notes:read',
          other: `${there.origin}/mcp`,
          clientId: 'notes-server',
          clientSecret: SECRET,
        }).app.callback();
        void handler(request, response);
      },
    };
  });
  const [notes, search] = [`${here.origin}/mcp`, `${there.origin}/mcp`];
  await using server = await startGuardmint({
    settings: {
      resources: [
        { resource: notes, scopes: { 'notes:read': 'Read your notes', 'notes:write': 'Change your notes' } },
        { resource: search, scopes: { 'search:query': 'Search' } },
      ],
      defaultResource: notes,
      clients: [
        {
          client_id: 'notes-server',
          client_secret_hash: sha256(SECRET),
          grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
        },
      ],
      tokenExchanges: [{ client: 'notes-server', from: notes, to: search, scopes: { 'notes:read': ['search:query'] } }],
    },
  });
  issuer = server.issuer;

  const { access_token, refresh_token, clientId } = await server.grant({
    parameters: { resource: notes, scope: 'notes:read' },
  });
  const call = async () => {
    const client = new Client({ name: 'test', version: '1' });
    const headers = { authorization: `Bearer ${access_token}` };
    await client.connect(new StreamableHTTPClientTransport(new URL(notes), { requestInit: { headers } }));
    const answer = await client.callTool({ name: 'greet_there', arguments: { word: 'hello' } });
    await client.close();
    return JSON.stringify(answer);
  };
  const { sub } = claimsOf(access_token);

  expect(await call()).toContain(`search says hello to ${String(sub)}`);
  expect(received.length).toBeGreaterThan(0);
  for (const token of received) {
    expect(token).not.toBe(access_token);
    expect(claimsOf(token)).toMatchObject({ aud: search, sub, act: { sub: 'notes-server' }, scope: 'search:query' });
  }

  // Whoever ends the grant ends both: the first server refuses before anything is exchanged.
  await server.post('/revoke', { token: refresh_token, client_id: clientId });
  await expect.poll(() => call().catch(() => 'refused'), { timeout: 5_000 }).toBe('refused');
});

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}
