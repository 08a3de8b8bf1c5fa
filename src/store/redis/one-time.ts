import type { OneTimeStore } from '../../tokens/index.ts';
import type { AcknowledgedWrites } from './acknowledged-writes.ts';
import { createScript } from './commands.ts';
import type { KeyLayout } from './key-layout.ts';
import { KEPT_PAST_END, type StoreClock } from './store-clock.ts';

const CONSUME = createScript(`
local ends = tonumber(ARGV[2])
if ends <= now then return {'again', now} end
return {redis.call('SET', KEYS[1], '', 'NX', 'EX', ends - now + tonumber(ARGV[3])) and 'first' or 'again', now}
`);

/** Spent markers, each a key that is made at most once. */
export function createOneTime(deps: { writes: AcknowledgedWrites; keys: KeyLayout; clock: StoreClock }): OneTimeStore {
  const { writes, keys, clock } = deps;
  return {
    async consumeOnce(marker) {
      const answer = await writes.evaluate(CONSUME, [keys.spent(marker)], [clock(), marker.expiresAt, KEPT_PAST_END]);
      const [outcome] = Array.isArray(answer) ? answer : [];
      return outcome === 'first' ? 'first' : 'again';
    },
  };
}
