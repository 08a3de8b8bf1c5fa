import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { isCanonicalBase64url, isJsonObject, type JsonObject } from '../oauth/index.ts';
import { ecdsaToDer, pssPublicKeyInfo } from './der.ts';
import {
  impliedAlgorithm,
  isJwsAlgorithmName,
  type JwsAlgorithm,
  type JwsAlgorithmName,
  jwsAlgorithm,
} from './jws-algorithm.ts';

/** A public key that verifies signatures of exactly one algorithm. */
export interface VerificationKey {
  readonly kid: string;
  readonly alg: JwsAlgorithmName;
  /** Whether `signature`, in JOSE form, is this key's over `input`. False for any malformed signature. */
  verify(input: Uint8Array, signature: Uint8Array): boolean;
  /** Equal for two keys exactly when they are the same key for the same algorithm. */
  readonly fingerprint: string;
}

/** Why a JWK is not used. `unsupported` is ordinary: another key type or algorithm beside ours. */
export type KeyFault =
  | 'malformed'
  | 'unsupported'
  | 'no_kid'
  | 'secret'
  | 'wrong_use'
  | 'weak'
  | 'not_a_public_key'
  | 'duplicate_kid';

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MAX_EXPONENT_BYTES = 8;
const MAX_KID_LENGTH = 256;

/**
 * Reads a JWK (RFC 7517 §4) as a public key for signatures, or says why not. Without `alg` the key is bound to the one
 * algorithm of its type. Refuses keys with private members, RSA under 2048 bits or with an exponent that is even or
 * below 3, coordinates of another length than the curve's, and points off the curve.
 */
export function parseVerificationKey(jwk: unknown): VerificationKey | KeyFault {
  if (!isJsonObject(jwk) || typeof jwk['kty'] !== 'string') return 'malformed';
  if (PRIVATE_MEMBERS.some((member) => jwk[member] !== undefined)) return 'secret';
  const { kid, use, key_ops } = jwk;
  if (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH) return 'no_kid';
  if (use !== undefined && use !== 'sig') return 'wrong_use';
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) return 'wrong_use';
  const alg = jwk['alg'] ?? impliedAlgorithm(jwk['kty'], jwk['crv']);
  if (!isJwsAlgorithmName(alg)) return 'unsupported';
  const algorithm = jwsAlgorithm(alg);
  if (jwk['kty'] !== algorithm.kty || (algorithm.crv !== undefined && jwk['crv'] !== algorithm.crv)) return 'malformed';
  const members = publicMembers(jwk, alg, algorithm);
  if (typeof members === 'string') return members;
  const key = importKey(members, algorithm);
  if (key === undefined) return 'not_a_public_key';
  return { kid, alg, verify: verifier(key, algorithm), fingerprint: JSON.stringify([alg, members]) };
}

/** The members that make up the public key, each the one spelling of its value, or why there is none. */
function publicMembers(jwk: JsonObject, alg: JwsAlgorithmName, algorithm: JwsAlgorithm): JsonWebKey | KeyFault {
  const { kty, size = 0 } = algorithm;
  if (kty === 'RSA') {
    const n = bytesOf(jwk['n']);
    const e = bytesOf(jwk['e']);
    return n === undefined || e === undefined
      ? 'malformed'
      : (findRsaFault(n, e) ?? { kty, n: n.toString('base64url'), e: e.toString('base64url') });
  }
  if (kty === 'AKP') {
    const pub = bytesOf(jwk['pub']);
    return pub?.length === size ? { kty, alg, pub: pub.toString('base64url') } : 'malformed';
  }
  const x = bytesOf(jwk['x']);
  if (x?.length !== size) return 'malformed';
  const point = { kty, crv: algorithm.crv ?? '', x: x.toString('base64url') };
  if (kty === 'OKP') return point;
  const y = bytesOf(jwk['y']);
  return y?.length === size ? { ...point, y: y.toString('base64url') } : 'malformed';
}

function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || text === '' || !isCanonicalBase64url(text)) return undefined;
  return Buffer.from(text, 'base64url');
}

function findRsaFault(n: Buffer, e: Buffer): KeyFault | undefined {
  const top = n[0] ?? 0;
  if (top === 0 || e[0] === 0) return 'malformed';
  const bits = n.length * 8 - (Math.clz32(top) - 24);
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS || !isOdd(n)) return 'weak';
  if (e.length > MAX_EXPONENT_BYTES || !isOdd(e) || (e.length === 1 && (e[0] ?? 0) < 3)) return 'weak';
  return undefined;
}

function isOdd(bytes: Buffer): boolean {
  return ((bytes.at(-1) ?? 0) & 1) === 1;
}

function importKey(members: JsonWebKey, algorithm: JwsAlgorithm): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: members, format: 'jwk' });
    if (algorithm.isPss === undefined || algorithm.hash === null) return key;
    // Node takes the padding of a key of this type from the key itself: verifying with the bare key costs half as much.
    const pkcs1 = key.export({ type: 'pkcs1', format: 'der' });
    return createPublicKey({ key: pssPublicKeyInfo(pkcs1, algorithm.hash), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function verifier(key: KeyObject, algorithm: JwsAlgorithm): VerificationKey['verify'] {
  const { hash } = algorithm;
  const length = algorithm.signatureLength ?? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  const isSigned = (input: Uint8Array, signature: Uint8Array): boolean => {
    try {
      return verify(hash, input, key, signature);
    } catch {
      return false;
    }
  };
  if (algorithm.kty !== 'EC') return (input, signature) => signature.length === length && isSigned(input, signature);
  // DER goes to OpenSSL with the bare key; asking Node for r‖s takes an options object, which costs more than half of the
  // whole verification.
  const size = length / 2;
  return (input, signature) => signature.length === length && isSigned(input, ecdsaToDer(signature, size));
}
