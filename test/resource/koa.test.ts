import { Agent, request } from 'node:http';
import Koa, { type Middleware } from 'koa';
import { describe, expect, test } from 'vitest';
import {
  getAccessToken,
  getAuthenticatedUser,
  protectedResourceDocument,
  type VerifierOptions,
} from '../../src/resource/index.ts';
import { bearerAuth, protectedResourceMetadata, requireScopes } from '../../src/resource/koa.ts';
import { testSigner } from '../support/keys.ts';
import { type Served, serve } from '../support/serve.ts';
import { answerKeys, answerStatus, forge, ISSUER, NOW, RESOURCE, startHost, verifierOf } from './issuer.ts';

const METADATA_URL = 'https://mcp.example.test/.well-known/oauth-protected-resource/mcp';

interface Guarded extends Served {
  ask(init?: RequestInit & { path?: string }): Promise<Response>;
}

/** An app behind `bearerAuth` that answers who it saw. */
async function guarded(middleware: readonly Middleware[], options: Partial<VerifierOptions> = {}): Promise<Guarded> {
  const verifier = verifierOf([testSigner()], options);
  const app = new Koa();
  app.silent = true;
  app.use(bearerAuth({ verifier }));
  for (const one of middleware) app.use(one);
  app.use((ctx) => {
    ctx.body = { jti: getAccessToken()?.jti ?? null, user: getAuthenticatedUser()?.clientId ?? null };
  });
  const served = await serve(() => app);
  return { ...served, ask: ({ path = '/mcp', ...init } = {}) => fetch(`${served.origin}${path}`, init) };
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe('bearerAuth', () => {
  test('lets a request with a good token go on as its user', async () => {
    await using app = await guarded([]);

    const response = await app.ask(bearer(forge()));

    expect(await response.json()).toEqual({ jti: 'jti-1', user: 'client-1' });
  });

  test.each([
    ['no token', {}],
    ['a bad token', bearer('x')],
    ['an expired token', bearer(forge({ claims: { exp: NOW - 60 } }))],
    ['another scheme', { headers: { authorization: 'Basic eDp5' } }],
  ])('lets a request with %s go on as nobody', async (_title, init) => {
    await using app = await guarded([]);

    const response = await app.ask(init);

    expect([response.status, await response.json()]).toEqual([200, { jti: null, user: null }]);
  });

  test('shows MCP handlers the token as req.auth, and nothing where there is none', async () => {
    const seen: unknown[] = [];
    const look: Middleware = (ctx, next) => {
      seen.push(Reflect.get(ctx.req, 'auth'));
      return next();
    };
    await using app = await guarded([look], { implies: { 'mcp:write': ['mcp:delete'] } });

    await app.ask(bearer(forge()));
    await app.ask();

    expect(seen).toEqual([
      expect.objectContaining({
        clientId: 'client-1',
        scopes: expect.arrayContaining(['mcp:delete']),
        expiresAt: NOW + 600,
      }),
      undefined,
    ]);
  });

  test('answers 503 while the keys cannot be had, and neither 401 nor 500', async () => {
    await using host = await startHost(answerStatus(500));
    await using app = await guarded([requireScopes()], { jwks: `${host.origin}/jwks.json` });

    const response = await app.ask(bearer(forge()));

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('www-authenticate')).toBeNull();
    expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
  });

  test('lets requests without a token go on while the keys cannot be had', async () => {
    await using host = await startHost(answerKeys([]));
    await using app = await guarded([], { jwks: `${host.origin}/jwks.json` });

    expect((await app.ask()).status).toBe(200);
    expect(host.requests).toEqual([]);
  });

  test('verifies every request of a connection anew [RS-19, RS-44]', async () => {
    await using app = await guarded([requireScopes()]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    const ask = (headers: Record<string, string>) =>
      new Promise<string>((resolve, reject) => {
        const sent = request(`${app.origin}/mcp`, { agent, headers }, async (response) => {
          sockets.add(response.socket);
          const chunks = await response.toArray();
          resolve(
            `${response.statusCode} ${response.statusCode === 200 ? JSON.parse(chunks.join('')).jti : ''}`.trim(),
          );
        });
        sent.on('error', reject).end();
      });

    const answers = [
      await ask({ authorization: `Bearer ${forge({ claims: { jti: 'a' } })}` }),
      await ask({}),
      await ask({ authorization: `Bearer ${forge({ claims: { jti: 'b' } })}` }),
      await ask({ authorization: 'Bearer x' }),
    ];
    agent.destroy();

    expect(answers).toEqual(['200 a', '401', '200 b', '401']);
    expect(sockets.size).toBe(1);
  });
});

describe('requireScopes', () => {
  test('answers 401 with a challenge but no error to a request without credentials [RS-03, RS-10]', async () => {
    await using app = await guarded([requireScopes('mcp:read')]);

    const response = await app.ask({ method: 'POST', body: 'no JSON at all' });

    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer scope="mcp:read", resource_metadata="${METADATA_URL}"`,
    );
    expect(await response.json()).toEqual({ error_description: 'Authentication is required.' });
  });

  test.each([
    ['garbage', 'foo'],
    ['a token of another resource', forge({ claims: { aud: 'https://other.example.test' } })],
    ['an expired token', forge({ claims: { exp: NOW - 60 } })],
  ])('answers 401 invalid_token to %s [RS-15]', async (_title, token) => {
    await using app = await guarded([requireScopes('mcp:read')]);

    const response = await app.ask(bearer(token));

    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", error_description="The access token is not valid.", scope="mcp:read", resource_metadata="${METADATA_URL}"`,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      error: 'invalid_token',
      error_description: 'The access token is not valid.',
    });
  });

  test.each(['mcp:read', 'mcp:read mcp:list', ''])(
    'names every scope of the operation to a token with "%s" [RS-30, RS-31, RS-32, RS-33]',
    async (scope) => {
      await using app = await guarded([requireScopes('mcp:write', 'mcp:delete')]);

      const response = await app.ask(bearer(forge({ claims: { scope } })));

      expect(response.status).toBe(403);
      expect(response.headers.get('www-authenticate')).toBe(
        `Bearer error="insufficient_scope", error_description="The access token does not allow this.", scope="mcp:write mcp:delete", resource_metadata="${METADATA_URL}"`,
      );
      expect(await response.json()).toEqual({
        error: 'insufficient_scope',
        error_description: 'The access token does not allow this.',
      });
    },
  );

  test('lets a broader scope pass [RS-34]', async () => {
    await using app = await guarded([requireScopes('mcp:delete')], { implies: { 'mcp:write': ['mcp:delete'] } });

    expect((await app.ask(bearer(forge()))).status).toBe(200);
  });

  test('ignores a token in the query [RS-17]', async () => {
    await using app = await guarded([requireScopes()]);

    const [alone, beside] = [
      await app.ask({ path: `/mcp?access_token=${forge()}` }),
      await app.ask({ path: '/mcp?access_token=x', ...bearer(forge()) }),
    ];

    expect([alone.status, beside.status]).toEqual([401, 200]);
    expect(alone.headers.get('www-authenticate')).not.toContain('error');
  });

  test('lets nobody pass where bearerAuth was forgotten', async () => {
    const app = new Koa();
    app.silent = true;
    app.use(requireScopes());
    app.use((ctx) => {
      ctx.body = 'inside';
    });
    await using served = await serve(() => app);

    expect((await fetch(served.origin, bearer(forge()))).status).toBe(500);
  });

  test.each(['offline_access', 'two words', ''])('refuses the scope "%s" when it is made', (scope) => {
    expect(() => requireScopes(scope)).toThrow(TypeError);
  });
});

describe('protectedResourceMetadata', () => {
  const OPTIONS = {
    resource: RESOURCE,
    authorizationServers: [ISSUER],
    scopesSupported: ['mcp:read'],
    resourceName: 'Files',
  };
  const DOCUMENT = {
    resource: RESOURCE,
    authorization_servers: [ISSUER],
    scopes_supported: ['mcp:read'],
    bearer_methods_supported: ['header'],
    resource_name: 'Files',
  };
  const PATH = '/.well-known/oauth-protected-resource/mcp';
  const ROOT = '/.well-known/oauth-protected-resource';

  async function metadataApp(options: object = {}): Promise<Guarded> {
    const verifier = verifierOf([testSigner()]);
    const app = new Koa();
    app.use(protectedResourceMetadata({ ...OPTIONS, ...options }));
    app.use(bearerAuth({ verifier }));
    app.use(requireScopes());
    const served = await serve(() => app);
    return { ...served, ask: ({ path = PATH, ...init } = {}) => fetch(`${served.origin}${path}`, init) };
  }

  test.each([PATH, ROOT])(
    'is served at %s without credentials, as configured [RS-01, RS-02, RS-03, RS-04, RS-07]',
    async (path) => {
      await using app = await metadataApp();

      const response = await app.ask({ path, headers: { 'x-forwarded-host': 'evil.example' } });

      expect(await response.json()).toEqual(DOCUMENT);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'access-control-allow-origin': '*',
        'access-control-expose-headers': expect.stringContaining('WWW-Authenticate'),
        'cache-control': 'public, max-age=300',
      });
    },
  );

  test('is served with the query that belongs to a resource', async () => {
    await using app = await metadataApp({ resource: `${RESOURCE}?tenant=1` });

    expect((await app.ask({ path: `${PATH}?tenant=1` })).status).toBe(200);
  });

  test('is not served at the root of an origin with several resources', async () => {
    await using app = await metadataApp({ atRoot: false });

    expect((await app.ask({ path: ROOT })).status).toBe(401);
  });

  test.each(['/.well-known/oauth-protected-resource/other', '/mcp', '/'])('leaves %s to others', async (path) => {
    await using app = await metadataApp();

    expect((await app.ask({ path })).status).toBe(401);
  });

  test('answers HEAD like GET without a body', async () => {
    await using app = await metadataApp();

    const response = await app.ask({ method: 'HEAD' });

    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'application/json; charset=utf-8',
      '',
    ]);
  });

  test('answers the preflight of a browser client', async () => {
    await using app = await metadataApp();

    const response = await app.ask({
      method: 'OPTIONS',
      headers: { 'access-control-request-headers': 'mcp-protocol-version' },
    });

    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS');
    expect(response.headers.get('access-control-allow-headers')).toContain('MCP-Protocol-Version');
  });

  test('answers 405 to other methods', async () => {
    await using app = await metadataApp();

    const response = await app.ask({ method: 'POST' });

    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });

  test.each([
    ['offline_access', { scopesSupported: ['mcp:read', 'offline_access'] }],
    ['a scope that is none', { scopesSupported: ['two words'] }],
    ['no authorization server', { authorizationServers: [] }],
    ['a resource that is no URL', { resource: 'mcp' }],
  ])('refuses %s when it is made [RS-08]', (_title, change) => {
    expect(() => protectedResourceDocument({ ...OPTIONS, ...change })).toThrow(TypeError);
  });
});
