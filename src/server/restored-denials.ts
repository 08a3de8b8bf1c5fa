import type { Seconds } from '../oauth/index.ts';
import type { DenylistStore, TokenStore } from '../tokens/index.ts';

/**
 * The denylist as the feed puts back what a failover lost. Where the denial of a grant was lost, the end of its family may
 * have been lost with it, and would outlive the denial: both are written again, in the order of every revocation.
 */
export function endRestoredGrants(
  store: Pick<TokenStore, 'denylist' | 'refreshFamilies'>,
  tombstoneLifetime: Seconds,
): DenylistStore {
  const { denylist, refreshFamilies } = store;
  return {
    ...denylist,
    async deny(entry) {
      if (entry.kind === 'grant') await refreshFamilies.revoke(entry.id, tombstoneLifetime);
      return denylist.deny(entry);
    },
  };
}
