import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activeKey,
  createJwkSet,
  defaultTimings,
  dueKeys,
  type KeyFamily,
  type KeyRecord,
  keyState,
  scheduleFor,
  settle,
} from '../../src/keys/index.ts';
import { createSimulation } from './simulation.ts';

const DAY = 86_400;
const START = 1_800_000_000;
const FAMILIES: readonly KeyFamily[] = ['signing', 'sealing', 'client', 'refresh'];
const TOKEN_LIFETIME = 900;
const { publishLead, activePeriod, hold } = defaultTimings.signing;

const key = (kid: string, activateAt: number, more: Partial<KeyRecord> = {}): KeyRecord => ({
  kid,
  family: 'signing',
  alg: 'ES256',
  ...scheduleFor(defaultTimings.signing, activateAt - activePeriod, activateAt),
  ...more,
});

describe('the state of a key', () => {
  const times = { createdAt: 10, publishAt: 20, activateAt: 30, retireAt: 40, removeAt: 50 };

  it('changes at the second its times say', () => {
    const states = [19, 20, 29, 30, 39, 40, 49, 50].map((now) => keyState(times, now));
    expect(states).toEqual(['pending', 'next', 'next', 'active', 'active', 'retiring', 'retiring', 'removed']);
  });

  it('is revoked until it is removed, also for a clock that is behind the one of the revocation', () => {
    const revoked = { ...times, revokedAt: 35 };
    expect([34, 35, 49, 50].map((now) => keyState(revoked, now))).toEqual(['revoked', 'revoked', 'revoked', 'removed']);
  });
});

describe('a line of keys', () => {
  it('has the latest activated key in force, ties going to the lowest kid', () => {
    const line = [key('b', START), key('a', START), key('c', START - DAY), key('d', START + 1)];
    expect(activeKey(line, START)?.kid).toBe('a');
    expect(activeKey(line.toReversed(), START)?.kid).toBe('a');
    expect(activeKey(line, START + 1)?.kid).toBe('d');
  });

  it('keeps a key in force beyond its plan while nobody made a successor, and holds it afterwards all the same', () => {
    const late = START + 100 * DAY;
    expect(activeKey([key('a', START)], late)?.kid).toBe('a');
    const [first] = settle([key('a', START), key('b', late + DAY)], late);
    expect(first).toMatchObject({ kid: 'a', retireAt: late + DAY, removeAt: late + DAY + hold });
  });

  it('promotes the next key when the one in force is revoked, at any clock', () => {
    const next = key('b', START + activePeriod);
    const line = [key('a', START, { revokedAt: START + DAY }), next];
    expect(activeKey(line, START + DAY - 30)?.kid).toBe('b');
    expect(activeKey(line, START + DAY)?.kid).toBe('b');
    expect(settle(line, START + DAY)[1]).toMatchObject({ kid: 'b', activateAt: START + DAY, retireAt: next.retireAt });
  });

  it('does not bring a retired key back when its successor is revoked without a next one', () => {
    const line = [key('a', START - DAY, { destroyedAt: START + 60 }), key('b', START, { revokedAt: START + 90 })];
    expect(activeKey(line, START + 100)).toBeUndefined();
    expect(dueKeys(line, START + 100, defaultTimings).filter(({ family }) => family === 'signing')).toEqual([
      { family: 'signing', times: scheduleFor(defaultTimings.signing, START + 100, START + 100) },
      { family: 'signing', times: scheduleFor(defaultTimings.signing, START + 100, START + 100 + activePeriod) },
    ]);
  });

  it('is not disturbed by a next key that is revoked before its turn, and gets another next key', () => {
    const line = [key('a', START), key('b', START + activePeriod, { revokedAt: START + 5 })];
    expect(activeKey(line, START + 6)?.kid).toBe('a');
    const due = dueKeys(line, START + 6, defaultTimings).filter(({ family }) => family === 'signing');
    expect(due.map(({ times }) => times.activateAt)).toEqual([START + activePeriod]);
  });

  it('has its first key in force even when the clock is set back before it was made', () => {
    expect(activeKey([key('a', START), key('b', START + activePeriod)], START - 40 * DAY)?.kid).toBe('a');
  });

  it('goes on with the next key when the clock is set back to a time whose key is destroyed', () => {
    const line = [key('a', START, { destroyedAt: START + activePeriod + 60 }), key('b', START + activePeriod)];
    expect(activeKey(line, START + activePeriod - 10)?.kid).toBe('b');
  });

  it('is the same whatever the order in which the keys are read', () => {
    const moment = fc.integer({ min: 0, max: 90 }).map((days) => START + days * DAY);
    const ended = fc.option(moment, { nil: undefined });
    const record = fc
      .tuple(fc.uuid(), moment, ended, ended)
      .map(([kid, at, revokedAt, destroyedAt]) =>
        key(kid, at, { ...(revokedAt && { revokedAt }), ...(destroyedAt && { destroyedAt }) }),
      );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), moment, (records, now) => {
        const active = settle(records, now).filter((one) => keyState(one, now) === 'active');
        expect(active.length).toBeLessThanOrEqual(1);
        expect(activeKey(records.toReversed(), now)?.kid).toBe(active[0]?.kid);
      }),
    );
  });
});

describe('a successor made late', () => {
  it('still waits its publish lead, while the key in force goes on', () => {
    const late = START + activePeriod + 5 * DAY;
    const due = dueKeys([key('a', START)], late, defaultTimings).filter(({ family }) => family === 'signing');
    expect(due).toEqual([{ family: 'signing', times: scheduleFor(defaultTimings.signing, late, late + publishLead) }]);
  });
});

describe('a new installation', () => {
  it('signs at once and publishes the next signing key at once; secrets have no successor yet', () => {
    const due = dueKeys([], START, defaultTimings);
    expect(due.map(({ family, times }) => [family, times.publishAt, times.activateAt])).toEqual([
      ['signing', START, START],
      ['signing', START, START + activePeriod],
      ['sealing', START, START],
      ['client', START, START],
      ['refresh', START, START],
    ]);
  });
});

/** Seconds between two readings: mostly moments, sometimes an installation that was down for weeks. */
const gap = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 600 }) },
  { weight: 4, arbitrary: fc.integer({ min: 600, max: 3 * DAY }) },
  { weight: 1, arbitrary: fc.integer({ min: 3 * DAY, max: 70 * DAY }) },
);
const gaps = fc.array(gap, { minLength: 150, maxLength: 250 });

describe('over a year of readings at random moments', () => {
  it('every family has one key in force at any time, signing has a published next one, and no token loses its key [I10]', () => {
    fc.assert(
      fc.property(gaps, (steps) => {
        const keys = createSimulation(defaultTimings, START);
        let tokens: { kid: string; exp: number }[] = [];
        const firstUse = new Map<string, KeyRecord & { usedAt: number }>();
        const look = () => {
          expect(FAMILIES.map((family) => keys.inState(family, 'active').length)).toEqual([1, 1, 1, 1]);
          const [signer] = keys.inState('signing', 'active');
          expect(signer).not.toHaveProperty('destroyedAt');
          if (signer === undefined) return;
          tokens.push({ kid: signer.kid, exp: keys.now + TOKEN_LIFETIME });
          if (!firstUse.has(signer.kid)) firstUse.set(signer.kid, { ...signer, usedAt: keys.now });
          const published = createJwkSet(settle(keys.records, keys.now), keys.now).body;
          tokens = tokens.filter(({ exp }) => exp > keys.now);
          expect(tokens.filter(({ kid }) => !published.includes(kid))).toEqual([]);
        };
        for (const step of steps) {
          keys.tick();
          expect(keys.inState('signing', 'next').length).toBeGreaterThanOrEqual(1);
          look();
          const readingAt = keys.now + step;
          // Between two readings only the clock moves; what matters happens around the times of the keys.
          const moments = keys.records
            .flatMap(({ activateAt, retireAt, removeAt }) => [activateAt, retireAt, removeAt])
            .flatMap((at) => [at - 1, at, at + TOKEN_LIFETIME - 1])
            .filter((at) => at > keys.now && at < readingAt)
            .sort((one, other) => one - other);
          for (const moment of moments) {
            keys.now = moment;
            look();
          }
          keys.now = readingAt;
        }
        const uses = [...firstUse.values()].slice(1);
        for (const { usedAt, publishAt, createdAt } of uses) {
          expect(usedAt - Math.max(publishAt, createdAt)).toBeGreaterThanOrEqual(publishLead);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('a revoked key leaves at once, another is in force and another next is published', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(gap, fc.integer({ min: 0, max: 3 })), { minLength: 30, maxLength: 60 }),
        (steps) => {
          const keys = createSimulation(defaultTimings, START);
          keys.tick();
          for (const [step, choice] of steps) {
            keys.now += step;
            keys.tick();
            const victims =
              choice === 0 ? keys.inState('signing', 'active') : choice === 1 ? keys.inState('signing', 'next') : [];
            for (const { kid } of victims) {
              keys.revoke(kid);
              expect(createJwkSet(settle(keys.records, keys.now), keys.now).body).not.toContain(kid);
              if (choice === 0) expect(keys.inState('signing', 'active')).toHaveLength(1);
            }
            keys.tick();
            expect(keys.inState('signing', 'active')).toHaveLength(1);
            expect(keys.inState('signing', 'next').length).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('clocks that jump back and forth by days neither stop the signing nor multiply the keys [I11]', () => {
    const jump = fc.oneof(gap, fc.integer({ min: -5 * DAY, max: -1 }));
    fc.assert(
      fc.property(fc.array(jump, { minLength: 50, maxLength: 100 }), (steps) => {
        const keys = createSimulation(defaultTimings, START);
        let latest = START;
        for (const step of steps) {
          keys.tick();
          for (const family of FAMILIES) {
            const active = keys.inState(family, 'active');
            expect(active).toHaveLength(1);
            expect(active[0]).not.toHaveProperty('destroyedAt');
          }
          expect(keys.inState('signing', 'next').length).toBeGreaterThanOrEqual(1);
          keys.now += step;
          latest = Math.max(latest, keys.now);
        }
        const periods = Math.ceil((latest - START) / activePeriod);
        expect(keys.made()).toBeLessThanOrEqual(5 + 4 * (periods + 1));
      }),
      { numRuns: 60 },
    );
  });
});
