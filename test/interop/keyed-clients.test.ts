import {
  Client,
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { type CryptoKey, importJWK } from 'jose';
import * as oauth from 'oauth4webapi';
import { beforeAll, describe, expect, test } from 'vitest';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { createGuardedFetch, isPublicAddress, sha256 } from '../../src/platform/index.ts';
import { PUBLISHED } from '../clients/published-documents.ts';
import { createForeignSigner, type ForeignSigner } from '../support/assertion.ts';
import { authority, publish } from '../support/document-host.ts';
import { RESOURCE, startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';

const insecure = { [oauth.allowInsecureRequests]: true };

describe('MCP SDK v2, machines', () => {
  const MACHINE = { grant_types: ['client_credentials'], scope: 'notes:read' };

  test.each(['ES256', 'RS256', 'PS256', 'EdDSA'])(
    'PrivateKeyJwtProvider with %s connects and calls a tool, again and again [AS-47]',
    async (alg) => {
      const signer = await createForeignSigner(alg);
      const clients = [{ ...MACHINE, client_id: 'robot', jwks: { keys: [{ ...signer.publicJwk }] } }];
      await using server = await startGuardmint({ settings: { resources: [], defaultResource: undefined, clients } });
      await using mcp = await serve(
        (origin) =>
          createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
      );

      for (let turn = 0; turn < 2; turn++) {
        const authProvider = new PrivateKeyJwtProvider({
          clientId: 'robot',
          privateKey: { ...signer.privateJwk },
          algorithm: alg,
          expectedIssuer: server.issuer,
          scope: 'notes:read',
        });
        const client = new Client({ name: 'robot', version: '1' });
        await client.connect(new StreamableHTTPClientTransport(new URL(`${mcp.origin}/mcp`), { authProvider }));
        const answer = await client.callTool({ name: 'greet', arguments: { word: 'hello' } });
        expect(JSON.stringify(answer)).toContain('notes says hello to robot');
        await client.close();
      }
    },
  );

  test('ClientCredentialsProvider with a secret does the same', async () => {
    const clients = [{ ...MACHINE, client_id: 'robot', client_secret_hash: sha256('pw') }];
    await using server = await startGuardmint({ settings: { resources: [], defaultResource: undefined, clients } });
    await using mcp = await serve(
      (origin) =>
        createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
    );
    const authProvider = new ClientCredentialsProvider({
      clientId: 'robot',
      clientSecret: 'pw',
      expectedIssuer: server.issuer,
      scope: 'notes:read',
    });
    const client = new Client({ name: 'robot', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${mcp.origin}/mcp`), { authProvider }));

    expect(JSON.stringify(await client.callTool({ name: 'greet', arguments: { word: 'hi' } }))).toContain('to robot');
    await client.close();
  });
});

describe('documents of the shape real clients publish, through the whole flow', () => {
  let signer: ForeignSigner;
  beforeAll(async () => {
    signer = await createForeignSigner('RS256');
  });

  /** The document of a real client as a host of ours publishes it, its keys beside it. */
  async function publishShape(name: string) {
    const shape = PUBLISHED.find((one) => one.name === name);
    if (shape === undefined) throw new Error(name);
    return await publish((request, response) => {
      const origin = `https://${request.headers.host}`;
      response.setHeader('Content-Type', 'application/json');
      if (request.url === '/oauth/jwks.json') return response.end(JSON.stringify({ keys: [signer.publicJwk] }));
      const keys = 'jwks_uri' in shape.document ? { jwks_uri: `${origin}/oauth/jwks.json` } : {};
      return response.end(JSON.stringify({ ...shape.document, client_id: `${origin}${request.url}`, ...keys }));
    });
  }

  test.each([
    { name: 'claude.ai', by: 'none' },
    { name: 'Claude Code', by: 'none' },
    { name: 'ChatGPT', by: 'none' },
    { name: 'ChatGPT', by: 'private_key_jwt' },
    { name: 'Visual Studio Code', by: 'none' },
  ] as const)('$name by $by: code, refresh and revocation [CI-13, SEP-3149]', async ({ name, by }) => {
    await using host = await publishShape(name);
    await using server = await startGuardmint({
      fetch: createGuardedFetch({
        lookup: async () => ['127.0.0.1'],
        isAdmitted: (address) => address === '127.0.0.1' || isPublicAddress(address),
        ca: authority.cert,
      }),
    });
    const issuer = new URL(server.issuer);
    const metadata = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
    );
    // What Claude looks for before it uses its document, and ChatGPT before it uses its keys.
    expect(metadata['client_id_metadata_document_supported']).toBe(true);
    expect(metadata.token_endpoint_auth_methods_supported).toEqual(expect.arrayContaining(['none', by]));
    const client = { client_id: `${host.origin}/oauth/client.json` };
    const key = { key: (await importJWK(signer.privateJwk, 'RS256')) as CryptoKey, kid: signer.kid };
    const authentication = by === 'none' ? oauth.None() : oauth.PrivateKeyJwt(key);
    const redirectUri = PUBLISHED.find((one) => one.name === name)?.redirect ?? '';

    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = new URL(metadata.authorization_endpoint ?? '');
    url.search = new URLSearchParams({
      client_id: client.client_id,
      redirect_uri: redirectUri,
      response_type: 'code',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      scope: 'mcp:read',
      resource: RESOURCE,
    }).toString();
    const callback = await server.person().authorize(url.href);
    const parameters = oauth.validateAuthResponse(metadata, client, callback, state);
    const issued = await oauth.processAuthorizationCodeResponse(
      metadata,
      client,
      await oauth.authorizationCodeGrantRequest(
        metadata,
        client,
        authentication,
        parameters,
        redirectUri,
        verifier,
        insecure,
      ),
    );
    const refreshed = await oauth.processRefreshTokenResponse(
      metadata,
      client,
      await oauth.refreshTokenGrantRequest(metadata, client, authentication, issued.refresh_token ?? '', insecure),
    );

    // It may come without its key, so its refresh tokens are those of a public client.
    expect(refreshed.refresh_token).not.toBe(issued.refresh_token);
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(metadata, client, authentication, refreshed.refresh_token ?? '', insecure),
    );
  });
});
