import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createVerifier } from '../../src/resource/index.ts';
import { ADAPTERS, type Adapter } from '../resource/adapters.ts';
import { createClientMemory } from '../support/client-memory.ts';
import { type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';
import { NOTES_SERVERS } from './notes-servers.ts';

/** One connection of a client: each SDK signs in on one and goes on with another. */
interface Connection {
  open(): Promise<void>;
  finish(parameters: URLSearchParams): Promise<void>;
  /** The text the tool answers. */
  call(tool: string): Promise<string>;
  close(): Promise<void>;
}

const textOf = (answer: object) => String(Reflect.get(answer, 'content')?.[0]?.text);

const SDKS = [
  {
    sdk: 'MCP SDK v1',
    // Asked for more, it refreshes first, and gives up when that brought nothing: its refresh token is in the way.
    refreshesInstead: true,
    connect(url: URL, authProvider: unknown): Connection {
      const transport = new TransportV1(url, { authProvider: authProvider as never });
      const client = new ClientV1({ name: 'test', version: '1' });
      return {
        open: () => client.connect(transport as never),
        finish: (parameters) => transport.finishAuth(parameters.get('code') ?? ''),
        call: async (name) => textOf(await client.callTool({ name, arguments: {} })),
        close: () => client.close(),
      };
    },
  },
  {
    sdk: 'MCP SDK v2',
    refreshesInstead: false,
    connect(url: URL, authProvider: unknown): Connection {
      const transport = new TransportV2(url, { authProvider: authProvider as never });
      const client = new ClientV2({ name: 'test', version: '1' });
      return {
        open: () => client.connect(transport),
        finish: (parameters) => transport.finishAuth(parameters),
        call: async (name) => textOf(await client.callTool({ name, arguments: {} })),
        close: () => client.close(),
      };
    },
  },
];

/** An MCP server behind an adapter, whose clock is that of the issuer. */
async function startNotes(adapter: Adapter, notes: (typeof NOTES_SERVERS)[number], server: RunningGuardmint) {
  let close = () => {};
  let waiting = Promise.withResolvers<void>();
  const served = await serve((origin) => {
    const resource = `${origin}/mcp`;
    // A client of the SDK v1 that is asked for more asks for that alone.
    const implies = { 'notes:write': ['notes:read'] };
    const verifier = createVerifier({ issuer: server.issuer, resource, clock: server.now, implies });
    close = () => verifier.close();
    const metadata = { resource, authorizationServers: [server.issuer], scopesSupported: ['notes:read'] };
    const application = notes.create(verifier, () => waiting.resolve());
    return { callback: () => adapter.listen({ verifier, metadata, scopes: ['notes:read'] }, application) };
  });
  return {
    url: new URL(`${served.origin}/mcp`),
    /** The next time that somebody waits. */
    waited: () => {
      waiting = Promise.withResolvers<void>();
      return waiting.promise;
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      close();
    },
  };
}

const ROWS = NOTES_SERVERS.flatMap((notes) =>
  ADAPTERS.filter(({ isWeb }) => notes.isWeb || !isWeb).map((adapter) => ({
    title: `a server of the ${notes.server} behind ${adapter.name}`,
    notes,
    adapter,
  })),
);

let server: RunningGuardmint;
beforeAll(async () => {
  server = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
});
afterAll(() => server[Symbol.asyncDispose]());

describe.each(ROWS)('$title', (row) => {
  test.each(SDKS)(
    'is found, signed in at, called, stepped up at, refreshed for and lost in the middle of a call by a client of the $sdk [RS-01, RS-03, RS-30, RS-34, AS-63]',
    async ({ connect, refreshesInstead }) => {
      await using notes = await startNotes(row.adapter, row.notes, server);
      const memory = createClientMemory();
      const connected = async () => {
        const connection = connect(notes.url, memory.provider);
        await connection.open();
        return connection;
      };
      /** What a person does when the client opens the browser. */
      const signIn = async (refused: () => Promise<unknown>, by: Connection) => {
        await expect(refused()).rejects.toThrow(/unauthorized/i);
        const redirect = await server.person().authorize(memory.location()?.href ?? '');
        expect(redirect.searchParams.get('state')).toBe('state-of-the-client');
        await by.finish(redirect.searchParams);
      };

      const stranger = connect(notes.url, memory.provider);
      await signIn(() => stranger.open(), stranger);
      expect(memory.location()?.searchParams.get('resource')).toBe(notes.url.href);
      expect(memory.tokens().scope).toBe('notes:read');

      let reader = await connected();
      expect(await reader.call('read')).toMatch(/^read for ./);
      if (refreshesInstead) {
        await expect(reader.call('erase')).rejects.toThrow('403 after trying upscoping');
        await reader.close();
        memory.setTokens({ ...memory.tokens(), refresh_token: undefined });
        reader = await connected();
      }
      await signIn(() => reader.call('erase'), reader);
      expect(memory.location()?.searchParams.get('scope')).toContain('notes:write');
      await reader.close();

      const writer = await connected();
      expect(await writer.call('erase')).toMatch(/^erased for ./);

      const { access_token: expiring } = memory.tokens();
      server.advance(11 * 60);
      expect(await writer.call('erase')).toMatch(/^erased for ./);
      expect(memory.tokens().access_token).not.toBe(expiring);

      const begun = notes.waited();
      const waiting = writer.call('wait').catch(String);
      await begun;
      const { refresh_token: token } = memory.tokens();
      await server.post('/revoke', { client_id: memory.client().client_id, token });
      expect(await waiting).toContain('The access token was revoked.');
      await expect(writer.call('read')).rejects.toThrow(/unauthorized/i);
      expect(memory.tokens()).toBeUndefined();
      await writer.close();
    },
  );
});
