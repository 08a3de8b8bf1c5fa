import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { createAuthRoutes } from '../../src/endpoints/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createForeignProvider } from '../support/foreign-provider.ts';
import { pkcePair } from '../support/pkce.ts';
import { serve } from '../support/serve.ts';

const REDIRECT = 'http://127.0.0.1:7777/callback';

function serveForeign(options: { registration?: boolean; revocation?: boolean; path?: string } = {}) {
  return serve((origin) => {
    const issuerUrl = origin + (options.path ?? '');
    const routes = createAuthRoutes({
      provider: createForeignProvider(issuerUrl),
      issuerUrl,
      serviceDocumentationUrl: 'https://docs.example/auth',
      clientRegistrationOptions: { enabled: options.registration ?? true },
      revocationOptions: { enabled: options.revocation ?? true },
    });
    return new Koa().use(routes.routes());
  });
}

async function post(url: string, form: Record<string, string>) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, string>,
  };
}

describe('createAuthRoutes over a provider of somebody else', () => {
  test.each(['', '/tenant-1'])('runs the whole flow below the issuer path "%s" [AS-11]', async (path) => {
    await using app = await serveForeign({ path });
    const issuer = app.origin + path;
    const metadata = await (await fetch(`${app.origin}/.well-known/oauth-authorization-server${path}`)).json();
    expect(metadata).toEqual({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      revocation_endpoint: `${issuer}/revoke`,
      scopes_supported: ['offline_access'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
      revocation_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      service_documentation: 'https://docs.example/auth',
      authorization_response_iss_parameter_supported: true,
    });

    const registered = await fetch(`${issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' }),
    });
    expect(registered.status).toBe(201);
    const { client_id } = (await registered.json()) as { client_id: string };

    const { verifier, challenge } = pkcePair();
    const query = new URLSearchParams({
      response_type: 'code',
      client_id,
      redirect_uri: REDIRECT,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 'a b&c',
      scope: 'notes:read notes:write',
      resource: 'http://localhost:9999/mcp',
    });
    const authorized = await fetch(`${issuer}/authorize?${query}`, { redirect: 'manual' });
    const answer = new URL(authorized.headers.get('location') ?? '');
    expect(answer.searchParams.get('state')).toBe('a b&c');
    expect(answer.searchParams.get('iss')).toBe(issuer);

    const code = answer.searchParams.get('code') ?? '';
    const exchange = { grant_type: 'authorization_code', client_id, code, code_verifier: verifier };
    const wrong = await post(`${issuer}/token`, { ...exchange, code_verifier: `${verifier.slice(0, -1)}~` });
    expect(wrong.body['error']).toBe('invalid_grant');
    const issued = await post(`${issuer}/token`, exchange);
    expect(issued.status).toBe(200);
    expect(issued.headers.get('cache-control')).toBe('no-store');
    expect((await post(`${issuer}/token`, exchange)).body['error']).toBe('invalid_grant');

    const refresh = { grant_type: 'refresh_token', client_id, refresh_token: issued.body['refresh_token'] ?? '' };
    expect((await post(`${issuer}/token`, { ...refresh, scope: 'admin' })).body['error']).toBe('invalid_scope');
    const refreshed = await post(`${issuer}/token`, { ...refresh, scope: 'notes:read' });
    expect(refreshed.body['scope']).toBe('notes:read');

    const revoked = await post(`${issuer}/revoke`, { client_id, token: refreshed.body['refresh_token'] ?? '' });
    expect(revoked.status).toBe(200);
    const dead = await post(`${issuer}/token`, { ...refresh, refresh_token: refreshed.body['refresh_token'] ?? '' });
    expect(dead.body['error']).toBe('invalid_grant');
  });

  test('has no registration and no revocation, in routes and metadata, unless enabled [AS-46]', async () => {
    await using app = await serveForeign({ registration: false, revocation: false });
    const metadata = (await (await fetch(`${app.origin}/.well-known/oauth-authorization-server`)).json()) as object;
    expect(Object.keys(metadata)).not.toContain('registration_endpoint');
    expect(Object.keys(metadata)).not.toContain('revocation_endpoint');
    expect(Object.keys(metadata)).not.toContain('jwks_uri');
    expect((await fetch(`${app.origin}/register`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${app.origin}/revoke`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${app.origin}/.well-known/jwks.json`)).status).toBe(404);
  });

  test.each([
    'http://auth.example.com',
    'https://auth.example.com/',
    'https://auth.example.com?x=1',
    'https://a.example#f',
  ])('refuses the issuer %s when it is made [AS-03]', (issuerUrl) => {
    expect(() => createAuthRoutes({ provider: createForeignProvider(issuerUrl), issuerUrl })).toThrow(TypeError);
  });
});

test('an optional method of the provider turns on its grant, and nothing else does', async () => {
  const granted: unknown[] = [];
  await using app = await serve((issuerUrl) => {
    const provider = createForeignProvider(issuerUrl);
    const machine = {
      clientId: 'machine',
      origin: 'configured' as const,
      redirectUris: [],
      grantTypes: ['client_credentials'],
      authenticationMethod: 'client_secret_post' as const,
      secretHash: sha256('secret'),
      metadata: {},
    };
    const routes = createAuthRoutes({
      provider: {
        ...provider,
        getClient: async (clientId) => (clientId === 'machine' ? machine : undefined),
        exchangeClientCredentials: async (client, permitted) => {
          granted.push({ clientId: client.clientId, ...permitted });
          return { access_token: 'opaque', token_type: 'Bearer', expires_in: 60 };
        },
      },
      issuerUrl,
    });
    return new Koa().use(routes.routes());
  });
  const metadata = await (await fetch(`${app.origin}/.well-known/oauth-authorization-server`)).json();
  expect(metadata).toMatchObject({
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
  });
  expect(metadata).not.toHaveProperty('authorization_grant_profiles_supported');

  const form = { grant_type: 'client_credentials', client_id: 'machine', client_secret: 'secret', scope: 'a b' };
  const { status, body } = await post(`${app.origin}/token`, { ...form, resource: 'http://localhost:1/mcp' });
  expect([status, body]).toEqual([200, { access_token: 'opaque', token_type: 'Bearer', expires_in: 60 }]);
  expect(granted).toEqual([{ clientId: 'machine', scope: ['a', 'b'], resource: 'http://localhost:1/mcp' }]);
});
