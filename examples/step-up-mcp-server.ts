/**
 * A stateless MCP server whose tools need scopes of their own: a client that calls one with too little is told what is missing,
 * and asks its person for it. Drafts are handles that only their owner can publish, and whoever listens for changes is cut off
 * when the token ends.
 *
 *   ISSUER=http://localhost:3000 RESOURCE=http://localhost:4001/mcp node examples/step-up-mcp-server.ts
 *
 * Copies of it share `HANDLE_SECRET` (32 characters or more); without it, each process knows its own drafts alone.
 */
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import {
  type AuthInfo,
  allowOrigins,
  bearerAuth,
  getAccessToken,
  getAuthInfo,
  protect,
  protectedResourceMetadata,
  requireScopes,
} from '../src/resource/fetch.ts';
import {
  createBinding,
  createVerifier,
  endWithToken,
  principalOf,
  readMessages,
  toolScopes,
  type Verifier,
} from '../src/resource/index.ts';

const text = (words: string) => ({ content: [{ type: 'text' as const, text: words }] });

/** What answers requests, what it verifies tokens with, and how to tell listeners that the tools have changed. */
export function createNotes(options: { issuer: string; resource: string; name: string; secret: string | Uint8Array }): {
  fetch: (request: Request) => Promise<Response>;
  verifier: Verifier;
  toolsChanged: () => void;
} {
  const { issuer, resource, name } = options;
  const verifier = createVerifier({ issuer, resource, implies: { 'notes:admin': ['notes:write', 'notes:publish'] } });
  const drafts = createBinding({ secrets: [options.secret] });

  // The one place that says what anything needs, beside `notes:read`, which everything does.
  const scopes = toolScopes({
    verifier,
    tools: {
      read: [],
      draft: ['notes:write'],
      publish: ['notes:write', 'notes:publish'],
      purge: ['notes:admin'],
    },
    default: ['notes:admin'],
  });

  /** A server for one request: it belongs to whoever sent it. */
  function createServer(authInfo: AuthInfo): McpServer {
    const mine = { principal: principalOf(authInfo), purpose: 'draft' };
    // What a token may not use can be left out of the list, which then is for its owner alone.
    const server = new McpServer(
      { name, version: '1.0.0' },
      { capabilities: { tools: { listChanged: true } }, cacheHints: { 'tools/list': { cacheScope: 'private' } } },
    );
    server.registerTool('read', { description: 'Reads your notes', inputSchema: z.object({}) }, async () =>
      text(`notes of ${authInfo.extra.sub}`),
    );
    server.registerTool(
      'draft',
      { description: 'Keeps a note for you to publish', inputSchema: z.object({ note: z.string() }) },
      async ({ note }) => text(await drafts.issue(note, { ...mine, lifetime: 3600 })),
    );
    server.registerTool(
      'publish',
      { description: 'Publishes a draft of yours', inputSchema: z.object({ draft: z.string() }) },
      async ({ draft }) => {
        const note = await drafts.open(draft, mine);
        return typeof note === 'string' ? text(`published: ${note}`) : { ...text('no such draft'), isError: true };
      },
    );
    if (scopes.allowsTool('purge', authInfo))
      server.registerTool(
        'purge',
        { description: 'Erases the notes of everybody', inputSchema: z.object({}) },
        async () => text('all notes are gone'),
      );
    return server;
  }

  const mcp = createMcpHandler(({ authInfo }) => {
    if (authInfo === undefined) throw new Error('nobody gets here');
    return createServer(authInfo as AuthInfo);
  });

  async function answer(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== new URL(resource).pathname) return new Response(null, { status: 404 });
    const accessToken = getAccessToken(request);
    const authInfo = getAuthInfo(request);
    const refusal = await scopes.gate(request, accessToken);
    if (refusal !== undefined || accessToken === undefined || authInfo === undefined)
      return refusal ?? new Response(null, { status: 401 });
    const body = await readMessages(request);
    return endWithToken(await mcp.fetch(request, { authInfo }), { verifier, accessToken, body });
  }

  const fetch = protect(
    answer,
    protectedResourceMetadata({
      resource,
      authorizationServers: [issuer],
      scopesSupported: ['notes:read'],
      resourceName: name,
    }),
    allowOrigins({ resource }),
    bearerAuth({ verifier }),
    requireScopes('notes:read'),
  );
  return { fetch, verifier, toolsChanged: mcp.notify.toolsChanged };
}

if (import.meta.main) {
  const { serve } = await import('@hono/node-server');
  const { ISSUER: issuer = 'http://localhost:3000', RESOURCE: resource = 'http://localhost:4001/mcp' } = process.env;
  const { NAME: name = 'notes', HANDLE_SECRET, PORT: port = new URL(resource).port } = process.env;
  const secret = HANDLE_SECRET ?? crypto.getRandomValues(new Uint8Array(32));
  const { fetch } = createNotes({ issuer, resource, name, secret });
  const server = serve({ fetch, port: Number(port), hostname: '127.0.0.1' }, () =>
    console.log(`${name}: ${resource}, tokens from ${issuer}`),
  );
  process.once('SIGTERM', () => {
    server.close();
    if ('closeIdleConnections' in server) server.closeIdleConnections();
  });
}
