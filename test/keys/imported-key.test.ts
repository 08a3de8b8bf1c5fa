import { checkPrimeSync, createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import nodeJose from 'node-jose';
import { describe, expect, it } from 'vitest';
import { KeyImportError, parseImportedKeys } from '../../src/keys/index.ts';
import { hasRocaFingerprint } from '../../src/keys/roca.ts';

const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ANOTHER = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const P384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ED = generateKeyPairSync('ed25519');
const ML_DSA = generateKeyPairSync('ml-dsa-44');
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwkOf = (key: typeof EC.privateKey) => ({ ...key.export({ format: 'jwk' }) });
const pem = (key: typeof EC.privateKey, type: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8') =>
  String(key.export({ type, format: 'pem' }));

describe('an imported key', () => {
  it.each([
    ['PKCS#8 EC', pem(EC.privateKey), 'ES256'],
    ['SEC 1', pem(EC.privateKey, 'sec1'), 'ES256'],
    ['PKCS#8 P-384', pem(P384.privateKey), 'ES384'],
    ['PKCS#8 Ed25519', pem(ED.privateKey), 'EdDSA'],
    ['PKCS#8 RSA', pem(RSA.privateKey), 'RS256'],
    ['PKCS#1', pem(RSA.privateKey, 'pkcs1'), 'RS256'],
    ['PKCS#8 ML-DSA-44', pem(ML_DSA.privateKey), 'ML-DSA-44'],
    ['JWK of type AKP', JSON.stringify(jwkOf(ML_DSA.privateKey)), 'ML-DSA-44'],
    ['JWK', JSON.stringify(jwkOf(EC.privateKey)), 'ES256'],
    ['JWK with alg', JSON.stringify({ ...jwkOf(RSA.privateKey), alg: 'PS256', use: 'sig' }), 'PS256'],
  ])('of %s is known by its type and gets its thumbprint', async (_what, text, alg) => {
    const { keys, skipped } = await parseImportedKeys(text);
    const { key: nodeJoseKey } = { key: await nodeJose.JWK.asKey(keys[0]!.privateJwk).catch(() => undefined) };
    expect(skipped).toEqual([]);
    expect(keys).toEqual([{ kid: expect.stringMatching(/^[\w-]{43}$/), alg, privateJwk: expect.any(Object) }]);
    // node-jose, which has neither Ed25519 nor ML-DSA, comes to the same thumbprint.
    if (alg !== 'EdDSA' && alg !== 'ML-DSA-44') expect(nodeJoseKey?.kid).toBe(keys[0]!.kid);
  });

  it('of an RSA PEM may be for PS256', async () => {
    const { keys } = await parseImportedKeys(pem(RSA.privateKey), { rsaAlg: 'PS256' });
    expect(keys[0]?.alg).toBe('PS256');
  });

  it('of an encrypted PEM needs its passphrase', async () => {
    const encrypted = String(
      EC.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }),
    );
    await expect(parseImportedKeys(encrypted)).rejects.toThrow('give its passphrase');
    await expect(parseImportedKeys(encrypted, { passphrase: 'wrong' })).rejects.toThrow('cannot be decrypted');
    expect((await parseImportedKeys(encrypted, { passphrase: 'open sesame' })).keys).toHaveLength(1);
  });

  it('keeps nothing of its file but the key, and tells the kid it had', async () => {
    const { keys } = await parseImportedKeys(
      JSON.stringify({
        ...jwkOf(EC.privateKey),
        kid: 'main',
        use: 'sig',
        key_ops: ['sign'],
        x5u: 'https://evil.example',
      }),
    );
    expect(keys[0]).toMatchObject({ formerKid: 'main' });
    expect(Object.keys(keys[0]!.privateJwk).sort()).toEqual(['crv', 'd', 'kty', 'x', 'y']);
  });

  it('of a JWK Set stands beside what is no signing key, which is named', async () => {
    const document = {
      keys: [
        { ...jwkOf(EC.privateKey), kid: 'sign' },
        { ...jwkOf(RSA.privateKey), kid: 'encrypt', use: 'enc' },
        { ...jwkOf(RSA.privateKey), kid: 'rs512', alg: 'RS512' },
        { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' },
        { ...jwkOf(EC.publicKey), kid: 'public' },
        { ...jwkOf(EC.privateKey), kid: 'copy' },
        { ...jwkOf(EC.privateKey), d: jwkOf(ANOTHER.privateKey)['d'], kid: 'torn' },
        'nonsense',
      ],
    };
    const { keys, skipped } = await parseImportedKeys(JSON.stringify(document));
    expect(keys.map(({ formerKid }) => formerKid)).toEqual(['sign']);
    expect(skipped.map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      'encrypt not_for_signing',
      'rs512 unsupported_algorithm',
      'secret symmetric_key',
      'public public_key_only',
      'copy duplicate_kid',
      'torn canary_failed',
      'key 8 public_key_only',
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /neither PEM nor one JSON object/],
    ['a public key', String(EC.publicKey.export({ type: 'spki', format: 'pem' })), /no key that can sign here\.$/],
    ['a damaged key', pem(EC.privateKey).replace(/\n(.{20})/, '\n'), /damaged/],
    ['a weak key', pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), /rsa_modulus_too_short/],
    [
      'a key on another curve',
      pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
      /unsupported_alg/,
    ],
    ['an RSASSA-PSS key', pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey), /unsupported_alg/],
    ['too much', 'x'.repeat(1_048_577), /too large/],
  ])('is not found in %s', async (_what, text, message) => {
    const refusal = await parseImportedKeys(text).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(KeyImportError);
    expect(String(refusal)).toMatch(message);
    expect(String(refusal)).not.toMatch(/MIG|MII|BEGIN/);
  });

  it('that is a certificate alone is told what is missing', async () => {
    await expect(parseImportedKeys(CERTIFICATE)).rejects.toThrow('a certificate without its private key');
  });

  it('with a certificate must be of it', async () => {
    const text = `${CERTIFICATE}\n${CERTIFIED_KEY}`;
    expect((await parseImportedKeys(text)).keys).toHaveLength(1);
    await expect(parseImportedKeys(`${CERTIFICATE}\n${pem(EC.privateKey)}`)).rejects.toThrow(
      'certificate of another key',
    );
  });
});

describe('a keystore of node-jose', () => {
  it('is read by node-jose, each signing key in it', async () => {
    const keystore = nodeJose.JWK.createKeyStore();
    await keystore.generate('EC', 'P-256', { alg: 'ES256', use: 'sig' });
    await keystore.generate('RSA', 2048, { alg: 'PS256', use: 'sig', kid: 'rsa-2023' });
    await keystore.generate('oct', 256, { alg: 'HS256', use: 'sig', kid: 'cookies' });
    const { keys, skipped } = await parseImportedKeys(JSON.stringify(keystore.toJSON(true)), { format: 'node-jose' });
    expect(keys.map(({ alg, formerKid }) => [alg, formerKid])).toEqual([
      ['ES256', undefined],
      ['PS256', 'rsa-2023'],
    ]);
    expect(skipped).toEqual([{ name: 'cookies', reason: 'symmetric_key' }]);
  });

  it('without private parts holds nothing to import', async () => {
    const keystore = nodeJose.JWK.createKeyStore();
    await keystore.generate('EC', 'P-256', { kid: 'one' });
    const text = JSON.stringify(keystore.toJSON());
    await expect(parseImportedKeys(text, { format: 'node-jose' })).rejects.toThrow('one (public_key_only)');
    await expect(parseImportedKeys('{"keys":[{"kty":"?"}]}', { format: 'node-jose' })).rejects.toThrow(
      'node-jose does not take the file',
    );
  });
});

describe('the fingerprint of flawed RSA generators', () => {
  it('is on a key made like theirs, which is refused, and on no sound one', async () => {
    const [p, q] = [flawedPrime(), flawedPrime()];
    expect(hasRocaFingerprint(p * q)).toBe(true);
    const jwk = rsaJwk(p, q);
    createPrivateKey({ key: jwk, format: 'jwk' });
    await expect(parseImportedKeys(JSON.stringify(jwk))).rejects.toThrow('rsa_roca');
    for (let turn = 0; turn < 200; turn++)
      expect(hasRocaFingerprint(BigInt(`0x${randomBytes(256).toString('hex')}`) | 1n)).toBe(false);
  });
});

/** A prime k · M + (65537^a mod M), M the product of the first 126 primes, as the smart cards made theirs. */
function flawedPrime(): bigint {
  const primes = Array.from({ length: 720 }, (_, n) => n).filter((n) => n > 1 && checkPrimeSync(BigInt(n)));
  const product = primes.slice(0, 126).reduce((all, prime) => all * BigInt(prime), 1n);
  for (;;) {
    const exponent = randomBytes(8).readBigUInt64BE();
    const k = BigInt(`0x${randomBytes(8).toString('hex')}`) | (1n << 63n);
    const candidate = k * product + modPow(65_537n, exponent, product);
    if (checkPrimeSync(candidate)) return candidate;
  }
}

function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base % modulus, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % modulus)
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
  return result;
}

function rsaJwk(p: bigint, q: bigint): Record<string, string> {
  const inverse = (value: bigint, modulus: bigint): bigint => {
    let [r, nextR, t, nextT] = [modulus, value % modulus, 0n, 1n];
    while (nextR !== 0n) {
      const quotient = r / nextR;
      [r, nextR] = [nextR, r - quotient * nextR];
      [t, nextT] = [nextT, t - quotient * nextT];
    }
    return ((t % modulus) + modulus) % modulus;
  };
  const e = 65_537n;
  const d = inverse(e, (p - 1n) * (q - 1n));
  const members = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const encode = (value: bigint) => {
    const hex = value.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
  };
  return { kty: 'RSA', ...Object.fromEntries(Object.entries(members).map(([name, value]) => [name, encode(value)])) };
}

// A self-signed certificate that is no authority, and its key, made for this test only.
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBcjCCARigAwIBAgIUfHdXLtuxVigljAlMW9l/ts8huHowCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQwMjA3MjVaGA8yMTI2MTAzMTAyMDcy
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEcw
bW78bexIrJzZ9WAX0cre706zMZYY0ftVkYdI75r9iIaZRxGZzB96yo/7OMoXtRh7
IhphYYcOV7/y+bVKw6+jUDBOMB0GA1UdDgQWBBQBH48/Uu/qYuB8wWlxh6GcfI/D
xjAfBgNVHSMEGDAWgBQBH48/Uu/qYuB8wWlxh6GcfI/DxjAMBgNVHRMBAf8EAjAA
MAoGCCqGSM49BAMCA0gAMEUCIHAKhU9Uz66Yv4zKi7u1tMVXzBjl5qaBtJ659FAt
x5XNAiEA4Yln+3pnDt/c8RKFLh7Lq65uue9HOS+xaq6CEuASby4=
-----END CERTIFICATE-----`;
const CERTIFIED_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxq1D/MWap8+Uhb+q
awRQcc0WLR9Cg34o+u4MQgzRXuChRANCAARHMG1u/G3sSKyc2fVgF9HK3u9OszGW
GNH7VZGHSO+a/YiGmUcRmcwfesqP+zjKF7UYeyIaYWGHDle/8vm1SsOv
-----END PRIVATE KEY-----`;
