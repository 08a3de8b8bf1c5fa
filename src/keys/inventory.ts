import type { AuditEvent } from '../platform/index.ts';
import { admitKey, type HeldKey, isDestroyed } from './admission.ts';
import { type KeyBackend, KeyRefusedError, type StoredKey, type UnreadableKey } from './key-backend.ts';
import type { KeyFamily } from './key-ring.ts';

/** What one instance holds of a backend's keys. */
export interface KeyInventory {
  /**
   * Reads the backend again. Answers whether it could be read; if not, everything stays as it was. A key that was held
   * and became unreadable stays in force from memory, and so does everything when the place is suddenly empty: that is
   * a volume that went away, not a decision.
   */
  load(): Promise<boolean>;
  keys(): ReadonlyMap<string, HeldKey>;
  records(): readonly StoredKey[];
  /** What is there but left out. */
  refused(): readonly UnreadableKey[];
  /** The highest number taken in the line of a family, by a readable key or not; 0 when none. */
  lastEpoch(family: KeyFamily): number;
}

export function createKeyInventory(deps: { backend: KeyBackend; report: (event: AuditEvent) => void }): KeyInventory {
  const { backend, report } = deps;
  let keys: ReadonlyMap<string, HeldKey> = new Map();
  let refused: readonly UnreadableKey[] = [];
  let occupied: readonly Pick<UnreadableKey, 'family' | 'epoch'>[] = [];

  async function load(): Promise<boolean> {
    let listing: Awaited<ReturnType<KeyBackend['list']>>;
    try {
      listing = await backend.list();
    } catch (error) {
      report({ event: 'key.unreadable', reason: reasonOf(error) });
      return false;
    }
    if (keys.size > 0 && listing.keys.length === 0 && listing.unreadable.length === 0) {
      report({ event: 'key.unreadable', reason: 'all_keys_vanished' });
      return false;
    }
    const held = new Map<string, HeldKey>();
    const leftOut: UnreadableKey[] = [...listing.unreadable];
    for (const record of listing.keys) {
      const outcome = await admit(record);
      if ('reason' in outcome) leftOut.push(outcome);
      else held.set(record.kid, outcome);
    }
    for (const { slot, reason, family } of leftOut) {
      report({ event: 'key.unreadable', file: slot, reason, family });
      const before = [...keys.values()].find((key) => key.record.slot === slot);
      if (before !== undefined && !held.has(before.record.kid)) held.set(before.record.kid, before);
    }
    keys = held;
    refused = leftOut;
    occupied = [...leftOut, ...listing.keys];
    return true;
  }

  async function admit(record: StoredKey): Promise<HeldKey | UnreadableKey> {
    const before = keys.get(record.kid);
    if (before !== undefined) {
      if (isDestroyed(record)) return { record };
      if (before.signer !== undefined || before.secret !== undefined) return { ...before, record };
    }
    try {
      return await admitKey(backend, record);
    } catch (error) {
      const { slot, family, epoch } = record;
      return { slot, family, epoch, reason: reasonOf(error) };
    }
  }

  return {
    load,
    keys: () => keys,
    records: () => [...keys.values()].map((key) => key.record),
    refused: () => refused,
    lastEpoch: (family) =>
      occupied.reduce((last, slot) => (slot.family === family ? Math.max(last, slot.epoch ?? 0) : last), 0),
  };
}

/** The reason of a failure in one word: ours, or the code of the operating system; never a message. */
export function reasonOf(error: unknown): string {
  if (error instanceof KeyRefusedError) return error.reason;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return 'unavailable';
}
