import type { EpochSeconds, Seconds } from '../../src/oauth/index.ts';
import type { Cluster } from './cluster.ts';
import type { SeenKey } from './replica.ts';

/** What the replicas of a cluster say of their signing keys, and what should never be seen. */
export interface KeyWatch {
  /** Moves the clocks of the replicas and looks at their keys. */
  tick(now: EpochSeconds): Promise<void>;
  /** The key was revoked: the one that stands in for it cannot wait. */
  revoke(kid: string): void;
  /** The kid that the first replica signs with. */
  signing(): string;
  nextActivation(): EpochSeconds;
  nextPublished(): EpochSeconds;
  /** Every key that was ever seen, in the order of use. */
  keys(): readonly SeenKey[];
  /** What broke, as sentences. */
  readonly broken: string[];
}

/** After a command or a new key replicas agree again within a poll interval and the skew of their clocks. */
const AGREEMENT: Seconds = 90;

export function createKeyWatch(deps: { cluster: Cluster; skews: readonly Seconds[]; publishLead: Seconds }): KeyWatch {
  const { cluster, skews, publishLead } = deps;
  const seen = new Map<string, SeenKey>();
  const used = new Set<string>();
  const revoked = new Set<string>();
  const broken: string[] = [];
  let signing = '';
  let disagreeSince: EpochSeconds | undefined;

  function judge(now: EpochSeconds, index: number, kid: string): void {
    const key = seen.get(kid);
    if (used.has(kid) || key === undefined) return;
    // The first key, and the one that stands in for a revoked one, cannot wait.
    const isUrgent = used.size === 0 || [...revoked].some((one) => seen.get(one)?.revokedAt === key.activateAt);
    const known = now + (skews[index] ?? 0) - key.publishAt;
    if (!isUrgent && known < publishLead) broken.push(`${kid} signed ${known} s after it was published`);
    used.add(kid);
  }

  const keys = () => [...seen.values()].sort((one, other) => one.activateAt - other.activateAt);
  // A replica that is ahead may have made the one after it already.
  const nextKey = () => keys().find(({ state }) => state === 'next');

  return {
    broken,
    async tick(now: EpochSeconds): Promise<void> {
      const sights = await cluster.tick(now);
      for (const [index, sight] of sights) {
        for (const key of sight.keys) if (index === 0 || !seen.has(key.kid)) seen.set(key.kid, key);
        judge(now, index, sight.signing);
        if (index === 0) signing = sight.signing;
      }
      const isUnanimous = new Set([...sights.values()].map((sight) => sight.signing)).size <= 1;
      disagreeSince = isUnanimous ? undefined : (disagreeSince ?? now);
      if (disagreeSince !== undefined && now - disagreeSince > AGREEMENT)
        broken.push(`replicas sign with different keys at ${now}`);
    },
    revoke: (kid) => void revoked.add(kid),
    signing: () => signing,
    nextActivation: () => nextKey()?.activateAt ?? Number.POSITIVE_INFINITY,
    nextPublished: () => nextKey()?.publishAt ?? Number.POSITIVE_INFINITY,
    keys,
  };
}
