/**
 * An MCP server as a worker: its default export answers a `Request` with a `Response`, protected by guardmint/resource. It
 * uses nothing of Node, and its settings are what the runtime hands over with each request.
 *
 *   export default { fetch }      # in a worker, with ISSUER, RESOURCE and SCOPE among its variables
 *
 * Under Node something has to listen for it:
 *
 *   ISSUER=http://localhost:3000 RESOURCE=http://localhost:4001/mcp SCOPE=notes:read node examples/fetch-mcp-server.ts
 */
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import {
  type AuthInfo,
  allowOrigins,
  bearerAuth,
  getAuthInfo,
  protect,
  protectedResourceMetadata,
  requireScopes,
} from '../src/resource/fetch.ts';
import { createVerifier } from '../src/resource/index.ts';

interface Settings {
  readonly ISSUER: string;
  readonly RESOURCE: string;
  readonly SCOPE: string;
  readonly NAME: string;
}

type Answer = (request: Request) => Promise<Response>;

function createFetch({ ISSUER: issuer, RESOURCE: resource, SCOPE: scope, NAME: name }: Settings): Answer {
  const mcp = createMcpHandler(() => {
    const server = new McpServer({ name, version: '1.0.0' });
    server.registerTool(
      'greet',
      { description: 'Says who is asking', inputSchema: z.object({ word: z.string() }) },
      async ({ word }, context) => {
        const { sub } = (context.http?.authInfo as AuthInfo | undefined)?.extra ?? {};
        return { content: [{ type: 'text', text: `${name} says ${word} to ${sub ?? 'nobody'}` }] };
      },
    );
    return server;
  });

  return protect(
    (request) => {
      if (new URL(request.url).pathname !== new URL(resource).pathname) return new Response(null, { status: 404 });
      const authInfo = getAuthInfo(request);
      return mcp.fetch(request, authInfo === undefined ? {} : { authInfo });
    },
    protectedResourceMetadata({
      resource,
      authorizationServers: [issuer],
      scopesSupported: [scope],
      resourceName: name,
    }),
    allowOrigins({ resource }),
    bearerAuth({ verifier: createVerifier({ issuer, resource }) }),
    requireScopes(scope),
  );
}

// One for as long as the worker lives: it remembers keys, tokens and revocations.
let answer: Answer | undefined;

export function fetch(request: Request, settings: Settings): Promise<Response> {
  answer ??= createFetch(settings);
  return answer(request);
}

if (import.meta.main) {
  const { serve } = await import('@hono/node-server');
  const { ISSUER = 'http://localhost:3000', RESOURCE = 'http://localhost:4001/mcp' } = process.env;
  const { SCOPE = 'mcp:use', NAME = 'example', PORT = new URL(RESOURCE).port } = process.env;
  const settings = { ISSUER, RESOURCE, SCOPE, NAME };
  const server = serve(
    { fetch: (request) => fetch(request, settings), port: Number(PORT), hostname: '127.0.0.1' },
    () => console.log(`${NAME}: ${RESOURCE}, tokens from ${ISSUER}`),
  );
  process.once('SIGTERM', () => {
    server.close();
    if ('closeIdleConnections' in server) server.closeIdleConnections();
  });
}
