import { bytesOfBase64url, isCanonicalBase64url, splitCompact } from './compact.ts';
import { isJsonObject, type JsonObject, parseJsonBytes } from './strict-json.ts';
import type { EpochSeconds, Seconds } from './time.ts';

/** `alg` of the DPoP proofs that are accepted: asymmetric ones only (RFC 9449 §4.3, §11.6). */
export const DPOP_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;

/** How far the `iat` of a proof may lie from now, on either side, in seconds. */
export const DPOP_PROOF_WINDOW: Seconds = 300;

/** A DPoP proof (RFC 9449 §4.2) of the right form. Its signature and what it says are still to be checked. */
export interface DpopProof {
  readonly alg: (typeof DPOP_ALGORITHMS)[number];
  /** The public key it carries: the members of its type and no others. */
  readonly jwk: Readonly<Record<string, string>>;
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  readonly iat: EpochSeconds;
  readonly ath?: string;
  readonly nonce?: string;
}

/** Why a proof does not count, in one word for logs. */
export type DpopProofFault =
  | 'malformed'
  | 'type'
  | 'algorithm'
  | 'key'
  | 'claims'
  | 'signature'
  | 'method'
  | 'url'
  | 'time'
  | 'access_token';

/** What a proof must say of the request that carries it. */
export interface DpopExpectation {
  readonly method: string;
  /** The URL of the request as clients know it; query and fragment do not count. */
  readonly url: string;
  /** SHA-256 of the access token in base64url (`ath`); absent where none is presented. */
  readonly accessTokenHash?: string;
}

const MAX_PROOF_LENGTH = 8_192;
const MAX_TEXT_LENGTH = 256;
const MAX_URL_LENGTH = 2_048;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
// In the order of RFC 7638 §3.2: what the thumbprint is made of.
const KEY_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
};

/**
 * Reads a DPoP proof up to its signature: one compact JWS in its canonical spelling, `typ dpop+jwt`, an asymmetric `alg` of
 * the list, a public key in `jwk` without private members, the claims RFC 9449 §4.2 requires, each of its type. Whether
 * the key is sound, and fits `alg`, is for whoever imports it.
 */
export function readDpopProof(text: string): DpopProof | DpopProofFault {
  const segments = text.length > MAX_PROOF_LENGTH ? undefined : splitCompact(text, 3);
  const header = parseJsonBytes(bytesOfBase64url(segments?.[0] ?? ''));
  const claims = parseJsonBytes(bytesOfBase64url(segments?.[1] ?? ''));
  if (header === undefined || claims === undefined) return 'malformed';
  if (header['typ'] !== 'dpop+jwt') return 'type';
  if (header['crit'] !== undefined || header['b64'] !== undefined) return 'malformed';
  const alg = DPOP_ALGORITHMS.find((known) => known === header['alg']);
  if (alg === undefined) return 'algorithm';
  const jwk = publicKeyOf(header['jwk'], alg);
  if (jwk === undefined) return 'key';
  if (!hasClaims(claims)) return 'claims';
  const { jti, htm, htu, iat, ath, nonce } = claims;
  return { alg, jwk, jti, htm, htu, iat, ...(ath !== undefined && { ath }), ...(nonce !== undefined && { nonce }) };
}

/** The text whose SHA-256 is the thumbprint of the key of a proof (RFC 7638 §3). */
export function thumbprintInput(jwk: DpopProof['jwk']): string {
  return JSON.stringify(Object.fromEntries((KEY_MEMBERS[jwk['kty'] ?? ''] ?? []).map((name) => [name, jwk[name]])));
}

/** Checks a proof whose signature holds against the request that carries it (RFC 9449 §4.3). */
export function findDpopProofFault(
  proof: DpopProof,
  expected: DpopExpectation,
  now: EpochSeconds,
): DpopProofFault | undefined {
  if (proof.htm !== expected.method) return 'method';
  if (!isSameTarget(proof.htu, expected.url)) return 'url';
  if (Math.abs(now - proof.iat) > DPOP_PROOF_WINDOW) return 'time';
  if (expected.accessTokenHash !== undefined && proof.ath !== expected.accessTokenHash) return 'access_token';
  return undefined;
}

/** Whether `text` can be the SHA-256 thumbprint of a key: 43 characters of canonical base64url. */
export function isThumbprint(text: unknown): text is string {
  return typeof text === 'string' && text.length === 43 && isCanonicalBase64url(text);
}

function publicKeyOf(jwk: unknown, alg: string): DpopProof['jwk'] | undefined {
  if (!isJsonObject(jwk) || PRIVATE_MEMBERS.some((member) => jwk[member] !== undefined)) return undefined;
  if (jwk['alg'] !== undefined && jwk['alg'] !== alg) return undefined;
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return undefined;
  const names = typeof jwk['kty'] === 'string' && Object.hasOwn(KEY_MEMBERS, jwk['kty']) ? KEY_MEMBERS[jwk['kty']] : [];
  const members = (names ?? []).map((name) => [name, jwk[name]]);
  if (members.length === 0 || !members.every(([, value]) => typeof value === 'string')) return undefined;
  return Object.fromEntries(members) as Record<string, string>;
}

type Claims = Pick<DpopProof, 'jti' | 'htm' | 'htu' | 'iat' | 'ath' | 'nonce'>;

function hasClaims(claims: JsonObject): claims is JsonObject & Claims {
  const { jti, htm, htu, iat, ath, nonce } = claims;
  return (
    isText(jti, MAX_TEXT_LENGTH) &&
    isText(htm, MAX_TEXT_LENGTH) &&
    isText(htu, MAX_URL_LENGTH) &&
    typeof iat === 'number' &&
    Number.isFinite(iat) &&
    (ath === undefined || isText(ath, MAX_TEXT_LENGTH)) &&
    (nonce === undefined || isText(nonce, MAX_URL_LENGTH))
  );
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= max;
}

function isSameTarget(htu: string, url: string): boolean {
  const target = targetOf(htu);
  return target !== undefined && target === targetOf(url);
}

/** Scheme, authority and path after syntax- and scheme-based normalisation (RFC 3986 §6.2.2, §6.2.3). */
function targetOf(text: string): string | undefined {
  const url = /^https?:\/\/[\x21-\x7e]+$/i.test(text) && !text.includes('\\') ? URL.parse(text) : null;
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  return url.origin + url.pathname.replaceAll(/%[0-9a-f]{2}/gi, normaliseEscape);
}

function normaliseEscape(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(character) ? character : triplet.toUpperCase();
}
