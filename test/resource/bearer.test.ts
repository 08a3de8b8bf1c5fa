import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  authenticate,
  authorizationHeaders,
  BearerError,
  challenge,
  type RequestHeaders,
  refusalAnswer,
  UnavailableError,
} from '../../src/resource/index.ts';
import { testSigner } from '../support/keys.ts';
import { forge, verifierOf } from './issuer.ts';

const verifier = verifierOf([testSigner()], {
  implies: { admin: ['mcp:read', 'mcp:write'], 'mcp:write': ['mcp:read'] },
});
const token = forge();

async function refusalOf(headers: RequestHeaders, requiredScopes: string[] = []): Promise<unknown> {
  return authenticate(headers, { verifier, requiredScopes }).then(
    () => 'let in',
    (error: BearerError) => error.code ?? 'no credentials',
  );
}

describe('the credentials of a request', () => {
  test.each([
    ['Bearer', `Bearer ${token}`],
    ['bearer', `bearer ${token}`],
    ['bEaReR and several spaces', `bEaReR   ${token}`],
  ])('are read with the scheme %s [RS-18]', async (_title, authorization) => {
    const user = await authenticate({ authorization }, { verifier });

    expect(user).toMatchObject({ clientId: 'client-1', scopes: ['mcp:read', 'mcp:write'], accessToken: { token } });
  });

  test('are read from web headers, from one value and from a list', async () => {
    const authorization = `Bearer ${token}`;
    const forms: RequestHeaders[] = [
      new Headers({ authorization }),
      { authorization },
      { authorization: [authorization] },
    ];

    expect(await Promise.all(forms.map((headers) => refusalOf(headers)))).toEqual(['let in', 'let in', 'let in']);
  });

  test.each<[string, RequestHeaders, string]>([
    ['nothing', {}, 'no credentials'],
    ['an empty header', { authorization: '' }, 'no credentials'],
    ['web headers without any', new Headers(), 'no credentials'],
    ['one word', { authorization: 'foo' }, 'no credentials'],
    ['a token without scheme', { authorization: token }, 'no credentials'],
    ['Basic', { authorization: 'Basic Zm9vOmJhcg==' }, 'no credentials'],
    ['DPoP', { authorization: `DPoP ${token}` }, 'no credentials'],
    ['a scheme that starts like Bearer', { authorization: `Bearers ${token}` }, 'no credentials'],
    ['a tab behind the scheme', { authorization: `Bearer\t${token}` }, 'no credentials'],
    ['the scheme alone', { authorization: 'Bearer' }, 'invalid_token'],
    ['some word as token', { authorization: 'Bearer foo' }, 'invalid_token'],
    ['two tokens', { authorization: `Bearer ${token} ${token}` }, 'invalid_token'],
    ['two tokens in one header', { authorization: `Bearer ${token}, Bearer x` }, 'invalid_request'],
    ['a token and nothing in one header', { authorization: `Bearer ${token},` }, 'invalid_request'],
    ['nothing and a token in one header', { authorization: `, bearer ${token}` }, 'invalid_request'],
    ['one credential of several parts', { authorization: 'Digest username="bearer", realm="dpop"' }, 'no credentials'],
    ['two headers', { authorization: [`Bearer ${token}`, 'Bearer x'] }, 'invalid_request'],
    ['two headers alike', { authorization: [`Bearer ${token}`, `Bearer ${token}`] }, 'invalid_request'],
    [
      'two headers in one web header',
      new Headers([
        ['authorization', `Bearer ${token}`],
        ['authorization', 'Bearer x'],
      ]),
      'invalid_request',
    ],
  ])('%s is refused as %s', async (_title, headers, expected) => {
    expect(await refusalOf(headers)).toBe(expected);
  });

  test('all Authorization lines of a Node message are seen', () => {
    const raw = ['Host', 'x', 'authorization', 'a', 'X-Authorization', 'b', 'AUTHORIZATION', 'c', 'Accept', '*/*'];

    expect(authorizationHeaders([...raw, 'dPoP', 'p'])).toEqual({ authorization: ['a', 'c'], dpop: ['p'] });
  });
});

describe('scope', () => {
  test.each([
    [['mcp:read'], 'let in'],
    [['mcp:read', 'mcp:write'], 'let in'],
    [['mcp:admin'], 'insufficient_scope'],
    [['mcp:read', 'mcp:admin'], 'insufficient_scope'],
  ])('%j asked of a token with mcp:read and mcp:write: %s', async (requiredScopes, expected) => {
    expect(await refusalOf({ authorization: `Bearer ${token}` }, requiredScopes)).toBe(expected);
  });

  test('a broader scope counts for what it contains, over any number of steps [RS-34]', async () => {
    const admin = forge({ claims: { scope: 'admin' } });

    expect(await refusalOf({ authorization: `Bearer ${admin}` }, ['mcp:read', 'mcp:write'])).toBe('let in');
  });
});

describe('challenges', () => {
  const more = {
    requiredScopes: ['mcp:read'],
    resourceMetadataUrl: 'https://mcp.example.test/.well-known/oauth-protected-resource/mcp',
  };

  test('without credentials no error is named', () => {
    expect(challenge(new BearerError(undefined), more)).toBe(
      'Bearer scope="mcp:read", resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp"',
    );
    expect(challenge(new BearerError(undefined))).toBe('Bearer');
  });

  test('a bad token is named, with the scope that would be needed [RS-05]', () => {
    expect(challenge(new BearerError('invalid_token'), { requiredScopes: ['a', 'b'] })).toBe(
      'Bearer error="invalid_token", error_description="The access token is not valid.", scope="a b"',
    );
  });

  test('too little scope names what the operation needs, whatever else is said', () => {
    expect(challenge(new BearerError('insufficient_scope', { requiredScopes: ['w'] }), { requiredScopes: ['r'] })).toBe(
      'Bearer error="insufficient_scope", error_description="The access token does not allow this.", scope="w"',
    );
  });

  test('nothing can break out of its quotes or its line', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab"\\\r\n\t é\u0000,=') });

    fc.assert(
      fc.property(text, (url) => {
        const value = challenge(new BearerError(undefined), { resourceMetadataUrl: url });
        expect(value).toMatch(/^Bearer resource_metadata="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/);
      }),
    );
  });
});

describe('answers', () => {
  test.each([
    [new BearerError(undefined), 401, { error_description: 'Authentication is required.' }],
    [
      new BearerError('invalid_request'),
      400,
      { error: 'invalid_request', error_description: 'The request carries more than one credential.' },
    ],
    [
      new BearerError('invalid_token'),
      401,
      { error: 'invalid_token', error_description: 'The access token is not valid.' },
    ],
    [
      new BearerError('insufficient_scope', { requiredScopes: ['a'] }),
      403,
      { error: 'insufficient_scope', error_description: 'The access token does not allow this.' },
    ],
  ])('%s has its status and nothing but the refusal in its body [RS-16, RS-21, RS-50]', (error, status, body) => {
    expect(refusalAnswer(error)).toEqual({
      status,
      body,
      headers: { 'WWW-Authenticate': challenge(error), 'Cache-Control': 'no-store' },
    });
  });

  test('what cannot be known is 503 with a time to come back, and no challenge', () => {
    expect(refusalAnswer(new UnavailableError('keys', { retryAfter: 7 }))).toEqual({
      status: 503,
      headers: { 'Retry-After': '7', 'Cache-Control': 'no-store' },
      body: { error: 'temporarily_unavailable', error_description: expect.any(String) },
    });
  });

  test('other errors are not ours to answer', () => {
    expect(refusalAnswer(new Error('x'))).toBeUndefined();
  });
});
