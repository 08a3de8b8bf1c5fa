import type { EpochSeconds } from '../oauth/index.ts';
import type { PresentedRefreshToken, RefreshFamily, Rotation, RotationRules } from './refresh-family.ts';

/** A rotation and, where something changes, the family to store in its place. */
export interface RotationDecision {
  readonly rotation: Rotation;
  readonly next?: RefreshFamily;
}

/**
 * The single-successor algorithm, pure: what presenting a token does to a family at `now`. Every driver applies exactly
 * this; the Redis script mirrors it and a model test compares the two.
 *
 * A presented generation one behind the live one proves that the live token was never used (using it would have moved
 * the line), so handing the same successor out again opens no second branch. Two or more behind is reuse (RFC 9700
 * §4.14.2). Ahead of the store with a MAC only we can make is a write the store lost.
 */
export function decideRotation(
  family: RefreshFamily | undefined,
  presented: PresentedRefreshToken,
  rules: RotationRules,
  now: EpochSeconds,
): RotationDecision {
  if (family === undefined || family.nonceHash !== presented.nonceHash)
    return { rotation: { outcome: 'unknown', at: now } };
  if (family.revokedAt !== undefined) return { rotation: { outcome: 'revoked', revokedAt: family.revokedAt, at: now } };
  if (family.expiresAt <= now || family.usedAt + rules.idleLifetime <= now) {
    return { rotation: { outcome: 'expired', at: now } };
  }
  const behind = family.generation - presented.generation;

  if (behind <= 0) {
    if (!rules.rotates) {
      const kept = { ...family, generation: presented.generation, usedAt: now };
      return { rotation: { outcome: 'kept', family: kept, at: now }, next: kept };
    }
    const next = { ...family, generation: presented.generation + 1, keyId: rules.keyId, usedAt: now };
    return { rotation: { outcome: behind === 0 ? 'rotated' : 'ahead', family: next, at: now }, next };
  }

  const sinceRotation = now - family.usedAt;
  if (behind === 1 && sinceRotation <= rules.replayWindow)
    return { rotation: { outcome: 'replayed', family, at: now } };
  if (sinceRotation <= rules.burstWindow || rules.reuse === 'reject')
    return { rotation: { outcome: 'refused', at: now } };
  return { rotation: { outcome: 'reused', at: now }, next: { ...family, revokedAt: now } };
}
