import { randomUUID } from 'node:crypto';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { bearerAuth, requireScopes } from '../../src/resource/express.ts';
import { createBinding, createSessions, getAccessToken } from '../../src/resource/index.ts';
import { bearerGate, requestStateCodec } from '../../src/resource/mcp.ts';
import { testSigner } from '../support/keys.ts';
import { type Served, serve } from '../support/serve.ts';
import { forge, RESOURCE, verifierOf } from './issuer.ts';

const ALICE = forge({ claims: { sub: 'alice' } });
const BOB = forge({ claims: { sub: 'bob' } });

const ACCEPT = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

describe('a server of the SDK v1 with sessions', () => {
  async function startSessionServer(): Promise<Served> {
    const verifier = verifierOf([testSigner()]);
    const sessions = createSessions<StreamableHTTPServerTransport>();
    const served = await serve(() => {
      const app = express();
      app.use(bearerAuth({ verifier }), requireScopes('mcp:read'), express.json());
      app.all('/mcp', async (request, response) => {
        const owner = getAccessToken();
        if (owner === undefined) throw new Error('nobody');
        const known = sessions.find(request.get('mcp-session-id'), owner);
        if (known !== undefined) return known.handleRequest(request, response, request.body);
        if (!isInitializeRequest(request.body)) return void response.sendStatus(404);
        const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          onsessioninitialized: (id) => sessions.add(id, owner, transport),
          onsessionclosed: (id) => sessions.remove(id),
        });
        const server = new McpServerV1({ name: 'test', version: '1' });
        server.registerTool('ping', {}, async () => ({ content: [{ type: 'text', text: 'pong' }] }));
        await server.connect(transport as never);
        await transport.handleRequest(request, response, request.body);
      });
      return { callback: () => app };
    });
    return {
      ...served,
      async [Symbol.asyncDispose]() {
        for (const transport of sessions.all()) await transport.close();
        await served[Symbol.asyncDispose]();
      },
    };
  }

  async function connect(origin: string, token: string) {
    const transport = new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport as never);
    return { client, transport };
  }

  test('answers 404 to the session of another person, whatever is asked of it [RS-42]', async () => {
    await using served = await startSessionServer();
    const { client, transport } = await connect(served.origin, ALICE);
    const session = transport.sessionId ?? '';
    const ask = (method: string, token: string | undefined, id = session) =>
      fetch(`${served.origin}/mcp`, {
        method,
        headers: {
          ...ACCEPT,
          'mcp-session-id': id,
          'mcp-protocol-version': '2025-11-25',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        ...(method === 'POST' && { body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/list' }) }),
      });

    for (const method of ['POST', 'GET', 'DELETE']) {
      expect([method, (await ask(method, BOB)).status]).toEqual([method, 404]);
      expect([method, (await ask(method, undefined)).status]).toEqual([method, 401]);
      expect([method, (await ask(method, ALICE, randomUUID())).status]).toEqual([method, 404]);
    }
    const other = forge({ claims: { sub: 'alice', client_id: 'client-2' } });
    expect((await ask('POST', other)).status).toBe(404);

    expect((await ask('POST', forge({ claims: { sub: 'alice', jti: 'the next' } }))).status).toBe(200);
    expect((await client.callTool({ name: 'ping', arguments: {} })).content).toEqual([{ type: 'text', text: 'pong' }]);
    await transport.terminateSession();
    expect((await ask('POST', ALICE)).status).toBe(404);
    await client.close();
  });

  test('keeps two people apart who do the same at once [RS-42]', async () => {
    await using served = await startSessionServer();

    const people = await Promise.all([ALICE, BOB, ALICE, BOB].map((token) => connect(served.origin, token)));
    const ids = people.map(({ transport }) => transport.sessionId);

    expect(new Set(ids).size).toBe(4);
    for (const { client } of people) {
      expect((await client.callTool({ name: 'ping', arguments: {} })).isError).toBeUndefined();
      await client.close();
    }
  });
});

test('an id that is taken is not given to somebody else', () => {
  const sessions = createSessions<string>();
  const [alice, bob] = ['alice', 'bob'].map((subject) => ({ issuer: 'i', clientId: 'c', subject }));
  if (alice === undefined || bob === undefined) throw new Error('unreachable');
  sessions.add('one', alice, 'hers');

  expect(() => sessions.add('one', bob, 'his')).toThrow('taken');
  expect([sessions.find('one', alice), sessions.find('one', bob), sessions.find('one', undefined)]).toEqual([
    'hers',
    undefined,
    undefined,
  ]);
  sessions.remove('one');
  expect([sessions.find('one', alice), sessions.find(null, alice), sessions.size]).toEqual([undefined, undefined, 0]);
});

describe('a stateless server of the SDK v2', () => {
  const verifier = verifierOf([testSigner()]);
  const gate = bearerGate({ verifier, requiredScopes: ['mcp:read'] });
  const binding = createBinding({ secrets: ['a secret of this test, 32 bytes or more'] });
  const codec = requestStateCodec({ binding });

  function createServer() {
    const deleted: unknown[] = [];
    const refused: string[] = [];
    const handler = createMcpHandler(() => {
      const server = new McpServer({ name: 'test', version: '1' }, { requestState: { verify: codec.verify } });
      server.server.onerror = (error) => refused.push(error.message);
      server.registerTool('delete', { inputSchema: z.object({ file: z.string() }) }, async ({ file }, context) => {
        const asked = context.mcpReq.requestState<{ file: string }>();
        if (asked?.file !== file) return inputRequired({ requestState: await codec.mint({ file }, context) });
        deleted.push(file);
        return { content: [] };
      });
      return server;
    });
    const fetchMcp = async (request: Request) => {
      const authInfo = await gate(request);
      return authInfo instanceof Response ? authInfo : handler.fetch(request, { authInfo });
    };
    const call = async (token: string, params: object) => {
      const answer = await fetchMcp(
        new Request(RESOURCE, {
          method: 'POST',
          headers: {
            ...ACCEPT,
            authorization: `Bearer ${token}`,
            'mcp-protocol-version': '2026-07-28',
            'mcp-method': 'tools/call',
            'mcp-name': 'delete',
          },
          body: JSON.stringify({
            jsonrpc: '2.0',
            id: 1,
            method: 'tools/call',
            params: { name: 'delete', _meta: META, ...params },
          }),
        }),
      );
      return (await answer.json()) as { result?: { requestState?: string }; error?: { code: number; message: string } };
    };
    return { deleted, refused, fetchMcp, call };
  }

  test('takes its requestState from who got it, unchanged, for the same call [RS-46]', async () => {
    const { deleted, refused, call } = createServer();
    const params = { arguments: { file: 'a' } };
    const state = (await call(ALICE, params)).result?.requestState ?? '';

    for (const [token, requestState] of [
      [BOB, state],
      [ALICE, `${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}`],
      [ALICE, 'b1.e30.x'],
    ] as const)
      expect((await call(token, { ...params, requestState })).error).toMatchObject({
        code: -32602,
        message: 'Invalid or expired requestState',
      });
    expect((await call(ALICE, { arguments: { file: 'b' }, requestState: state })).result?.requestState).toBeDefined();
    expect([deleted, refused.length]).toEqual([[], 3]);

    expect((await call(ALICE, { ...params, requestState: state })).error).toBeUndefined();
    expect(deleted).toEqual(['a']);
  });

  test('takes its requestState for what else is the same in every round, where that is said [RS-46]', async () => {
    const authInfo = { clientId: 'client-1', extra: { iss: 'i', sub: 'alice' } };
    const contextOf = ({ tool }: { tool: string }) => tool;
    const bound = requestStateCodec<Parameters<typeof codec.mint>[1] & { tool: string }>({ binding, contextOf });
    const round = (tool: string, method = 'tools/call') => ({ mcpReq: { method }, http: { authInfo }, tool });
    const state = await bound.mint({ step: 1 }, round('delete'));

    expect(await bound.verify(state, round('delete'))).toEqual({ step: 1 });
    for (const other of [round('list'), round('delete', 'prompts/get')])
      await expect(bound.verify(state, other)).rejects.toThrow('not of this principal');
  });

  test('makes no requestState for nobody', async () => {
    await expect(codec.mint({}, { mcpReq: { method: 'tools/call' } })).rejects.toThrow('verified token');
    await expect(codec.verify('x', { mcpReq: { method: 'tools/call' }, http: {} })).rejects.toThrow('verified token');
  });

  test('has no sessions: GET and DELETE are 405, and ids are neither made nor believed [RS-43]', async () => {
    const { fetchMcp } = createServer();
    const headers = { ...ACCEPT, authorization: `Bearer ${ALICE}`, 'mcp-session-id': 'of bob', 'last-event-id': '7' };

    for (const method of ['GET', 'DELETE'])
      expect((await fetchMcp(new Request(RESOURCE, { method, headers }))).status).toBe(405);
    const answer = await fetchMcp(
      new Request(RESOURCE, {
        method: 'POST',
        headers: { ...headers, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: META } }),
      }),
    );
    expect([answer.status, answer.headers.get('mcp-session-id')]).toEqual([200, null]);
  });
});
