import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { describe, expect, test } from 'vitest';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { createClientMemory } from '../support/client-memory.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';

const GREET = { name: 'greet', arguments: { word: 'hello' } };

describe.each([
  {
    sdk: 'MCP SDK v1',
    connect: async (url: URL, authProvider: unknown) => {
      const transport = new TransportV1(url, { authProvider: authProvider as never });
      const client = new ClientV1({ name: 'test', version: '1' });
      return {
        open: () => client.connect(transport as never),
        finish: (parameters: URLSearchParams) => transport.finishAuth(parameters.get('code') ?? ''),
        call: () => client.callTool(GREET),
        close: () => client.close(),
      };
    },
  },
  {
    sdk: 'MCP SDK v2',
    connect: async (url: URL, authProvider: unknown) => {
      const transport = new TransportV2(url, { authProvider: authProvider as never });
      const client = new ClientV2({ name: 'test', version: '1' });
      return {
        open: () => client.connect(transport),
        finish: (parameters: URLSearchParams) => transport.finishAuth(parameters),
        call: () => client.callTool(GREET),
        close: () => client.close(),
      };
    },
  },
])('$sdk client', ({ connect }) => {
  test('discovers, registers, signs in, calls a tool, refreshes, and is refused after revocation [RS-01, RS-03, AS-63]', async () => {
    await using server = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
    await using mcp = await serve(
      (origin) =>
        createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
    );
    const url = new URL(`${mcp.origin}/mcp`);
    const memory = createClientMemory();

    const first = await connect(url, memory.provider);
    await expect(first.open()).rejects.toThrow(/unauthorized/i);
    const location = memory.location();
    expect(location?.searchParams.get('resource')).toBe(url.href);
    const redirect = await server.person().authorize(location?.href ?? '');
    expect(redirect.searchParams.get('state')).toBe('state-of-the-client');
    await first.finish(redirect.searchParams);
    expect(memory.tokens().scope).toBe('notes:read');

    const second = await connect(url, memory.provider);
    await second.open();
    expect(JSON.stringify(await second.call())).toContain('notes says hello to');
    await second.close();

    const before = memory.tokens();
    memory.setTokens({ ...before, access_token: 'no longer good' });
    const third = await connect(url, memory.provider);
    await third.open();
    expect(JSON.stringify(await third.call())).toContain('hello');
    expect(memory.tokens().refresh_token).not.toBe(before.refresh_token);
    await third.close();

    const { refresh_token } = memory.tokens();
    await server.post('/revoke', { client_id: memory.client().client_id, token: refresh_token });
    memory.setTokens({ ...memory.tokens(), access_token: 'no longer good' });
    const fourth = await connect(url, memory.provider);
    await expect(fourth.open()).rejects.toThrow(/unauthorized/i);
    expect(memory.tokens()).toBeUndefined();
  });
});
