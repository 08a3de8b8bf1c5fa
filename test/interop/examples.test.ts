import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { endExamples, startExample } from '../support/started-example.ts';

const SETTINGS = { resources: [], defaultResource: undefined };

async function greet(resource: string, token: string): Promise<unknown> {
  const client = new Client({ name: 'test', version: '1' });
  const headers = { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(resource), { requestInit: { headers } }));
  const { content } = await client.callTool({ name: 'greet', arguments: { word: 'hello' } });
  await client.close();
  return content;
}

describe('the examples', () => {
  let server: RunningGuardmint;
  beforeAll(async () => {
    server = await startGuardmint({ settings: SETTINGS });
  });
  afterAll(async () => {
    endExamples();
    await server[Symbol.asyncDispose]();
  });

  test.each(['koa', 'express', 'hono', 'node', 'fetch'])(
    'examples/%s-mcp-server.ts starts, asks strangers to sign in, greets who did, and ends when told to',
    async (name) => {
      const example = await startExample(`examples/${name}-mcp-server.ts`, server.issuer);
      const { resource } = example;

      const stranger = await fetch(resource, { method: 'POST', body: '{}' });
      const place = /resource_metadata="([^"]+)"/.exec(stranger.headers.get('www-authenticate') ?? '')?.[1] ?? '';
      const { access_token } = await server.grant({ parameters: { resource, scope: 'notes:read' } });
      const { sub } = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as {
        sub: string;
      };

      expect([stranger.status, await (await fetch(place)).json()]).toEqual([
        401,
        expect.objectContaining({ resource, authorization_servers: [server.issuer], resource_name: 'notes' }),
      ]);
      expect(await greet(resource, access_token)).toEqual([{ type: 'text', text: `notes says hello to ${sub}` }]);
      expect(await example.stop()).toBe(0);
    },
  );
});
