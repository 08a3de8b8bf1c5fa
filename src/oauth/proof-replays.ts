import type { EpochSeconds } from './time.ts';

/** Remembers what was used, until it is refused for its age anyway. Within one process, and bounded. */
export interface ReplayMemory {
  /**
   * Whether `id` is used for the first time by its holder; from then on it is remembered until `expiresAt`.
   * @param holder whose it is; absent: all are of one holder
   */
  consumeOnce(id: string, expiresAt: EpochSeconds, now: EpochSeconds, holder?: string): 'first' | 'again';
  readonly size: number;
}

// More than one for each that is added, so that what is over goes without a timer.
const SWEPT_PER_USE = 4;

type Ends = Map<string, EpochSeconds>;

/**
 * A memory of at most `capacity` ids. When more are alive than it holds, the oldest of the holder that has most are
 * forgotten: who floods it may use a proof of its own twice, but never does memory grow, never is anybody shut out, and
 * nobody makes it forget the proof of somebody else.
 */
export function createReplayMemory(capacity: number): ReplayMemory {
  /** Who used something last comes last. */
  const byHolder = new Map<string, Ends>();
  let size = 0;
  let most: { readonly holder: string; readonly ends: Ends } | undefined;

  function forgetOldest(holder: string, ends: Ends): void {
    const [oldest] = ends.keys();
    if (oldest !== undefined && ends.delete(oldest)) size -= 1;
    if (ends.size === 0) byHolder.delete(holder);
  }

  function sweep(holder: string, ends: Ends, now: EpochSeconds): void {
    for (let looked = 0; looked < SWEPT_PER_USE; looked += 1) {
      const [end] = ends.values();
      if (end === undefined || end > now) return;
      forgetOldest(holder, ends);
    }
  }

  return {
    consumeOnce(id, expiresAt, now, holder = '') {
      const ends: Ends = byHolder.get(holder) ?? new Map();
      const end = ends.get(id);
      if (end !== undefined && end > now) return 'again';
      if (ends.delete(id)) size -= 1;
      ends.set(id, expiresAt);
      size += 1;
      byHolder.delete(holder);
      byHolder.set(holder, ends);
      // Whoever has as many as the one that had most has most now: it is looked at with each use, so none is missed.
      if (ends.size >= (most?.ends.size ?? 0)) most = { holder, ends };
      sweep(holder, ends, now);
      const [idle] = byHolder;
      if (idle !== undefined) sweep(idle[0], idle[1], now);
      if (size > capacity && most !== undefined) forgetOldest(most.holder, most.ends);
      return 'first';
    },
    get size() {
      return size;
    },
  };
}
