import type { Seconds } from '../../oauth/index.ts';
import type { Argument, Script } from './commands.ts';

/** A script that was run, with the moment at which it was: running it again there does what it did, or nothing. */
export interface KeptWrite {
  readonly script: Script;
  readonly keys: readonly string[];
  /** The first one is the clock. */
  readonly args: readonly Argument[];
}

/** What was acknowledged of late, for a master that may never have got it. */
export interface WriteJournal {
  keep(write: KeptWrite): void;
  /** Oldest first. */
  recent(): readonly KeptWrite[];
}

/** Far longer than a replica that is fit to take over can be behind. */
const KEPT_FOR: Seconds = 300;
const MAX_KEPT = 10_000;

export function createWriteJournal(): WriteJournal {
  let kept: { readonly write: KeptWrite; readonly at: number }[] = [];

  function dropOld(): void {
    const oldest = performance.now() - KEPT_FOR * 1_000;
    const first = kept.findIndex(({ at }) => at >= oldest);
    kept = kept.slice(Math.max(first < 0 ? kept.length : first, kept.length - MAX_KEPT));
  }

  return {
    keep(write) {
      kept.push({ write, at: performance.now() });
      // Now and then, so that a write costs the same however much is kept.
      if (kept.length >= 2 * MAX_KEPT) dropOld();
    },
    recent() {
      dropOld();
      return kept.map(({ write }) => write);
    },
  };
}
