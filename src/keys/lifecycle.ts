import type { EpochSeconds } from '../oauth/index.ts';
import type { KeyFamily, KeyRecord, KeyState, KeyTimes } from './key-ring.ts';
import type { KeyPeriods, KeyTimings } from './timings.ts';

const FAMILIES: readonly KeyFamily[] = ['signing', 'sealing', 'client', 'refresh'];

/**
 * Where a key with these times stands. For keys that stand in a line, take the times from `settle`. A revoked key is revoked
 * at any clock: whoever revoked it may have had one that is ahead.
 */
export function keyState(times: KeyTimes, now: EpochSeconds): KeyState {
  if (now >= times.removeAt) return 'removed';
  if (times.revokedAt !== undefined) return 'revoked';
  if (now >= times.retireAt) return 'retiring';
  if (now >= times.activateAt) return 'active';
  if (now >= times.publishAt) return 'next';
  return 'pending';
}

/**
 * The times in force: those of the file are a plan, and what the other keys of the family did decides.
 *
 * - A key is in force until the next one comes into force, be that later than planned (nobody made one in time) or
 *   earlier (a promotion). It is held for as long afterwards as its own plan says.
 * - When the key in force is revoked, or lost its private half, the next in line takes over at that moment. So one write
 *   ends a key, and every instance that reads it promotes the same successor.
 * - The first in line is in force even before its time, so a clock that was set back does not leave a family without a key.
 *
 * Therefore at every moment at most one key of a family is active, and one is unless all have ended.
 */
export function settle<K extends KeyRecord>(records: readonly K[], now: EpochSeconds): readonly K[] {
  return FAMILIES.flatMap((family) =>
    settleLine(records.filter((record) => record.family === family).sort(byTurn), now),
  );
}

/** The key in force among those of one family: the latest `activateAt` that has come, ties to the lowest kid. */
export function activeKey<K extends KeyRecord>(records: readonly K[], now: EpochSeconds): K | undefined {
  return settle(records, now).find((record) => keyState(record, now) === 'active');
}

/** The times of a key that is made and published at `now` and comes into force at `activateAt`. */
export function scheduleFor(periods: KeyPeriods, now: EpochSeconds, activateAt: EpochSeconds): KeyTimes {
  const retireAt = activateAt + periods.activePeriod;
  return { createdAt: now, publishAt: now, activateAt, retireAt, removeAt: retireAt + periods.hold };
}

/** A key that must be made. */
export interface DueKey {
  readonly family: KeyFamily;
  readonly times: KeyTimes;
}

/**
 * What must be made now so that every family has a key in force and its successor is known early enough: a signing key
 * always has a published successor (an emergency needs it), a secret has one when less than its publish lead is left.
 * A family without any usable key gets one that is in force at once.
 */
export function dueKeys(records: readonly KeyRecord[], now: EpochSeconds, timings: KeyTimings): readonly DueKey[] {
  return FAMILIES.flatMap((family) => {
    const periods = timings[family];
    const line = records.filter((record) => record.family === family);
    const settled = settle(line, now);
    const active = settled.find((record) => keyState(record, now) === 'active');
    const due = active === undefined ? [scheduleFor(periods, now, now)] : [];
    // The plan of the key in force, not its settled times: those already reckon with a successor.
    const retireAt = line.find((record) => record.kid === active?.kid)?.retireAt ?? now + periods.activePeriod;
    const activateAt = Math.max(retireAt, now + periods.publishLead);
    // What a clock far ahead has planned is no successor; one period of tolerance keeps a clock that was set back a
    // little from making a second one.
    const hasSuccessor = settled.some(
      (record) =>
        (keyState(record, now) === 'next' || keyState(record, now) === 'pending') &&
        record.activateAt <= activateAt + periods.activePeriod,
    );
    const isNear = family === 'signing' || retireAt - periods.publishLead <= now;
    if (isNear && !hasSuccessor) due.push(scheduleFor(periods, now, activateAt));
    return due.map((times) => ({ family, times }));
  });
}

/** The order in which the keys of a family take their turns. */
function byTurn(one: KeyRecord, other: KeyRecord): number {
  // The lowest kid wins a tie, so it comes last.
  return one.activateAt - other.activateAt || (one.kid < other.kid ? 1 : -1);
}

function settleLine<K extends KeyRecord>(line: readonly K[], now: EpochSeconds): readonly K[] {
  const settled: K[] = [];
  let holder: number | undefined;
  for (const key of line) {
    const inForce = holder === undefined ? undefined : settled[holder];
    const takesOverAt = inForce === undefined ? now : endOf(inForce, now);
    const activateAt = Math.min(key.activateAt, takesOverAt);
    // A key that was published when it was made is published, also for a clock that is behind that moment.
    const publishAt = Math.min(key.publishAt, activateAt, key.publishAt <= key.createdAt ? now : key.publishAt);
    if (endOf(key, now) <= activateAt) {
      settled.push(neverInForce(key, endOf(key, now)));
      continue;
    }
    if (holder !== undefined && inForce !== undefined) settled[holder] = retire(inForce, activateAt);
    holder = settled.push({ ...key, publishAt, activateAt }) - 1;
  }
  const last = holder === undefined ? undefined : settled[holder];
  if (holder !== undefined && last !== undefined) {
    const end = endOf(last, now);
    // Without a successor it stays in force beyond its plan, second by second.
    const retireAt = end === Number.POSITIVE_INFINITY ? Math.max(last.retireAt, now + 1) : Math.min(last.retireAt, end);
    settled[holder] = retire(last, retireAt);
  }
  return settled;
}

/** The moment from which the key cannot be in force, whatever its plan. What was revoked or deleted is gone at any clock. */
function endOf(key: KeyTimes, now: EpochSeconds): EpochSeconds {
  const ends = [key.revokedAt, key.destroyedAt].filter((at) => at !== undefined);
  return ends.length === 0 ? Number.POSITIVE_INFINITY : Math.min(now, ...ends);
}

function retire<K extends KeyRecord>(key: K, retireAt: EpochSeconds): K {
  const removeAt = key.revokedAt === undefined ? retireAt + (key.removeAt - key.retireAt) : key.removeAt;
  return { ...key, retireAt, removeAt };
}

function neverInForce<K extends KeyRecord>(key: K, at: EpochSeconds): K {
  return { ...key, publishAt: Math.min(key.publishAt, at), activateAt: at, retireAt: at };
}
