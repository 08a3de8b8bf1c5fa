import type { EpochSeconds } from '../../oauth/index.ts';
import type { Clock } from '../../platform/index.ts';
import type { OneTimeMarker, OneTimeStore } from '../../tokens/index.ts';
import { createExpiringMap } from './expiring-map.ts';

/** The port, and the spending itself for steps that do more than spend. */
export interface MemoryOneTime extends OneTimeStore {
  spend(marker: OneTimeMarker, now: EpochSeconds): 'first' | 'again';
}

/** Spent markers in a map. Atomic because nothing is awaited between looking and writing. */
export function createOneTime(deps: { clock: Clock }): MemoryOneTime {
  const { clock } = deps;
  const ends = createExpiringMap<EpochSeconds>((end) => end);

  function spend(marker: OneTimeMarker, now: EpochSeconds): 'first' | 'again' {
    const key = `${marker.kind}:${marker.id}`;
    if (marker.expiresAt <= now || ends.find(key) !== undefined) return 'again';
    ends.put(key, marker.expiresAt, now);
    return 'first';
  }

  return { spend, consumeOnce: async (marker) => spend(marker, clock()) };
}
