import { calculateJwkThumbprint } from 'jose';
import { describe, expect, test } from 'vitest';
import { findDpopProofFault, isThumbprint, readDpopProof, thumbprintInput } from '../../src/oauth/index.ts';
import { sha256 } from '../../src/platform/index.ts';
import { createDpopKey } from '../support/dpop.ts';

const NOW = 1_700_000_000;
const URL_OF_TOKEN = 'https://as.example/tenant/token';

async function read(claims: Record<string, unknown> = {}) {
  const key = await createDpopKey();
  const proof = readDpopProof(await key.prove({ url: URL_OF_TOKEN, now: NOW }, { claims }));
  if (typeof proof === 'string') throw new Error(proof);
  return { key, proof };
}

const expected = { method: 'POST', url: URL_OF_TOKEN };

describe('a proof', () => {
  test.each(['ES256', 'ES384', 'EdDSA', 'RS256'])(
    'of a key for %s has the thumbprint jose finds (RFC 7638)',
    async (alg) => {
      const key = await createDpopKey(alg);
      const proof = readDpopProof(await key.prove({ url: URL_OF_TOKEN, now: NOW }));
      if (typeof proof === 'string') throw new Error(proof);
      const thumbprint = sha256(thumbprintInput(proof.jwk));
      expect(thumbprint).toBe(await calculateJwkThumbprint(key.publicJwk));
      expect(isThumbprint(thumbprint)).toBe(true);
    },
  );

  test.each([
    'HTTPS://AS.example/tenant/token',
    'https://as.example:443/tenant/token',
    'https://as.example/tenant/./token',
    'https://as.example/x/../tenant/token',
    'https://as.example/tenant/%74oken',
    'https://as.example/tenant/token?query=1',
    'https://as.example/tenant/token#fragment',
  ])('for %s is for that URL (RFC 9449 §4.3, RFC 3986 §6.2)', async (htu) => {
    expect(findDpopProofFault((await read({ htu })).proof, expected, NOW)).toBeUndefined();
  });

  test.each([
    'https://as.example/tenant/token/',
    'https://as.example/tenant/TOKEN',
    'https://as.example/token',
    'https://as.example//tenant/token',
    'https://as.example:8443/tenant/token',
    'https://user@as.example/tenant/token',
    'https://as.example\\tenant\\token',
    'https://as.example/tenant%2Ftoken',
    'http://as.example/tenant/token',
    'https://evil.example/tenant/token',
    'https:as.example/tenant/token',
    ' https://as.example/tenant/token',
    '/tenant/token',
    'token',
  ])('for %s is not', async (htu) => {
    expect(findDpopProofFault((await read({ htu })).proof, expected, NOW)).toBe('url');
  });

  test('for an access token is for that one only', async () => {
    const { proof } = await read({ ath: 'its hash' });
    expect(findDpopProofFault(proof, { ...expected, accessTokenHash: 'its hash' }, NOW)).toBeUndefined();
    expect(findDpopProofFault(proof, { ...expected, accessTokenHash: 'another' }, NOW)).toBe('access_token');
    expect(findDpopProofFault((await read()).proof, { ...expected, accessTokenHash: 'another' }, NOW)).toBe(
      'access_token',
    );
  });

  test('keeps nothing of its key but the public members', async () => {
    const key = await createDpopKey();
    const jwk = { ...key.publicJwk, kid: 'x', x5c: ['AAAA'], other: 1 };
    const proof = readDpopProof(await key.prove({ url: URL_OF_TOKEN, now: NOW }, { header: { jwk } }));
    expect(proof).toMatchObject({ jwk: key.publicJwk });
    expect(Object.keys((proof as { jwk: object }).jwk).toSorted()).toEqual(['crv', 'kty', 'x', 'y']);
  });
});
