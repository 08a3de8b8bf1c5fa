import { text } from 'node:stream/consumers';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { getAccessToken } from '../../src/resource/fetch.ts';
import { type AuthInfo, endWithToken, toolScopes, type Verifier } from '../../src/resource/index.ts';
import * as forNode from '../../src/resource/node.ts';
import type { Application } from '../resource/adapters.ts';

/**
 * Stateless servers of both SDKs with the same tools: `read` for everybody who is let in, `erase` that asks for more, and
 * `wait`, which calls `onWait` and then takes for ever. Streams end with their token.
 */
export const NOTES_SERVERS: readonly {
  readonly server: string;
  /** Whether it answers web requests, or those of node:http only. */
  readonly isWeb: boolean;
  create(verifier: Verifier, onWait: () => void): Application;
}[] = [
  { server: 'MCP SDK v2', isWeb: true, create: createV2 },
  { server: 'MCP SDK v1', isWeb: false, create: createV1 },
];

const PROGRESS = { method: 'notifications/progress' as const, params: { progressToken: 1, progress: 1 } };

function saying(what: string, authInfo: unknown) {
  const subject = (authInfo as AuthInfo | undefined)?.extra.sub;
  return { content: [{ type: 'text' as const, text: `${what} for ${subject}` }] };
}

const scopesOf = (verifier: Verifier) => toolScopes({ verifier, tools: { erase: ['notes:write'] }, default: [] });

function createV2(verifier: Verifier, onWait: () => void): Application {
  const { scopeChallenge } = scopesOf(verifier);
  const mcp = createMcpHandler(() => {
    const server = new McpServerV2({ name: 'notes', version: '1.0.0' });
    const inputSchema = z.object({});
    server.registerTool('read', { inputSchema }, async (_input, { http }) => saying('read', http?.authInfo));
    server.registerTool('erase', { inputSchema, scopeChallenge }, async (_input, { http }) =>
      saying('erased', http?.authInfo),
    );
    server.registerTool('wait', { inputSchema }, async (_input, { mcpReq }) => {
      await mcpReq.notify(PROGRESS);
      onWait();
      await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve));
      return { content: [] };
    });
    return server;
  });
  const inNode = toNodeHandler(mcp);
  return {
    async web(request, authInfo) {
      const body: unknown = await request.json().catch(() => undefined);
      const options = { parsedBody: body, ...(authInfo !== undefined && { authInfo }) };
      // Hono knows the token by its context, not by the request; the gate has no context of calls.
      const accessToken = getAccessToken(request) ?? getAccessToken();
      const response = await mcp.fetch(request, options);
      return accessToken === undefined ? response : endWithToken(response, { verifier, accessToken, body });
    },
    async node(request, response) {
      const body = parse(await text(request));
      const accessToken = forNode.getAccessToken();
      if (accessToken !== undefined) forNode.endWithToken(response, { verifier, accessToken, body });
      await inNode(request as Parameters<typeof inNode>[0], response, body);
    },
  };
}

function createV1(verifier: Verifier, onWait: () => void): Application {
  const scopes = scopesOf(verifier);
  const createServer = () => {
    const server = new McpServerV1({ name: 'notes', version: '1.0.0' });
    server.registerTool('read', {}, async ({ authInfo }) => saying('read', authInfo));
    server.registerTool('erase', {}, async ({ authInfo }) => saying('erased', authInfo));
    server.registerTool('wait', {}, async ({ sendNotification, signal }) => {
      await sendNotification(PROGRESS);
      onWait();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { content: [] };
    });
    return server;
  };
  return {
    web: () => {
      throw new Error('the SDK v1 is for Node');
    },
    async node(request, response) {
      if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end();
      const body = parse(await text(request));
      const accessToken = forNode.getAccessToken();
      const refusal = scopes.refusal(body, accessToken);
      if (refusal !== undefined)
        return void response.writeHead(refusal.status, refusal.headers).end(JSON.stringify(refusal.body));
      if (accessToken !== undefined) forNode.endWithToken(response, { verifier, accessToken, body });
      const server = createServer();
      const transport = new StreamableHTTPServerTransport();
      response.once('close', () => void server.close());
      await server.connect(transport as never);
      await transport.handleRequest(request, response, body);
    },
  };
}

function parse(body: string): unknown {
  return body === '' ? undefined : JSON.parse(body);
}
