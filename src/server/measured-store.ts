import type { Metrics } from '../telemetry/index.ts';
import type { TokenStore } from '../tokens/index.ts';

/** A store whose calls are counted and timed, by what they do. */
export function measureStore(store: TokenStore, metrics: Pick<Metrics, 'countStoreCall'>): TokenStore {
  function timed<Args extends unknown[], Answer>(operation: string, call: (...args: Args) => Promise<Answer>) {
    return async (...args: Args): Promise<Answer> => {
      const started = performance.now();
      let failed = true;
      try {
        const answer = await call(...args);
        failed = false;
        return answer;
      } finally {
        metrics.countStoreCall({ operation, seconds: (performance.now() - started) / 1000, failed });
      }
    };
  }

  const { oneTime, refreshFamilies, denylist } = store;
  return {
    oneTime: { consumeOnce: timed('spend', (marker) => oneTime.consumeOnce(marker)) },
    refreshFamilies: {
      begin: timed('begin', (code, family) => refreshFamilies.begin(code, family)),
      rotate: timed('rotate', (presented, rules) => refreshFamilies.rotate(presented, rules)),
      find: timed('find', (familyId) => refreshFamilies.find(familyId)),
      revoke: timed('revoke', (familyId, tombstoneLifetime) => refreshFamilies.revoke(familyId, tombstoneLifetime)),
      list: timed('list', (filter) => refreshFamilies.list(filter)),
    },
    denylist: {
      deny: timed('deny', (entry) => denylist.deny(entry)),
      match: timed('match', (keys) => denylist.match(keys)),
      snapshot: timed('snapshot', () => denylist.snapshot()),
      since: timed('since', (position) => denylist.since(position)),
      watch: (listener) => denylist.watch(listener),
    },
    now: timed('now', () => store.now()),
    ping: timed('ping', () => store.ping()),
    close: () => store.close(),
  };
}
