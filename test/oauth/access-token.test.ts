import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AccessTokenClaims,
  findAccessTokenFault,
  isAccessTokenClaims,
  isAccessTokenExpired,
  isAccessTokenType,
  isIdentifier,
} from '../../src/oauth/index.ts';

const CLAIMS = {
  iss: 'https://as.example',
  sub: 'alice',
  aud: 'https://mcp.example/mcp',
  client_id: 'client',
  iat: 1_000,
  exp: 1_600,
  jti: 'AAECAwQFBgcICQoLDA0ODw',
} satisfies AccessTokenClaims;

describe('the claims of an access token (RFC 9068 §2.2)', () => {
  test.each([
    ['those required and no more', {}],
    ['an audience in a list', { aud: ['https://mcp.example/mcp'] }],
    ['several audiences', { aud: ['https://a.example', 'https://b.example'] }],
    [
      'everything known',
      { nbf: 1_000, scope: 'a b', gid: 'x', auth_time: 900, acr: '1', amr: ['pwd'], cnf: { jkt: 'x' } },
    ],
    ['an empty scope', { scope: '' }],
    ['claims nobody knows', { groups: ['a'], 'https://a.example/x': null }],
    ['times with fractions', { iat: 1_000.5, exp: 1_600.25 }],
  ])('may be %s', (_, more) => {
    expect(isAccessTokenClaims({ ...CLAIMS, ...more })).toBe(true);
  });

  test.each(['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'jti'])('may not lack %s', (name) => {
    const { [name]: _, ...rest } = CLAIMS as Record<string, unknown>;
    expect(isAccessTokenClaims(rest)).toBe(false);
    expect(isAccessTokenClaims({ ...CLAIMS, [name]: null })).toBe(false);
    expect(isAccessTokenClaims({ ...CLAIMS, [name]: '' })).toBe(false);
    expect(isAccessTokenClaims({ ...CLAIMS, [name]: {} })).toBe(false);
    expect(isAccessTokenClaims({ ...CLAIMS, [name]: true })).toBe(false);
  });

  test.each([
    ['a time in text', { exp: '1600' }],
    ['an infinite end', { exp: Number.POSITIVE_INFINITY }],
    ['an end that is no number', { exp: Number.NaN }],
    ['a subject that is a number', { sub: 7 }],
    ['an empty list of audiences', { aud: [] }],
    ['an audience that is a number', { aud: ['https://mcp.example', 7] }],
    ['an empty audience', { aud: [''] }],
    ['an audience in a list in a list', { aud: [['https://mcp.example/mcp']] }],
    ['a scope in a list', { scope: ['a'] }],
    ['no scope at all, said with null', { scope: null }],
    ['a jti that is a number', { jti: 7 }],
    ['a jti of 257 characters', { jti: 'a'.repeat(257) }],
    ['a subject of 1,025 characters', { sub: 'a'.repeat(1_025) }],
    ['a grant id that is a number', { gid: 7 }],
    ['nbf in text', { nbf: '1000' }],
    ['nbf said with null', { nbf: null }],
    ['auth_time in text', { auth_time: '900' }],
    ['acr that is a number', { acr: 1 }],
    ['amr in text', { amr: 'pwd' }],
    ['amr of numbers', { amr: [1] }],
    ['cnf in text', { cnf: 'x' }],
    ['cnf said with null', { cnf: null }],
    ['cnf in a list', { cnf: [] }],
  ])('may not have %s', (_, more) => {
    expect(isAccessTokenClaims({ ...CLAIMS, ...more })).toBe(false);
  });
});

describe('an access token is', () => {
  const fault = (more: Partial<AccessTokenClaims>, now: number, clockTolerance = 0) =>
    findAccessTokenFault({ ...CLAIMS, ...more }, { issuer: CLAIMS.iss, resource: CLAIMS.aud, clockTolerance }, now);

  test.each([
    ['accepted', {}, 1_100, undefined],
    ['accepted in its first second', {}, 1_000, undefined],
    ['accepted in its last second', {}, 1_599, undefined],
    ['accepted for another spelling of the host', { aud: 'HTTPS://MCP.example/mcp' }, 1_100, undefined],
    ['accepted when one of several audiences is ours', { aud: ['https://a.example', CLAIMS.aud] }, 1_100, undefined],
    ['refused at its end', {}, 1_600, 'expired'],
    ['refused before it was issued', {}, 999, 'issued_in_future'],
    ['refused before nbf', { nbf: 1_200 }, 1_199, 'not_yet_valid'],
    ['accepted from nbf on', { nbf: 1_200 }, 1_200, undefined],
    ['refused from another issuer', { iss: 'https://evil.example' }, 1_100, 'issuer'],
    ['refused from an issuer with a slash more', { iss: 'https://as.example/' }, 1_100, 'issuer'],
    ['refused from an issuer in other case', { iss: 'https://AS.example' }, 1_100, 'issuer'],
    ['refused for another resource', { aud: 'https://a.example/mcp' }, 1_100, 'audience'],
    ['refused for a resource with a slash more', { aud: 'https://mcp.example/mcp/' }, 1_100, 'audience'],
    ['refused for the origin of ours', { aud: 'https://mcp.example' }, 1_100, 'audience'],
    ['refused for a resource ours begins with', { aud: 'https://mcp.example/m' }, 1_100, 'audience'],
    ['refused for a client in place of a resource', { aud: 'client' }, 1_100, 'audience'],
    ['refused as Bearer when it is bound to a key', { cnf: { jkt: 'x' } }, 1_100, 'sender_constrained'],
    ['refused as Bearer even when it is bound to nothing', { cnf: {} }, 1_100, 'sender_constrained'],
  ] as const)('%s', (_, more, now, expected) => {
    expect(fault(more, now)).toBe(expected);
  });

  test.each([
    [{}, 1_605, undefined],
    [{}, 1_606, 'expired'],
    [{}, 995, undefined],
    [{}, 994, 'issued_in_future'],
    [{ nbf: 1_200 }, 1_195, undefined],
    [{ nbf: 1_200 }, 1_194, 'not_yet_valid'],
  ] as const)('five seconds of tolerance: %j at %d is %s', (more, now, expected) => {
    expect(fault(more, now, 5)).toBe(expected);
  });

  test('at the issuer itself good for any resource, and checked for everything else', () => {
    const expected = { issuer: CLAIMS.iss, resource: undefined, clockTolerance: 0 };
    expect(findAccessTokenFault({ ...CLAIMS, aud: 'anything' }, expected, 1_100)).toBeUndefined();
    expect(findAccessTokenFault(CLAIMS, expected, 1_600)).toBe('expired');
  });

  test('never accepted outside its time, whatever the tolerance', () => {
    const time = fc.integer({ min: 0, max: 3_000 });
    fc.assert(
      fc.property(time, time, time, fc.nat({ max: 60 }), (iat, exp, now, clockTolerance) => {
        if (fault({ iat, exp }, now, clockTolerance) !== undefined) return;
        expect(now).toBeGreaterThanOrEqual(iat - clockTolerance);
        expect(now).toBeLessThanOrEqual(exp + clockTolerance);
      }),
    );
  });

  test('expired at its end exactly, or later by no more than the tolerance', () => {
    expect([isAccessTokenExpired(10, 0, 9), isAccessTokenExpired(10, 0, 10)]).toEqual([false, true]);
    expect([isAccessTokenExpired(10, 5, 15), isAccessTokenExpired(10, 5, 16)]).toEqual([false, true]);
  });
});

test.each([
  ['at+jwt', true],
  ['AT+JWT', true],
  ['application/at+jwt', true],
  ['Application/At+Jwt', true],
  ['JWT', false],
  ['jwt', false],
  ['at+jwt ', false],
  ['at+jwt\n', false],
  ['at+jwts', false],
  ['application/application/at+jwt', false],
  ['text/at+jwt', false],
  ['client+jwt', false],
  ['', false],
  [undefined, false],
  [null, false],
  [['at+jwt'], false],
])('the typ %j names an access token: %s', (typ, isNamed) => {
  expect(isAccessTokenType(typ)).toBe(isNamed);
});

test.each([
  ['AAECAwQFBgcICQoLDA0ODw', true],
  ['A'.repeat(256), true],
  ['A'.repeat(257), false],
  ['AAECAwQFBgcICQoLDA0ODx', false],
  ['AA==', false],
  ['a b', false],
  ['AA\n', false],
  ['', false],
])('%j can be an identifier: %s', (text, isOne) => {
  expect(isIdentifier(text)).toBe(isOne);
});
