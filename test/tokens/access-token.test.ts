import { createHmac, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { importJWK, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import type { SigningAlg } from '../../src/keys/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import {
  type AccessTokenGrant,
  createAccessTokens,
  createRefreshTokens,
  createSealer,
} from '../../src/tokens/index.ts';
import { createTestKeyRing, signBytes, type TestSigner, testSigner } from '../support/keys.ts';

const ISSUER = 'https://as.example';
const NOW = 1_700_000_000;
const GRANT: AccessTokenGrant = {
  subject: 'älice',
  clientId: 'client',
  resource: 'https://mcp.example/mcp',
  scope: ['read', 'write'],
  grantId: 'AAECAwQFBgcICQoLDA0ODw',
  authTime: NOW - 100,
  amr: ['pwd'],
};
const ALGS: readonly SigningAlg[] = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];

const accessTokens = (...signers: readonly TestSigner[]) =>
  createAccessTokens({
    keys: createTestKeyRing({ signers: signers.length === 0 ? [testSigner()] : signers }),
    issuer: ISSUER,
    random: systemRandom,
    lifetime: 600,
  });

const CLAIMS = {
  iss: ISSUER,
  sub: 'a',
  aud: 'https://mcp.example/mcp',
  client_id: 'client',
  iat: NOW,
  exp: NOW + 600,
  jti: 'AAECAwQFBgcICQoLDA0ODw',
};

/** A token with any header and claims, signed in earnest. */
function forge(header: object | string, claims: object | string = CLAIMS, signer = testSigner()): string {
  const encode = (part: object | string) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signBytes(signer.alg, signer.privateKey, Buffer.from(input)).toString('base64url')}`;
}
const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: testSigner().kid };

describe('an access token', () => {
  test.each(ALGS)('signed with %s is verified by an independent implementation', async (alg) => {
    const signer = testSigner(alg);
    const { token, jti, expiresIn } = await accessTokens(signer).issue(GRANT, NOW);
    const { payload, protectedHeader } = await jwtVerify(token, await importJWK({ ...signer.publicJwk }), {
      algorithms: [alg],
      issuer: ISSUER,
      audience: GRANT.resource,
      typ: 'at+jwt',
      currentDate: new Date(NOW * 1000),
      requiredClaims: ['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'jti'],
    });
    expect(protectedHeader).toEqual({ alg, typ: 'at+jwt', kid: signer.kid });
    expect(payload).toEqual({
      iss: ISSUER,
      sub: 'älice',
      aud: 'https://mcp.example/mcp',
      client_id: 'client',
      iat: NOW,
      exp: NOW + 600,
      jti,
      scope: 'read write',
      gid: GRANT.grantId,
      auth_time: NOW - 100,
      amr: ['pwd'],
    });
    expect(expiresIn).toBe(600);
    expect(token).toMatch(/^[A-Za-z0-9._-]+$/);
  });

  test.each(ALGS)('signed with %s is recognised here', async (alg) => {
    const tokens = accessTokens(testSigner(alg));
    const { token, jti } = await tokens.issue(GRANT, NOW);
    expect(tokens.open(token)).toMatchObject({
      kid: testSigner(alg).kid,
      claims: { jti, sub: 'älice', scope: 'read write' },
    });
  });

  test('leaves out what is not known, an empty scope too (RFC 6749 §3.3 has none)', async () => {
    const tokens = accessTokens();
    const { token } = await tokens.issue(
      { subject: 'a', clientId: 'c', resource: 'https://mcp.example', scope: [], amr: [] },
      NOW,
    );
    expect(Object.keys(tokens.open(token)?.claims ?? {}).sort()).toEqual([
      'aud',
      'client_id',
      'exp',
      'iat',
      'iss',
      'jti',
      'sub',
    ]);
  });

  test('has a jti of its own: 16 random bytes', async () => {
    const tokens = accessTokens();
    const issued = await Promise.all(Array.from({ length: 20 }, () => tokens.issue(GRANT, NOW)));
    expect(new Set(issued.map(({ jti }) => jti)).size).toBe(20);
    for (const { jti } of issued) expect(Buffer.from(jti, 'base64url')).toHaveLength(16);
  });

  test('is still recognised after a rotation, and not once its key is gone', async () => {
    const { token } = await accessTokens(testSigner('ES256', 'one')).issue(GRANT, NOW);
    expect(accessTokens(testSigner('ES256', 'two'), testSigner('ES256', 'one')).open(token)).toBeDefined();
    expect(accessTokens(testSigner('ES256', 'two')).open(token)).toBeUndefined();
  });

  test('of a key that was dropped is refused by the same instance from then on', async () => {
    const ring = createTestKeyRing();
    let isDropped = false;
    const keys = { ...ring, findPublicJwk: (kid: string) => (isDropped ? undefined : ring.findPublicJwk(kid)) };
    const tokens = createAccessTokens({ keys, issuer: ISSUER, random: systemRandom, lifetime: 600 });
    const { token } = await tokens.issue(GRANT, NOW);
    expect(tokens.open(token)).toBeDefined();
    isDropped = true;
    expect(tokens.open(token)).toBeUndefined();
  });

  test('cannot be issued when the key cannot sign', async () => {
    const signer = { ...testSigner(), sign: () => Promise.reject(new Error('the HSM is gone')) };
    await expect(accessTokens(signer).issue(GRANT, NOW)).rejects.toThrow('the HSM is gone');
  });
});

describe('is no access token of ours', () => {
  test('the one that is, for comparison', () => {
    expect(accessTokens().open(forge(HEADER))?.claims).toEqual(CLAIMS);
  });

  test.each<[string, object | string]>([
    ['no algorithm', { ...HEADER, alg: 'none' }],
    ['no algorithm, in other case', { ...HEADER, alg: 'nOnE' }],
    ['no alg at all', { typ: 'at+jwt', kid: HEADER.kid }],
    ['an algorithm in other case', { ...HEADER, alg: 'es256' }],
    ['another algorithm than that of its key', { ...HEADER, alg: 'RS256' }],
    ['a MAC', { ...HEADER, alg: 'HS256' }],
    ['a list of algorithms', { ...HEADER, alg: ['ES256'] }],
    ['no typ', { alg: 'ES256', kid: HEADER.kid }],
    ['the typ of any JWT', { ...HEADER, typ: 'JWT' }],
    ['the typ of a client_id', { ...HEADER, typ: 'client+jwt' }],
    ['the typ of a revocation document', { ...HEADER, typ: 'revocations+jwt' }],
    ['a typ with a space', { ...HEADER, typ: 'at+jwt ' }],
    ['no kid', { alg: 'ES256', typ: 'at+jwt' }],
    ['an unknown kid', { ...HEADER, kid: 'x' }],
    ['a kid that is a number', { ...HEADER, kid: 7 }],
    ['a kid that is a list', { ...HEADER, kid: [HEADER.kid] }],
    ['a kid every object has', { ...HEADER, kid: '__proto__' }],
    ['a critical extension', { ...HEADER, crit: ['x'], x: 1 }],
    ['an empty list of critical extensions', { ...HEADER, crit: [] }],
    ['an unencoded payload', { ...HEADER, b64: false, crit: ['b64'] }],
    ['a repeated member', JSON.stringify(HEADER).replace('{', '{"typ":"JWT",')],
    ['no object', '[]'],
    ['no JSON', 'x'],
  ])('what says in its header: %s', (_, header) => {
    expect(accessTokens().open(forge(header))).toBeUndefined();
  });

  test.each<[string, object | string]>([
    ['another issuer', { ...CLAIMS, iss: 'https://evil.example' }],
    ['our issuer with a slash', { ...CLAIMS, iss: `${ISSUER}/` }],
    ['no subject', { ...CLAIMS, sub: undefined }],
    ['no jti', { ...CLAIMS, jti: undefined }],
    ['an end in text', { ...CLAIMS, exp: '9999999999' }],
    ['a repeated member', JSON.stringify(CLAIMS).replace('{', '{"sub":"b",')],
    ['a list', '[]'],
    ['no JSON', 'x'],
  ])('what claims %s', (_, claims) => {
    expect(accessTokens().open(forge(HEADER, claims))).toBeUndefined();
  });

  test('what somebody else signed with our kid', () => {
    expect(accessTokens().open(forge(HEADER, CLAIMS, testSigner('ES256', 'foreign')))).toBeUndefined();
    const jwk = testSigner('ES256', 'foreign').publicJwk;
    expect(accessTokens().open(forge({ ...HEADER, jwk }, CLAIMS, testSigner('ES256', 'foreign')))).toBeUndefined();
  });

  test('what is MACed with our public key', () => {
    const signer = testSigner('RS256');
    const pem = createPublicKey(signer.privateKey).export({ type: 'spki', format: 'pem' });
    for (const alg of ['HS256', 'RS256']) {
      const [head = '', body = ''] = forge({ ...HEADER, alg, kid: signer.kid }, CLAIMS, signer).split('.');
      const mac = createHmac('sha256', pem).update(`${head}.${body}`).digest('base64url');
      expect(accessTokens(signer).open(`${head}.${body}.${mac}`)).toBeUndefined();
    }
  });

  test.each(ALGS)('what has another signature than %s wants, of any length', (alg) => {
    const signer = testSigner(alg);
    const tokens = accessTokens(signer);
    const [head, body, signature = ''] = forge({ ...HEADER, alg, kid: signer.kid }, CLAIMS, signer).split('.');
    const right = Buffer.from(signature, 'base64url');
    expect(tokens.open([head, body, signature].join('.'))).toBeDefined();
    const others = [1, 2, 63, 64, 65, 70, 96, 255, 256, 257].flatMap((length) => [
      Buffer.alloc(length),
      Buffer.alloc(length, 0xff),
    ]);
    const near = [
      right.subarray(1),
      right.subarray(0, -1),
      Buffer.concat([right, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), right]),
    ];
    for (const other of [...others, ...near]) {
      expect(tokens.open([head, body, other.toString('base64url')].join('.')), `${other.length} bytes`).toBeUndefined();
    }
  });

  test('what is signed in DER, as other libraries do it', () => {
    const [head, body, signature = ''] = forge(HEADER).split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const integer = (part: Buffer) => Buffer.concat([Buffer.from([2, part.length + 1, 0]), part]);
    const content = Buffer.concat([integer(bytes.subarray(0, 32)), integer(bytes.subarray(32))]);
    const der = Buffer.concat([Buffer.from([0x30, content.length]), content]);
    expect(accessTokens().open([head, body, der.toString('base64url')].join('.'))).toBeUndefined();
  });

  test('any text that differs from a token in one character', async () => {
    const tokens = accessTokens();
    const { token } = await tokens.issue(GRANT, NOW);
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.constantFrom(...'ABCxyz019-_.= \n'), (index, other) => {
        fc.pre(token[index] !== other);
        return tokens.open(token.slice(0, index) + other + token.slice(index + 1)) === undefined;
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    [
      'spare bits in the signature [JWT-SER-01]',
      (token: string) => token.slice(0, -1) + String.fromCharCode(token.charCodeAt(token.length - 1) + 1),
    ],
    ['padding [JWT-SER-03]', (token: string) => `${token}==`],
    ['a space [JWT-SER-07]', (token: string) => `${token} `],
    ['a line feed [JWT-SER-11]', (token: string) => `${token}\n`],
    ['NUL [JWT-SER-17]', (token: string) => `${token}\0`],
    ['a scheme in front', (token: string) => `Bearer ${token}`],
    ['a segment more', (token: string) => `${token}.`],
    ['no signature', (token: string) => `${token.split('.').slice(0, 2).join('.')}.`],
  ])('a re-spelled token: %s', async (_, respell) => {
    const tokens = accessTokens();
    const { token } = await tokens.issue(GRANT, NOW);
    expect(tokens.open(respell(token))).toBeUndefined();
  });

  test('a code, a refresh token, or any text, and it is no error', async () => {
    const keys = createTestKeyRing();
    const code = await createSealer({ keys, clock: () => NOW }).seal('code+jwe', { ...CLAIMS }, 60);
    const refresh = createRefreshTokens({ keys }).write({
      familyId: systemRandom(16),
      generation: 0,
      nonce: systemRandom(16),
      keyId: keys.activeSecret('refresh').kid,
    });
    expect([accessTokens().open(code), accessTokens().open(refresh ?? '')]).toEqual([undefined, undefined]);
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[\w-]*\.[\w-]*\.[\w-]*$/));
    fc.assert(fc.property(text, (one) => accessTokens().open(one) === undefined));
  });
});

test('the twin of an ES256 signature opens to the same jti, so that what is denied stays denied', async () => {
  const n = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
  const tokens = accessTokens();
  const { token, jti } = await tokens.issue(GRANT, NOW);
  const [head, body, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = n - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  const other = [head, body, twin.toString('base64url')].join('.');
  expect(other).not.toBe(token);
  expect(tokens.open(other)?.claims.jti).toBe(jti);
});
