import { afterAll, describe, expect, test } from 'vitest';
import { createDpopKey } from '../support/dpop.ts';
import { REDIRECT, RESOURCE, type RunningGuardmint, startGuardmint } from '../support/guardmint.ts';
import { pkcePair } from '../support/pkce.ts';

type Form = Record<string, string>;

const key = await createDpopKey();
const server = await startGuardmint();
afterAll(() => server[Symbol.asyncDispose]());
const client = await server.register();
const { verifier, challenge } = pkcePair();

function requestOf(changes: Form = {}): Form {
  return {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'a state & more',
    resource: RESOURCE,
    scope: 'mcp:read',
    ...changes,
  };
}

function authorizeUrl(
  requestUri: unknown,
  on: RunningGuardmint = server,
  clientId = client.client_id,
  more: Form = {},
) {
  const query = new URLSearchParams({ client_id: clientId, request_uri: String(requestUri), ...more });
  return `${on.issuer}/authorize?${query}`;
}

describe('a pushed request', () => {
  test('is sealed into its name, and goes the way of any other', async () => {
    const pushed = await server.post('/par', requestOf());
    expect([pushed.status, pushed.body['expires_in']]).toEqual([201, 90]);
    expect(pushed.headers.get('cache-control')).toBe('no-store');
    expect(pushed.headers.get('access-control-allow-origin')).toBe('*');
    const requestUri = String(pushed.body['request_uri']);
    expect(requestUri).toMatch(/^urn:ietf:params:oauth:request_uri:[\w.-]+$/);
    expect(requestUri).not.toContain(client.client_id.split('.')[1]);

    const redirect = await server.person().authorize(authorizeUrl(requestUri));
    expect(redirect.searchParams.get('state')).toBe('a state & more');
    const answer = await server.post('/token', {
      grant_type: 'authorization_code',
      client_id: client.client_id,
      code: redirect.searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: REDIRECT,
    });
    expect([answer.status, answer.body['scope']]).toEqual([200, 'mcp:read']);
  });

  test('counts alone: what the URL says beside it does not (RFC 9126 §4)', async () => {
    const { body } = await server.post('/par', requestOf());
    const more = { scope: 'admin', state: 'another', redirect_uri: 'https://evil.example/cb', code_challenge: 'x' };
    const redirect = await server.person().authorize(authorizeUrl(body['request_uri'], server, client.client_id, more));
    expect(redirect.origin + redirect.pathname).toBe(REDIRECT);
    expect(redirect.searchParams.get('state')).toBe('a state & more');
  });

  test('may be opened again, and is decided once, also side by side', async () => {
    const { body } = await server.post('/par', requestOf());
    const url = authorizeUrl(body['request_uri']);
    const results = await Promise.allSettled([
      server.person().authorize(url),
      server.person().authorize(url),
      server.person().authorize(url),
    ]);
    const codes = results.filter((one) => one.status === 'fulfilled' && one.value.searchParams.has('code'));
    expect(codes).toHaveLength(1);
    const reasons = server.events.filter(({ event }) => event === 'request.refused').map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === 'interaction_spent')).toHaveLength(2);
    await expect(server.person().authorize(url)).rejects.toThrow();
  });

  test('that was denied is not granted later', async () => {
    const { body } = await server.post('/par', requestOf());
    const url = authorizeUrl(body['request_uri']);
    const denied = await server.person({ decision: 'deny' }).authorize(url);
    expect(denied.searchParams.get('error')).toBe('access_denied');
    await expect(server.person().authorize(url)).rejects.toThrow();
  });

  test('ends after 90 seconds', async () => {
    await using own = await startGuardmint();
    const { client_id } = await own.register();
    const { body } = await own.post('/par', requestOf({ client_id }));
    own.advance(90);
    const answer = await fetch(authorizeUrl(body['request_uri'], own, client_id), { redirect: 'manual' });
    expect(answer.status).toBe(400);
    expect(own.events.at(-1)?.['reason']).toBe('request_uri_invalid');
  });

  test('opens at every instance that shares the keys, and at no other', async () => {
    await using stranger = await startGuardmint();
    const { body } = await server.post('/par', requestOf());
    const answer = await fetch(authorizeUrl(body['request_uri'], stranger), { redirect: 'manual' });
    expect(answer.status).toBe(400);
  });
});

describe('pushing is refused', () => {
  const rows: readonly (readonly [string, Form, number, string])[] = [
    ['by a client nobody knows', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['with a secret the client does not have', { client_secret: 'x' }, 401, 'invalid_client'],
    ['for a redirect URI that is not registered', { redirect_uri: 'https://evil.example/cb' }, 400, 'invalid_request'],
    ['without a challenge', { code_challenge: '' }, 400, 'invalid_request'],
    ['for a plain challenge', { code_challenge_method: 'plain' }, 400, 'invalid_request'],
    ['for another response type', { response_type: 'token' }, 400, 'unsupported_response_type'],
    ['for a scope nobody has', { scope: 'openid' }, 400, 'invalid_scope'],
    ['for a resource nobody knows', { resource: 'https://unknown.example/' }, 400, 'invalid_target'],
    ['with a request object by value', { request: 'e30.e30.' }, 400, 'request_not_supported'],
    [
      'with a request_uri (RFC 9126 §2.1)',
      { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
      400,
      'invalid_request',
    ],
    ['with a request_uri elsewhere', { request_uri: 'https://client.example/r' }, 400, 'invalid_request'],
    ['with a dpop_jkt that is none', { dpop_jkt: 'x' }, 400, 'invalid_request'],
    ['when it is too long to be carried in a URL', { login_hint: 'x'.repeat(3_500) }, 413, 'invalid_request'],
  ];

  test.each(rows)('%s', async (_name, changes, status, error) => {
    const answer = await server.post('/par', requestOf(changes));
    expect([answer.status, answer.body['error']]).toEqual([status, error]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('location')).toBeNull();
  });

  test('with a repeated parameter, as JSON, by GET, or by a client without the grant', async () => {
    const form = new URLSearchParams(requestOf());
    form.append('scope', 'mcp:read');
    expect((await server.post('/par', form.toString())).body['error']).toBe('invalid_request');
    const json = { 'content-type': 'application/json' };
    expect((await server.post('/par', JSON.stringify(requestOf()), json)).status).toBe(400);
    expect((await fetch(`${server.issuer}/par`)).status).toBe(405);
  });

  test('for a client that is a metadata document: nobody has signed in, so none is fetched', async () => {
    const answer = await server.post('/par', requestOf({ client_id: 'http://localhost:1/client.json' }));
    expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client']);
  });
});

describe('clients and keys', () => {
  test('a confidential client proves itself, and its secret is not in what is kept', async () => {
    const own = await server.register({ token_endpoint_auth_method: 'client_secret_basic' });
    const { client_id: _omitted, ...request } = requestOf();
    const bare = await server.post('/par', requestOf({ client_id: own.client_id }));
    expect([bare.status, bare.body['error']]).toEqual([401, 'invalid_client']);
    const authorization = `Basic ${Buffer.from(`${own.client_id}:${own.client_secret}`).toString('base64')}`;
    const pushed = await server.post('/par', request, { authorization });
    expect(pushed.status).toBe(201);
    const redirect = await server.person().authorize(authorizeUrl(pushed.body['request_uri'], server, own.client_id));
    expect(redirect.searchParams.get('code')).toMatch(/./);
  });

  test('a proof of possession binds the code (RFC 9449 §10.1)', async () => {
    const dpop = await key.prove({ url: `${server.issuer}/par`, now: server.now() });
    const pushed = await server.post('/par', requestOf(), { dpop });
    const redirect = await server.person().authorize(authorizeUrl(pushed.body['request_uri']));
    const exchange = {
      grant_type: 'authorization_code',
      client_id: client.client_id,
      code: redirect.searchParams.get('code') ?? '',
      code_verifier: verifier,
    };
    expect((await server.post('/token', exchange)).body['error']).toBe('invalid_grant');
    const proof = await key.prove({ url: `${server.issuer}/token`, now: server.now() });
    expect((await server.post('/token', exchange, { dpop: proof })).body['token_type']).toBe('DPoP');
  });

  test('a proof of another key than dpop_jkt, or for /token, is refused', async () => {
    const at = (path: string) => key.prove({ url: server.issuer + path, now: server.now() });
    const other = await createDpopKey();
    const mismatched = await server.post('/par', requestOf({ dpop_jkt: other.jkt }), { dpop: await at('/par') });
    expect(mismatched.body['error']).toBe('invalid_dpop_proof');
    expect((await server.post('/par', requestOf(), { dpop: await at('/token') })).body['error']).toBe(
      'invalid_dpop_proof',
    );
    const dpop = await at('/par');
    expect((await server.post('/par', requestOf({ dpop_jkt: key.jkt }), { dpop })).status).toBe(201);
    // Coming again it binds another request to the same key.
    expect((await server.post('/par', requestOf(), { dpop })).status).toBe(201);
  });

  test('the metadata names the endpoint, and whether every request must be pushed', async () => {
    const metadata = async (on: RunningGuardmint) =>
      (await fetch(`${on.issuer}/.well-known/oauth-authorization-server`)).json() as Promise<Record<string, unknown>>;
    expect(await metadata(server)).toMatchObject({
      pushed_authorization_request_endpoint: `${server.issuer}/par`,
      require_pushed_authorization_requests: false,
    });
    await using strict = await startGuardmint({ settings: { pushedRequests: { required: true } } });
    expect(await metadata(strict)).toMatchObject({ require_pushed_authorization_requests: true });
    const { client_id } = await strict.register();
    const { body } = await strict.post('/par', requestOf({ client_id }));
    const redirect = await strict.person().authorize(authorizeUrl(body['request_uri'], strict, client_id));
    expect(redirect.searchParams.get('code')).toMatch(/./);
  });
});
