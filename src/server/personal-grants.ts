import type { Config } from '../config/index.ts';
import type { PersonalGrants } from '../interaction/index.ts';
import { CLOCK_SKEW } from '../keys/index.ts';
import type { Audit, Clock } from '../platform/index.ts';
import { createGrantRevocation } from '../provider/index.ts';
import { findLiveFamilies, type TokenStore } from '../tokens/index.ts';

/** What a person may see and end of what they allowed. */
export function openPersonalGrants(
  config: Config,
  deps: { readonly store: TokenStore; readonly clock: Clock; readonly audit: Audit },
): PersonalGrants {
  const { store, clock, audit } = deps;
  const { accessToken, refreshAbsolute, refreshIdle } = config.lifetimes;
  const revocation = createGrantRevocation({
    store,
    audit,
    denialLifetime: accessToken + 2 * CLOCK_SKEW,
    tombstoneLifetime: refreshAbsolute,
  });
  return {
    list: (subject) => findLiveFamilies(store, { subject }, { idleLifetime: refreshIdle, now: clock() }),
    revoke: revocation.revokeGrant,
    hasEnded: async (grantId) => (await store.refreshFamilies.find(grantId))?.revokedAt !== undefined,
  };
}
