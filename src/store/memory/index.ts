/**
 * store/memory: the token store in the memory of one process. Everything is lost when the process ends: for tests, for
 * trials, and for servers whose grants may end with them. Published as `guardmint/store/memory`.
 *
 * May import: oauth, platform, tokens.
 */
import { type Clock, type Random, systemRandom } from '../../platform/index.ts';
import type { TokenStore } from '../../tokens/index.ts';
import { createDenylist } from './denylist.ts';
import { createOneTime } from './one-time.ts';
import { createRefreshFamilies } from './refresh-families.ts';

/**
 * A store that keeps what lives and forgets what is over; it uses no timer.
 *
 * @example
 * ```ts
 * import { createMemoryStore } from 'guardmint/store/memory';
 *
 * const store = createMemoryStore({ clock: () => Math.floor(Date.now() / 1000) });
 * ```
 */
export function createMemoryStore(deps: { clock: Clock; random?: Random }): TokenStore {
  const { clock, random = systemRandom } = deps;
  const oneTime = createOneTime({ clock });
  return {
    oneTime: { consumeOnce: oneTime.consumeOnce },
    refreshFamilies: createRefreshFamilies({ clock, oneTime }),
    denylist: createDenylist({ clock, epoch: random(16) }),
    now: async () => clock(),
    ping: async () => {},
    close: async () => {},
  };
}
