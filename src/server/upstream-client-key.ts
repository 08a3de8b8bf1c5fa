import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isJsonObject, parseJsonObject } from '../oauth/index.ts';

/** The key by which we authenticate at a provider (RFC 7523 §2.2), as the library takes it. */
export interface UpstreamClientKey {
  readonly key: CryptoKey;
  readonly kid?: string;
}

const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const ALGORITHMS: Readonly<Record<string, { name: string; hash?: string; namedCurve?: string }>> = {
  RS256: RSA,
  RS384: { ...RSA, hash: 'SHA-384' },
  RS512: { ...RSA, hash: 'SHA-512' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  PS384: { name: 'RSA-PSS', hash: 'SHA-384' },
  PS512: { name: 'RSA-PSS', hash: 'SHA-512' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521' },
  EdDSA: { name: 'Ed25519' },
  Ed25519: { name: 'Ed25519' },
};

/** Reads the private JWK in a file. Answers what is wrong with it, in words that repeat nothing of it, where it is none. */
export function readUpstreamClientKey(file: string): UpstreamClientKey | string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return `${file} cannot be read`;
  }
  const jwk = parseJsonObject(text);
  if (!isJsonObject(jwk) || jwk['d'] === undefined) return `${file} holds no private JWK`;
  const algorithm = typeof jwk['alg'] === 'string' ? ALGORITHMS[jwk['alg']] : undefined;
  if (algorithm === undefined) return `the JWK in ${file} must name its alg: ${Object.keys(ALGORITHMS).join(', ')}`;
  try {
    const key = createPrivateKey({ key: jwk, format: 'jwk' }).toCryptoKey(algorithm, false, ['sign']) as CryptoKey;
    return { key, ...(typeof jwk['kid'] === 'string' && { kid: jwk['kid'] }) };
  } catch {
    return `the JWK in ${file} is not usable for its alg`;
  }
}
