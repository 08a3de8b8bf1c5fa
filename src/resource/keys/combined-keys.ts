import type { KeySource, KeySourceState } from './key-source.ts';

/**
 * The keys of two sets of one issuer as one source; each set is fetched, kept and asked again by itself. A key that either
 * has is found, whatever has become of the other set. That there is no such key is said only when both say so.
 */
export function combineKeySources(sources: readonly [KeySource, KeySource]): KeySource {
  return {
    tend(now) {
      const [one, other] = [sources[0].tend(now), sources[1].tend(now)];
      return one === undefined ? other : one.then(() => other);
    },
    find(kid) {
      return sources[0].find(kid) ?? sources[1].find(kid);
    },
    async seek(kid, now) {
      const asked = sources.map((source) => source.seek(kid, now));
      try {
        return await Promise.any(asked.map(async (answer) => (await answer) ?? Promise.reject(NOT_HERE)));
      } catch {
        // Neither has it: then whether both know.
        await Promise.all(asked);
        return undefined;
      }
    },
    drop(kid, now) {
      for (const source of sources) source.drop(kid, now);
    },
    state() {
      return combineStates(sources[0].state(), sources[1].state());
    },
    close() {
      for (const source of sources) source.close();
    },
  };
}

const NOT_HERE = new Error('the set has no such key');

function combineStates(one: KeySourceState, other: KeySourceState): KeySourceState {
  const isWhole = one.status === 'fresh' && other.status === 'fresh';
  const isNone = one.status === 'none' && other.status === 'none';
  const confirmed = [one.confirmedAt, other.confirmedAt].filter((moment) => moment !== undefined);
  const lastFailure = one.lastFailure ?? other.lastFailure;
  return {
    status: isWhole ? 'fresh' : isNone ? 'none' : 'old',
    kids: [...one.kids, ...other.kids],
    refused: [...one.refused, ...other.refused],
    failures: Math.max(one.failures, other.failures),
    ...(confirmed.length > 0 && { confirmedAt: Math.min(...confirmed) }),
    ...(lastFailure !== undefined && { lastFailure }),
  };
}
