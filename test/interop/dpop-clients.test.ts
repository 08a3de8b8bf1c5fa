import { Client, DpopSession, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import { describe, expect, test } from 'vitest';
import { createMcpApp } from '../../examples/koa-mcp-server.ts';
import { REDIRECT, RESOURCE, startGuardmint } from '../support/guardmint.ts';
import { serve } from '../support/serve.ts';

/** An OAuthClientProvider of the MCP SDK v2 that keeps everything in memory and proves possession of its key. */
function createProvider(session: DpopSession) {
  const kept: Record<string, unknown> = {};
  const keep = (name: string) => (value: unknown) => {
    kept[name] = value;
  };
  const provider = {
    redirectUrl: REDIRECT,
    clientMetadata: {
      client_name: 'a client with a key',
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: 'none',
    },
    dpop: () => session,
    state: () => 'state-of-the-client',
    clientInformation: () => kept['client'],
    saveClientInformation: keep('client'),
    tokens: () => kept['tokens'],
    saveTokens: keep('tokens'),
    redirectToAuthorization: keep('location'),
    saveCodeVerifier: keep('verifier'),
    codeVerifier: () => kept['verifier'],
    saveDiscoveryState: keep('discovery'),
    discoveryState: () => kept['discovery'],
  };
  return { provider, kept: kept as { tokens: Record<string, string>; location: URL } };
}

describe('MCP SDK v2 client with a DPoP session', () => {
  test.each(['off', 'required'])(
    'signs in, calls a tool and refreshes with proofs, nonces %s [DP-02, DP-04, DP-05]',
    async (nonce) => {
      await using server = await startGuardmint({
        settings: { resources: [], defaultResource: undefined, dpop: { nonce } },
      });
      await using mcp = await serve(
        (origin) =>
          createMcpApp({ issuer: server.issuer, resource: `${origin}/mcp`, name: 'notes', scope: 'notes:read' }).app,
      );
      const url = new URL(`${mcp.origin}/mcp`);
      const session = await DpopSession.create();
      const { provider, kept } = createProvider(session);
      const connect = () => {
        const transport = new StreamableHTTPClientTransport(url, { authProvider: provider as never });
        return { transport, client: new Client({ name: 'test', version: '1' }) };
      };
      const greet = { name: 'greet', arguments: { word: 'hello' } };

      const first = connect();
      await expect(first.client.connect(first.transport)).rejects.toThrow(/unauthorized/i);
      const redirect = await server.person().authorize(kept.location.href);
      await first.transport.finishAuth(redirect.searchParams);
      expect(kept.tokens['token_type']).toBe('DPoP');
      expect(decodeJwt(kept.tokens['access_token'] ?? '')['cnf']).toHaveProperty('jkt');

      const second = connect();
      await second.client.connect(second.transport);
      expect(JSON.stringify(await second.client.callTool(greet))).toContain('notes says hello to');
      await second.client.close();

      const before = kept.tokens;
      kept.tokens = { ...before, access_token: 'no longer good' };
      const third = connect();
      await third.client.connect(third.transport);
      expect(JSON.stringify(await third.client.callTool(greet))).toContain('hello');
      expect(kept.tokens['access_token']).not.toBe('no longer good');
      expect(kept.tokens['refresh_token']).toBe(before['refresh_token']);
      await third.client.close();
    },
  );
});

test('oauth4webapi pushes a request, redeems and refreshes with DPoP and nonces', async () => {
  await using server = await startGuardmint({ settings: { dpop: { nonce: 'required' } } });
  const insecure = { [oauth.allowInsecureRequests]: true };
  const issuer = new URL(server.issuer);
  const as = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
  );
  const registered = await server.register({ dpop_bound_access_tokens: true });
  const client: oauth.Client = { client_id: registered.client_id };
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const options = { DPoP, ...insecure };
  const verifier = oauth.generateRandomCodeVerifier();

  const parameters = new URLSearchParams({
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'mcp:read',
    resource: RESOURCE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const push = async () =>
    oauth.processPushedAuthorizationResponse(
      as,
      client,
      await oauth.pushedAuthorizationRequest(as, client, oauth.None(), parameters, options),
    );
  await expect(push()).rejects.toSatisfy(oauth.isDPoPNonceError);
  const { request_uri } = await push();

  const query = new URLSearchParams({ client_id: client.client_id, request_uri });
  const redirect = await server.person().authorize(`${as.authorization_endpoint}?${query}`);
  const callback = oauth.validateAuthResponse(as, client, redirect, oauth.expectNoState);
  const issued = await oauth.processAuthorizationCodeResponse(
    as,
    client,
    await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), callback, REDIRECT, verifier, options),
  );
  expect(issued.token_type).toBe('dpop');
  const refreshed = await oauth.processRefreshTokenResponse(
    as,
    client,
    await oauth.refreshTokenGrantRequest(as, client, oauth.None(), issued.refresh_token ?? '', options),
  );
  expect(refreshed.token_type).toBe('dpop');
});
