import type { EpochSeconds, Seconds } from '../../oauth/index.ts';

/** A map whose values have an end, and which forgets them some time after it. */
export interface ExpiringMap<Value> {
  /** The value, ended or not, as long as it is remembered. */
  find(key: string): Value | undefined;
  /** Remembers the value as the newest and forgets a few that are over. */
  put(key: string, value: Value, now: EpochSeconds): void;
  /** Puts the value in the place of the one that is there. */
  replace(key: string, value: Value): void;
  /** What is remembered, oldest `put` first. */
  values(): IterableIterator<Value>;
  readonly size: number;
}

/**
 * How long a value is kept past its end. A clock that runs ahead for less than this and is set right again has forgotten
 * nothing: no denial is lifted early, no spent code comes back.
 */
export const KEPT_PAST_END: Seconds = 7_200;

// More than one for each write, so that the sweep gains on the writes and needs no timer.
const SWEPT_PER_PUT = 8;

/** Memory is bounded by what lives: every `put` looks at a few entries in turn and drops those that are over. */
export function createExpiringMap<Value>(endOf: (value: Value) => EpochSeconds): ExpiringMap<Value> {
  const entries = new Map<string, Value>();
  let turn = entries.entries();

  function sweep(now: EpochSeconds): void {
    for (let count = 0; count < SWEPT_PER_PUT; count += 1) {
      const step = turn.next();
      if (step.done === true) {
        turn = entries.entries();
        return;
      }
      const [key, value] = step.value;
      if (endOf(value) + KEPT_PAST_END <= now) entries.delete(key);
    }
  }

  return {
    find: (key) => entries.get(key),
    put(key, value, now) {
      // Deleted first, so that the order of the map is the order of the writes.
      entries.delete(key);
      entries.set(key, value);
      sweep(now);
    },
    replace: (key, value) => void entries.set(key, value),
    values: () => entries.values(),
    get size() {
      return entries.size;
    },
  };
}
