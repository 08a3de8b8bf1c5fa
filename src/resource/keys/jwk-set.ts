import { isJsonObject, type JsonObject } from '../../oauth/index.ts';
import { type KeyFault, parseVerificationKey, type VerificationKey } from './verification-key.ts';

/** A key of a JWK Set that is not used, and why. */
export interface RefusedKey {
  readonly kid: string | undefined;
  readonly fault: KeyFault;
}

/** The keys of a JWK Set that verify, by kid, and those that are not used. */
export interface VerificationKeys {
  readonly byKid: ReadonlyMap<string, VerificationKey>;
  readonly refused: readonly RefusedKey[];
}

const MAX_KEYS = 100;

/**
 * Reads a JWK Set (RFC 7517 §5). A key that cannot be used is left out and reported; two keys under one kid are both left
 * out. `undefined` when it is no JWK Set, has more than 100 keys, or has none that can be used; a set with no keys at all
 * counts where `mayBeEmpty`.
 */
export function parseJwkSet(document: unknown, mayBeEmpty = false): VerificationKeys | undefined {
  if (!isJsonObject(document) || !Array.isArray(document['keys'])) return undefined;
  const jwks: readonly unknown[] = document['keys'];
  if (jwks.length > MAX_KEYS) return undefined;
  const repeated = repeatedKids(jwks);
  const byKid = new Map<string, VerificationKey>();
  const refused: RefusedKey[] = [];
  for (const jwk of jwks) {
    const kid = kidOf(jwk);
    const key = kid !== undefined && repeated.has(kid) ? 'duplicate_kid' : parseVerificationKey(jwk);
    if (typeof key === 'string') refused.push({ kid, fault: key });
    else byKid.set(key.kid, key);
  }
  return byKid.size > 0 || (mayBeEmpty && jwks.length === 0) ? { byKid, refused } : undefined;
}

/** Whether every key of `before` is still there, unchanged. */
export function keepsEveryKey(before: VerificationKeys, after: VerificationKeys): boolean {
  for (const [kid, key] of before.byKid) if (after.byKid.get(kid)?.fingerprint !== key.fingerprint) return false;
  return true;
}

function repeatedKids(jwks: readonly unknown[]): ReadonlySet<string> {
  const met = new Set<string>();
  const repeated = new Set<string>();
  for (const jwk of jwks) {
    const kid = kidOf(jwk);
    if (kid === undefined) continue;
    if (met.has(kid)) repeated.add(kid);
    met.add(kid);
  }
  return repeated;
}

function kidOf(jwk: unknown): string | undefined {
  const kid = isJsonObject(jwk) ? (jwk satisfies JsonObject)['kid'] : undefined;
  return typeof kid === 'string' ? kid : undefined;
}
