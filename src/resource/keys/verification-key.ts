import { isJsonObject, type JsonObject } from '../../oauth/index.ts';
import { decodeBase64url, encodeBase64url } from '../runtime/base64url.ts';
import type { Soon } from '../runtime/digest.ts';
import {
  impliedAlgorithm,
  isJwsAlgorithmName,
  type JwsAlgorithm,
  type JwsAlgorithmName,
  jwsAlgorithm,
} from '../tokens/jws-algorithm.ts';
import { nodeSignatures } from '../tokens/node-signature.ts';
import { isKnownToWebCrypto, webSignatures } from '../tokens/web-signature.ts';

/** A public key that verifies signatures of exactly one algorithm. */
export interface VerificationKey {
  readonly kid: string;
  readonly alg: JwsAlgorithmName;
  /**
   * Whether `signature`, in JOSE form, is this key's over `input`. False for any malformed signature. A promise where only
   * Web Cryptography can tell. Never throws, never rejects.
   */
  verify(input: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>): Soon<boolean>;
  /** Equal for two keys exactly when they are the same key for the same algorithm. */
  readonly fingerprint: string;
}

/** The members of a JWK that make up its public key. */
export type PublicMembers = Readonly<Record<string, string>>;

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
  if (!isJwsAlgorithmName(alg) || !canVerify(alg)) return 'unsupported';
  const algorithm = jwsAlgorithm(alg);
  if (jwk['kty'] !== algorithm.kty || (algorithm.crv !== undefined && jwk['crv'] !== algorithm.crv)) return 'malformed';
  const members = publicMembers(jwk, alg, algorithm);
  if (typeof members === 'string') return members;
  const verify =
    nodeSignatures === undefined ? webSignatures(members, alg, algorithm) : nodeSignatures(members, algorithm);
  return verify === undefined ? 'not_a_public_key' : { kid, alg, verify, fingerprint: JSON.stringify([alg, members]) };
}

/** Whether signatures of an algorithm can be checked in this runtime. */
export function canVerify(alg: JwsAlgorithmName): boolean {
  return nodeSignatures !== undefined || isKnownToWebCrypto(alg, jwsAlgorithm(alg));
}

/** The members that make up the public key, each the one spelling of its value, or why there is none. */
function publicMembers(jwk: JsonObject, alg: JwsAlgorithmName, algorithm: JwsAlgorithm): PublicMembers | KeyFault {
  const { kty, size = 0 } = algorithm;
  if (kty === 'RSA') {
    const n = bytesOf(jwk['n']);
    const e = bytesOf(jwk['e']);
    return n === undefined || e === undefined
      ? 'malformed'
      : (findRsaFault(n, e) ?? { kty, n: encodeBase64url(n), e: encodeBase64url(e) });
  }
  if (kty === 'AKP') {
    const pub = bytesOf(jwk['pub']);
    return pub?.length === size ? { kty, alg, pub: encodeBase64url(pub) } : 'malformed';
  }
  const x = bytesOf(jwk['x']);
  if (x?.length !== size) return 'malformed';
  const point = { kty, crv: algorithm.crv ?? '', x: encodeBase64url(x) };
  if (kty === 'OKP') return point;
  const y = bytesOf(jwk['y']);
  return y?.length === size ? { ...point, y: encodeBase64url(y) } : 'malformed';
}

function bytesOf(text: unknown): Uint8Array | undefined {
  return typeof text === 'string' && text !== '' ? decodeBase64url(text) : undefined;
}

function findRsaFault(n: Uint8Array, e: Uint8Array): KeyFault | undefined {
  const top = n[0] ?? 0;
  if (top === 0 || e[0] === 0) return 'malformed';
  const bits = n.length * 8 - (Math.clz32(top) - 24);
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS || !isOdd(n)) return 'weak';
  if (e.length > MAX_EXPONENT_BYTES || !isOdd(e) || (e.length === 1 && (e[0] ?? 0) < 3)) return 'weak';
  return undefined;
}

function isOdd(bytes: Uint8Array): boolean {
  return ((bytes.at(-1) ?? 0) & 1) === 1;
}
