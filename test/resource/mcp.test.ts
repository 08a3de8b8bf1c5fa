import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  bearerAuthChallengeResponse,
  createMcpHandler,
  McpServer,
  type OAuthTokenVerifier,
  requireBearerAuth,
  requireScopes as requireToolScopes,
  verifyBearerToken,
} from '@modelcontextprotocol/server';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AuthInfo, getAccessToken, UnavailableError } from '../../src/resource/index.ts';
import { bearerAuth, requireScopes } from '../../src/resource/koa.ts';
import { bearerGate, mcpTokenVerifier, refusalResponse } from '../../src/resource/mcp.ts';
import { testSigner } from '../support/keys.ts';
import { serve } from '../support/serve.ts';
import { answerStatus, forge, ISSUER, NOW, RESOURCE, startHost, verifierOf } from './issuer.ts';

const METADATA_URL = 'https://mcp.example.test/.well-known/oauth-protected-resource/mcp';

const MCP_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

// The SDK compares `expiresAt` with the clock of the machine.
const LASTING = { exp: 4_102_444_800 };
const lasting = (claims: object = {}) => forge({ claims: { ...LASTING, ...claims } });

const asking = (authorization?: string) =>
  new Request('https://mcp.example.test/mcp', {
    method: 'POST',
    headers: authorization === undefined ? {} : { authorization },
  });

describe('the MCP SDK v2 with this verifier', () => {
  test('takes a token in, for this resource, with its subject and claims', async () => {
    using verifier = verifierOf([testSigner()]);
    const sdkVerifier: OAuthTokenVerifier = mcpTokenVerifier(verifier);
    const options = { verifier: sdkVerifier, requiredScopes: ['mcp:read'], expectedResource: new URL(RESOURCE) };

    const info = await verifyBearerToken(`Bearer ${lasting()}`, options);

    expect(info).toMatchObject({ clientId: 'client-1', expiresAt: LASTING.exp, extra: { sub: 'user-1', iss: ISSUER } });
  });

  test.each([
    ['an unknown token', 'x', 401, 'invalid_token'],
    ['an expired token', forge({ claims: { exp: NOW - 60 } }), 401, 'invalid_token'],
    ['a token of another resource', lasting({ aud: 'https://other.example.test/mcp' }), 401, 'invalid_token'],
    ['too little scope', lasting({ scope: 'mcp:list' }), 403, 'insufficient_scope'],
  ])('answers %s as its own errors', async (_title, token, status, error) => {
    using verifier = verifierOf([testSigner()]);
    const gate = requireBearerAuth({ verifier, requiredScopes: ['mcp:read'], resourceMetadataUrl: METADATA_URL });

    const answer = await gate(asking(`Bearer ${token}`));

    if (!(answer instanceof Response)) throw new Error('was let in');
    expect([answer.status, await answer.json()]).toEqual([status, { error, error_description: expect.any(String) }]);
    expect(answer.headers.get('www-authenticate')).toContain(`Bearer error="${error}"`);
  });

  test('lets a broader scope pass', async () => {
    using verifier = verifierOf([testSigner()], { implies: { admin: ['mcp:read'] } });
    const gate = requireBearerAuth({ verifier: mcpTokenVerifier(verifier), requiredScopes: ['mcp:read'] });

    expect(await gate(asking(`Bearer ${lasting({ scope: 'admin' })}`))).toMatchObject({ clientId: 'client-1' });
  });

  test('answers 500 and no challenge where the keys cannot be had: it knows nothing nearer to 503', async () => {
    await using host = await startHost(answerStatus(500));
    using verifier = verifierOf([], { jwks: `${host.origin}/jwks.json` });
    const failure = await mcpTokenVerifier(verifier)
      .verifyAccessToken(lasting())
      .catch((error: unknown) => error);

    const answer = bearerAuthChallengeResponse(failure);

    expect(failure).toBeInstanceOf(UnavailableError);
    expect([answer.status, await answer.json()]).toEqual([
      500,
      { error: 'server_error', error_description: 'The access token cannot be checked right now. Try again later.' },
    ]);
    expect(answer.headers.get('www-authenticate')).toBeNull();
  });
});

describe('bearerGate', () => {
  test('takes a token in', async () => {
    using verifier = verifierOf([testSigner()]);

    const info = await bearerGate({ verifier, requiredScopes: ['mcp:read'] })(asking(`bearer ${forge()}`));

    expect(info).toMatchObject({ clientId: 'client-1', scopes: ['mcp:read', 'mcp:write'] });
  });

  test.each([
    ['no credentials', undefined, 401, `Bearer scope="mcp:read", resource_metadata="${METADATA_URL}"`],
    ['a bad token', 'Bearer x', 401, expect.stringContaining('error="invalid_token"')],
    [
      'too little scope',
      `Bearer ${forge({ claims: { scope: '' } })}`,
      403,
      expect.stringContaining('scope="mcp:read"'),
    ],
  ])('answers %s', async (_title, authorization, status, expected) => {
    using verifier = verifierOf([testSigner()]);

    const answer = await bearerGate({ verifier, requiredScopes: ['mcp:read'] })(asking(authorization));

    if (!(answer instanceof Response)) throw new Error('was let in');
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([status, expected]);
  });

  test('answers 503 where the keys cannot be had', async () => {
    await using host = await startHost(answerStatus(500));
    using verifier = verifierOf([], { jwks: `${host.origin}/jwks.json` });

    const answer = await bearerGate({ verifier })(asking(`Bearer ${forge()}`));

    if (!(answer instanceof Response)) throw new Error('was let in');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  });

  test('leaves errors that are not refusals to the application', () => {
    expect(() => refusalResponse(new RangeError('a bug'))).toThrow(RangeError);
  });
});

describe('an MCP server of the SDK v2 in Koa', () => {
  /** Two tools: one for everybody who is let in, one that asks for more. */
  async function startMcpServer() {
    const verifier = verifierOf([testSigner()]);
    const mcp = toNodeHandler(
      createMcpHandler(() => {
        const server = new McpServer({ name: 'test', version: '1.0.0' });
        server.registerTool('who', { inputSchema: z.object({}) }, async (_input, context) => {
          const authInfo = context.http?.authInfo as AuthInfo | undefined;
          const text = `${authInfo?.extra.sub} ${authInfo?.clientId} ${getAccessToken()?.jti}`;
          return { content: [{ type: 'text', text }] };
        });
        server.registerTool(
          'erase',
          { inputSchema: z.object({}), scopeChallenge: requireToolScopes('mcp:delete') },
          async () => ({ content: [{ type: 'text', text: 'erased' }] }),
        );
        return server;
      }),
    );
    const app = new Koa();
    app.use(bearerAuth({ verifier, resourceMetadataUrl: METADATA_URL }));
    app.use(requireScopes('mcp:read'));
    app.use(async (ctx) => {
      ctx.respond = false;
      await mcp(ctx.req as Parameters<typeof mcp>[0], ctx.res);
    });
    return serve(() => app);
  }

  async function callTool(origin: string, name: string, token: string): Promise<unknown> {
    const client = new Client({ name: 'test', version: '1.0.0' });
    const headers = { authorization: `Bearer ${token}` };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), { requestInit: { headers } }));
    try {
      return (await client.callTool({ name, arguments: {} })).content;
    } finally {
      await client.close();
    }
  }

  test('shows its tools who is asking, by the SDK and by the auth context', async () => {
    await using served = await startMcpServer();

    expect(await callTool(served.origin, 'who', forge())).toEqual([{ type: 'text', text: 'user-1 client-1 jti-1' }]);
  });

  test('asks for the scope of one tool by 403 [RS-30]', async () => {
    await using served = await startMcpServer();

    const refused = await fetch(`${served.origin}/mcp`, {
      method: 'POST',
      headers: { ...MCP_HEADERS, authorization: `Bearer ${forge()}`, 'mcp-protocol-version': '2025-11-25' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'erase', arguments: {} } }),
    });

    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringMatching(
        /^Bearer error="insufficient_scope".* scope="mcp:delete", resource_metadata="https:.*\/mcp"$/,
      ),
    ]);
    expect(await callTool(served.origin, 'erase', forge({ claims: { scope: 'mcp:read mcp:delete' } }))).toEqual([
      { type: 'text', text: 'erased' },
    ]);
  });

  test.each(['initialize', 'tools/list', 'server/discover'])(
    'answers 401 to %s without a token [RS-10]',
    async (method) => {
      await using served = await startMcpServer();

      const response = await fetch(`${served.origin}/mcp`, {
        method: 'POST',
        headers: MCP_HEADERS,
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: {} }),
      });

      expect([response.status, await response.json()]).toEqual([
        401,
        { error_description: 'Authentication is required.' },
      ]);
    },
  );
});
