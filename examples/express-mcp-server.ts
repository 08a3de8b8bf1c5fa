/**
 * An MCP server of the SDK v1 behind Express, protected by guardmint/resource. Stateless: any number of copies may run.
 *
 *   ISSUER=http://localhost:3000 RESOURCE=http://localhost:4001/mcp SCOPE=notes:read node examples/express-mcp-server.ts
 *
 * Behind a reverse proxy, `PORT` is where it listens and `RESOURCE` where clients reach it.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import express, { type Express } from 'express';
import { z } from 'zod';
import {
  allowOrigins,
  bearerAuth,
  getAccessToken,
  protectedResourceMetadata,
  requireScopes,
} from '../src/resource/express.ts';
import { createVerifier, type Verifier } from '../src/resource/index.ts';

/** The app and what it verifies tokens with. */
export function createExpressMcpApp(options: { issuer: string; resource: string; name: string; scope: string }): {
  app: Express;
  verifier: Verifier;
} {
  const { issuer, resource, name, scope } = options;
  const verifier = createVerifier({ issuer, resource });

  function createServer(): McpServer {
    const server = new McpServer({ name, version: '1.0.0' });
    server.registerTool(
      'greet',
      { description: 'Says who is asking', inputSchema: { word: z.string() } },
      async ({ word }) => ({
        content: [{ type: 'text', text: `${name} says ${word} to ${getAccessToken()?.subject ?? 'nobody'}` }],
      }),
    );
    return server;
  }

  const app = express();
  app.use(
    protectedResourceMetadata({
      resource,
      authorizationServers: [issuer],
      scopesSupported: [scope],
      resourceName: name,
    }),
  );
  app.use(allowOrigins({ resource }));
  app.use(bearerAuth({ verifier }));
  const { pathname } = new URL(resource);
  app.post(pathname, requireScopes(scope), express.json({ limit: '4mb' }), async (request, response) => {
    const server = createServer();
    const transport = new StreamableHTTPServerTransport();
    response.on('close', () => void server.close());
    // The SDK declares its own class in a way exactOptionalPropertyTypes does not accept.
    await server.connect(transport as Transport);
    await transport.handleRequest(request, response, request.body);
  });
  // Without sessions there is no stream to open and nothing to delete.
  app.all(pathname, requireScopes(scope), (_request, response) => {
    response.set('Allow', 'POST').sendStatus(405);
  });
  return { app, verifier };
}

if (import.meta.main) {
  const { ISSUER: issuer = 'http://localhost:3000', RESOURCE: resource = 'http://localhost:4001/mcp' } = process.env;
  const { SCOPE: scope = 'mcp:use', NAME: name = 'example' } = process.env;
  const { app } = createExpressMcpApp({ issuer, resource, name, scope });
  const { PORT: port = new URL(resource).port } = process.env;
  const server = app.listen(Number(port), '127.0.0.1', () =>
    console.log(`${name}: ${resource}, tokens from ${issuer}`),
  );
  process.once('SIGTERM', () => {
    server.close();
    server.closeIdleConnections();
  });
}
