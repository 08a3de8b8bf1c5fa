/** Chance that is the same in every run with one seed (mulberry32). Never for anything secret. */
export interface SeededRandom {
  /** From 0 up to, not including, 1. */
  next(): number;
  between(low: number, high: number): number;
  pick<Value>(values: readonly Value[]): Value | undefined;
  /** Another one, whose numbers do not depend on how many were drawn here. */
  fork(index: number): SeededRandom;
}

export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  return {
    next,
    between: (low, high) => low + next() * (high - low),
    pick: (values) => values[Math.floor(next() * values.length)],
    fork: (index) => createSeededRandom(Math.imul(seed + 1, 0x9e3779b1) + Math.imul(index + 1, 0x85ebca6b)),
  };
}
