/**
 * An MCP server whose tool calls another MCP server. It never passes on the token it was called with: it exchanges it for
 * one at the other server (RFC 8693), of the same person, in which it is the one who acts. docs/grants.md has the
 * configuration.
 *
 *   ISSUER=http://localhost:3000 RESOURCE=http://localhost:4001/mcp OTHER=http://localhost:4002/mcp \
 *     CLIENT_ID=notes-server CLIENT_SECRET=… node examples/calling-mcp-server.ts
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import Koa from 'koa';
import { z } from 'zod';
import { createVerifier, getAccessToken, type Verifier } from '../src/resource/index.ts';
import { allowOrigins, bearerAuth, protectedResourceMetadata, requireScopes } from '../src/resource/koa.ts';

interface CallingServer {
  readonly issuer: string;
  readonly resource: string;
  readonly scope: string;
  /** The MCP server it calls, whose tool `greet` it uses. */
  readonly other: string;
  /** How it proves itself to the issuer. */
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The app and what it verifies tokens with. */
export function createCallingMcpApp(options: CallingServer): { app: Koa; verifier: Verifier } {
  const { issuer, resource, scope, other } = options;
  const verifier = createVerifier({ issuer, resource });

  const mcp = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'caller', version: '1.0.0' });
      server.registerTool(
        'greet_there',
        { description: 'Greets through the other server', inputSchema: z.object({ word: z.string() }) },
        async ({ word }) => {
          const received = getAccessToken();
          if (received === undefined) throw new Error('this tool is behind bearerAuth');
          const text = await greetThere(other, await exchange(received.token, options), word);
          return { content: [{ type: 'text', text }] };
        },
      );
      return server;
    }),
  );

  const app = new Koa();
  app.use(protectedResourceMetadata({ resource, authorizationServers: [issuer], scopesSupported: [scope] }));
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

/** A token at the other server for whoever the received one is of. */
async function exchange(received: string, options: CallingServer): Promise<string> {
  const { issuer, other, clientId, clientSecret } = options;
  const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: received,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource: other,
    }),
  });
  const answer = (await response.json()) as { access_token?: string; error?: string };
  // What went wrong between two servers is not the business of whoever called the first.
  if (answer.access_token === undefined) throw new Error(`the exchange was refused: ${answer.error}`);
  return answer.access_token;
}

async function greetThere(other: string, token: string, word: string): Promise<string> {
  const client = new Client({ name: 'caller', version: '1.0.0' });
  const headers = { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(other), { requestInit: { headers } }));
  try {
    const { content } = await client.callTool({ name: 'greet', arguments: { word } });
    return String((content as { text?: string }[])[0]?.text);
  } finally {
    await client.close();
  }
}

if (import.meta.main) {
  const { ISSUER = 'http://localhost:3000', RESOURCE = 'http://localhost:4001/mcp' } = process.env;
  const { OTHER = 'http://localhost:4002/mcp', SCOPE = 'notes:read' } = process.env;
  const { CLIENT_ID = 'notes-server', CLIENT_SECRET = '' } = process.env;
  const { app } = createCallingMcpApp({
    issuer: ISSUER,
    resource: RESOURCE,
    scope: SCOPE,
    other: OTHER,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
  });
  const server = app.listen(Number(new URL(RESOURCE).port), '127.0.0.1', () =>
    console.log(`${RESOURCE} calls ${OTHER}, tokens from ${ISSUER}`),
  );
  process.once('SIGTERM', () => {
    server.close();
    server.closeIdleConnections();
  });
}
