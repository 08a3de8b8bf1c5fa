import { afterAll, describe, expect, test } from 'vitest';
import { REDIRECT, RESOURCE, startGuardmint } from '../support/guardmint.ts';
import { pkcePair } from '../support/pkce.ts';

const server = await startGuardmint({
  settings: { clients: [{ client_id: 'app', redirect_uris: ['https://app.example/cb'] }] },
});
afterAll(() => server[Symbol.asyncDispose]());
const { client_id } = await server.register();
const { challenge } = pkcePair();

const GOOD = {
  response_type: 'code',
  client_id,
  redirect_uri: REDIRECT,
  scope: 'mcp:read mcp:write',
  state: 'a state',
  code_challenge: challenge,
  code_challenge_method: 'S256',
  resource: RESOURCE,
};

type Change = Record<string, string | undefined>;

function query(change: Change = {}, more = ''): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...GOOD, ...change }))
    if (value !== undefined) parameters.set(name, value);
  return `${parameters}${more}`;
}

function ask(text: string, init: RequestInit = {}) {
  return fetch(`${server.issuer}/authorize?${text}`, { redirect: 'manual', headers: { accept: 'text/html' }, ...init });
}

/** Where the request went: on to our pages, to the client with an error, or onto a page of ours. */
async function outcome(text: string) {
  const response = await ask(text);
  const body = await response.text();
  const location = response.headers.get('location');
  if (location === null) {
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    expect(response.headers.get('cache-control')).toBe('no-store');
    return { kind: 'page', status: response.status, body };
  }
  expect(response.status).toBe(302);
  if (location.startsWith(`${server.issuer}/interaction/`)) return { kind: 'proceeds', location };
  const url = new URL(location);
  expect(`${url.origin}${url.pathname}`).toBe(REDIRECT);
  expect(url.searchParams.get('iss')).toBe(server.issuer);
  expect(url.searchParams.get('code')).toBeNull();
  return { kind: 'refused', error: url.searchParams.get('error'), state: url.searchParams.get('state') };
}

const refused = (error: string) => ({ kind: 'refused', error, state: 'a state' });

describe('an authorization request that the client is told about', () => {
  test.each<[string, string, Change, string]>([
    ['has no response type', 'AS-AZ-03', { response_type: undefined }, 'invalid_request'],
    ['has an empty response type', 'AS-AZ-03', { response_type: '' }, 'invalid_request'],
    ['asks for an ID token', 'AS-AZ-05', { response_type: 'id_token' }, 'unsupported_response_type'],
    ['asks for a token', 'AS-AZ-05', { response_type: 'token' }, 'unsupported_response_type'],
    ['asks for code and token', 'AS-AZ-06', { response_type: 'code token' }, 'unsupported_response_type'],
    ['asks for code and ID token', 'AS-AZ-07', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['asks for nothing', 'AS-AZ-08', { response_type: 'none' }, 'unsupported_response_type'],
    ['shouts its response type', 'AS-AZ-09', { response_type: 'CODE' }, 'unsupported_response_type'],
    ['pads its response type', 'AS-AZ-09', { response_type: 'code ' }, 'unsupported_response_type'],
    ['wants the answer in a fragment', 'AS-AZ-09', { response_mode: 'fragment' }, 'invalid_request'],
    ['wants the answer posted', 'AS-AZ-09', { response_mode: 'form_post' }, 'invalid_request'],
    ['has characters no scope has', 'AS-AZ-29', { scope: 'mcp:read "quoted"' }, 'invalid_scope'],
    ['has a scope with a tab', 'AS-AZ-29', { scope: 'mcp:read\tmcp:write' }, 'invalid_scope'],
    ['has a scope beyond ASCII', 'AS-AZ-29', { scope: 'mcp:réad' }, 'invalid_scope'],
    ['asks only for scopes nobody knows', 'AS-AZ-29', { scope: 'openid email' }, 'invalid_scope'],
    ['brings a request object', 'AS-AZ-45', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['names a request object', 'AS-AZ-45', { request_uri: 'https://a.example/r' }, 'request_uri_not_supported'],
    ['mixes prompt=none with others', 'AS-AZ-45', { prompt: 'none login' }, 'invalid_request'],
    ['has a max_age that is no number', 'AS-AZ-45', { max_age: '-1' }, 'invalid_request'],
    ['has no challenge', 'AS-PK-02', { code_challenge: undefined }, 'invalid_request'],
    ['has an empty challenge', 'AS-PK-02', { code_challenge: '' }, 'invalid_request'],
    ['wants PKCE plain', 'AS-PK-03', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['does not say its method', 'AS-PK-04', { code_challenge_method: undefined }, 'invalid_request'],
    ['writes its method in lower case', 'AS-PK-06', { code_challenge_method: 's256' }, 'invalid_request'],
    ['wants SHA-512', 'AS-PK-06', { code_challenge_method: 'S512' }, 'invalid_request'],
    ['has a challenge of 44 characters', 'AS-PK-08', { code_challenge: `${challenge}A` }, 'invalid_request'],
    ['has a challenge of 42 characters', 'AS-PK-08', { code_challenge: challenge.slice(1) }, 'invalid_request'],
    ['has a padded challenge', 'AS-PK-10', { code_challenge: `${challenge}=` }, 'invalid_request'],
    ['has a challenge with a newline', 'AS-PK-10', { code_challenge: `${challenge}\n` }, 'invalid_request'],
    ['names a resource with a fragment', 'AS-RS-03', { resource: `${RESOURCE}#x` }, 'invalid_target'],
    [
      'names a resource that only begins like ours',
      'AS-RS-07',
      { resource: `${RESOURCE}.evil.example` },
      'invalid_target',
    ],
    ['names a path below our resource', 'AS-RS-07', { resource: `${RESOURCE}/more` }, 'invalid_target'],
    ['names our resource with a slash at its path', 'AS-RS-07', { resource: `${RESOURCE}/` }, 'invalid_target'],
    ['names a script as resource', 'AS-RS-10', { resource: 'javascript:alert(1)' }, 'invalid_target'],
    ['names a relative resource', 'AS-RS-10', { resource: '/mcp' }, 'invalid_target'],
    [
      'names a resource with user information',
      'AS-RS-10',
      { resource: 'https://a@mcp.example.test/mcp' },
      'invalid_target',
    ],
  ])('%s [%s]', async (_, _id, change, error) => {
    expect(await outcome(query(change))).toEqual(refused(error));
  });

  test.each(['response_type', 'scope', 'code_challenge', 'code_challenge_method', 'request_uri', 'prompt', 'max_age'])(
    'repeats %s [AS-AZ-17, AS-AZ-19, AS-AZ-22, AS-AZ-24]',
    async (name) => {
      const value = (GOOD as Record<string, string>)[name] ?? 'x';
      const first = name in GOOD ? '' : `&${name}=${value}`;
      expect(await outcome(query({}, `${first}&${name}=${encodeURIComponent(value)}`))).toMatchObject({
        kind: 'refused',
      });
    },
  );

  test('repeats its state: it is told without one [AS-AZ-20]', async () => {
    expect(await outcome(query({}, '&state=other'))).toEqual({
      kind: 'refused',
      error: 'invalid_request',
      state: null,
    });
  });

  test('names two different resources [AS-RS-13]', async () => {
    expect(await outcome(query({}, '&resource=https%3A%2F%2Fother.example.test%2Fmcp'))).toEqual(
      refused('invalid_target'),
    );
  });

  test('has a state longer than we carry', async () => {
    expect(await outcome(query({ state: 's'.repeat(2_049) }))).toMatchObject({
      kind: 'refused',
      error: 'invalid_request',
    });
  });

  test('carries the issuer in its refusal [AS-AZ-56, AS-26]', async () => {
    expect(await outcome(query({ code_challenge: undefined }))).toEqual(refused('invalid_request'));
  });
});

describe('an authorization request that goes on to sign-in', () => {
  test.each<[string, string, Change, string]>([
    ['has a parameter nobody knows', 'AS-AZ-26', { foo: 'bar' }, ''],
    ['turns its scopes around', 'AS-AZ-27', { scope: 'mcp:write mcp:read' }, ''],
    ['has an empty scope', 'AS-AZ-30', { scope: '' }, ''],
    ['has spaces around its scopes', 'AS-AZ-30', { scope: '  mcp:read   mcp:write ' }, ''],
    ['asks for known and unknown scopes', 'AS-AZ-30', { scope: 'mcp:read openid' }, ''],
    ['has no state', 'AS-AZ-36', { state: undefined }, ''],
    ['has a state beyond ASCII', 'AS-AZ-36', { state: 'é\u{1f511}' }, ''],
    ['has an overlong UTF-8 sequence', 'AS-AZ-38', {}, '&nonce=%C0%AF'],
    ['has a lone percent sign', 'AS-AZ-38', {}, '&nonce=%'],
    ['names a prototype', 'AS-AZ-39', {}, '&__proto__=x'],
    ['names a prototype in brackets', 'AS-AZ-41', {}, '&constructor[prototype][admin]=1'],
    ['names a method of objects', 'AS-AZ-44', {}, '&hasOwnProperty=1'],
    ['brings a registration', 'AS-AZ-47', { registration: '{}' }, ''],
    ['hints at a person with markup', 'AS-AZ-53', { login_hint: '<script>alert(1)</script>' }, ''],
    ['brings an unsigned ID token hint', 'AS-AZ-55', { id_token_hint: 'eyJhbGciOiJub25lIn0.e30.' }, ''],
    [
      'asks for consent, as clients do for offline access',
      'AS-AZ-55',
      { prompt: 'consent', scope: 'offline_access' },
      '',
    ],
    ['names no resource and means the default one', 'AS-RS-12', { resource: undefined }, ''],
    ['names its resource with an upper-case host', 'AS-RS-05', { resource: 'https://MCP.Example.TEST/mcp' }, ''],
    ['names its resource with the default port', 'AS-RS-08', { resource: 'https://mcp.example.test:443/mcp' }, ''],
    ['names its resource twice', 'AS-RS-13', {}, `&resource=${encodeURIComponent(RESOURCE)}`],
    ['uses another loopback port', 'AS-RU-72', { redirect_uri: 'http://127.0.0.1:50999/callback' }, ''],
  ])('%s [%s]', async (_, _id, change, more) => {
    expect((await outcome(query(change, more))).kind).toBe('proceeds');
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test('arrives by POST, and is answered with 303 [AS-AZ-02, AS-30]', async () => {
    const response = await fetch(`${server.issuer}/authorize`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(query()),
    });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toMatch(/\/interaction\/continue\?request=/);
  });

  test('names no redirect URI where only one is registered [AS-RU-105]', async () => {
    for (const redirect_uri of [undefined, '']) {
      expect((await outcome(query({ redirect_uri }))).kind).toBe('proceeds');
    }
  });
});

describe('an authorization request that is shown to the person', () => {
  test.each<[string, string, Change, string]>([
    ['has no client_id', 'AS-RU-110', { client_id: undefined }, ''],
    [
      'comes from a client nobody knows',
      'AS-RU-110',
      { client_id: 'nobody', redirect_uri: 'https://evil.example/' },
      '',
    ],
    ['comes from a client_id with a line break', 'AS-AZ-16', { client_id: 'x\r\nforged log line' }, ''],
    ['comes from a client_id one character off', 'AS-RG-88', { client_id: `${client_id.slice(0, -1)}~` }, ''],
    ['names a redirect URI nobody registered', 'AS-RU-109', { redirect_uri: 'https://app.example/cb' }, ''],
    ['repeats its redirect URI', 'AS-RU-106', {}, `&redirect_uri=${encodeURIComponent(REDIRECT)}`],
    ['adds an evil redirect URI', 'AS-RU-107', {}, '&redirect_uri=https%3A%2F%2Fevil.example%2F'],
    ['repeats its client_id', 'AS-AZ-16', {}, '&client_id=app'],
  ])('%s [%s]', async (_, _id, change, more) => {
    const page = await outcome(query(change, more));
    expect(page.kind).toBe('page');
    expect(page.body).not.toContain('evil.example');
    expect(server.lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  });

  test('is JSON for a program, with the same constant words', async () => {
    const response = await ask(query({ client_id: 'nobody' }), { headers: { accept: 'application/json' } });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: 'invalid_request',
      error_description: 'The client is not known here.',
    });
  });
});

describe('the authorization endpoint', () => {
  test('never speaks to scripts of other origins [AS-AZ-58, AS-AZ-59]', async () => {
    const get = await ask(query(), { headers: { origin: 'https://evil.example' } });
    const preflight = await ask('', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } });
    for (const response of [get, preflight]) expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect(preflight.status).toBe(405);
    expect(preflight.headers.get('allow')).toBe('GET, HEAD, POST');
  });

  test('leads to a page that cannot be framed and tells no referrer [AS-AZ-62, AS-AZ-63, AS-AZ-64, AS-31]', async () => {
    const page = await server.person().open(`${server.issuer}/authorize?${query()}`);
    expect(page.status).toBe(200);
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  });

  test.each(['PUT', 'PATCH', 'DELETE'])('answers %s with 405', async (method) => {
    const response = await ask('', { method, headers: { accept: 'application/json' } });
    expect(response.status).toBe(405);
    expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });

  test('keeps a configured client to its own scopes', async () => {
    await using limited = await startGuardmint({
      settings: { clients: [{ client_id: 'narrow', redirect_uris: [REDIRECT], scope: 'mcp:read' }] },
    });
    const { redirect } = await limited
      .authorize({ client: { client_id: 'narrow' }, parameters: { scope: 'mcp:write' } })
      .then(
        (authorized) => authorized,
        () => ({ redirect: undefined }),
      );
    expect(redirect?.searchParams.get('error')).toBe('invalid_scope');
  });
});
