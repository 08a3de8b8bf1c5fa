/**
 * An MCP server in Hono, protected by guardmint/resource. Stateless: any number of copies may run.
 *
 *   ISSUER=http://localhost:3000 RESOURCE=http://localhost:4001/mcp SCOPE=notes:read node examples/hono-mcp-server.ts
 *
 * Behind a reverse proxy, `PORT` is where it listens and `RESOURCE` where clients reach it.
 */
import { serve } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { Hono } from 'hono';
import { z } from 'zod';
import {
  type AuthEnv,
  allowOrigins,
  bearerAuth,
  getAccessToken,
  protectedResourceMetadata,
  requireScopes,
} from '../src/resource/hono.ts';
import { createVerifier, type Verifier } from '../src/resource/index.ts';

/** The app and what it verifies tokens with. */
export function createHonoMcpApp(options: { issuer: string; resource: string; name: string; scope: string }): {
  app: Hono<AuthEnv>;
  verifier: Verifier;
} {
  const { issuer, resource, name, scope } = options;
  const verifier = createVerifier({ issuer, resource });

  const mcp = createMcpHandler(() => {
    const server = new McpServer({ name, version: '1.0.0' });
    server.registerTool(
      'greet',
      { description: 'Says who is asking', inputSchema: z.object({ word: z.string() }) },
      async ({ word }) => ({
        content: [{ type: 'text', text: `${name} says ${word} to ${getAccessToken()?.subject ?? 'nobody'}` }],
      }),
    );
    return server;
  });

  const app = new Hono<AuthEnv>();
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
  app.all(new URL(resource).pathname, requireScopes(scope), (c) => {
    const authInfo = c.get('auth');
    return mcp.fetch(c.req.raw, authInfo === undefined ? {} : { authInfo });
  });
  return { app, verifier };
}

if (import.meta.main) {
  const { ISSUER: issuer = 'http://localhost:3000', RESOURCE: resource = 'http://localhost:4001/mcp' } = process.env;
  const { SCOPE: scope = 'mcp:use', NAME: name = 'example' } = process.env;
  const { app } = createHonoMcpApp({ issuer, resource, name, scope });
  const { PORT: port = new URL(resource).port } = process.env;
  const server = serve({ fetch: app.fetch, port: Number(port), hostname: '127.0.0.1' }, () =>
    console.log(`${name}: ${resource}, tokens from ${issuer}`),
  );
  process.once('SIGTERM', () => {
    server.close();
    if ('closeIdleConnections' in server) server.closeIdleConnections();
  });
}
