import { randomUUID } from 'node:crypto';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { bearerAuth, getAccessToken, protectedResourceMetadata, requireScopes } from '../../src/resource/express.ts';
import { createSessions, createVerifier, type Verifier } from '../../src/resource/index.ts';
import { endWithToken } from '../../src/resource/node.ts';
import { createClientMemory } from '../support/client-memory.ts';
import { type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';

const WAIT = { timeout: 20_000, interval: 10 };
const QUICK = { initialReconnectionDelay: 10, maxReconnectionDelay: 10, reconnectionDelayGrowFactor: 1, maxRetries: 2 };
const client = { name: 'test', version: '1' };

/** Tools that go on for as long as they may, and what became of them. */
interface Work {
  readonly begun: string[];
  readonly aborted: string[];
}

/** Keeps every event, so that streams can be taken up again. */
function createEventStore(): EventStore {
  const events: { streamId: string; message: JSONRPCMessage }[] = [];
  return {
    storeEvent: async (streamId, message) => String(events.push({ streamId, message })),
    getStreamIdForEventId: async (eventId) => events[Number(eventId) - 1]?.streamId,
    replayEventsAfter: async (lastEventId, { send }) => {
      const streamId = events[Number(lastEventId) - 1]?.streamId ?? '';
      for (const [index, event] of events.entries())
        if (index >= Number(lastEventId) && event.streamId === streamId) await send(String(index + 1), event.message);
      return streamId;
    },
  };
}

/** A server that keeps sessions, as those of the SDK v1 do, or none: then as the SDK v2 has it. */
async function startServer(issuer: RunningGuardmint, options: { isResumable?: boolean } = {}) {
  const { isResumable = false } = options;
  const finish = Promise.withResolvers<void>();
  const work: Work = { begun: [], aborted: [] };
  const sessions = createSessions<{ transport: StreamableHTTPServerTransport; server: McpServerV1 }>();
  const modern = createMcpHandler(() => {
    const server = new McpServer(client, { capabilities: { tools: { listChanged: true } } });
    server.registerTool('work', { inputSchema: z.object({}) }, async (_input, { mcpReq }) => {
      work.begun.push('modern');
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
      await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve));
      work.aborted.push('modern');
      return { content: [] };
    });
    return server;
  });
  const modernInNode = toNodeHandler(modern);
  let verifier: Verifier | undefined;

  const served = await serve((origin) => {
    const resource = `${origin}/mcp`;
    const judging = createVerifier({ issuer: issuer.issuer, resource, clock: issuer.now });
    verifier = judging;
    const app = express();
    app.use(
      protectedResourceMetadata({ resource, authorizationServers: [issuer.issuer], scopesSupported: ['mcp:use'] }),
    );
    app.use(bearerAuth({ verifier: judging }), requireScopes('mcp:use'), express.json());
    app.all('/mcp', async (request, response) => {
      const accessToken = getAccessToken();
      if (accessToken === undefined) throw new Error('nobody');
      const grace = isResumable ? { grace: 0 } : {};
      endWithToken(response, { verifier: judging, accessToken, body: request.body, ...grace });
      if (request.get('mcp-protocol-version') === '2026-07-28')
        return modernInNode(request as never, response, request.body);
      const known = sessions.find(request.get('mcp-session-id'), accessToken);
      if (known !== undefined) return known.transport.handleRequest(request, response, request.body);
      if (!isInitializeRequest(request.body)) return void response.sendStatus(404);
      const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        ...(isResumable && { eventStore: createEventStore() }),
        onsessioninitialized: (id) => sessions.add(id, accessToken, { transport, server }),
        onsessionclosed: (id) => sessions.remove(id),
      });
      const server = new McpServerV1(client, { capabilities: { tools: { listChanged: true } } });
      server.registerTool('work', {}, async ({ sendNotification }) => {
        work.begun.push('sessions');
        await sendNotification({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
        await finish.promise;
        return { content: [{ type: 'text', text: 'done' }] };
      });
      await server.connect(transport as never);
      await transport.handleRequest(request, response, request.body);
    });
    return { callback: () => app };
  });
  return {
    url: new URL(`${served.origin}/mcp`),
    work,
    /** Lets the tools of sessions come to their end. */
    finish: finish.resolve,
    /** Tells every listener that the tools have changed. */
    notify: () => {
      modern.notify.toolsChanged();
      for (const { server } of sessions.all()) server.sendToolListChanged();
    },
    async [Symbol.asyncDispose]() {
      await modern.close();
      for (const { transport } of sessions.all()) await transport.close();
      await served[Symbol.asyncDispose]();
      verifier?.close();
    },
  };
}

interface Listener {
  open(): Promise<void>;
  finish(parameters: URLSearchParams): Promise<void>;
  /** Begins to listen, where that is not done by connecting. */
  listen(): Promise<{ closed: Promise<unknown> } | undefined>;
  work(): Promise<unknown>;
  close(): Promise<void>;
}

const SDKS: {
  sdk: string;
  connect: (url: URL, provider: unknown, onChange: () => void) => Listener;
}[] = [
  {
    sdk: 'v1, with sessions',
    connect(url, provider, onChange) {
      const transport = new TransportV1(url, { authProvider: provider as never, reconnectionOptions: QUICK });
      const one = new ClientV1(client, {
        listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: onChange } },
      });
      return {
        open: () => one.connect(transport as never),
        finish: (parameters) => transport.finishAuth(parameters.get('code') ?? ''),
        listen: async () => undefined,
        work: () => one.callTool({ name: 'work', arguments: {} }),
        close: () => one.close(),
      };
    },
  },
  {
    sdk: 'v2, with sessions',
    connect(url, provider, onChange) {
      const transport = new TransportV2(url, { authProvider: provider as never, reconnectionOptions: QUICK });
      const one = new ClientV2(client, {
        listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: onChange } },
      });
      return {
        open: () => one.connect(transport),
        finish: (parameters) => transport.finishAuth(parameters),
        listen: async () => undefined,
        work: () => one.callTool({ name: 'work', arguments: {} }),
        close: () => one.close(),
      };
    },
  },
  {
    sdk: 'v2, at 2026-07-28',
    connect(url, provider, onChange) {
      const transport = new TransportV2(url, { authProvider: provider as never });
      const one = new ClientV2(client, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
      one.setNotificationHandler('notifications/tools/list_changed', onChange);
      return {
        open: () => one.connect(transport),
        finish: (parameters) => transport.finishAuth(parameters),
        listen: () => one.listen({ toolsListChanged: true }),
        work: () => one.callTool({ name: 'work', arguments: {} }),
        close: () => one.close(),
      };
    },
  },
];

describe.each(SDKS)('a client of the MCP SDK $sdk', ({ connect }) => {
  let issuer: RunningGuardmint;
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    issuer = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
    server = await startServer(issuer);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  /** Signs in and connects. */
  async function connected(onChange: () => void = () => {}) {
    const memory = createClientMemory();
    const stranger = connect(server.url, memory.provider, () => {});
    await expect(stranger.open()).rejects.toThrow(/unauthorized/i);
    await stranger.finish((await issuer.person().authorize(memory.location()?.href ?? '')).searchParams);
    const listener = connect(server.url, memory.provider, onChange);
    await listener.open();
    return { memory, listener };
  }

  const revoke = (memory: ReturnType<typeof createClientMemory>) =>
    issuer.post('/revoke', { client_id: memory.client().client_id, token: memory.tokens().refresh_token });

  /** Until it is heard: a stream that is only just opened misses what was told before. */
  const hears = (heard: { count: number }, from: number) =>
    vi.waitFor(() => {
      server.notify();
      expect(heard.count).toBeGreaterThan(from);
    }, WAIT);

  test('that listens refreshes when its token has expired, and hears again [RS-19]', async () => {
    const heard = { count: 0 };
    const { memory, listener } = await connected(() => void heard.count++);
    const subscription = await listener.listen();
    await hears(heard, 0);
    const before = memory.tokens();

    issuer.advance(700);
    // The clock that the test moves is looked at when anything is heard of the issuer.
    const other = await issuer.grant({ parameters: { resource: server.url.href, scope: 'mcp:use' } });
    await issuer.post('/revoke', { client_id: other.clientId, token: other.refresh_token });

    if (subscription !== undefined) {
      expect(await subscription.closed).toBe('remote');
      await listener.listen();
    }
    await vi.waitFor(() => expect(memory.tokens().access_token).not.toBe(before.access_token), WAIT);
    await hears(heard, heard.count);
    await listener.close();
  });

  test('that listens is sent to sign in again when its grant was revoked [RS-19]', async () => {
    const heard = { count: 0 };
    const { memory, listener } = await connected(() => void heard.count++);
    const subscription = await listener.listen();
    await hears(heard, 0);
    const location = memory.location();

    await revoke(memory);

    if (subscription !== undefined) {
      expect(await subscription.closed).toBe('remote');
      await expect(listener.listen()).rejects.toThrow(/unauthorized/i);
    }
    await vi.waitFor(() => expect(memory.location()).not.toBe(location), WAIT);
    expect(memory.tokens()).toBeUndefined();
    await listener.close();
  });

  test('that waits for a call is told at once when its grant was revoked, and the call is stopped [RS-19]', async () => {
    const { memory, listener } = await connected();
    const before = server.work.begun.length;
    const answer = expect(listener.work()).rejects.toMatchObject({
      code: -32000,
      message: expect.stringContaining('The access token was revoked.'),
      data: { reason: 'revoked' },
    });
    await vi.waitFor(() => expect(server.work.begun.length).toBe(before + 1), WAIT);

    await revoke(memory);

    await answer;
    const stopped = server.work.begun.at(-1) === 'modern' ? ['modern'] : [];
    await vi.waitFor(() => expect(server.work.aborted).toEqual(stopped), WAIT);
    await listener.close();
  });
});

test('a call of the MCP SDK v2 that is under way when its token expires is taken up again with the next [RS-19]', async () => {
  await using issuer = await startGuardmint({ settings: { resources: [], defaultResource: undefined } });
  await using server = await startServer(issuer, { isResumable: true });
  const memory = createClientMemory();
  const connectV2 = () => {
    const transport = new TransportV2(server.url, {
      authProvider: memory.provider as never,
      reconnectionOptions: QUICK,
    });
    return { transport, one: new ClientV2(client) };
  };
  const stranger = connectV2();
  await expect(stranger.one.connect(stranger.transport)).rejects.toThrow(/unauthorized/i);
  await stranger.transport.finishAuth((await issuer.person().authorize(memory.location()?.href ?? '')).searchParams);
  const { one, transport } = connectV2();
  await one.connect(transport);
  const before = memory.tokens().access_token;
  const answer = one.callTool({ name: 'work', arguments: {} });
  await vi.waitFor(() => expect(server.work.begun.length).toBe(1), WAIT);

  issuer.advance(700);
  const other = await issuer.grant({ parameters: { resource: server.url.href, scope: 'mcp:use' } });
  await issuer.post('/revoke', { client_id: other.clientId, token: other.refresh_token });
  await vi.waitFor(() => expect(memory.tokens().access_token).not.toBe(before), WAIT);
  server.finish();

  expect((await answer).content).toEqual([{ type: 'text', text: 'done' }]);
  await one.close();
});
