import { generateKeyPairSync } from 'node:crypto';
import {
  Client,
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  discoverAndRequestJwtAuthGrant,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { afterAll, expect, test } from 'vitest';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { sha256 } from '../../src/platform/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { identityClaims, startForeignIssuer } from '../support/identity-provider.ts';
import { serve } from '../support/serve.ts';

const SECRET = 'a secret of the machine';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ID_TOKEN = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '';

/** The fake enterprise: exchanges an ID token for an ID-JAG (ID-JAG §4.3), over HTTP. */
const exchanges: URLSearchParams[] = [];
const enterprise = await startForeignIssuer({
  answer: (request, response, { issuer, signer }) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      if (request.url === '/.well-known/oauth-authorization-server') {
        const metadata = {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          response_types_supported: ['code'],
        };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
        return;
      }
      const asked = new URLSearchParams(body);
      if (request.url !== '/token' || asked.get('subject_token') !== ID_TOKEN) {
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
        return;
      }
      exchanges.push(asked);
      const claims = {
        ...identityClaims({ issuer, audience: asked.get('audience') ?? '', client: 'agent', now: server.now() }),
        resource: asked.get('resource'),
        ...(asked.has('scope') && { scope: asked.get('scope') }),
      };
      void signer.sign(claims, { typ: 'oauth-id-jag+jwt' }).then((assertion) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(
          JSON.stringify({
            issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
            access_token: assertion,
            token_type: 'N_A',
            expires_in: 300,
          }),
        ),
      );
    });
  },
});
const server = await startGuardmint({
  settings: {
    resources: [],
    defaultResource: undefined,
    clients: [
      { client_id: 'machine', client_secret_hash: sha256(SECRET), grant_types: ['client_credentials'] },
      { client_id: 'agent', client_secret_hash: sha256(SECRET), grant_types: [JWT_BEARER] },
    ],
    identityProviders: [{ issuer: enterprise.issuer }],
  },
});
const mcp = await serve(
  (origin) =>
    createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
);
afterAll(async () => {
  for (const one of [mcp, server, enterprise]) await one[Symbol.asyncDispose]();
});

async function greetWith(authProvider: object): Promise<string> {
  const transport = new StreamableHTTPClientTransport(new URL(`${mcp.origin}/mcp`), {
    authProvider: authProvider as never,
  });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  try {
    return JSON.stringify(await client.callTool({ name: 'greet', arguments: { word: 'hello' } }));
  } finally {
    await client.close();
  }
}

test('the ClientCredentialsProvider of the MCP SDK v2 calls a tool as itself [CC-01, CC-03]', async () => {
  const provider = new ClientCredentialsProvider({
    clientId: 'machine',
    clientSecret: SECRET,
    scope: 'notes:read',
    expectedIssuer: server.issuer,
  });
  expect(await greetWith(provider)).toContain('notes says hello to machine');
  expect(provider.tokens()).toMatchObject({ scope: 'notes:read', token_type: 'Bearer' });
  expect(provider.tokens()?.refresh_token).toBeUndefined();
});

test('the CrossAppAccessProvider of the MCP SDK v2 brings an ID-JAG of the enterprise and calls a tool [EMA-01, EMA-08]', async () => {
  const provider = new CrossAppAccessProvider({
    clientId: 'agent',
    clientSecret: SECRET,
    expectedIssuer: server.issuer,
    assertion: async ({ authorizationServerUrl, resourceUrl, scope, fetchFn }) => {
      const { jwtAuthGrant } = await discoverAndRequestJwtAuthGrant({
        idpUrl: enterprise.issuer,
        audience: authorizationServerUrl,
        resource: resourceUrl,
        idToken: ID_TOKEN,
        clientId: 'agent-at-the-enterprise',
        ...(scope !== undefined && { scope }),
        fetchFn,
      });
      return jwtAuthGrant;
    },
  });
  const subject = sha256(JSON.stringify([enterprise.issuer, null, 'employee-42']));
  expect(await greetWith(provider)).toContain(`notes says hello to ${subject}`);
  expect(provider.tokens()).toMatchObject({ scope: 'notes:read' });
  expect(Object.fromEntries(exchanges.at(-1) ?? [])).toMatchObject({
    audience: server.issuer,
    resource: `${mcp.origin}/mcp`,
  });
});

test('and gets nothing with an ID token of nobody', async () => {
  const provider = new CrossAppAccessProvider({
    clientId: 'agent',
    clientSecret: SECRET,
    expectedIssuer: server.issuer,
    assertion: async ({ authorizationServerUrl, resourceUrl, fetchFn }) => {
      const { jwtAuthGrant } = await discoverAndRequestJwtAuthGrant({
        idpUrl: enterprise.issuer,
        audience: authorizationServerUrl,
        resource: resourceUrl,
        idToken: 'nonsense',
        clientId: 'agent-at-the-enterprise',
        fetchFn,
      });
      return jwtAuthGrant;
    },
  });
  await expect(greetWith(provider)).rejects.toThrow(/invalid_grant/);
  expect(provider.tokens()).toBeUndefined();
});
