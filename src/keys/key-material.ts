import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { isCanonicalBase64url } from '../oauth/index.ts';
import type { PublicJwk, SigningAlg } from './key-ring.ts';
import { hasRocaFingerprint } from './roca.ts';

/** Bytes of a secret key. */
export const SECRET_BYTES = 32;

/** What is wrong with a key, in one word for logs. */
export type KeyFault =
  | 'unsupported_algorithm'
  | 'key_type_mismatch'
  | 'malformed_key'
  | 'rsa_modulus_too_short'
  | 'rsa_exponent_too_small'
  | 'rsa_roca'
  | 'secret_length'
  | 'kid_mismatch';

const MIN_RSA_BITS = 2048;
const MIN_RSA_EXPONENT = 65_537n;
const KEY_TYPES: Readonly<Record<SigningAlg, { readonly kty: string; readonly crv?: string }>> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  RS256: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  'ML-DSA-44': { kty: 'AKP' },
};
const PUBLIC_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
  RSA: ['n', 'e'],
  AKP: ['pub'],
};

const generate = promisify(generateKeyPair);

/** A new private key for an algorithm: EC on its curve, Ed25519, ML-DSA, or RSA with 3072 bits and exponent 65537. */
export async function generatePrivateKey(alg: SigningAlg): Promise<KeyObject> {
  switch (alg) {
    case 'ES256':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
    case 'ES384':
      return (await generate('ec', { namedCurve: 'P-384' })).privateKey;
    case 'EdDSA':
      return (await generate('ed25519')).privateKey;
    case 'RS256':
    case 'PS256':
      return (await generate('rsa', { modulusLength: 3072, publicExponent: 0x10001 })).privateKey;
    case 'ML-DSA-44':
      return (await generate('ml-dsa-44')).privateKey;
  }
}

/** Whether the text names an algorithm of a signing key. */
export function isSigningAlg(alg: unknown): alg is SigningAlg {
  return typeof alg === 'string' && Object.hasOwn(KEY_TYPES, alg);
}

/**
 * The public half of a JWK with `kid` (RFC 7638), `alg` and `use`, and nothing else: members are picked one by one, so a
 * private member can never pass into the JWK Set.
 */
export async function toPublicJwk(jwk: Readonly<Record<string, unknown>>, alg: SigningAlg): Promise<PublicJwk> {
  const kty = String(jwk['kty']);
  const members = (PUBLIC_MEMBERS[kty] ?? []).map((member) => [member, jwk[member]]);
  // An AKP key is one of its algorithm only, so its thumbprint has `alg` in it (RFC 9964).
  const bare = { kty, ...(kty === 'AKP' && { alg }), ...Object.fromEntries(members) } as JWK & { kty: string };
  return { ...bare, kid: await calculateJwkThumbprint(bare), alg, use: 'sig' };
}

/** RFC 7638 thumbprint of a secret. It is a hash of 256 random bits, so it tells nothing about them. */
export async function secretThumbprint(secret: KeyObject): Promise<string> {
  return await calculateJwkThumbprint({ kty: 'oct', k: secret.export().toString('base64url') });
}

/**
 * What is wrong with the public half of a signing key: a type or curve that does not fit `alg` (RFC 7518 §3.1, RFC 9964), RSA
 * under 2048 bits (§3.3), with an exponent under 65537 (jose accepts e=1) or of a flawed generator, or a kid that is not the thumbprint.
 */
export async function findPublicKeyFault(jwk: PublicJwk): Promise<KeyFault | undefined> {
  if (!isSigningAlg(jwk.alg)) return 'unsupported_algorithm';
  const { kty, crv: curve } = KEY_TYPES[jwk.alg];
  if (jwk.kty !== kty || jwk['crv'] !== curve) return 'key_type_mismatch';
  const members = (PUBLIC_MEMBERS[kty] ?? []).map((member) => jwk[member]);
  if (
    !members.every(
      (value) => (typeof value === 'string' && value !== '' && isCanonicalBase64url(value)) || value === curve,
    )
  )
    return 'malformed_key';
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    return 'malformed_key';
  }
  if (kty === 'RSA') {
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    if (modulusLength < MIN_RSA_BITS) return 'rsa_modulus_too_short';
    if (publicExponent < MIN_RSA_EXPONENT || publicExponent % 2n === 0n) return 'rsa_exponent_too_small';
    const modulus = Buffer.from(String(jwk['n']), 'base64url').toString('hex');
    if (hasRocaFingerprint(BigInt(`0x${modulus}`))) return 'rsa_roca';
  }
  return (await toPublicJwk(jwk, jwk.alg)).kid === jwk.kid ? undefined : 'kid_mismatch';
}

/** What is wrong with a secret: not 32 bytes, or a kid that is not its thumbprint. */
export async function findSecretFault(secret: KeyObject, kid: string): Promise<KeyFault | undefined> {
  if (secret.type !== 'secret' || secret.symmetricKeySize !== SECRET_BYTES) return 'secret_length';
  return (await secretThumbprint(secret)) === kid ? undefined : 'kid_mismatch';
}
