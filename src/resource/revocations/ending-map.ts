import type { EpochSeconds } from '../../oauth/index.ts';

/** A map of things that end. Nothing is lost before its end; what has ended goes bit by bit. */
export interface EndingMap<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  /** Looks at a twelfth of the map and drops what has ended of it. */
  tidy(now: EpochSeconds): void;
  readonly size: number;
}

const PARTS = 12;

export function createEndingMap<Value>(endOf: (value: Value) => EpochSeconds): EndingMap<Value> {
  const values = new Map<string, Value>();
  // The iterator of a Map stays good while the map changes, so it remembers where the last look ended.
  let rest = values.entries();

  function tidy(now: EpochSeconds): void {
    for (let left = Math.ceil(values.size / PARTS); left > 0; left--) {
      const { done, value } = rest.next();
      if (done === true) {
        rest = values.entries();
        return;
      }
      if (endOf(value[1]) <= now) values.delete(value[0]);
    }
  }

  return {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    tidy,
    get size() {
      return values.size;
    },
  };
}
