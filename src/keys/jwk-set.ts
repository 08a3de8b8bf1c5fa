import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import type { JwkSetDocument, JwkSetKind, KeyRecord, PublicJwk } from './key-ring.ts';
import { keyState } from './lifecycle.ts';

/** Seconds a cache may keep the JWK Set when no change is near. */
export const JWK_SET_MAX_AGE: Seconds = 300;

/** Seconds beyond that for which a cache may answer with it while it fetches another (RFC 5861 §3). */
export const JWK_SET_STALE: Seconds = 60;

/**
 * The JWK Set (RFC 7517 §5) of settled records: every key whose signatures may be met, which is next, active and retiring;
 * never one that is pending, removed or revoked. The order does not depend on who serves it or when. Of one kind only: the
 * other keys are in the other set, and a change there shortens `maxAge` here too, since the next key may be of either.
 */
export function createJwkSet(
  settled: readonly KeyRecord[],
  now: EpochSeconds,
  kind: JwkSetKind = 'classical',
): JwkSetDocument {
  const keys = settled
    .filter((record) => isPublished(record, now))
    .sort((one, other) => one.activateAt - other.activateAt || (one.kid < other.kid ? -1 : 1))
    .flatMap(({ publicJwk }) => (publicJwk !== undefined && jwkSetKindOf(publicJwk) === kind ? [publicJwk] : []));
  const body = JSON.stringify({ keys });
  return { body, etag: `"${sha256(body)}"`, maxAge: maxAge(settled, now) };
}

/** The set a public key belongs in. */
export function jwkSetKindOf({ kty }: Pick<PublicJwk, 'kty'>): JwkSetKind {
  return kty === 'AKP' ? 'post-quantum' : 'classical';
}

/** Whether the public half belongs in a JWK Set at this moment. */
export function isPublished(record: KeyRecord, now: EpochSeconds): boolean {
  if (record.publicJwk === undefined) return false;
  const state = keyState(record, now);
  return state === 'next' || state === 'active' || state === 'retiring';
}

// A cache filled just before a change would hide it for the whole max-age. A key that comes into force is a change too:
// its successor is published at that moment.
function maxAge(settled: readonly KeyRecord[], now: EpochSeconds): Seconds {
  const changes = settled
    .filter((record) => record.publicJwk !== undefined && keyState(record, now) !== 'revoked')
    .flatMap(({ publishAt, activateAt, retireAt, removeAt }) => [
      publishAt,
      activateAt,
      // The end of a key in force is no change by itself: without a successor it stays.
      ...(retireAt <= now ? [removeAt] : []),
    ])
    .filter((change) => change > now);
  return Math.min(JWK_SET_MAX_AGE, ...changes.map((change) => change - now));
}
