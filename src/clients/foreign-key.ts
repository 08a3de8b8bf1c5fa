import { createPublicKey, type KeyObject } from 'node:crypto';
import { compactVerify } from 'jose';
import { hasRocaFingerprint } from '../keys/index.ts';
import { isCanonicalBase64url, isJsonObject, type JsonObject } from '../oauth/index.ts';

/** `alg` of the signatures others make that are verified here: asymmetric ones only (RFC 7518 §3.1, RFC 8037, RFC 9864). */
export const ASSERTION_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const;

/** One of `ASSERTION_ALGORITHMS`. */
export type AssertionAlgorithm = (typeof ASSERTION_ALGORITHMS)[number];

/** The public key of somebody else (a client, an issuer we trust), bound to one algorithm. */
export interface ForeignKey {
  /** Absent: the JWK has none. */
  readonly kid?: string;
  /** The JWK without whatever else it carried: what is kept and echoed. */
  readonly jwk: JsonObject;
  /** Whether the key verifies signatures with this `alg`. `EdDSA` and `Ed25519` name the same one. */
  hasAlgorithm(alg: string): boolean;
  /** Whether a compact JWS that passed the canonical gate is signed with this key. */
  verify(compact: string): Promise<boolean>;
}

/** Why a JWK is not used, in one word for logs. */
export type ForeignKeyFault =
  | 'malformed_key'
  | 'unsupported_algorithm'
  | 'key_type_mismatch'
  | 'secret_member'
  | 'not_for_signatures'
  | 'weak_key'
  | 'duplicate_kid';

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const CURVES: Readonly<Record<string, { readonly kty: string; readonly alg: AssertionAlgorithm; size: number }>> = {
  'P-256': { kty: 'EC', alg: 'ES256', size: 32 },
  'P-384': { kty: 'EC', alg: 'ES384', size: 48 },
  'P-521': { kty: 'EC', alg: 'ES512', size: 66 },
  Ed25519: { kty: 'OKP', alg: 'EdDSA', size: 32 },
};
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;

/** Whether a key may have private or symmetric members: then it must not be used, nor kept. */
export function hasSecretMember(jwk: JsonObject): boolean {
  return jwk['kty'] === 'oct' || PRIVATE_MEMBERS.some((member) => jwk[member] !== undefined);
}

/**
 * Reads a JWK (RFC 7517 §4) of somebody else as a key for signatures of exactly one algorithm (RFC 8725 §3.1): its `alg`, or
 * without one the algorithm of its curve, RS256 for RSA. Refused: private or symmetric members, another use than
 * signatures, a curve that does not fit, a point off the curve, RSA under 2048 bits or over 8192, with an exponent that
 * is even or below 3, or of the ROCA generator.
 */
export function parseForeignKey(jwk: unknown): ForeignKey | ForeignKeyFault {
  if (!isJsonObject(jwk)) return 'malformed_key';
  if (hasSecretMember(jwk)) return 'secret_member';
  const { kid, use, key_ops } = jwk;
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > 256)) return 'malformed_key';
  // SPIFFE bundles have a word of their own for it (SPIFFE Trust Domain and Bundle §4.2.2).
  if (use !== undefined && use !== 'sig' && use !== 'jwt-svid') return 'not_for_signatures';
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) return 'not_for_signatures';
  const alg = algorithmOf(jwk);
  if (alg === undefined) return 'unsupported_algorithm';
  const members = publicMembers(jwk, alg);
  if (typeof members === 'string') return members;
  const key = importKey(members);
  if (typeof key === 'string') return key;
  const algorithms = alg === 'EdDSA' || alg === 'Ed25519' ? ['EdDSA', 'Ed25519'] : [alg];
  return {
    ...(kid !== undefined && { kid }),
    jwk: { ...members, ...pick(jwk, ['kid', 'alg', 'use']) },
    hasAlgorithm: (presented) => algorithms.includes(presented),
    verify: async (compact) =>
      compactVerify(compact, key, { algorithms }).then(
        () => true,
        () => false,
      ),
  };
}

/** Whether `alg` names an algorithm of the list; any other value, of any type, does not. */
export function isAssertionAlgorithm(alg: unknown): alg is AssertionAlgorithm {
  return ASSERTION_ALGORITHMS.some((known) => known === alg);
}

function pick(jwk: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(
    members.filter((member) => jwk[member] !== undefined).map((member) => [member, jwk[member]]),
  );
}

function algorithmOf(jwk: JsonObject): AssertionAlgorithm | undefined {
  const alg = jwk['alg'] ?? (jwk['kty'] === 'RSA' ? 'RS256' : curveOf(jwk['crv'])?.alg);
  return isAssertionAlgorithm(alg) ? alg : undefined;
}

function curveOf(crv: unknown) {
  return typeof crv === 'string' && Object.hasOwn(CURVES, crv) ? CURVES[crv] : undefined;
}

/** The members that make up the public key, without whatever else the JWK carries. */
function publicMembers(jwk: JsonObject, alg: AssertionAlgorithm): JsonWebKey | ForeignKeyFault {
  const { kty, crv, n, e, x, y } = jwk;
  if (alg.startsWith('RS') || alg.startsWith('PS')) {
    if (kty !== 'RSA') return 'key_type_mismatch';
    return isBytes(n) && isBytes(e) ? { kty, n, e } : 'malformed_key';
  }
  const curve = curveOf(crv);
  if (curve === undefined || curve.kty !== kty || curve.alg !== (alg === 'Ed25519' ? 'EdDSA' : alg))
    return 'key_type_mismatch';
  if (!isBytes(x, curve.size)) return 'malformed_key';
  if (kty === 'OKP') return { kty, crv: 'Ed25519', x };
  return isBytes(y, curve.size) ? { kty: 'EC', crv: crv as string, x, y } : 'malformed_key';
}

function isBytes(text: unknown, size?: number): text is string {
  if (typeof text !== 'string' || text === '' || !isCanonicalBase64url(text)) return false;
  return size === undefined || Buffer.byteLength(text, 'base64url') === size;
}

function importKey(members: JsonWebKey): KeyObject | ForeignKeyFault {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { ...members }, format: 'jwk' });
  } catch {
    return 'malformed_key';
  }
  return members.kty === 'RSA' && isWeakRsa(key, members) ? 'weak_key' : key;
}

function isWeakRsa(key: KeyObject, members: JsonWebKey): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) return true;
  if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent >= 1n << 64n) return true;
  const modulus = BigInt(`0x${Buffer.from(members.n ?? '', 'base64url').toString('hex')}`);
  return modulus % 2n === 0n || hasRocaFingerprint(modulus);
}
