import type { Clock } from '../../platform/index.ts';
import { type DenylistEntry, type DenylistKey, type DenylistStore, strengthenEntry } from '../../tokens/index.ts';
import { createExpiringMap } from './expiring-map.ts';

/** An entry with the position its last change has in the order of all changes. */
interface Placed {
  readonly entry: DenylistEntry;
  readonly sequence: number;
}

const SEQUENCE = /^(?:0|[1-9]\d{0,14})$/;

/** The denylist in a map that is ordered by change, so that what came after a position is its tail. */
export function createDenylist(deps: { clock: Clock; epoch: string }): DenylistStore {
  const { clock, epoch } = deps;
  const placed = createExpiringMap<Placed>(({ entry }) => entry.expiresAt);
  const listeners = new Set<{ notify: () => void }>();
  /** Every change not yet compacted away, in order; one that a later change of its key replaced is stale. */
  let changes: Placed[] = [];
  let sequence = 0;

  function record(entry: DenylistEntry, now: number): void {
    sequence += 1;
    const change = { entry, sequence };
    placed.put(keyOf(entry), change, now);
    changes.push(change);
    // Compacted when at most half of it is current: then a write costs the same however long the list is.
    if (changes.length > 64 && changes.length > 2 * placed.size) changes = [...placed.values()];
    for (const listener of listeners) queueMicrotask(() => listeners.has(listener) && listener.notify());
  }

  function liveAfter(position: number): readonly DenylistEntry[] {
    const now = clock();
    return changes
      .slice(firstAfter(changes, position))
      .filter((change) => placed.find(keyOf(change.entry)) === change && change.entry.expiresAt > now)
      .map((change) => change.entry);
  }

  return {
    async deny(entry) {
      const now = clock();
      const standing = placed.find(keyOf(entry))?.entry;
      const strengthened = strengthenEntry(standing, entry, now);
      const isUnchanged =
        standing?.expiresAt === strengthened.expiresAt && standing.issuedBefore === strengthened.issuedBefore;
      if (!isUnchanged) record(strengthened, now);
      return strengthened;
    },

    async match(keys) {
      const now = clock();
      return keys.flatMap((key) => {
        const entry = placed.find(keyOf(key))?.entry;
        return entry !== undefined && entry.expiresAt > now ? [entry] : [];
      });
    },

    snapshot: async () => ({ epoch, sequence: String(sequence), entries: liveAfter(0) }),

    async since(position) {
      if (position.epoch !== epoch || !SEQUENCE.test(position.sequence)) return 'gone';
      const after = Number(position.sequence);
      return after > sequence ? 'gone' : { epoch, sequence: String(sequence), entries: liveAfter(after) };
    },

    watch(notify) {
      const listener = { notify };
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}

function keyOf({ kind, id }: DenylistKey): string {
  return `${kind}:${id}`;
}

/** The index of the first change after a position. */
function firstAfter(changes: readonly { readonly sequence: number }[], position: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle]?.sequence ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
