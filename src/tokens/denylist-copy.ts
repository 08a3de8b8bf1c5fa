import type { EpochSeconds } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type { DenylistChanges, DenylistEntry, DenylistPosition, DenylistStore } from './denylist.ts';

interface Copy {
  readonly position: DenylistPosition;
  /** By kind and id. */
  readonly entries: Map<string, DenylistEntry>;
}

/**
 * The whole denylist, without reading all of it each time: what changed since the last time is added to a copy. Answers
 * at least what stood when asked.
 */
export function createDenylistCopy(deps: { denylist: DenylistStore; clock: Clock }): {
  read(): Promise<DenylistChanges>;
} {
  const { denylist, clock } = deps;
  let copy: Copy | undefined;

  async function renew(): Promise<Copy> {
    const changes = copy === undefined ? 'gone' : await denylist.since(copy.position);
    if (changes === 'gone') return placeInto(new Map(), await denylist.snapshot());
    return placeInto(copy?.entries ?? new Map<string, DenylistEntry>(), changes);
  }

  function placeInto(entries: Copy['entries'], { epoch, sequence, entries: added }: DenylistChanges): Copy {
    for (const entry of added) entries.set(`${entry.kind}:${entry.id}`, entry);
    return { position: { epoch, sequence }, entries };
  }

  return {
    async read() {
      copy = await renew();
      dropEnded(copy.entries, clock());
      return { ...copy.position, entries: [...copy.entries.values()] };
    },
  };
}

function dropEnded(entries: Map<string, DenylistEntry>, now: EpochSeconds): void {
  for (const [key, { expiresAt }] of entries) if (expiresAt <= now) entries.delete(key);
}
