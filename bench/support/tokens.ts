import { constants, generateKeyPair, type JsonWebKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';

export type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'PS256';

export const ISSUER = 'https://as.example.com';
export const RESOURCE = 'https://mcp.example.com/mcp';

/** A signing key with its public half as JWK. */
export interface BenchKey {
  readonly alg: Algorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly jwk: JsonWebKey & { kid: string; alg: string; use: string };
}

const signAsync = promisify(sign);
const generate = promisify(generateKeyPair);

export async function generateBenchKey(alg: Algorithm): Promise<BenchKey> {
  const { privateKey, publicKey } = await (alg === 'ES256'
    ? generate('ec', { namedCurve: 'P-256' })
    : alg === 'EdDSA'
      ? generate('ed25519')
      : generate('rsa', { modulusLength: 2048 }));
  const kid = randomBytes(32).toString('base64url');
  return { alg, privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } };
}

/** `count` RFC 9068 access tokens as guardmint makes them, all live for ten minutes, as the bytes a socket delivers. */
export async function signBenchTokens(key: BenchKey, count: number): Promise<Buffer[]> {
  const header = encode({ alg: key.alg, typ: 'at+jwt', kid: key.jwk.kid });
  const now = Math.floor(Date.now() / 1000);
  const tokens: Buffer[] = [];
  for (let first = 0; first < count; first += 500) {
    const batch = Array.from({ length: Math.min(500, count - first) }, async (_, index) => {
      const claims = {
        iss: ISSUER,
        sub: `user-${first + index}`,
        aud: RESOURCE,
        client_id: randomBytes(24).toString('base64url'),
        iat: now,
        exp: now + 600,
        jti: randomBytes(16).toString('base64url'),
        scope: 'mcp:read mcp:write',
        gid: randomBytes(16).toString('base64url'),
        auth_time: now - 60,
      };
      const input = `${header}.${encode(claims)}`;
      return Buffer.from(`${input}.${(await signInput(key, Buffer.from(input))).toString('base64url')}`);
    });
    tokens.push(...(await Promise.all(batch)));
  }
  return tokens;
}

function signInput({ alg, privateKey }: BenchKey, input: Buffer): Promise<Buffer> {
  switch (alg) {
    case 'ES256':
      return signAsync('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    case 'EdDSA':
      return signAsync(null, input, privateKey);
    case 'RS256':
      return signAsync('sha256', input, privateKey);
    case 'PS256':
      return signAsync('sha256', input, {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      });
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
