/**
 * An MCP server on node:http alone, protected by guardmint/resource. Stateless: any number of copies may run.
 *
 *   ISSUER=http://localhost:3000 RESOURCE=http://localhost:4001/mcp SCOPE=notes:read node examples/node-mcp-server.ts
 *
 * Behind a reverse proxy, `PORT` is where it listens and `RESOURCE` where clients reach it.
 */
import { createServer, type RequestListener } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { createVerifier, type Verifier } from '../src/resource/index.ts';
import {
  allowOrigins,
  bearerAuth,
  getAccessToken,
  protect,
  protectedResourceMetadata,
  requireScopes,
} from '../src/resource/node.ts';

/** What answers requests, and what it verifies tokens with. */
export function createMcpListener(options: { issuer: string; resource: string; name: string; scope: string }): {
  listener: RequestListener;
  verifier: Verifier;
} {
  const { issuer, resource, name, scope } = options;
  const verifier = createVerifier({ issuer, resource });

  const mcp = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name, version: '1.0.0' });
      server.registerTool(
        'greet',
        { description: 'Says who is asking', inputSchema: z.object({ word: z.string() }) },
        async ({ word }) => ({
          content: [{ type: 'text', text: `${name} says ${word} to ${getAccessToken()?.subject ?? 'nobody'}` }],
        }),
      );
      return server;
    }),
  );

  const { pathname } = new URL(resource);
  const listener = protect(
    (request, response) => {
      if (request.url?.split('?', 1)[0] === pathname) void mcp(request as Parameters<typeof mcp>[0], response);
      else response.writeHead(404).end();
    },
    protectedResourceMetadata({
      resource,
      authorizationServers: [issuer],
      scopesSupported: [scope],
      resourceName: name,
    }),
    allowOrigins({ resource }),
    bearerAuth({ verifier }),
    requireScopes(scope),
  );
  return { listener, verifier };
}

if (import.meta.main) {
  const { ISSUER: issuer = 'http://localhost:3000', RESOURCE: resource = 'http://localhost:4001/mcp' } = process.env;
  const { SCOPE: scope = 'mcp:use', NAME: name = 'example' } = process.env;
  const { listener } = createMcpListener({ issuer, resource, name, scope });
  const { PORT: port = new URL(resource).port } = process.env;
  const server = createServer(listener).listen(Number(port), '127.0.0.1', () =>
    console.log(`${name}: ${resource}, tokens from ${issuer}`),
  );
  process.once('SIGTERM', () => {
    server.close();
    server.closeIdleConnections();
  });
}
