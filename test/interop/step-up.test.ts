import { getRequestListener } from '@hono/node-server';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNotes } from '../../examples/step-up-mcp-server.ts';
import { createClientMemory } from '../support/client-memory.ts';
import { type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { type Served, serve } from '../support/serve.ts';
import { endExamples, startExample } from '../support/started-example.ts';

describe('examples/step-up-mcp-server.ts', () => {
  let issuer: RunningGuardmint;
  let served: Served;
  let notes: ReturnType<typeof createNotes>;
  let url: URL;
  beforeAll(async () => {
    issuer = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
    served = await serve((origin) => {
      url = new URL(`${origin}/mcp`);
      notes = createNotes({ issuer: issuer.issuer, resource: url.href, name: 'notes', secret: 's'.repeat(32) });
      return { callback: () => getRequestListener(notes.fetch) };
    });
  });
  afterAll(async () => {
    endExamples();
    notes.verifier.close();
    await served[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  const memories = () => {
    const memory = createClientMemory();
    const open = async (pin?: string) => {
      const transport = new StreamableHTTPClientTransport(url, { authProvider: memory.provider as never });
      const versionNegotiation = pin === undefined ? {} : { versionNegotiation: { mode: { pin } } };
      const client = new Client({ name: 'test', version: '1' }, versionNegotiation);
      const signIn = async (refused: Promise<unknown>) => {
        await expect(refused).rejects.toThrow(/unauthorized/i);
        const { searchParams } = await issuer.person().authorize(memory.location()?.href ?? '');
        await transport.finishAuth(searchParams);
      };
      return { client, signIn, connect: () => client.connect(transport) };
    };
    return { memory, open };
  };

  /** Signs in for what everything needs, and connects. */
  async function signedIn(pin?: string) {
    const { memory, open } = memories();
    const stranger = await open(pin);
    await stranger.signIn(stranger.connect());
    const { client, signIn, connect } = await open(pin);
    await connect();
    return { memory, client, signIn };
  }

  const textOf = (answer: object) => String(Reflect.get(answer, 'content')?.[0]?.text);

  test.each([undefined, '2026-07-28'])(
    'asks for what a tool needs when it is called, and for nothing before (%s) [RS-30, RS-31, RS-32]',
    async (pin) => {
      const { memory, client, signIn } = await signedIn(pin);
      expect(memory.tokens().scope).toBe('notes:read');
      expect(textOf(await client.callTool({ name: 'read', arguments: {} }))).toMatch(/^notes of /);

      await signIn(client.callTool({ name: 'draft', arguments: { note: 'hello' } }));
      expect(memory.tokens().scope.split(' ').toSorted()).toEqual(['notes:read', 'notes:write']);
      const draft = textOf(await client.callTool({ name: 'draft', arguments: { note: 'hello' } }));

      await signIn(client.callTool({ name: 'publish', arguments: { draft } }));
      expect(memory.tokens().scope.split(' ').toSorted()).toEqual(['notes:publish', 'notes:read', 'notes:write']);
      expect(textOf(await client.callTool({ name: 'publish', arguments: { draft } }))).toBe('published: hello');
      await client.close();
    },
  );

  test('publishes no draft of another principal [RS-45]', async () => {
    const call = async (scope: string, name: string, args: object) => {
      const { access_token } = await issuer.grant({ parameters: { resource: url.href, scope } });
      const client = new Client({ name: 'test', version: '1' });
      const headers = { authorization: `Bearer ${access_token}` };
      await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
      const answer = await client.callTool({ name, arguments: args as Record<string, unknown> });
      await client.close();
      return textOf(answer);
    };
    const draft = await call('notes:read notes:write', 'draft', { note: 'mine' });

    // Each grant is one of another client.
    expect(await call('notes:read notes:write notes:publish', 'publish', { draft })).toBe('no such draft');
  });

  test('shows a tool to whoever may use it, in a list that is private [RS-47]', async () => {
    const list = async (scope: string) => {
      const { access_token } = await issuer.grant({ parameters: { resource: url.href, scope } });
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${access_token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/list',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/list',
          params: {
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          },
        }),
      });
      const { result } = (await answer.json()) as { result: { tools: { name: string }[]; cacheScope: string } };
      return { tools: result.tools.map(({ name }) => name), cacheScope: result.cacheScope };
    };

    expect(await list('notes:read')).toEqual({ tools: ['read', 'draft', 'publish'], cacheScope: 'private' });
    expect(await list('notes:read notes:admin')).toEqual({
      tools: ['read', 'draft', 'publish', 'purge'],
      cacheScope: 'private',
    });
  });

  test('tells listeners of changes for as long as their token is good [RS-19]', async () => {
    const { memory, client } = await signedIn('2026-07-28');
    const heard = Promise.withResolvers<void>();
    client.setNotificationHandler('notifications/tools/list_changed', () => heard.resolve());
    const subscription = await client.listen({ toolsListChanged: true });
    notes.toolsChanged();
    await heard.promise;

    await issuer.post('/revoke', { client_id: memory.client().client_id, token: memory.tokens().refresh_token });

    expect(await subscription.closed).toBe('remote');
    await expect(client.listen({ toolsListChanged: true })).rejects.toThrow(/unauthorized/i);
    await client.close();
  });

  test('refuses pages of other origins before anything else [RS-40]', async () => {
    const answer = await fetch(url, { method: 'POST', headers: { origin: 'https://evil.example' } });

    expect(answer.status).toBe(403);
  });

  test('starts, and ends when told to', async () => {
    const example = await startExample('examples/step-up-mcp-server.ts', issuer.issuer);

    expect((await fetch(example.resource, { method: 'POST', body: '{}' })).status).toBe(401);
    expect(await example.stop()).toBe(0);
  });
});
