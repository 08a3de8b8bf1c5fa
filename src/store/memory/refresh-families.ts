import type { EpochSeconds } from '../../oauth/index.ts';
import type { Clock } from '../../platform/index.ts';
import { decideRotation, type RefreshFamily, type RefreshFamilyStore } from '../../tokens/index.ts';
import { createExpiringMap } from './expiring-map.ts';
import type { MemoryOneTime } from './one-time.ts';

const MAX_LISTED = 1_000;

/** Refresh families in a map. Atomic because nothing is awaited between looking and writing. */
export function createRefreshFamilies(deps: { clock: Clock; oneTime: MemoryOneTime }): RefreshFamilyStore {
  const { clock, oneTime } = deps;
  const families = createExpiringMap<RefreshFamily>((family) => family.expiresAt);
  /** Ends of the tombstones of families that had not begun when they were revoked. */
  const tombstones = createExpiringMap<{ readonly expiresAt: EpochSeconds }>((tombstone) => tombstone.expiresAt);

  function isEntombed(familyId: string, now: EpochSeconds): boolean {
    return (tombstones.find(familyId)?.expiresAt ?? 0) > now;
  }

  return {
    async begin(code, { absoluteLifetime, ...family }) {
      const at = clock();
      const { familyId } = family;
      if (families.find(familyId) !== undefined || isEntombed(familyId, at)) return { outcome: 'again', at };
      const outcome = oneTime.spend(code, at);
      if (outcome === 'first') {
        const begun = { ...family, generation: 0, createdAt: at, usedAt: at, expiresAt: at + absoluteLifetime };
        families.put(familyId, begun, at);
      }
      return { outcome, at };
    },

    find: async (familyId) => families.find(familyId),

    async rotate(presented, rules) {
      const now = clock();
      const { rotation, next } = decideRotation(families.find(presented.familyId), presented, rules, now);
      if (next !== undefined) families.replace(next.familyId, next);
      return rotation;
    },

    async revoke(familyId, tombstoneLifetime) {
      const now = clock();
      const family = families.find(familyId);
      if (family !== undefined) {
        if (family.revokedAt !== undefined) return false;
        families.replace(familyId, { ...family, revokedAt: now });
        return true;
      }
      const wasEntombed = isEntombed(familyId, now);
      const standing = tombstones.find(familyId)?.expiresAt ?? 0;
      tombstones.put(familyId, { expiresAt: Math.max(standing, now + tombstoneLifetime) }, now);
      return !wasEntombed;
    },

    async list({ subject, clientHash }) {
      const now = clock();
      const live = [...families.values()].filter(
        (family) =>
          family.revokedAt === undefined &&
          family.expiresAt > now &&
          (subject === undefined || family.subject === subject) &&
          (clientHash === undefined || family.clientHash === clientHash),
      );
      return live
        .reverse()
        .sort((one, other) => other.createdAt - one.createdAt)
        .slice(0, MAX_LISTED);
    },
  };
}
