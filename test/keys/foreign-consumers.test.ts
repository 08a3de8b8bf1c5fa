import fc from 'fast-check';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import nodeJose from 'node-jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createFileKeyBackend,
  findTimingsFault,
  JWK_SET_MAX_AGE,
  JWK_SET_STALE,
  type KeyTimings,
  parseImportedKeys,
  type SigningAlg,
  scheduleFor,
} from '../../src/keys/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createVerifier } from '../../src/resource/index.ts';
import { createAccessTokens } from '../../src/tokens/index.ts';
import { createKeyFolder, DAY, openRing, START, type TestRing } from './key-folder.ts';

const ISSUER = 'https://as.example.test';
const RESOURCE = 'https://mcp.example.test/mcp';
const GRANT = { subject: 'user-1', clientId: 'client-1', resource: RESOURCE, scope: ['mcp:read'] };
/** What node-jose knows of our algorithms; it has no Ed25519. */
const SHARED: readonly SigningAlg[] = ['ES256', 'ES384', 'RS256', 'PS256'];

const accessTokensOf = ({ ring }: TestRing) =>
  createAccessTokens({ keys: ring, issuer: ISSUER, random: systemRandom, lifetime: 600 });

describe('node-jose', () => {
  it.each(SHARED)('verifies every %s token of ours by our JWK Set, and computes the same kids', async (algorithm) => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory, { algorithm });
    const keystore = await nodeJose.JWK.asKeyStore(keys.ring.jwkSet().body);
    const accessTokens = accessTokensOf(keys);
    for (const key of keystore.all()) {
      const thumbprint = await key.thumbprint('SHA-256');
      expect(nodeJose.util.base64url.encode(thumbprint as unknown as Buffer)).toBe(key.kid);
    }
    expect(keystore.all().map(({ kid }) => kid)).toEqual(keys.kids());

    const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(texts, texts, async (subject, clientId) => {
        const { token } = await accessTokens.issue({ ...GRANT, subject, clientId }, START);
        const { payload, key } = await nodeJose.JWS.createVerify(keystore).verify(token);
        expect(key.kid).toBe(keys.ring.signer().kid);
        expect(JSON.parse(payload.toString())).toMatchObject({ sub: subject, client_id: clientId, iss: ISSUER });

        const [header, , signature] = token.split('.');
        const forged = `${header}.${Buffer.from('{"sub":"mallory"}').toString('base64url')}.${signature}`;
        await expect(nodeJose.JWS.createVerify(keystore).verify(forged)).rejects.toThrow();
      }),
      { numRuns: algorithm === 'RS256' || algorithm === 'PS256' ? 15 : 40 },
    );
  });

  it.each(SHARED)(
    'signs %s tokens that our verifier and our own server take, with a key imported from it',
    async (alg) => {
      await using folder = await createKeyFolder();
      const keystore = nodeJose.JWK.createKeyStore();
      const isRsa = alg === 'RS256' || alg === 'PS256';
      const size = isRsa ? 2048 : alg === 'ES384' ? 'P-384' : 'P-256';
      const key = await keystore.generate(isRsa ? 'RSA' : 'EC', size, { alg, use: 'sig' });
      const { keys: imported } = await parseImportedKeys(JSON.stringify(keystore.toJSON(true)), {
        format: 'node-jose',
      });
      expect(imported.map(({ kid }) => kid)).toEqual([key.kid]);
      const periods = { publishLead: 0, activePeriod: 30 * DAY, hold: DAY };
      await createFileKeyBackend({ directory: folder.directory, random: systemRandom }).adopt(
        { family: 'signing', alg, epoch: 1, times: scheduleFor(periods, START, START) },
        imported[0]!.privateJwk,
      );
      await using keys = await openRing(folder.directory);
      expect(keys.ring.signer().kid).toBe(key.kid);

      const claims = {
        iss: ISSUER,
        sub: 'user-1',
        aud: RESOURCE,
        client_id: 'c',
        iat: START,
        exp: START + 600,
        jti: 'j',
      };
      const signing = nodeJose.JWS.createSign({ format: 'compact', fields: { typ: 'at+jwt', alg } }, key);
      const token = String(await signing.update(JSON.stringify(claims)).final());

      expect(accessTokensOf(keys).open(token)).toMatchObject({ kid: key.kid, claims });
      const verifier = createVerifier({
        issuer: ISSUER,
        resource: RESOURCE,
        jwks: JSON.parse(keys.ring.jwkSet().body),
        algorithms: [alg],
        clock: () => START,
      });
      expect(await verifier.loadAccessToken(token)).toMatchObject({ subject: 'user-1' });
      const ownKeys = await nodeJose.JWK.asKeyStore(keystore.toJSON());
      expect(ownKeys.all().map(({ kid }) => kid)).toEqual([key.kid]);
    },
  );
});

/** The shortest periods that are accepted for tokens of five minutes. */
const SHORTEST: KeyTimings = {
  signing: { publishLead: 750, activePeriod: 780, hold: 720 },
  sealing: { publishLead: 120, activePeriod: 10_000, hold: 1_000 },
  client: { publishLead: 120, activePeriod: 10_000, hold: 1_000 },
  refresh: { publishLead: 120, activePeriod: 10_000, hold: 1_000 },
};
const TOKEN_LIFETIME = 300;

/** A consumer with jose's remote set and all of its defaults: ten minutes in cache, at most one fetch in 30 seconds. */
function createJoseConsumer(jwkSet: () => string) {
  let fetches = 0;
  const keys = createRemoteJWKSet(new URL(`${ISSUER}/jwks`), {
    [customFetch]: async () => {
      fetches += 1;
      return new Response(jwkSet(), { headers: { 'content-type': 'application/jwk-set+json' } });
    },
  });
  return {
    /** Verifies; answers whether the set in its cache, while fresh, did not know the key. */
    async meetsUnknownKid(token: string): Promise<boolean> {
      const wasFresh = keys.fresh;
      const before = fetches;
      await jwtVerify(token, keys, { issuer: ISSUER, audience: RESOURCE, typ: 'at+jwt' });
      return wasFresh && fetches > before;
    },
    fetches: () => fetches,
  };
}

/** Goes through rotations second by second, coarsely; every consumer verifies a fresh and an old token at each step. */
async function countUnknownKids(timings: KeyTimings, rotations: number): Promise<{ unknown: number; fetches: number }> {
  await using folder = await createKeyFolder();
  // Two instances whose clocks differ by a minute: one signs, the other serves the set.
  await using ahead = await openRing(folder.directory, { timings, now: START + 30 });
  await using behind = await openRing(folder.directory, { timings, now: START - 30 });
  const consumers = Array.from({ length: 5 }, () => createJoseConsumer(() => behind.ring.jwkSet().body));
  const accessTokens = createAccessTokens({
    keys: ahead.ring,
    issuer: ISSUER,
    random: systemRandom,
    lifetime: TOKEN_LIFETIME,
  });
  let unknown = 0;
  let held: { readonly token: string; readonly until: number }[] = [];
  const step = 23;
  for (let now = START; now < START + rotations * timings.signing.activePeriod; now += step) {
    vi.setSystemTime(now * 1000);
    await ahead.at(now + 30);
    await behind.at(now - 30);
    held = held.filter(({ until }) => until > now);
    held.push({ token: (await accessTokens.issue(GRANT, now)).token, until: now + TOKEN_LIFETIME });
    for (const [index, consumer] of consumers.entries()) {
      // Each begins at another moment, so their caches are of every age.
      if (now < START + index * 131) continue;
      for (const { token } of [held.at(0), held.at(-1)].filter((one) => one !== undefined))
        unknown += Number(await consumer.meetsUnknownKid(token));
    }
  }
  return { unknown, fetches: consumers.reduce((sum, consumer) => sum + consumer.fetches(), 0) };
}

describe("jose's createRemoteJWKSet with its defaults", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('never meets an unknown kid through eight rotations in the shortest periods', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const needs = {
      accessTokenLifetime: TOKEN_LIFETIME,
      jwksCached: JWK_SET_MAX_AGE + JWK_SET_STALE,
      refreshPeriod: 300,
      skew: 60,
    };
    expect(findTimingsFault(SHORTEST, needs)).toBeUndefined();
    const { unknown, fetches } = await countUnknownKids(SHORTEST, 8);
    expect(unknown).toBe(0);
    // A fetch each ten minutes and no more.
    expect(fetches).toBeLessThanOrEqual(5 * Math.ceil((8 * 780) / 600));
  });

  it('would, if a key were used sooner than we accept', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const hasty = { ...SHORTEST, signing: { publishLead: 60, activePeriod: 700, hold: 720 } };
    const needs = {
      accessTokenLifetime: TOKEN_LIFETIME,
      jwksCached: JWK_SET_MAX_AGE + JWK_SET_STALE,
      refreshPeriod: 300,
      skew: 60,
    };
    expect(findTimingsFault(hasty, needs)).toContain('signing.publishLead of 60 s is too short');
    const timings = { ...hasty, signing: { ...hasty.signing, activePeriod: 61 } };
    await expect(countUnknownKids(timings, 60)).resolves.not.toMatchObject({ unknown: 0 });
  });
});
