import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { Audit, Clock } from '../platform/index.ts';
import type { DenylistChanges, DenylistEntry, DenylistPosition, DenylistStore } from './denylist.ts';
import { createSharedReads } from './shared-reads.ts';

/** The denylist as this process knows it, which is what a store may be given back when it has lost entries. */
export interface DenylistCopy {
  /** Everything that is denied: at least what stood when asked. @throws UnavailableError */
  read(): Promise<DenylistChanges>;
  /** As `DenylistStore.since`; all who ask for the same in one turn share one look. @throws UnavailableError */
  since(position: DenylistPosition): Promise<DenylistChanges | 'gone'>;
  /** Brings the copy up to date, and puts back what the store turned out to have lost. @throws UnavailableError */
  tend(): Promise<void>;
}

/** Entries that are put back at the same time. */
const BATCH = 100;
/** How often what has ended is looked for. */
const DROP_INTERVAL: Seconds = 10;

/**
 * Keeps a copy of the whole denylist without reading all of it each time: what changed since the last time is added. In
 * another epoch the store may have lost entries that were acknowledged (a failover to a replica that had not got them yet);
 * the copy stays the union of what it knew and what it finds, and what is missing is denied again.
 */
export function createDenylistCopy(deps: { denylist: DenylistStore; clock: Clock; audit: Audit }): DenylistCopy {
  const { denylist, clock, audit } = deps;
  const shareLook = createSharedReads<DenylistChanges | 'gone'>();
  /** By kind and id. */
  const entries = new Map<string, DenylistEntry>();
  const lost = new Map<string, DenylistEntry>();
  const shareRenewal = createSharedReads<DenylistPosition>();
  let position: DenylistPosition | undefined;
  let droppedAt: EpochSeconds = 0;
  let restoring: Promise<void> | undefined;

  const since: DenylistCopy['since'] = (from) =>
    shareLook(`${from.epoch}.${from.sequence}`, () => denylist.since(from));

  async function renew(): Promise<DenylistPosition> {
    const changes = position === undefined ? 'gone' : await since(position);
    const found = changes === 'gone' ? await denylist.snapshot() : changes;
    if (changes === 'gone' && position !== undefined && position.epoch !== found.epoch) noteLost(found.entries);
    for (const entry of found.entries) {
      const key = keyOf(entry);
      entries.set(key, strongest(entry, entries.get(key)));
    }
    const now = clock();
    if (Math.abs(now - droppedAt) >= DROP_INTERVAL) {
      for (const [key, entry] of entries) if (entry.expiresAt <= now) entries.delete(key);
      droppedAt = now;
    }
    position = { epoch: found.epoch, sequence: found.sequence };
    return position;
  }

  function noteLost(found: readonly DenylistEntry[]): void {
    const standing = new Map(found.map((entry) => [keyOf(entry), entry]));
    const now = clock();
    for (const [key, entry] of entries)
      if (entry.expiresAt > now && isWeaker(standing.get(key), entry)) lost.set(key, entry);
  }

  async function restore(): Promise<void> {
    let restored = 0;
    try {
      while (lost.size > 0) {
        const batch = [...lost].slice(0, BATCH);
        await Promise.all(batch.map(([, entry]) => denyAgain(entry)));
        for (const [key] of batch) lost.delete(key);
        restored += batch.length;
      }
    } finally {
      restoring = undefined;
      if (restored > 0) audit({ event: 'denylist.entries_restored', count: restored });
    }
  }

  async function denyAgain({ kind, id, issuedBefore, expiresAt }: DenylistEntry): Promise<void> {
    const lifetime = expiresAt - clock();
    if (lifetime > 0) await denylist.deny({ kind, id, lifetime, ...(issuedBefore !== undefined && { issuedBefore }) });
  }

  return {
    since,

    async read() {
      const reached = await shareRenewal('', renew);
      const now = clock();
      return { ...reached, entries: [...entries.values()].filter(({ expiresAt }) => expiresAt > now) };
    },

    async tend() {
      await shareRenewal('', renew);
      if (lost.size === 0) return;
      restoring ??= restore();
      await restoring;
    },
  };
}

function keyOf({ kind, id }: DenylistEntry): string {
  return `${kind}:${id}`;
}

function isWeaker(standing: DenylistEntry | undefined, entry: DenylistEntry): boolean {
  if (standing === undefined || standing.expiresAt < entry.expiresAt) return true;
  return (standing.issuedBefore ?? 0) < (entry.issuedBefore ?? 0);
}

function strongest(one: DenylistEntry, other: DenylistEntry | undefined): DenylistEntry {
  if (other === undefined || !isWeaker(one, other)) return one;
  const expiresAt = Math.max(one.expiresAt, other.expiresAt);
  if (one.issuedBefore === undefined || other.issuedBefore === undefined) return { ...one, expiresAt };
  return { ...one, issuedBefore: Math.max(one.issuedBefore, other.issuedBefore), expiresAt };
}
