import type { EpochSeconds } from '../oauth/index.ts';
import type { DenylistStore } from './denylist.ts';
import type { OneTimeStore } from './one-time.ts';
import type { RefreshFamilyStore } from './refresh-family.ts';

/** Everything guardmint stores: refresh families and the denylist, which includes the markers of what was spent. */
export interface TokenStore {
  readonly oneTime: OneTimeStore;
  readonly refreshFamilies: RefreshFamilyStore;
  readonly denylist: DenylistStore;
  /**
   * The store's clock, by which watermarks are written: a token that says it was issued now is denied by every watermark
   * written later, whatever the clock of this process says.
   * @throws UnavailableError
   */
  now(): Promise<EpochSeconds>;
  /** Resolves when the store answers. @throws UnavailableError */
  ping(): Promise<void>;
  close(): Promise<void>;
}
