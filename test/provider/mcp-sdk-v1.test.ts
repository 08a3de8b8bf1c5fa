import * as errors from '@modelcontextprotocol/sdk/server/auth/errors.js';
import type { OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import type { OAuthClientInformationFull } from '@modelcontextprotocol/sdk/shared/auth.js';
import express, { type Response } from 'express';
import Koa from 'koa';
import { describe, expect, test, vi } from 'vitest';
import { createAuthRoutes } from '../../src/endpoints/index.ts';
import { OAuthError, REJECTIONS, type RejectionReason, UnavailableError } from '../../src/oauth/index.ts';
import { fromMcpSdkV1, type McpSdkV1Options } from '../../src/provider/mcp-sdk-v1.ts';
import { createBrowserAnswers } from '../../src/provider/sdk-v1/browser-answers.ts';
import { withIssuer } from '../../src/provider/sdk-v1/issuer.ts';
import { refusalOf } from '../../src/provider/sdk-v1/refusal.ts';
import { pkcePair } from '../support/pkce.ts';
import { createTeamProvider } from '../support/sdk-v1-provider.ts';
import { type App, serve } from '../support/serve.ts';

const REDIRECT = 'http://127.0.0.1:7777/callback';
const RESOURCE = 'http://localhost:9999/mcp';
const PUBLIC: OAuthClientInformationFull = { client_id: 'public', redirect_uris: [REDIRECT] };
const WITH_SECRET: OAuthClientInformationFull = {
  client_id: 'secretive',
  redirect_uris: [REDIRECT],
  client_secret: 'the secret',
};

type Authorize = OAuthServerProvider['authorize'];

/** The routes over the provider of a team, changed; the clients of the test are in its store. */
async function serveTeam(
  changes: Partial<OAuthServerProvider> = {},
  options: Partial<McpSdkV1Options> & { withMiddleware?: boolean; mount?: (koa: Koa) => App } = {},
) {
  const { withMiddleware = true, mount = (koa: Koa) => koa, ...rest } = options;
  const faults: unknown[] = [];
  let team: ReturnType<typeof createTeamProvider> | undefined;
  const served = await serve((issuerUrl) => {
    team = createTeamProvider(issuerUrl);
    for (const client of [PUBLIC, WITH_SECRET]) team.clients.set(client.client_id, client);
    const provider = fromMcpSdkV1({ ...team.provider, ...changes }, { issuerUrl, ...rest });
    const app = new Koa();
    if (withMiddleware) app.use(provider.middleware);
    const introspectionOptions = { servesResource: () => true };
    const reportFault = (fault: unknown) => void faults.push(fault);
    const routes = createAuthRoutes({
      provider,
      issuerUrl,
      reportFault,
      introspectionOptions,
      ...provider.routeOptions,
    });
    app.use(routes.routes());
    return mount(app);
  });
  if (team === undefined) throw new Error('nothing was served');
  const { clients, codes, provider } = team;
  const { verifier, challenge } = pkcePair();

  const authorize = (parameters: Record<string, string> = {}, headers: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'public',
      redirect_uri: REDIRECT,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 'the state',
      scope: 'notes',
      resource: RESOURCE,
      ...parameters,
    });
    return fetch(`${served.origin}/authorize?${query}`, { redirect: 'manual', headers });
  };
  const post = async (path: string, form: Record<string, string>, headers: Record<string, string> = {}) => {
    const response = await fetch(served.origin + path, { method: 'POST', body: new URLSearchParams(form), headers });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  /** A code the provider made, as if somebody had signed in. */
  const plant = (code: string, clientId = 'public') => {
    const params = { codeChallenge: challenge, redirectUri: REDIRECT, scopes: ['notes'], resource: new URL(RESOURCE) };
    codes.set(code, { clientId, params });
    return { grant_type: 'authorization_code', client_id: clientId, code, code_verifier: verifier };
  };
  return Object.assign(served, { faults, clients, provider, verifier, authorize, post, plant });
}

const answer = (reason: RejectionReason) => {
  const { status, error, description } = REJECTIONS[reason];
  return { status, body: { error, error_description: description } };
};
const writing = (write: (response: Response) => void): { authorize: Authorize } => ({
  authorize: async (_client, _params, response) => write(response),
});

describe('what authorize of the SDK provider writes', () => {
  test('is sent as a page, with status, type, headers and cookies', async () => {
    await using app = await serveTeam(
      writing((response) => {
        response.cookie('one', 'a b', { httpOnly: true, maxAge: 5000 }).cookie('two', { three: 4 });
        response.status(403).set('Content-Security-Policy', "default-src 'self'").type('html').send('<p>Füße</p>');
      }),
    );
    const response = await app.authorize();

    expect([response.status, await response.text()]).toEqual([403, '<p>Füße</p>']);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toBe("default-src 'self'");
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('location')).toBeNull();
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^one=a%20b; Max-Age=5; Path=\/; Expires=.*; HttpOnly$/),
      'two=j%3A%7B%22three%22%3A4%7D; Path=/',
    ]);
  });

  test.each<[string, (response: Response) => void, unknown]>([
    ['json', (response) => response.json({ a: 1 }), [200, '{"a":1}']],
    ['end', (response) => response.end('plain'), [200, 'plain']],
    ['writeHead', (response) => response.writeHead(418, { 'x-tea': 'pot' }).end(), [418, '']],
    [
      'write, a moment later',
      (response) => void setImmediate(() => response.write('a') && response.end('b')),
      [200, 'ab'],
    ],
    ['sendStatus', (response) => void response.sendStatus(503), [503, 'Service Unavailable']],
    [
      'what it finds in the request',
      (response) => response.send(`${response.req.get('accept-language')} ${response.req.query['scope']}`),
      [200, 'ko notes'],
    ],
    ['once', (response) => response.send('first').end('second'), [200, 'first']],
  ])('may be written with %s', async (_title, write, expected) => {
    await using app = await serveTeam(writing(write));
    const response = await app.authorize({}, { 'accept-language': 'ko', 'if-none-match': '*' });

    expect([response.status, await response.text()]).toEqual(expected);
  });

  test('is a redirect anywhere, which gets iss where it is the answer to the client', async () => {
    const places = ['/team/sign-in?page=1', `${REDIRECT}?code=x&state=the+state`];
    await using app = await serveTeam(writing((response) => response.redirect(places.shift() ?? '')));

    const own = await app.authorize();
    const client = await app.authorize();

    expect([own.status, own.headers.get('location')]).toEqual([302, '/team/sign-in?page=1']);
    expect([client.status, client.headers.get('location')]).toEqual([
      302,
      `${REDIRECT}?code=x&state=the+state&iss=${encodeURIComponent(app.origin)}`,
    ]);
    expect(await client.text()).toBe('');
  });

  test.each<[string, () => Promise<void>]>([
    ['that never returns', () => new Promise(() => {})],
    ['that returns and never answers', async () => {}],
  ])('%s holds nobody for longer than 30 seconds', async (_title, work) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const failure = expect(createBrowserAnswers().write(work)).rejects.toThrow('answered nothing');
      await vi.advanceTimersByTimeAsync(30_000);
      await failure;
    } finally {
      vi.useRealTimers();
    }
  });

  test('needs the middleware, unless it is a redirect alone', async () => {
    const acts = [
      (response: Response) => response.redirect('/sign-in'),
      (response: Response) => response.send('a page'),
      (response: Response) => response.cookie('a', 'b').redirect('/sign-in'),
    ];
    await using app = await serveTeam(
      writing((response) => acts.shift()?.(response)),
      { withMiddleware: false },
    );

    expect((await app.authorize()).headers.get('location')).toBe('/sign-in');
    for (let rest = 2; rest > 0; rest--) {
      const location = new URL((await app.authorize()).headers.get('location') ?? '');
      expect(location.searchParams.get('error')).toBe('server_error');
    }
    expect(app.faults.map(String)).toEqual([
      expect.stringMatching(/use its middleware/),
      expect.stringMatching(/use its/),
    ]);
  });

  test('comes from an Express app with all it has, where the routes are behind one', async () => {
    await using app = await serveTeam(
      {
        authorize: async (_client, _params, response) => {
          response.locals['team'] += '!';
          response.render('sign-in', { session: (response.req as unknown as { session: string }).session });
        },
      },
      {
        mount(koa) {
          const host = express();
          host.engine('txt', (_path, values, done) =>
            done(null, `${(values as { team: string }).team} ${(values as { session: string }).session}`),
          );
          host.set('views', new URL('../support/views', import.meta.url).pathname).set('view engine', 'txt');
          host.use((request, response, next) => {
            Object.assign(request, { session: 'of carol' });
            response.locals['team'] = 'team';
            next();
          });
          host.use(koa.callback());
          return { callback: () => host };
        },
      },
    );
    const response = await app.authorize();

    expect([response.status, await response.text()]).toEqual([200, 'team! of carol']);
  });

  test('is a refusal to the client, with iss and state, when it throws one', async () => {
    await using app = await serveTeam({
      authorize: async () => Promise.reject(new errors.AccessDeniedError('carol said no')),
    });
    const location = new URL((await app.authorize()).headers.get('location') ?? '');

    expect(Object.fromEntries(location.searchParams)).toEqual({
      error: 'access_denied',
      error_description: REJECTIONS.access_denied.description,
      state: 'the state',
      iss: app.origin,
    });
  });
});

describe('codes of the SDK provider', () => {
  test('are not burnt by a wrong verifier, count once, and go to their client only', async () => {
    await using app = await serveTeam();
    const form = app.plant('c1');

    expect(await app.post('/token', { ...form, code_verifier: 'x'.repeat(43) })).toEqual(answer('code_verifier_wrong'));
    expect(await app.post('/token', { ...form, code: 'c2' })).toEqual(answer('code_unknown'));
    const other = { ...form, client_id: 'secretive', client_secret: 'the secret' };
    expect(await app.post('/token', other)).toEqual(answer('code_unknown'));
    const issued = await app.post('/token', { ...form, redirect_uri: REDIRECT, resource: RESOURCE });
    expect(issued).toEqual({
      status: 200,
      body: {
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'notes',
      },
    });
    expect(await app.post('/token', form)).toEqual(answer('code_unknown'));
    const elsewhere = { ...app.plant('c3'), redirect_uri: 'https://evil.test/' };
    expect(await app.post('/token', elsewhere)).toEqual(answer('code_unknown'));
    const twoPlaces = new URLSearchParams({ ...app.plant('c4'), resource: RESOURCE });
    twoPlaces.append('resource', 'http://localhost:1/other');
    const refused = await fetch(`${app.origin}/token`, { method: 'POST', body: twoPlaces });
    expect([refused.status, await refused.json()]).toEqual(Object.values(answer('resource_mismatch')));
  });

  test('for what is no URL are refused, and not burnt', async () => {
    await using app = await serveTeam();
    const form = { ...app.plant('c'), redirect_uri: REDIRECT };
    const malformed = { ...form, resource: 'no URL' };

    expect(await app.post('/token', malformed)).toEqual(answer('resource_malformed'));
    const { body } = await app.post('/token', form);
    const refresh = { grant_type: 'refresh_token', client_id: 'public', refresh_token: body['refresh_token'] ?? '' };
    expect(await app.post('/token', { ...refresh, resource: 'no URL' })).toEqual(answer('resource_malformed'));
    expect((await app.post('/token', refresh)).status).toBe(200);
  });

  test('that it refuses with a plain error are a fault, unless it is told that they are a refusal', async () => {
    const changes = { challengeForAuthorizationCode: async () => Promise.reject(new Error('Invalid code')) };
    await using strict = await serveTeam(changes);
    await using told = await serveTeam(changes, { isRefusal: (error) => String(error).includes('Invalid') });

    expect(await strict.post('/token', strict.plant('c'))).toEqual(answer('internal'));
    expect(strict.faults.map(String)).toEqual(['Error: Invalid code']);
    expect(await told.post('/token', told.plant('c'))).toEqual(answer('code_unknown'));
  });

  test('are handed on with their verifier where the provider has somebody else check it', async () => {
    const seen: unknown[] = [];
    await using app = await serveTeam({
      skipLocalPkceValidation: true,
      challengeForAuthorizationCode: async () => '',
      exchangeAuthorizationCode: async (...given) => {
        seen.push(given.slice(1));
        return { access_token: 'a', token_type: 'bearer' };
      },
    });
    const form = { ...app.plant('c'), redirect_uri: REDIRECT, resource: RESOURCE };
    const issued = await app.post('/token', form);

    expect(issued).toEqual({ status: 200, body: { access_token: 'a', token_type: 'Bearer' } });
    expect(seen).toEqual([['c', app.verifier, REDIRECT, new URL(RESOURCE)]]);
    const malformed = await app.post('/token', { ...form, code_verifier: 'short' });
    expect(malformed).toEqual(answer('code_verifier_wrong'));
    expect(seen).toHaveLength(1);
  });
});

describe('tokens of the SDK provider', () => {
  test('are refreshed with no more scope, revoked, and unknown to introspection until used', async () => {
    await using app = await serveTeam();
    const issued = await app.post('/token', app.plant('c'));
    const refresh = {
      grant_type: 'refresh_token',
      client_id: 'public',
      refresh_token: issued.body['refresh_token'] ?? '',
    };
    const credentials = { client_id: 'secretive', client_secret: 'the secret' };

    expect(await app.post('/token', { ...refresh, scope: 'admin' })).toEqual(answer('scope_not_allowed'));
    expect(await app.post('/token', { ...refresh, refresh_token: 'x' })).toEqual(answer('refresh_token_unknown'));
    const asked = await app.post('/introspect', { ...credentials, token: refresh.refresh_token });
    expect(asked.body).toEqual({ active: false });
    const access = await app.post('/introspect', { ...credentials, token: issued.body['access_token'] ?? '' });
    expect(access.body).toMatchObject({
      active: true,
      sub: 'carol',
      aud: RESOURCE,
      scope: 'notes',
      client_id: 'public',
    });

    const byAnother = await app.post('/revoke', { ...credentials, token: issued.body['access_token'] ?? '' });
    expect(byAnother.status).toBe(200);
    await app.provider.verifyAccessToken(issued.body['access_token'] ?? '');
    const hint = { token_type_hint: 'access_token' };
    await app.post('/revoke', { client_id: 'public', token: issued.body['access_token'] ?? '', ...hint });
    await expect(app.provider.verifyAccessToken(issued.body['access_token'] ?? '')).rejects.toThrow();
    await app.post('/revoke', { client_id: 'public', token: refresh.refresh_token });
    expect(await app.post('/token', refresh)).toEqual(answer('refresh_token_unknown'));
  });

  test('cannot be revoked where it has no revokeToken, and clients not register where its store does not', async () => {
    await using app = await serveTeam({
      revokeToken: undefined,
      clientsStore: { getClient: () => PUBLIC },
    } as unknown as OAuthServerProvider);
    const metadata = await (await fetch(`${app.origin}/.well-known/oauth-authorization-server`)).json();

    expect(metadata).not.toHaveProperty('revocation_endpoint');
    expect(metadata).not.toHaveProperty('registration_endpoint');
    expect(metadata).toMatchObject({ authorization_response_iss_parameter_supported: true });
  });

  test('of a type nobody knows are not passed on', async () => {
    await using app = await serveTeam({
      exchangeAuthorizationCode: async () => ({ access_token: 'a', token_type: 'mac' }),
    });

    expect(await app.post('/token', app.plant('c'))).toEqual(answer('internal'));
  });
});

describe('clients of the store of the SDK provider', () => {
  const basic = { authorization: `Basic ${btoa('secretive:the secret')}` };

  test('prove themselves with the secret they have, in the body or the header', async () => {
    await using app = await serveTeam();
    const { client_id: _, ...form } = app.plant('c', 'secretive');

    expect(await app.post('/token', { ...form, client_id: 'secretive' })).toEqual(answer('client_credentials_missing'));
    const wrong = { ...form, client_id: 'secretive', client_secret: 'wrong' };
    expect(await app.post('/token', wrong)).toEqual(answer('client_credentials_wrong'));
    expect((await app.post('/token', form, basic)).status).toBe(200);
    const again = app.plant('d', 'secretive');
    expect((await app.post('/token', { ...again, client_secret: 'the secret' })).status).toBe(200);
  });

  test.each<[string, Partial<OAuthClientInformationFull>]>([
    ['whose secret has ended', { client_secret: 'the secret', client_secret_expires_at: 1_700_000_000 }],
    ['that should have a secret and has none', { token_endpoint_auth_method: 'client_secret_post' }],
    ['that says none and has a secret', { token_endpoint_auth_method: 'none', client_secret: 'another' }],
  ])('%s are refused with 401, which makes them register again', async (_title, members) => {
    await using app = await serveTeam();
    app.clients.set('odd', { client_id: 'odd', redirect_uris: [REDIRECT], ...members });

    for (const secret of [{}, { client_secret: 'the secret' }]) {
      const { status, body } = await app.post('/token', { ...app.plant('c', 'odd'), ...secret });
      expect([status, body['error']]).toEqual([401, 'invalid_client']);
    }
  });

  test('register with ids and secrets of our making, and secrets do not end', async () => {
    await using app = await serveTeam();
    const register = async (metadata: object) => {
      const response = await fetch(`${app.origin}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ redirect_uris: [REDIRECT], client_name: 'A client', ...metadata }),
      });
      return { status: response.status, body: (await response.json()) as OAuthClientInformationFull };
    };
    const withSecret = await register({ token_endpoint_auth_method: 'client_secret_basic' });
    const without = await register({ token_endpoint_auth_method: 'none' });

    expect(withSecret).toMatchObject({ status: 201, body: { client_secret_expires_at: 0, client_name: 'A client' } });
    expect(without.body).not.toHaveProperty('client_secret');
    const { client_id, client_secret = '' } = withSecret.body;
    expect(app.clients.get(client_id)).toMatchObject({ client_secret, redirect_uris: [REDIRECT] });
    expect((await app.post('/token', { ...app.plant('c', client_id), client_secret })).status).toBe(200);
  });
});

describe('an error of the SDK provider', () => {
  const instances = Object.values(errors).flatMap((candidate) => {
    if (typeof candidate !== 'function' || candidate === errors.OAuthError || candidate === errors.CustomOAuthError)
      return [];
    return [new (candidate as typeof errors.InvalidRequestError)('a secret message')];
  });

  test('is told by the code of its class, and its message stays behind', () => {
    const told = Object.fromEntries(
      [...instances, new errors.CustomOAuthError('login_required', 'x'), new errors.CustomOAuthError('odd', 'x')].map(
        (error) => {
          const refusal = refusalOf(error, 'code_unknown');
          if (refusal instanceof OAuthError) expect(JSON.stringify(refusal)).not.toContain('secret message');
          return [error.errorCode, refusal instanceof OAuthError ? refusal.reason : String(refusal)];
        },
      ),
    );

    expect(told).toEqual({
      invalid_request: 'provider_refused',
      invalid_client: 'client_unknown',
      invalid_grant: 'code_unknown',
      unauthorized_client: 'grant_type_not_allowed',
      unsupported_grant_type: 'grant_type_unsupported',
      invalid_scope: 'scope_not_allowed',
      access_denied: 'access_denied',
      server_error: 'internal',
      temporarily_unavailable: 'UnavailableError: provider is unavailable',
      unsupported_response_type: 'provider_refused',
      unsupported_token_type: 'provider_refused',
      invalid_token: 'code_unknown',
      method_not_allowed: 'provider_refused',
      too_many_requests: 'rate_limited',
      invalid_client_metadata: 'registration_metadata_invalid',
      insufficient_scope: 'scope_not_allowed',
      invalid_target: 'resource_unknown',
      login_required: 'sign_in_required',
      odd: 'provider_refused',
    });
  });

  test('that is ours, or none of an OAuth server, goes on as it is', () => {
    const [ours, outage, bug] = [new OAuthError('code_spent'), new UnavailableError('database'), new RangeError('bug')];

    expect([ours, outage, bug].map((error) => refusalOf(error, 'code_unknown'))).toEqual([ours, outage, bug]);
  });
});

test.each([
  ['http://a.test/cb?code=1', 'http://a.test/cb', 'http://a.test/cb?code=1&iss=https%3A%2F%2Fi.test'],
  ['http://a.test/?code=1', 'http://a.test', 'http://a.test/?code=1&iss=https%3A%2F%2Fi.test'],
  ['http://a.test/cb?x=1&error=e#f', 'http://a.test/cb?x=1', 'http://a.test/cb?x=1&error=e&iss=https%3A%2F%2Fi.test#f'],
  ['cursor://x/cb?code=1', 'cursor://x/cb', 'cursor://x/cb?code=1&iss=https%3A%2F%2Fi.test'],
  ['http://a.test/cb?code=1&iss=mine', 'http://a.test/cb', 'http://a.test/cb?code=1&iss=mine'],
  ['http://b.test/cb?code=1', 'http://a.test/cb', 'http://b.test/cb?code=1'],
  ['http://a.test/cb', 'http://a.test/cb', 'http://a.test/cb'],
  ['/relative?code=1', 'http://a.test/cb', '/relative?code=1'],
])('the redirect %s of a client at %s becomes %s', (location, redirectUri, expected) => {
  expect(withIssuer(location, redirectUri, 'https://i.test')).toBe(expected);
});
