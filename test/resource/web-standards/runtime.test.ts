import { createHash, createHmac } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type RevocationClaims, UnavailableError } from '../../../src/oauth/index.ts';
import { createVerifier, type RevocableToken } from '../../../src/resource/index.ts';
import { parseJwkSet } from '../../../src/resource/keys/jwk-set.ts';
import { canVerify } from '../../../src/resource/keys/verification-key.ts';
import { createRevocationEntries } from '../../../src/resource/revocations/revocation-entries.ts';
import { decodeBase64url } from '../../../src/resource/runtime/base64url.ts';
import { nodeSignatures } from '../../../src/resource/tokens/node-signature.ts';
import { testSigner } from '../../support/keys.ts';
import { answerKeys, createTestClock, forge, ISSUER, NOW, RESOURCE, startHost, verifierOf } from '../issuer.ts';

vi.mock('../../../src/resource/runtime/node-module.ts', () => import('./without-node.ts'));

const TOKEN: RevocableToken = { jti: 'j', kid: 'k', subject: 'user-1', clientId: 'client-1', issuedAt: NOW };
const SALT = 'AAAA';

function watermark(row: Partial<Pick<RevocationClaims, 'sub' | 'client'>>): RevocationClaims {
  const base = { iss: ISSUER, iat: NOW, exp: NOW + 60, ttl: 5, epoch: 'e', seq: '1', salt: SALT };
  return { ...base, jti: [], grant: [], key: [], sub: [], client: [], all: [], ...row };
}

function saltedHash(id: string): string {
  const salt = Buffer.from(SALT, 'base64url');
  return createHmac('sha256', salt).update(id).digest().subarray(0, 16).toString('base64url');
}

describe('where there are web standards only', () => {
  test('Node is out of the way, so that these tests mean something', () => {
    expect(nodeSignatures).toBeUndefined();
    expect(Buffer.isBuffer(decodeBase64url('AAAA'))).toBe(false);
  });

  test('a point off the curve verifies nothing', async () => {
    const { kid, publicJwk } = testSigner('ES256');
    const { x = '' } = testSigner('ES256', 'other').publicKey.export({ format: 'jwk' });
    using verifier = verifierOf([], { jwks: { keys: [{ ...publicJwk, x }, testSigner('RS256').publicJwk] } });

    expect(parseJwkSet({ keys: [{ ...publicJwk, x }] })?.byKid.has(kid)).toBe(true);
    expect(await verifier.loadAccessToken(forge())).toBeUndefined();
    expect(await verifier.loadAccessToken(forge({}, testSigner('RS256')))).toBeDefined();
  });

  test.each([
    ['subject', watermark({ sub: [[saltedHash(TOKEN.subject), NOW, NOW + 60]] })],
    [
      'client',
      watermark({
        client: [[saltedHash(createHash('sha256').update(TOKEN.clientId).digest('base64url')), NOW, NOW + 60]],
      }),
    ],
  ])('a watermark of the %s is known once its hash is made, and unknown before', async (_level, document) => {
    const entries = createRevocationEntries();
    entries.add(document, NOW);

    expect(() => entries.isDenied(TOKEN)).toThrow(UnavailableError);
    await entries.prepare(TOKEN);
    expect(entries.prepare(TOKEN)).toBeUndefined();
    expect(entries.isDenied(TOKEN)).toBe(true);
  });
});

describe('a key that goes while a token is being verified with it', () => {
  afterEach(() => vi.restoreAllMocks());

  test('is not kept alive by what is remembered of that token', async () => {
    const [legit, successor] = [testSigner('ES256'), testSigner('ES256', 'successor')];
    await using host = await startHost(answerKeys([legit]));
    const clock = createTestClock();
    const work: Promise<unknown>[] = [];
    using verifier = verifierOf([], {
      jwks: `${host.origin}/jwks.json`,
      clock: clock.read,
      waitUntil: (promise) => work.push(promise),
    });
    const claims = { exp: NOW + 1_000_000 };
    await verifier.loadAccessToken(forge({ claims }, legit));
    const gate = Promise.withResolvers<void>();
    const verify = crypto.subtle.verify.bind(crypto.subtle);
    vi.spyOn(crypto.subtle, 'verify').mockImplementation(async (...given) => {
      await gate.promise;
      return verify(...given);
    });
    host.answer = answerKeys([successor]);
    clock.now += 300;
    const token = forge({ claims: { ...claims, jti: 'late' } }, legit);

    const underWay = verifier.loadAccessToken(token);
    await Promise.all(work);
    gate.resolve();
    await underWay;

    expect(verifier.state()).toMatchObject({ keys: { kids: [successor.kid] }, rememberedTokens: 0 });
    expect(await verifier.loadAccessToken(token)).toBeUndefined();
  });
});

describe('ML-DSA-44 where Web Cryptography does not know it', () => {
  afterEach(() => vi.unstubAllGlobals());

  test('is refused by name when a verifier is made, and left out of a JWK Set', () => {
    vi.stubGlobal('SubtleCrypto', undefined);
    const key = testSigner('ML-DSA-44').publicJwk;
    const options = { issuer: ISSUER, resource: RESOURCE, jwks: { keys: [testSigner().publicJwk] } };

    expect(canVerify('ML-DSA-44')).toBe(false);
    expect(() => createVerifier({ ...options, algorithms: ['ES256', 'ML-DSA-44'] })).toThrow(
      'algorithms: this runtime cannot verify ML-DSA-44',
    );
    expect(parseJwkSet({ keys: [key, testSigner().publicJwk] })?.refused).toEqual([
      { kid: key.kid, fault: 'unsupported' },
    ]);
  });

  test('is verified where it does', async () => {
    const signer = testSigner('ML-DSA-44');
    using verifier = verifierOf([signer], { algorithms: ['ML-DSA-44'] });

    expect(canVerify('ML-DSA-44')).toBe(true);
    expect(await verifier.loadAccessToken(forge({}, signer))).toMatchObject({ subject: 'user-1' });
  });
});
