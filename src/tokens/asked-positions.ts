import type { EpochSeconds } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';

/** Which positions of the feed are looked up for whoever asks. */
export interface AskedPositions {
  /** Notes that a document brings its readers there. */
  handedOut(position: string): void;
  /** Whether it is looked up; otherwise it counts as one that is not known, and who asked takes the snapshot. */
  isAdmitted(position: string): boolean;
}

/** Where readers stand who have heard of us lately. */
const MAX_REMEMBERED = 16;
/** Others, in one second. */
const MAX_OTHERS = 8;

/**
 * Anybody may ask for what came after any position, and each position costs a look at the store and a signature, which an
 * HSM makes ten of in a second. So those that were handed out lately are always looked up, and a few others in a second:
 * of readers that come back, or come from another server.
 */
export function createAskedPositions(deps: { clock: Clock }): AskedPositions {
  const remembered = new Set<string>();
  let others = new Set<string>();
  let second: EpochSeconds = 0;

  return {
    handedOut(position) {
      remembered.delete(position);
      remembered.add(position);
      const [oldest] = remembered;
      if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    },

    isAdmitted(position) {
      if (remembered.has(position)) return true;
      const now = Math.floor(deps.clock());
      if (now !== second) others = new Set();
      second = now;
      if (others.has(position)) return true;
      if (others.size >= MAX_OTHERS) return false;
      others.add(position);
      return true;
    },
  };
}
