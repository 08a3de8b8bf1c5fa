import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hmacSha256, isEqualSecret, sha256 } from '../../src/platform/index.ts';

test.each([
  [
    'the challenge of RFC 7636 appendix B',
    'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  ],
  ['nothing', '', '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'],
  ['text as UTF-8', 'é', 'SplVfkAzw1Od4utlRyAXytX5VX96BiWgnxw_biumnEw'],
])('SHA-256 in base64url: %s', (_, text, digest) => {
  expect(sha256(text)).toBe(digest);
});

describe('HMAC-SHA-256', () => {
  // RFC 4231 §4.3
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';

  test('is that of RFC 4231, for bytes and for key objects', () => {
    const key = Buffer.from('Jefe');
    expect(hmacSha256(key, 'what do ya want for nothing?').toString('hex')).toBe(expected);
    expect(hmacSha256(createSecretKey(key), Buffer.from('what do ya want for nothing?')).toString('hex')).toBe(
      expected,
    );
  });
});

describe('two secrets', () => {
  test('are equal when they are the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (one, other) => {
        expect(isEqualSecret(one, one)).toBe(true);
        expect(isEqualSecret(one, other)).toBe(one === other);
      }),
    );
  });

  test.each([
    ['abc', 'abd'],
    ['abc', 'ab'],
    ['', 'a'],
    ['e\u0301', '\u00e9'],
    ['a', 'A'],
  ])('are not equal: %j and %j', (one, other) => {
    expect(isEqualSecret(one, other)).toBe(false);
  });
});
