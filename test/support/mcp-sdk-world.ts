import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import type { OAuthServerProvider, OAuthTokenVerifier } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import Koa, { type Middleware } from 'koa';
import { z } from 'zod';
import { createAuthRoutes } from '../../src/endpoints/index.ts';
import { fromMcpSdkV1, type McpSdkV1Options } from '../../src/provider/mcp-sdk-v1.ts';
import { type Served, serve } from './serve.ts';

/** An authorization server: the routes over a provider of the SDK, and whatever routes the provider's owner has. */
export function serveSdkProvider(
  create: (issuer: string) => { provider: OAuthServerProvider; own?: Middleware },
  options: Partial<McpSdkV1Options> = {},
): Promise<Served & { sdk: OAuthServerProvider }> {
  let sdk: OAuthServerProvider | undefined;
  const served = serve((issuerUrl) => {
    const { provider: created, own } = create(issuerUrl);
    sdk = created;
    const provider = fromMcpSdkV1(created, { issuerUrl, ...options });
    const app = new Koa();
    if (own !== undefined) app.use(own);
    app.use(provider.middleware);
    return app.use(createAuthRoutes({ provider, issuerUrl, ...provider.routeOptions }).routes());
  });
  return served.then((found) => Object.assign(found, { sdk: sdk as OAuthServerProvider }));
}

/** An MCP server as the SDK v1 protects it; `issuers` is read for every request. */
export function serveMcp(
  issuers: () => readonly string[],
  createVerifier: (resource: string) => OAuthTokenVerifier,
): Promise<Served> {
  return serve((origin) => {
    const mcp = toNodeHandler(
      createMcpHandler(() => {
        const server = new McpServer({ name: 'team', version: '1.0.0' });
        server.registerTool('greet', { description: 'Greets', inputSchema: z.object({}) }, async () => ({
          content: [{ type: 'text', text: 'the team says hello' }],
        }));
        return server;
      }),
    );
    const app = express();
    const metadata = `${origin}/.well-known/oauth-protected-resource/mcp`;
    app.get('/.well-known/oauth-protected-resource/mcp', (_, response) => {
      response.json({ resource: `${origin}/mcp`, authorization_servers: issuers(), scopes_supported: ['notes'] });
    });
    app.use('/mcp', requireBearerAuth({ verifier: createVerifier(`${origin}/mcp`), resourceMetadataUrl: metadata }));
    app.all('/mcp', (request, response) => void mcp(request, response));
    return { callback: () => app };
  });
}

export interface Connection {
  readonly open: () => Promise<void>;
  readonly finish: (parameters: URLSearchParams) => Promise<void>;
  readonly greet: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}
export type Connect = (url: URL, authProvider: unknown) => Connection;

export const V1: { sdk: string; connect: Connect } = {
  sdk: 'v1',
  connect(url: URL, authProvider: unknown) {
    const transport = new TransportV1(url, { authProvider: authProvider as never });
    const client = new ClientV1({ name: 'test', version: '1' });
    return {
      open: () => client.connect(transport as never),
      finish: (parameters: URLSearchParams) => transport.finishAuth(parameters.get('code') ?? ''),
      greet: () => client.callTool({ name: 'greet', arguments: {} }),
      close: () => client.close(),
    };
  },
};
export const V2: { sdk: string; connect: Connect } = {
  sdk: 'v2',
  connect(url: URL, authProvider: unknown) {
    const transport = new TransportV2(url, { authProvider: authProvider as never });
    const client = new ClientV2({ name: 'test', version: '1' });
    return {
      open: () => client.connect(transport),
      finish: (parameters: URLSearchParams) => transport.finishAuth(parameters),
      greet: () => client.callTool({ name: 'greet', arguments: {} }),
      close: () => client.close(),
    };
  },
};
