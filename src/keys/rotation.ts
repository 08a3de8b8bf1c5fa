import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { KeyFamily, KeyRecord } from './key-ring.ts';
import { dueKeys, keyState, scheduleFor, settle } from './lifecycle.ts';
import { CLOCK_SKEW, DEFAULT_POLL_INTERVAL, type KeyTimingNeeds, type KeyTimings } from './timings.ts';

/** What a rotation that is asked for now comes to. */
export type RotationPlan<K extends KeyRecord = KeyRecord> =
  /** The next key is known long enough: it may come into force at once. */
  | { readonly outcome: 'promote'; readonly next: K; readonly active: K | undefined }
  /** Somebody may not know the next key yet; it may come into force at `mayAt`. */
  | { readonly outcome: 'wait'; readonly next: K; readonly active: K | undefined; readonly mayAt: EpochSeconds }
  /** There is no next key; one that is made now may come into force at `mayAt`. */
  | { readonly outcome: 'create'; readonly active: K | undefined; readonly mayAt: EpochSeconds };

/**
 * Whether the next key of a family may come into force now: only after it was published for the publish lead, which is
 * the time in which everybody has fetched it. Pure.
 */
export function planRotation<K extends KeyRecord>(
  records: readonly K[],
  family: KeyFamily,
  now: EpochSeconds,
  timings: KeyTimings,
): RotationPlan<K> {
  const { publishLead } = timings[family];
  const line = settle(records, now).filter((record) => record.family === family);
  const active = line.find((record) => keyState(record, now) === 'active');
  const next = line.find((record) => {
    const state = keyState(record, now);
    return state === 'next' || state === 'pending';
  });
  if (next === undefined) return { outcome: 'create', active, mayAt: now + publishLead };
  const mayAt = next.publishAt + publishLead;
  return mayAt <= now ? { outcome: 'promote', next, active } : { outcome: 'wait', next, active, mayAt };
}

/** The times of a key that is published at `now`, comes into force after the publish lead, and is the last in line. */
export function scheduleNext(
  family: KeyFamily,
  now: EpochSeconds,
  timings: KeyTimings,
  turn = 0,
): ReturnType<typeof scheduleFor> {
  const { publishLead, activePeriod } = timings[family];
  return scheduleFor(timings[family], now, now + publishLead + turn * activePeriod);
}

/** What it comes to when a key is taken away ahead of its plan. */
export type RetirementPlan =
  | { readonly outcome: 'remove' }
  /** Something the key made may still arrive until `mayAt`. */
  | { readonly outcome: 'wait'; readonly mayAt: EpochSeconds }
  /** It is in force, or about to be. */
  | { readonly outcome: 'in_force' };

/**
 * Whether a key may be removed ahead of its plan without refusing one valid request: a next key that nobody used, or a
 * former key when everything it made has expired. What a client secret made never expires. Pure.
 */
export function planRetirement(
  records: readonly KeyRecord[],
  kid: string,
  now: EpochSeconds,
  needs: KeyTimingNeeds,
): RetirementPlan {
  const key = settle(records, now).find((record) => record.kid === kid);
  if (key === undefined) return { outcome: 'remove' };
  const state = keyState(key, now);
  const grace = needs.skew + (needs.pollInterval ?? DEFAULT_POLL_INTERVAL);
  if (state === 'active' || ((state === 'next' || state === 'pending') && key.activateAt - now <= grace))
    return { outcome: 'in_force' };
  if (state === 'next' || state === 'pending') return { outcome: 'remove' };
  // A revoked key must stay known as revoked: with its file, the only trace of the revocation would go.
  if (state === 'revoked') return { outcome: 'wait', mayAt: key.removeAt };
  const mayAt = Math.min(key.removeAt, key.retireAt + longestUse(key, needs));
  return now >= mayAt ? { outcome: 'remove' } : { outcome: 'wait', mayAt };
}

function longestUse({ family }: KeyRecord, needs: KeyTimingNeeds): Seconds {
  switch (family) {
    case 'signing':
      return needs.accessTokenLifetime + needs.jwksCached + needs.skew;
    case 'sealing':
      return (needs.sealedLifetime ?? Number.POSITIVE_INFINITY) + needs.skew;
    case 'refresh':
      return (needs.refreshTokenLifetime ?? Number.POSITIVE_INFINITY) + needs.skew;
    case 'client':
      return Number.POSITIVE_INFINITY;
  }
}

/** Something about the keys of an installation that needs a person. */
export interface LineFault {
  readonly family: KeyFamily;
  readonly fault: 'no_active_key' | 'no_next_key' | 'rotation_overdue' | 'clock_behind';
  readonly kid?: string;
}

/** What is wrong with the lines of keys: nobody rotates, or clocks disagree. Pure. */
export function findLineFaults(
  records: readonly KeyRecord[],
  now: EpochSeconds,
  timings: KeyTimings,
): readonly LineFault[] {
  const families = Object.keys(timings) as KeyFamily[];
  return families.flatMap((family): LineFault[] => {
    const line = records.filter((record) => record.family === family);
    const active = settle(line, now).find((record) => keyState(record, now) === 'active');
    const planned = line.find((record) => record.kid === active?.kid);
    const ahead = line.filter((record) => record.createdAt > now + CLOCK_SKEW);
    const late = now - CLOCK_SKEW - DEFAULT_POLL_INTERVAL;
    const isDue = dueKeys(line, late, timings).some((due) => due.family === family);
    return [
      ...(active === undefined ? [{ family, fault: 'no_active_key' } as const] : []),
      ...(active !== undefined && isDue && ahead.length === 0 ? [{ family, fault: 'no_next_key' } as const] : []),
      ...(planned !== undefined && planned.retireAt < late
        ? [{ family, fault: 'rotation_overdue', kid: planned.kid } as const]
        : []),
      ...ahead.map(({ kid }) => ({ family, fault: 'clock_behind', kid }) as const),
    ];
  });
}
