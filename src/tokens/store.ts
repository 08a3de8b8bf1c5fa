import type { DenylistStore } from './denylist.ts';
import type { OneTimeStore } from './one-time.ts';
import type { RefreshFamilyStore } from './refresh-family.ts';

/** Everything guardmint stores: refresh families and the denylist, which includes the markers of what was spent. */
export interface TokenStore {
  readonly oneTime: OneTimeStore;
  readonly refreshFamilies: RefreshFamilyStore;
  readonly denylist: DenylistStore;
  /** Resolves when the store answers. @throws UnavailableError */
  ping(): Promise<void>;
  close(): Promise<void>;
}
