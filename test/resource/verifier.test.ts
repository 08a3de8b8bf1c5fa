import fc from 'fast-check';
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { isCanonicalBase64url } from '../../src/oauth/index.ts';
import {
  BearerError,
  createVerifier,
  type RevocableToken,
  type RevocationSource,
  UnavailableError,
} from '../../src/resource/index.ts';
import { decodeBase64url } from '../../src/resource/runtime/base64url.ts';
import { testSigner } from '../support/keys.ts';
import { CLAIMS, createTestClock, forge, ISSUER, NOW, RESOURCE, verifierOf } from './issuer.ts';

const signer = testSigner('ES256');
const jwks = { keys: [signer.publicJwk] };

/** Revocations the test decides about, counting how often it is asked. */
function createTestRevocations() {
  const source = {
    denied: new Set<string>(),
    asked: [] as RevocableToken[],
    current: 0,
    freshness: 'fresh' as 'fresh' | 'degraded' | 'stale',
    isClosed: false,
    isDenied: (token: RevocableToken) => {
      source.asked.push(token);
      return source.denied.has(token.jti) || source.denied.has(token.grantId ?? '');
    },
    version: () => source.current,
    state: () => ({ freshness: source.freshness, entries: source.denied.size }),
    close: () => {
      source.isClosed = true;
    },
  };
  return source satisfies RevocationSource & { denied: Set<string> };
}

describe('a valid token', () => {
  test.each(['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'] as const)('of %s becomes a typed token', async (alg) => {
    const key = testSigner(alg);
    using verifier = verifierOf([key]);
    const token = forge({}, key);

    expect(await verifier.loadAccessToken(token)).toEqual({
      token,
      clientId: 'client-1',
      subject: 'user-1',
      scope: ['mcp:read', 'mcp:write'],
      resource: RESOURCE,
      expiresAt: NOW + 600,
      issuedAt: NOW - 10,
      jti: 'jti-1',
      grantId: 'grant-1',
      authTime: NOW - 100,
      issuer: ISSUER,
      claims: CLAIMS,
    });
  });

  test('is frozen to the bottom, since one object serves many requests', async () => {
    using verifier = verifierOf([signer]);
    const accessToken = await verifier.loadAccessToken(forge({ claims: { ext: { roles: ['a'] } } }));
    const ext = accessToken?.claims['ext'] as { roles: string[] };

    expect([accessToken, accessToken?.scope, accessToken?.claims, ext, ext.roles].every(Object.isFrozen)).toBe(true);
    expect(() => ext.roles.push('admin')).toThrow(TypeError);
  });

  test('without grant, sign-in time and scope has none of them', async () => {
    using verifier = verifierOf([signer]);
    const claims = { gid: undefined, auth_time: undefined, scope: undefined };

    const accessToken = await verifier.loadAccessToken(forge({ claims }));

    expect(accessToken).toMatchObject({ scope: [] });
    expect(accessToken).not.toHaveProperty('grantId');
    expect(accessToken).not.toHaveProperty('authTime');
  });

  test('answers the same object each time it is met', async () => {
    using verifier = verifierOf([signer]);
    const token = forge();

    const first = await verifier.loadAccessToken(token);
    const second = await verifier.loadAccessToken(Buffer.from(token).toString('latin1'));

    expect(second).toBe(first);
    expect(verifier.state().rememberedTokens).toBe(1);
  });
});

describe('what decides', () => {
  test.each([
    ['an algorithm that is not allowed', { algorithms: ['RS256'] as const }, {}],
    ['a sibling of our path', {}, { aud: 'https://mcp.example.test/other' }],
    ['no audience at all', {}, { aud: undefined }],
    ['an audience with a slash behind a path', {}, { aud: `${RESOURCE}/` }],
    ['a sender-constrained token on Bearer', {}, { cnf: { jkt: 'thumbprint' } }],
    ['a token of tomorrow', {}, { nbf: NOW + 6 }],
    ['an expired token', {}, { exp: NOW - 6 }],
    ['an expired token without tolerance', { clockTolerance: 0 }, { exp: NOW }],
  ])('%s is refused [RS-11, RS-12, RS-13, RS-14]', async (_title, options, claims) => {
    using verifier = verifierOf([signer], options);

    expect(await verifier.loadAccessToken(forge({ claims }))).toBeUndefined();
  });

  test('an origin is the same resource with and without its slash', async () => {
    using verifier = verifierOf([signer], { resource: 'https://mcp.example.test' });

    expect(await verifier.loadAccessToken(forge({ claims: { aud: 'https://mcp.example.test/' } }))).toBeDefined();
  });

  test.each([undefined, null, 7, {}, [], Symbol('x'), 'x'.repeat(20_000)])(
    '%s is no token and no error',
    async (value) => {
      using verifier = verifierOf([signer]);

      expect(await verifier.loadAccessToken(value as string)).toBeUndefined();
    },
  );

  test.each([
    ['b64, even as the default says', { header: { b64: true } }],
    ['crit, even when it names what is known', { header: { crit: ['typ'] } }],
  ])('a well-signed token with %s asks more than is done here', async (_title, forgery) => {
    using verifier = verifierOf([signer]);

    expect(await verifier.loadAccessToken(forge(forgery))).toBeUndefined();
  });

  test('a well-signed token is read up to 16,384 characters', async () => {
    using verifier = verifierOf([signer]);
    const padded = (length: number) => forge({ claims: { padding: 'p'.repeat(length) } });
    const longest = Math.floor(((16_384 - padded(0).length) * 3) / 4);

    const fits = await verifier.loadAccessToken(padded(longest));
    const tooLong = await verifier.loadAccessToken(padded(longest + 4));

    expect([fits === undefined, tooLong]).toEqual([false, undefined]);
  });

  test('no text whatever makes it throw', async () => {
    using verifier = verifierOf([signer]);
    const segments = fc.array(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.json().map((text) => Buffer.from(text).toString('base64url')),
      ),
    );

    await fc.assert(
      fc.asyncProperty(segments, async (parts) => {
        expect(await verifier.loadAccessToken(parts.join('.'))).toBeUndefined();
      }),
    );
  });

  test('no claims whatever make it throw, however well they are signed, and none but good ones are accepted', async () => {
    using verifier = verifierOf([signer]);
    const name = fc.constantFrom(...Object.keys(CLAIMS), 'nbf', 'cnf', 'act', 'may_act', 'amr', 'acr', 'roles', 'x');
    const claims = fc.dictionary(name, fc.oneof(fc.jsonValue(), fc.constantFrom(NOW, RESOURCE, [RESOURCE], '')));

    await fc.assert(
      fc.asyncProperty(claims, async (changed) => {
        const accessToken = await verifier.loadAccessToken(forge({ claims: changed }, signer));
        if (accessToken === undefined) return;
        expect(accessToken).toMatchObject({ issuer: ISSUER, resource: RESOURCE });
        expect([accessToken.subject, accessToken.clientId, accessToken.jti].every((text) => text !== '')).toBe(true);
        expect(accessToken.scope.every((one) => typeof one === 'string')).toBe(true);
        expect(accessToken.expiresAt).toBeGreaterThanOrEqual(NOW - 5);
      }),
    );
  });

  test('one changed character anywhere makes a token another one', async () => {
    using verifier = verifierOf([signer]);
    const token = forge();
    const accessToken = await verifier.loadAccessToken(token);

    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...'AQgw-_.= \n'), async (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        expect(await verifier.loadAccessToken(changed)).toBe(changed === token ? accessToken : undefined);
      }),
    );
  });

  test('spelling is judged as the canonical gate judges it', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'AQgwEZz09-_+/= \n\u0141\u200b') });

    fc.assert(
      fc.property(
        fc.oneof(
          letters,
          fc.string({ unit: 'binary' }),
          fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
        ),
        (text) => {
          expect(decodeBase64url(text) !== undefined).toBe(isCanonicalBase64url(text));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('jose accepts nothing that differs from what is accepted here', async () => {
    using verifier = verifierOf([signer]);
    const keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet);
    const options = {
      issuer: ISSUER,
      audience: RESOURCE,
      typ: 'at+jwt',
      currentDate: new Date(NOW * 1000),
      clockTolerance: 6,
    };
    const claim = fc.constantFrom('exp', 'nbf', 'iss', 'aud');
    const value = fc.oneof(
      fc.constant(undefined),
      fc.integer({ min: NOW - 20, max: NOW + 20 }),
      fc.constantFrom(ISSUER, RESOURCE, `${RESOURCE}/`),
    );

    await fc.assert(
      fc.asyncProperty(claim, value, async (name, changed) => {
        const token = forge({ claims: { [name]: changed } });
        const here = await verifier.loadAccessToken(token);
        const there = await jwtVerify(token, keys, options).catch((error: unknown) => {
          expect(error).toBeInstanceOf(errors.JOSEError);
        });
        if (here !== undefined) expect(there).toBeDefined();
      }),
    );
  });
});

describe('remembered tokens', () => {
  test('end when they expire', async () => {
    const clock = createTestClock();
    using verifier = verifierOf([signer], { clock: clock.read });
    const token = forge({ claims: { exp: NOW + 60 } });
    const answers: boolean[] = [];

    for (const now of [NOW, NOW + 60, NOW + 65, NOW + 66]) {
      clock.now = now;
      answers.push((await verifier.loadAccessToken(token)) !== undefined);
    }

    expect(answers).toEqual([true, true, true, false]);
    expect(verifier.state().rememberedTokens).toBe(0);
  });

  test('are never more than there is room for, and those in use stay', async () => {
    using verifier = verifierOf([signer], { cacheSize: 8 });
    const used = forge({ claims: { jti: 'used' } });
    const first = await verifier.loadAccessToken(used);

    for (let index = 0; index < 40; index++) {
      await verifier.loadAccessToken(forge({ claims: { jti: `jti-${index}` } }));
      expect(await verifier.loadAccessToken(used)).toBe(first);
    }

    expect(verifier.state().rememberedTokens).toBeLessThanOrEqual(8);
  });

  test('are none where there is no room', async () => {
    using verifier = verifierOf([signer], { cacheSize: 0 });
    const token = forge();

    const [first, second] = [await verifier.loadAccessToken(token), await verifier.loadAccessToken(token)];

    expect(second).toEqual(first);
    expect(verifier.state().rememberedTokens).toBe(0);
  });

  test('are not mistaken for a token that ends alike', async () => {
    using verifier = verifierOf([signer]);
    const token = forge();
    const [head, payload, sig] = token.split('.');
    await verifier.loadAccessToken(token);

    const forged = await verifier.loadAccessToken(`${head}.${payload?.replace('A', 'B')}.${sig}`);

    expect(forged).toBeUndefined();
  });
});

describe('revocations', () => {
  test('a denied grant ends every token of it, remembered ones too [RS-11]', async () => {
    const revocations = createTestRevocations();
    using verifier = verifierOf([signer], { revocations });
    const token = forge();
    await verifier.loadAccessToken(token);

    revocations.denied.add('grant-1');
    revocations.current++;

    expect(await verifier.loadAccessToken(token)).toBeUndefined();
    expect(await verifier.loadAccessToken(forge({ claims: { jti: 'jti-2' } }))).toBeUndefined();
  });

  test('are asked about a token once for each change, with everything an entry can name', async () => {
    const revocations = createTestRevocations();
    using verifier = verifierOf([signer], { revocations });
    const token = forge();

    for (let call = 0; call < 3; call++) await verifier.loadAccessToken(token);
    revocations.current++;
    for (let call = 0; call < 3; call++) await verifier.loadAccessToken(token);

    const asked = {
      jti: 'jti-1',
      grantId: 'grant-1',
      kid: signer.kid,
      subject: 'user-1',
      clientId: 'client-1',
      issuedAt: NOW - 10,
    };
    expect(revocations.asked).toEqual([asked, asked]);
  });

  test('an undone denial lets the token in again', async () => {
    const revocations = createTestRevocations();
    using verifier = verifierOf([signer], { revocations });
    revocations.denied.add('jti-1');
    const denied = await verifier.loadAccessToken(forge());
    expect(verifier.state().rememberedTokens).toBe(0);

    revocations.denied.clear();
    revocations.current++;

    expect([denied, (await verifier.loadAccessToken(forge()))?.jti]).toEqual([undefined, 'jti-1']);
  });

  test('when they are stale, tokens are accepted until they expire, or nothing is known', async () => {
    const revocations = createTestRevocations();
    using accepting = verifierOf([signer], { revocations });
    using strict = verifierOf([signer], { revocations, onStale: 'unavailable' });
    const token = forge();
    await strict.loadAccessToken(token);
    revocations.freshness = 'stale';

    expect(await accepting.loadAccessToken(token)).toBeDefined();
    await expect(strict.loadAccessToken(token)).rejects.toThrow(UnavailableError);
    await expect(strict.loadAccessToken(forge({ claims: { jti: 'j2' } }))).rejects.toThrow(UnavailableError);
  });

  test('are closed with the verifier', () => {
    const revocations = createTestRevocations();
    verifierOf([signer], { revocations }).close();

    expect(revocations.isClosed).toBe(true);
  });
});

describe('for the MCP SDKs', () => {
  test('a token becomes an AuthInfo of its own for each request', async () => {
    using verifier = verifierOf([signer], { implies: { 'mcp:write': ['mcp:read', 'mcp:list'] } });
    const token = forge({ claims: { scope: 'mcp:write' } });

    const one = await verifier.verifyAccessToken(token);
    const other = await verifier.verifyAccessToken(token);

    expect(one).toEqual({
      token,
      clientId: 'client-1',
      scopes: expect.arrayContaining(['mcp:write', 'mcp:read', 'mcp:list']),
      expiresAt: NOW + 600,
      resource: new URL(RESOURCE),
      extra: { sub: 'user-1', iss: ISSUER, jti: 'jti-1', claims: { ...CLAIMS, scope: 'mcp:write' } },
    });
    expect(one.scopes).not.toBe(other.scopes);
    expect(one.resource).not.toBe(other.resource);
  });

  test('a bad token is an error', async () => {
    using verifier = verifierOf([signer]);

    const error = await verifier.verifyAccessToken('x').catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(BearerError);
    expect(error).toMatchObject({ code: 'invalid_token', status: 401, message: 'The access token is not valid.' });
  });
});

describe('settings that cannot work', () => {
  const good = { issuer: ISSUER, resource: RESOURCE, jwks };

  test.each([
    ['no issuer', { issuer: '' }],
    ['a resource that is no URL', { resource: 'mcp' }],
    ['a resource with a fragment', { resource: `${RESOURCE}#x` }],
    ['no algorithm', { algorithms: [] }],
    ['a symmetric algorithm', { algorithms: ['HS256'] as never }],
    ['no signature', { algorithms: ['none'] as never }],
    ['a member of every object for an algorithm', { algorithms: ['constructor'] as never }],
    ['a tolerance below zero', { clockTolerance: -1 }],
    ['a tolerance that is no number', { clockTolerance: Number.NaN }],
    ['a tolerance of an hour', { clockTolerance: 3600 }],
    ['no usable key', { jwks: { keys: [] } }],
    [
      'more keys than anybody has',
      { jwks: { keys: Array.from({ length: 101 }, (_, kid) => ({ ...signer.publicJwk, kid: `${kid}` })) } },
    ],
    ['keys over plain HTTP', { jwks: 'http://as.example.test/jwks.json' }],
    ['keys from a file', { jwks: 'file:///jwks.json' }],
    ['keys from a URL with a password', { jwks: 'https://a:b@as.example.test/jwks.json' }],
  ])('%s is refused', (_title, change) => {
    expect(() => createVerifier({ ...good, ...change })).toThrow(TypeError);
  });

  test('an issuer over plain HTTP is refused where its metadata would be asked', () => {
    expect(() => createVerifier({ issuer: 'http://as.example.test', resource: RESOURCE })).toThrow(TypeError);
  });
});
