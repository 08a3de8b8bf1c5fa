import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultTimings, findTimingsFault, type KeyTimings } from '../../src/keys/index.ts';
import { FAMILIES, type Incident, type Life, playLife } from './instances.ts';

const START = 1_800_000_000;
const DAY = 86_400;
const YEAR = 365 * DAY;
const TOKEN_LIFETIME = 300;
/** What caches and validators may be late together: 300 s `max-age`, 60 s stale, 300 s until a validator asks again. */
const CACHED = 660;
const NEEDS = {
  accessTokenLifetime: TOKEN_LIFETIME,
  jwksCached: 360,
  refreshPeriod: 300,
  skew: 60,
  refreshTokenLifetime: 3_600,
  sealedLifetime: 3_600,
};

/** Each invariant that a life broke, as a sentence. */
function findFaults({ stretches, urgent, revoked }: Life): readonly string[] {
  const faults = new Set<string>();
  const used = new Map<string, { from: number; to: number }>();
  for (const { from, to, inForce, signing, instance } of stretches) {
    for (const family of FAMILIES)
      if (inForce[family] !== 1)
        faults.add(`instance ${instance} has ${inForce[family]} ${family} keys in force at ${from - START}`);
    const known = used.get(signing);
    used.set(signing, { from: Math.min(from, known?.from ?? from), to: Math.max(to, known?.to ?? to) });
  }
  const begin = Math.min(...stretches.map(({ from }) => from));
  for (const [kid, { from, to }] of used) {
    // Until everybody has read of a revocation, its successor may be as new to the others as the revocation.
    const needed = urgent.has(kid) ? from + 60 : from - CACHED;
    const until = Math.min(to + TOKEN_LIFETIME, revoked.get(kid) ?? Number.POSITIVE_INFINITY);
    for (const { from: servedFrom, to: servedTo, published, instance } of stretches) {
      if (servedTo <= Math.max(needed, begin + 60) || servedFrom >= until || published.has(kid)) continue;
      faults.add(
        `${kid.slice(0, 6)}, used from ${from - START} to ${to - START}, is not in the set of ${instance} from ${servedFrom - START} to ${servedTo - START}`,
      );
    }
  }
  for (const [kid, at] of revoked) {
    const late = stretches.find(
      ({ to, signing, published }) => to > at + 31 && (signing === kid || published.has(kid)),
    );
    if (late !== undefined) faults.add(`${kid.slice(0, 6)} is still there ${late.to - at} s after its revocation`);
  }
  return [...faults];
}

const extra = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 20 * DAY }));
/** Any periods that the server accepts, the shortest among them. */
const schedule = fc.tuple(extra, extra, extra).map(([lead, active, hold]): KeyTimings => {
  const publishLead = 750 + lead;
  const activePeriod = publishLead + active;
  // Not hundreds of keys at once.
  const held = Math.min(hold, 3 * activePeriod);
  const secret = { publishLead: 90, activePeriod: 5_000 + activePeriod, hold: 3_660 + held };
  const client = { ...defaultTimings.client, publishLead: 90 };
  return { signing: { publishLead, activePeriod, hold: 720 + held }, sealing: secret, client, refresh: secret };
});
const skews = fc.array(fc.integer({ min: -30, max: 30 }), { minLength: 2, maxLength: 3 });
const delays = fc.array(fc.integer({ min: 0, max: 29 }), { minLength: 3, maxLength: 40 });

/** Incidents at parts per thousand of the time. */
function incidents(seconds: number) {
  const at = fc.integer({ min: 1, max: 999 }).map((part) => START + Math.floor((part * seconds) / 1_000));
  const skew = fc.integer({ min: -30, max: 30 });
  const command = fc.record({
    at,
    kind: fc.constantFrom('rotate' as const, 'rotate' as const, 'revoke' as const),
    skew,
  });
  const down = fc.record({
    at,
    kind: fc.constant('down' as const),
    instance: fc.integer({ min: 0, max: 2 }),
    seconds: fc.oneof(
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: 600, max: Math.max(601, Math.floor(seconds / 4)) }),
    ),
  });
  return fc.array(fc.oneof(command, down), { maxLength: 12 }) as fc.Arbitrary<Incident[]>;
}

const life = schedule.chain((timings) => {
  const seconds = Math.min(YEAR, 25 * timings.signing.activePeriod);
  return fc.record({
    timings: fc.constant(timings),
    skews,
    delays,
    incidents: incidents(seconds),
    seconds: fc.constant(seconds),
  });
});

describe('instances whose clocks differ by up to a minute, over any schedule, with restarts, commands and thefts', () => {
  it('each have one key of a family in force at every second, and no cache ever lacks the key of a valid token [I10]', () => {
    fc.assert(
      fc.property(life, ({ seconds, ...options }) => {
        fc.pre(findTimingsFault(options.timings, NEEDS) === undefined);
        expect(findFaults(playLife({ ...options, start: START, end: START + seconds }))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('do so through a whole year of the default schedule', () => {
    fc.assert(
      fc.property(skews, delays, incidents(YEAR), (clocks, late, happened) => {
        const options = { timings: defaultTimings, skews: clocks, delays: late, incidents: happened };
        const played = playLife({ ...options, start: START, end: START + YEAR });
        expect(findFaults(played)).toEqual([]);
        expect(new Set(played.stretches.map(({ signing }) => signing)).size).toBeGreaterThanOrEqual(12);
      }),
      { numRuns: 10 },
    );
  });

  it('would not, with a publish lead that is a minute and a half shorter than what is accepted', () => {
    const signing = { publishLead: 660, activePeriod: 660, hold: 720 };
    const timings = { ...defaultTimings, signing };
    expect(findTimingsFault(timings, NEEDS)).toContain('signing.publishLead of 660 s is too short');
    const options = { timings, skews: [-30, 30], delays: [29], incidents: [], start: START, end: START + 10_000 };
    expect(findFaults(playLife(options))).not.toEqual([]);
  });
});
