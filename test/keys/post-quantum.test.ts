import { calculateJwkThumbprint, createLocalJWKSet, decodeJwt, importJWK, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  createFileKeyBackend,
  createKeyEncryption,
  defaultTimings,
  type PublicJwk,
  parseKeySecret,
  type SigningAlg,
} from '../../src/keys/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { createAccessTokens } from '../../src/tokens/index.ts';
import { createKeyFolder, DAY, openRing, START, type TestRing } from './key-folder.ts';

const ISSUER = 'https://as.example.test';
const RESOURCE = 'https://mcp.example.test/mcp';
const GRANT = { subject: 'user-1', clientId: 'client-1', resource: RESOURCE, scope: ['mcp:read'] };
const FIRST = 'signing-ML-DSA-44-1.json';
const { activePeriod, hold } = defaultTimings.signing;

const accessTokensOf = ({ ring }: TestRing) =>
  createAccessTokens({ keys: ring, issuer: ISSUER, random: systemRandom, lifetime: 600 });
const MET = ['next', 'active', 'retiring'];
const published = ({ ring }: TestRing, kind: 'classical' | 'post-quantum'): readonly PublicJwk[] =>
  JSON.parse(ring.jwkSet(kind).body).keys;

describe('ML-DSA-44 keys', () => {
  it('are in the second JWK Set only, under the thumbprint that jose computes, without a private member', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory, { algorithm: 'ML-DSA-44' });

    expect(keys.ring.jwkSet().body).toBe('{"keys":[]}');
    const [active, next] = published(keys, 'post-quantum');
    expect(active?.kid).toBe(keys.ring.signer().kid);
    expect(next).toEqual(keys.ring.findPublicJwk(next?.kid ?? ''));
    for (const jwk of [active, next]) {
      expect(Object.keys(jwk ?? {}).sort()).toEqual(['alg', 'kid', 'kty', 'pub', 'use']);
      expect(jwk).toMatchObject({ kty: 'AKP', alg: 'ML-DSA-44', use: 'sig' });
      expect(Buffer.from(String(jwk?.['pub']), 'base64url')).toHaveLength(1312);
      expect(await calculateJwkThumbprint({ ...jwk })).toBe(jwk?.kid);
    }
    expect(keys.ring.jwkSet('post-quantum').etag).not.toBe(keys.ring.jwkSet().etag);
    expect(JSON.stringify(keys.ring.list())).not.toContain('"priv"');
  });

  it('sign tokens that jose verifies, and verify what jose signs', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory, { algorithm: 'ML-DSA-44' });
    const accessTokens = accessTokensOf(keys);
    const { token } = await accessTokens.issue(GRANT, START);

    expect(token.length).toBeGreaterThan(3_400);
    expect(token.length).toBeLessThan(3_800);
    const set = createLocalJWKSet(JSON.parse(keys.ring.jwkSet('post-quantum').body));
    const currentDate = new Date(START * 1000);
    expect(await jwtVerify(token, set, { issuer: ISSUER, currentDate })).toMatchObject({ payload: { sub: 'user-1' } });
    expect(accessTokens.open(token)).toMatchObject({ claims: { sub: 'user-1' }, kid: keys.ring.signer().kid });

    const file = (await folder.json(FIRST)) as { private: { jwk: JsonWebKey } };
    const signed = await new SignJWT({ ...decodeJwt(token), sub: 'user-2' })
      .setProtectedHeader({ alg: 'ML-DSA-44', typ: 'at+jwt', kid: keys.ring.signer().kid })
      .sign(await importJWK(file.private.jwk, 'ML-DSA-44'));
    expect(accessTokens.open(signed)).toMatchObject({ claims: { sub: 'user-2' } });
    const [head, body, signature = ''] = signed.split('.');
    expect(accessTokens.open(`${head}.${body}.${signature.slice(0, -4)}AAAA`)).toBeUndefined();
  });

  it('are kept as their seed, which lies encrypted where there is a secret and goes away with the key', async () => {
    await using folder = await createKeyFolder();
    const encryption = createKeyEncryption(parseKeySecret(systemRandom(32)));
    const backend = createFileKeyBackend({ directory: folder.directory, random: systemRandom, encryption });
    await using keys = await openRing(folder.directory, { algorithm: 'ML-DSA-44', backend });

    expect(await folder.read(FIRST)).not.toMatch(/"(priv|jwk)"/);
    await keys.at(START + activePeriod + 61);
    expect(await folder.read(FIRST)).toMatch(/"proof"/);
    expect(published(keys, 'post-quantum').map(({ kid }) => kid)).toContain((await folder.json(FIRST))['kid']);
  });

  it.each([
    [
      'the seed of another key',
      'canary_failed',
      async (file: StoredFile, other: StoredFile) => ({ ...file, private: other.private }),
    ],
    [
      'a public half that is cut short',
      'malformed_key',
      async (file: StoredFile) => {
        const publicJwk = { ...file.publicJwk, pub: file.publicJwk.pub.slice(0, 400) };
        const kid = await calculateJwkThumbprint(publicJwk);
        return { ...file, kid, publicJwk: { ...publicJwk, kid } };
      },
    ],
    [
      'the public half of a key of another type',
      'malformed_key',
      async (file: StoredFile) => ({ ...file, publicJwk: { ...file.publicJwk, kty: 'EC' } }),
    ],
  ])('are not used with %s', async (_what, reason, sabotage) => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory, { algorithm: 'ML-DSA-44' })).ring.close();
    const [file, other] = (await Promise.all(
      [FIRST, FIRST.replace('1', '2')].map((name) => folder.json(name)),
    )) as unknown as [StoredFile, StoredFile];
    await folder.write(FIRST, JSON.stringify(await sabotage(file, other)));

    await using keys = await openRing(folder.directory, { algorithm: 'ML-DSA-44' });
    expect(keys.events).toContainEqual({ event: 'key.unreadable', file: FIRST, reason, family: 'signing' });
    expect(published(keys, 'post-quantum').map(({ kid }) => kid)).not.toContain(file.kid);
  });
});

interface StoredFile {
  readonly kid: string;
  readonly publicJwk: { readonly kty: string; readonly pub: string; readonly alg: string };
  readonly private: object;
}

describe('a ring that goes from ES256 to ML-DSA-44 and back', () => {
  it('publishes each key in its set from its lead to its hold, and no valid token is refused', async () => {
    await using folder = await createKeyFolder();
    const held: { readonly token: string; readonly until: number; readonly alg: string }[] = [];
    const signedWith: string[] = [];
    const rounds: readonly SigningAlg[] = ['ES256', 'ML-DSA-44', 'ES256', 'ES256'];
    // The setting decides on the key after the next one, so each stands for one period.
    for (const [round, algorithm] of rounds.entries()) {
      const start = START + round * activePeriod;
      await using keys = await openRing(folder.directory, { algorithm, now: start });
      const accessTokens = accessTokensOf(keys);
      for (const offset of [0, 60, 599, hold - 1, hold, hold + 1, 10 * DAY, activePeriod - DAY, activePeriod - 1]) {
        const now = start + offset;
        await keys.at(now);
        held.push({
          token: (await accessTokens.issue(GRANT, now)).token,
          until: now + 600,
          alg: keys.ring.signer().alg,
        });
        signedWith.push(keys.ring.signer().alg);
        const [classical, postQuantum] = [published(keys, 'classical'), published(keys, 'post-quantum')];
        expect(classical.every(({ kty }) => kty === 'EC')).toBe(true);
        expect(postQuantum.every(({ kty }) => kty === 'AKP')).toBe(true);
        // Every key of which a token may be met is in one of the two sets.
        const kids = [...classical, ...postQuantum].map(({ kid }) => kid);
        const met = keys.ring.list().filter(({ family, state }) => family === 'signing' && MET.includes(state));
        expect(kids.sort()).toEqual(met.map(({ kid }) => kid).sort());

        using verifier = createVerifier({
          issuer: ISSUER,
          resource: RESOURCE,
          jwks: { keys: [...classical, ...postQuantum] },
          algorithms: ['ES256', 'ML-DSA-44'],
          clock: () => now,
        });
        for (const { token, until, alg } of held.filter((one) => one.until > now)) {
          expect(await verifier.loadAccessToken(token), `${alg} until ${until} at ${now}`).toBeDefined();
          // Who knows nothing of AKP reads the first set as it always was.
          if (alg !== 'ES256') continue;
          const first = createLocalJWKSet({ keys: classical as PublicJwk[] });
          await jwtVerify(token, first, { issuer: ISSUER, currentDate: new Date(now * 1000) });
        }
      }
    }
    expect(new Set(signedWith)).toEqual(new Set(['ES256', 'ML-DSA-44']));
    expect([signedWith.at(0), signedWith.at(-1)]).toEqual(['ES256', 'ES256']);
  });
});
