import type { EpochSeconds } from './time.ts';

/** Remembers what was used, until it is refused for its age anyway. Within one process, and bounded. */
export interface ReplayMemory {
  /** Whether `id` is used for the first time; from then on it is remembered until `expiresAt`. */
  consumeOnce(id: string, expiresAt: EpochSeconds, now: EpochSeconds): 'first' | 'again';
  readonly size: number;
}

// More than one for each that is added, so that what is over goes without a timer.
const SWEPT_PER_USE = 4;

/**
 * A memory of at most `capacity` ids. When more are alive than it holds, the oldest are forgotten first: under a flood a
 * proof may count twice, but never does memory grow and never is anybody shut out.
 */
export function createReplayMemory(capacity: number): ReplayMemory {
  const ends = new Map<string, EpochSeconds>();

  function sweep(now: EpochSeconds): void {
    let looked = 0;
    for (const [id, end] of ends) {
      if (looked >= SWEPT_PER_USE || (end > now && ends.size <= capacity)) return;
      ends.delete(id);
      looked += 1;
    }
  }

  return {
    consumeOnce(id, expiresAt, now) {
      const end = ends.get(id);
      if (end !== undefined && end > now) return 'again';
      ends.delete(id);
      ends.set(id, expiresAt);
      sweep(now);
      return 'first';
    },
    get size() {
      return ends.size;
    },
  };
}
