import type { EpochSeconds, Seconds } from '../../oauth/index.ts';
import { type Background, within } from '../runtime/background.ts';
import type { RevocationList } from './revocation-list.ts';
import type { RevocationReader } from './revocation-stream.ts';
import type { RevocationPlaces } from './revocation-subscription.ts';

/** A list that old is asked for again by the next token. */
const DUE: Seconds = 5;
/** A token waits for a list that is older. */
const TOO_OLD: Seconds = 15;
/** For that long, in milliseconds. */
const PATIENCE = 1_000;
/** Whoever began to ask that long ago is gone. */
const LOST: Seconds = 10;
const MAX_BACK_OFF: Seconds = 15;
const LOCATE_AGAIN: Seconds = 600;

const NEVER = Number.NEGATIVE_INFINITY;

/**
 * Keeps a reader up to date where nothing works between requests: the token that finds the list more than 5 seconds old asks
 * for what came since. It waits for that when nobody else would see to it, and in any case when the list is more than 15
 * seconds old, for a second at most.
 */
export function createRevocationVisits(deps: {
  /** `undefined` when the issuer publishes nothing. */
  locate: () => Promise<RevocationPlaces | undefined>;
  list: RevocationList;
  reader: RevocationReader;
  background: Background;
}): { tend(now: EpochSeconds): Promise<void> | undefined; close(): void } {
  const { locate, list, reader, background } = deps;
  const closing = new AbortController();
  let places: RevocationPlaces | undefined;
  let underWay: Promise<void> | undefined;
  let begunAt: EpochSeconds = NEVER;
  let doneAt: EpochSeconds = NEVER;
  let mayAskAt: EpochSeconds = NEVER;
  let failures = 0;

  function tend(now: EpochSeconds): Promise<void> | undefined {
    // A clock that was set back makes nothing recent.
    const age = now < doneAt ? TOO_OLD : now - doneAt;
    if (closing.signal.aborted || age < DUE || now < mayAskAt) return undefined;
    const isTooOld = age >= TOO_OLD;
    if (underWay !== undefined && now < begunAt + LOST) return isTooOld ? patiently(underWay) : undefined;
    begunAt = now;
    const work = visit(now).finally(() => {
      if (underWay === work) underWay = undefined;
    });
    underWay = work;
    const mustWait = background(work) !== undefined || isTooOld;
    return mustWait ? patiently(work) : undefined;
  }

  /** Never rejects. */
  async function visit(now: EpochSeconds): Promise<void> {
    try {
      places ??= await locate();
      if (places === undefined) {
        mayAskAt = now + LOCATE_AGAIN;
        return reader.report('not offered');
      }
      await list.catchUp(places.list, (attempt) => attempt(closing.signal));
      reader.report('offered');
      doneAt = now;
      failures = 0;
    } catch (failure) {
      failures += 1;
      mayAskAt = now + Math.min(MAX_BACK_OFF, 2 ** (failures - 1));
      // It may have moved.
      places = undefined;
      reader.report({ failure });
    }
  }

  return { tend, close: () => closing.abort() };
}

async function patiently(work: Promise<void>): Promise<void> {
  await within(work, PATIENCE);
}
