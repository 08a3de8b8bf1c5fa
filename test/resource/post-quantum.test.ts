import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { createVerifier, UnavailableError, type VerifierOptions } from '../../src/resource/index.ts';
import { combineKeySources } from '../../src/resource/keys/combined-keys.ts';
import { createFixedKeys } from '../../src/resource/keys/key-source.ts';
import { type TestSigner, testSigner } from '../support/keys.ts';
import {
  answerJson,
  answerKeys,
  answerStatus,
  createTestClock,
  forge,
  type Host,
  NOW,
  RESOURCE,
  startHost,
} from './issuer.ts';

const CLASSICAL = '/.well-known/jwks.json';
const POST_QUANTUM = '/.well-known/jwks-pq.json';
const METADATA = '/.well-known/oauth-authorization-server';
const ec = testSigner('ES256');
const one = testSigner('ML-DSA-44', 'one');
const two = testSigner('ML-DSA-44', 'two');

/** An issuer with two JWK Sets, each answered as the test says. */
async function startIssuer(sets: Record<string, Host['answer']>, hasSecond = true) {
  const answers = { ...sets };
  const host = await startHost((request, response) => answers[request.url ?? '']?.(request, response));
  const issuer = host.origin;
  const describeIssuer = (withSecond: boolean) =>
    answerJson({
      issuer,
      jwks_uri: issuer + CLASSICAL,
      ...(withSecond && { post_quantum_jwks_uri: issuer + POST_QUANTUM }),
    });
  answers[METADATA] = describeIssuer(hasSecond);
  const clock = createTestClock();
  let counter = 0;
  return {
    issuer,
    clock,
    answers,
    describeIssuer,
    asked: (path: string) => host.requests.filter(({ url }) => url === path).length,
    etags: (path: string) => host.requests.filter(({ url }) => url === path).map(({ etag }) => etag),
    token: (signer: TestSigner, header = {}) =>
      forge({ header, claims: { iss: issuer, exp: NOW + 1_000_000, jti: `jti-${counter++}` } }, signer),
    verifier: (options: Partial<VerifierOptions> = {}) =>
      createVerifier({
        issuer,
        resource: RESOURCE,
        algorithms: ['ES256', 'ML-DSA-44'],
        revocations: false,
        clock: clock.read,
        ...options,
      }),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

const BOTH = { [CLASSICAL]: answerKeys([ec]), [POST_QUANTUM]: answerKeys([one], { etag: '"pq-1"' }) };

describe('the second JWK Set of an issuer', () => {
  test('is found by the metadata and verifies tokens where ML-DSA-44 is named, as jose does', async () => {
    await using issuer = await startIssuer(BOTH);
    using verifier = issuer.verifier();
    const token = issuer.token(one);

    expect(await verifier.loadAccessToken(token)).toMatchObject({ subject: 'user-1' });
    expect(await verifier.loadAccessToken(issuer.token(ec))).toMatchObject({ subject: 'user-1' });
    expect(await verifier.loadAccessToken(issuer.token(two, { kid: one.kid }))).toBeUndefined();
    expect(await verifier.loadAccessToken(issuer.token(ec, { kid: one.kid }))).toBeUndefined();
    expect(verifier.state().keys).toMatchObject({ status: 'fresh', kids: [ec.kid, one.kid], failures: 0 });
    const set = createRemoteJWKSet(new URL(issuer.issuer + POST_QUANTUM));
    await jwtVerify(token, set, { issuer: issuer.issuer, currentDate: new Date(NOW * 1000) });
  });

  test('is never fetched where ML-DSA-44 is not named', async () => {
    await using issuer = await startIssuer(BOTH);
    using verifier = createVerifier({
      issuer: issuer.issuer,
      resource: RESOURCE,
      revocations: false,
      clock: issuer.clock.read,
    });

    expect(await verifier.loadAccessToken(issuer.token(ec))).toBeDefined();
    expect(await verifier.loadAccessToken(issuer.token(one))).toBeUndefined();
    expect(await verifier.loadAccessToken(issuer.token(ec, { kid: 'nobody' }))).toBeUndefined();
    expect(issuer.asked(POST_QUANTUM)).toBe(0);
  });

  test('is asked for again like the first: after five minutes if it changed, for an unknown kid every ten seconds', async () => {
    await using issuer = await startIssuer(BOTH);
    using verifier = issuer.verifier();
    await verifier.loadAccessToken(issuer.token(one));
    expect(await verifier.loadAccessToken(issuer.token(two))).toBeUndefined();
    expect(issuer.asked(POST_QUANTUM)).toBe(1);

    issuer.answers[POST_QUANTUM] = answerKeys([one, two], { etag: '"pq-2"' });
    issuer.clock.now += 10;
    expect(await verifier.loadAccessToken(issuer.token(two))).toBeDefined();
    issuer.answers[POST_QUANTUM] = answerStatus(304);
    issuer.clock.now += 290;
    expect(await verifier.loadAccessToken(issuer.token(one))).toBeDefined();
    expect(issuer.asked(POST_QUANTUM)).toBe(2);
    issuer.clock.now += 10;
    expect(await verifier.loadAccessToken(issuer.token(two))).toBeDefined();
    await expect.poll(() => issuer.etags(POST_QUANTUM)).toEqual([undefined, '"pq-1"', '"pq-2"']);
  });

  test.each([
    ['the second', POST_QUANTUM, ec, one],
    ['the first', CLASSICAL, one, ec],
  ])(
    'hides nothing of the other while %s fails; what is in neither cannot be known then',
    async (_which, path, good, lost) => {
      await using issuer = await startIssuer({ ...BOTH, [path]: answerStatus(500) });
      using verifier = issuer.verifier();

      expect(await verifier.loadAccessToken(issuer.token(good))).toBeDefined();
      await expect(verifier.loadAccessToken(issuer.token(lost))).rejects.toThrow(UnavailableError);
      expect(verifier.state().keys).toMatchObject({ status: 'old', kids: [good.kid], lastFailure: expect.any(String) });
      issuer.answers[path] = answerKeys([lost]);
      issuer.clock.now += 60;
      expect(await verifier.loadAccessToken(issuer.token(lost))).toBeDefined();
      expect(verifier.state().keys).toMatchObject({ status: 'fresh', failures: 0 });
    },
  );

  test('may be without keys, and so may the first once an issuer has moved', async () => {
    await using issuer = await startIssuer({ ...BOTH, [CLASSICAL]: answerJson({ keys: [] }) });
    using verifier = issuer.verifier();
    expect(await verifier.loadAccessToken(issuer.token(one))).toBeDefined();
    expect(await verifier.loadAccessToken(issuer.token(ec))).toBeUndefined();
    expect(verifier.state().keys).toMatchObject({ status: 'fresh', failures: 0 });
  });

  test('may not be there, and is found when the issuer begins with it', async () => {
    await using issuer = await startIssuer(BOTH, false);
    using verifier = issuer.verifier();
    expect(await verifier.loadAccessToken(issuer.token(ec))).toBeDefined();
    expect(await verifier.loadAccessToken(issuer.token(one))).toBeUndefined();
    expect(issuer.asked(POST_QUANTUM)).toBe(0);

    issuer.answers[METADATA] = issuer.describeIssuer(true);
    issuer.clock.now += 10;
    expect(await verifier.loadAccessToken(issuer.token(one))).toBeDefined();
  });

  test('that another host would have to answer in clear is not fetched, and the first goes on', async () => {
    await using issuer = await startIssuer(BOTH);
    issuer.answers[METADATA] = answerJson({
      issuer: issuer.issuer,
      jwks_uri: issuer.issuer + CLASSICAL,
      post_quantum_jwks_uri: 'http://as.example.test/jwks-pq.json',
    });
    using verifier = issuer.verifier();
    expect(await verifier.loadAccessToken(issuer.token(ec))).toBeDefined();
    await expect(verifier.loadAccessToken(issuer.token(one))).rejects.toThrow(UnavailableError);
    expect(verifier.state().keys.lastFailure).toBe('the metadata has no usable post_quantum_jwks_uri');
  });

  test('is not asked for where the keys are given', async () => {
    await using issuer = await startIssuer(BOTH);
    using verifier = issuer.verifier({ jwks: issuer.issuer + POST_QUANTUM, algorithms: ['ML-DSA-44'] });
    expect(await verifier.loadAccessToken(issuer.token(one))).toBeDefined();
    expect([METADATA, CLASSICAL, POST_QUANTUM].map(issuer.asked)).toEqual([0, 0, 1]);
  });

  test('loses a key that the issuer denies, wherever it is', () => {
    const keys = combineKeySources([
      createFixedKeys({ keys: [ec.publicJwk] }),
      createFixedKeys({ keys: [one.publicJwk, two.publicJwk] }),
    ]);
    keys.drop(ec.kid, NOW);
    keys.drop(one.kid, NOW);
    expect([ec, one, two].map(({ kid }) => keys.find(kid)?.kid)).toEqual([undefined, undefined, two.kid]);
    expect(keys.state()).toMatchObject({ status: 'fresh', kids: [two.kid] });
  });

  test('of which a key went away lets no remembered token pass', async () => {
    await using issuer = await startIssuer(BOTH);
    using verifier = issuer.verifier();
    const token = issuer.token(one);
    expect(await verifier.loadAccessToken(token)).toBeDefined();
    issuer.answers[POST_QUANTUM] = answerKeys([two]);
    issuer.clock.now += 300;
    await verifier.loadAccessToken(issuer.token(ec, { kid: 'nobody' }));
    expect(await verifier.loadAccessToken(token)).toBeUndefined();
  });
});
