/**
 * An MCP server behind Koa, protected by guardmint/resource. Stateless: any number of copies may run.
 *
 *   ISSUER=http://localhost:3000 RESOURCE=http://localhost:4001/mcp SCOPE=notes:read node examples/koa-mcp-server.ts
 *
 * Behind a reverse proxy, `PORT` is where it listens and `RESOURCE` where clients reach it.
 */
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import Koa from 'koa';
import { z } from 'zod';
import { createVerifier, getAccessToken, type Verifier } from '../src/resource/index.ts';
import { allowOrigins, bearerAuth, protectedResourceMetadata, requireScopes } from '../src/resource/koa.ts';

/** The app and what it verifies tokens with. */
export function createMcpApp(options: { issuer: string; resource: string; name: string; scope: string }): {
  app: Koa;
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

  const app = new Koa();
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
  app.use(requireScopes(scope));
  app.use(async (ctx) => {
    if (ctx.path !== new URL(resource).pathname) return;
    ctx.respond = false;
    await mcp(ctx.req as Parameters<typeof mcp>[0], ctx.res);
  });
  return { app, verifier };
}

if (import.meta.main) {
  const { ISSUER: issuer = 'http://localhost:3000', RESOURCE: resource = 'http://localhost:4001/mcp' } = process.env;
  const { SCOPE: scope = 'mcp:use', NAME: name = 'example' } = process.env;
  const { app } = createMcpApp({ issuer, resource, name, scope });
  const { PORT: port = new URL(resource).port } = process.env;
  const server = app.listen(Number(port), '127.0.0.1', () =>
    console.log(`${name}: ${resource}, tokens from ${issuer}`),
  );
  process.once('SIGTERM', () => {
    server.close();
    server.closeIdleConnections();
  });
}
