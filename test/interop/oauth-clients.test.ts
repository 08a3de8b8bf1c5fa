import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { describe, expect, test } from 'vitest';
import { REDIRECT, RESOURCE, startGuardmint } from '../support/guardmint.ts';

describe('oauth4webapi', async () => {
  const insecure = { [oauth.allowInsecureRequests]: true };

  const keys = await generateKeyPair('PS256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), alg: 'PS256', kid: 'one' }] };

  test.each([
    {
      method: 'private_key_jwt',
      metadata: { jwks },
      authenticate: () => oauth.PrivateKeyJwt({ key: keys.privateKey, kid: 'one' }),
    },
    { method: 'none', authenticate: () => oauth.None() },
    { method: 'client_secret_basic', authenticate: (secret: string) => oauth.ClientSecretBasic(secret) },
    { method: 'client_secret_post', authenticate: (secret: string) => oauth.ClientSecretPost(secret) },
  ])(
    'runs discovery, registration, code, refresh and revocation with $method [AS-01, AS-73]',
    async ({ method, metadata: keyed = {}, authenticate }) => {
      await using server = await startGuardmint();
      const issuer = new URL(server.issuer);
      const metadata = await oauth.processDiscoveryResponse(
        issuer,
        await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
      );
      const client = await oauth.processDynamicClientRegistrationResponse(
        await oauth.dynamicClientRegistrationRequest(
          metadata,
          { redirect_uris: [REDIRECT], token_endpoint_auth_method: method, client_name: 'strict', ...keyed },
          insecure,
        ),
      );
      const authentication = authenticate(String(client['client_secret']));

      const verifier = oauth.generateRandomCodeVerifier();
      const state = oauth.generateRandomState();
      const url = new URL(metadata.authorization_endpoint ?? '');
      url.search = new URLSearchParams({
        client_id: client.client_id,
        redirect_uri: REDIRECT,
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
          REDIRECT,
          verifier,
          insecure,
        ),
      );
      expect(issued.scope).toBe('mcp:read');
      const request = new Request(RESOURCE, { headers: { authorization: `Bearer ${issued.access_token}` } });
      const claims = await oauth.validateJwtAccessToken(metadata, request, RESOURCE, insecure);
      expect(claims).toMatchObject({ client_id: client.client_id, scope: 'mcp:read' });

      const refreshed = await oauth.processRefreshTokenResponse(
        metadata,
        client,
        await oauth.refreshTokenGrantRequest(metadata, client, authentication, String(issued.refresh_token), insecure),
      );
      expect(refreshed.refresh_token === issued.refresh_token).toBe(method !== 'none');
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(metadata, client, authentication, String(refreshed.refresh_token), insecure),
      );
      const dead = oauth.processRefreshTokenResponse(
        metadata,
        client,
        await oauth.refreshTokenGrantRequest(
          metadata,
          client,
          authentication,
          String(refreshed.refresh_token),
          insecure,
        ),
      );
      await expect(dead).rejects.toMatchObject({ error: 'invalid_grant' });
    },
  );
});

describe('openid-client', () => {
  test('runs the code flow over RFC 8414 metadata, checks iss, refreshes and revokes [AS-26, AS-27]', async () => {
    await using server = await startGuardmint({ issuerPath: '/tenant' });
    const config = await openid.dynamicClientRegistration(
      new URL(server.issuer),
      { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'client_secret_basic' },
      openid.ClientSecretBasic(),
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
    );
    const pkceCodeVerifier = openid.randomPKCECodeVerifier();
    const expectedState = openid.randomState();
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT,
      scope: 'mcp:read mcp:write',
      resource: RESOURCE,
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
    });
    const callback = await server.person().authorize(url.href);
    const tokens = await openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier, expectedState });
    expect(tokens.expiresIn()).toBeGreaterThan(500);
    const narrowed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '', { scope: 'mcp:read' });
    expect(narrowed.scope).toBe('mcp:read');
    await openid.tokenRevocation(config, narrowed.access_token);
    await expect(openid.refreshTokenGrant(config, narrowed.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});
