import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BearerError,
  createVerifierSet,
  protectedResourceDocument,
  UnavailableError,
  type VerifierSet,
  type VerifierSetOptions,
} from '../../src/resource/index.ts';
import { createDpopKey } from '../support/dpop.ts';
import { type TestSigner, testSigner } from '../support/keys.ts';
import { answerStatus, CLAIMS, encode, forge, ISSUER, NOW, RESOURCE, startHost } from './issuer.ts';
import { SERVER, startOtherIssuer } from './other-issuers.ts';

const OTHER = 'https://other.example.test';
const ours = testSigner('ES256', 'ours');
/** The other issuer calls its key as we call ours. */
const theirs: TestSigner = withKid(testSigner('ES256', 'theirs'), ours.kid);

function withKid(signer: TestSigner, kid: string): TestSigner {
  return { ...signer, kid, publicJwk: { ...signer.publicJwk, kid } as TestSigner['publicJwk'] };
}

const keysOf = (signer: TestSigner) => ({ keys: [signer.publicJwk] });

function setOf(options: Partial<VerifierSetOptions> = {}): VerifierSet {
  const issuers = [
    { issuer: ISSUER, jwks: keysOf(ours) },
    { issuer: OTHER, jwks: keysOf(theirs) },
  ];
  return createVerifierSet({ resource: RESOURCE, issuers, clock: () => NOW, ...options });
}

describe('several issuers', () => {
  test('each has its tokens taken, and every token says whose it is', async () => {
    using set = setOf();
    const mine = await set.loadAccessToken(forge({}, ours));
    const other = await set.loadAccessToken(forge({ claims: { iss: OTHER } }, theirs));

    expect([mine?.issuer, other?.issuer]).toEqual([ISSUER, OTHER]);
    expect(set.issuers).toEqual([ISSUER, OTHER]);
    expect(Object.keys(set.state())).toEqual([ISSUER, OTHER]);
    expect(set.state()[OTHER]).toMatchObject({ rememberedTokens: 1 });
  });

  test('none can sign for another, not even under the name of its key', async () => {
    using set = setOf();
    const forged = [forge({}, theirs), forge({ claims: { iss: OTHER } }, ours)];

    expect(await Promise.all(forged.map((token) => set.loadAccessToken(token)))).toEqual([undefined, undefined]);
    await set.loadAccessToken(forge({}, ours));
    expect(await set.loadAccessToken(forge({}, theirs))).toBeUndefined();
  });

  test.each([
    ['an issuer that is not on the list', { iss: 'https://evil.example' }],
    ['no issuer', { iss: undefined }],
    ['a list of issuers', { iss: [ISSUER] }],
    ['an issuer with a slash more', { iss: `${ISSUER}/` }],
    ['a member of every object for an issuer', { iss: 'constructor' }],
  ])('a token of %s is of nobody', async (_title, claims) => {
    using set = setOf();

    expect(await set.loadAccessToken(forge({ claims }, ours))).toBeUndefined();
  });

  test('an issuer named twice in a token is none', async () => {
    using set = setOf();
    const payload = JSON.stringify(CLAIMS).replace(/\}$/, `,"iss":"${OTHER}"}`);

    expect(await set.loadAccessToken(forge({ payload }, ours))).toBeUndefined();
    expect(await set.loadAccessToken(forge({ payload }, theirs))).toBeUndefined();
  });

  test('the outage of one is no outage of the others', async () => {
    await using host = await startHost(answerStatus(503));
    const issuers = [
      { issuer: ISSUER, jwks: keysOf(ours) },
      { issuer: OTHER, jwks: `${host.origin}/jwks.json` },
    ];
    using set = setOf({ issuers });

    await expect(set.loadAccessToken(forge({ claims: { iss: OTHER } }, theirs))).rejects.toThrow(UnavailableError);
    expect(await set.loadAccessToken(forge({}, ours))).toBeDefined();
    expect(await set.loadAccessToken(forge({ claims: { iss: 'https://evil.example' } }, theirs))).toBeUndefined();
  });

  test('of any make stand beside each other', async () => {
    await using keycloak = await startOtherIssuer('Keycloak');
    await using entra = await startOtherIssuer('Entra version 2');
    const issuers = [{ issuer: ISSUER, jwks: keysOf(ours), audience: RESOURCE }, keycloak.options, entra.options];
    using set = setOf({ resource: SERVER, issuers });

    const read = await Promise.all([forge({}, ours), keycloak.token(), entra.token()].map(set.loadAccessToken));
    const crossed = await set.loadAccessToken(entra.token({ iss: keycloak.issuer }));

    expect(read.map((accessToken) => accessToken?.issuer)).toEqual([ISSUER, keycloak.issuer, entra.issuer]);
    expect(read.map((accessToken) => accessToken?.resource)).toEqual([SERVER, SERVER, SERVER]);
    expect(crossed).toBeUndefined();
  });

  test('are all listed in the metadata of the resource', () => {
    using set = setOf();

    expect(protectedResourceDocument({ resource: RESOURCE, authorizationServers: set.issuers })).toMatchObject({
      authorization_servers: [ISSUER, OTHER],
    });
  });

  test('bound tokens are taken with their proof, the end of a token is told by its issuer, and the SDKs are served', async () => {
    using set = setOf();
    const proofs = await createDpopKey();
    const claims = { iss: OTHER, cnf: { jkt: proofs.jkt } };
    const token = forge({ claims }, theirs);
    const request = { method: 'POST', url: RESOURCE };
    const proof = await proofs.prove({ ...request, accessToken: token, now: NOW });

    expect(await set.loadAccessToken(token)).toBeUndefined();
    expect(await set.loadBoundAccessToken(token, { ...request, proofs: [proof] })).toMatchObject({ issuer: OTHER });
    expect(await set.verifyAccessToken(forge({}, ours))).toMatchObject({ extra: { iss: ISSUER } });
    await expect(set.verifyAccessToken('x')).rejects.toThrow(BearerError);
    const accessToken = await set.loadAccessToken(forge({}, ours));
    if (accessToken === undefined) throw new Error('refused');
    expect(() => set.watch({ ...accessToken, issuer: 'https://evil.example' }, () => undefined)).toThrow(TypeError);
    set.watch(accessToken, () => undefined)();
  });

  test('no text whatever makes it throw', async () => {
    using set = setOf();
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map(encode),
      fc.constantFrom(ISSUER, OTHER).map((iss) => encode(JSON.stringify({ iss }))),
    );

    await fc.assert(
      fc.asyncProperty(fc.array(part), async (parts) => {
        expect(await set.loadAccessToken(parts.join('.'))).toBeUndefined();
      }),
    );
    expect(await set.loadAccessToken(7 as never)).toBeUndefined();
  });

  test.each([
    ['no issuer at all', []],
    ['one that is there twice', [{ issuer: ISSUER }, { issuer: ISSUER }]],
    ['one over plain HTTP', [{ issuer: 'http://as.example.test' }]],
  ])('%s is no setting', (_title, issuers) => {
    expect(() => setOf({ issuers })).toThrow(TypeError);
  });
});
