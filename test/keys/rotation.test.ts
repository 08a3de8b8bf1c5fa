import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defaultTimings,
  findLineFaults,
  type KeyFamily,
  type KeyRecord,
  type KeyTimings,
  planRetirement,
  planRotation,
} from '../../src/keys/index.ts';
import { createSimulation, type Simulation } from './simulation.ts';

const START = 1_800_000_000;
const FAMILIES: readonly KeyFamily[] = ['signing', 'sealing', 'client', 'refresh'];
const NEEDS = {
  accessTokenLifetime: 600,
  jwksCached: 300,
  refreshPeriod: 300,
  skew: 60,
  refreshTokenLifetime: 3_600,
  sealedLifetime: 1_800,
};
const timings: KeyTimings = {
  signing: { publishLead: 660, activePeriod: 3_600, hold: 960 },
  sealing: { publishLead: 120, activePeriod: 3_600, hold: 2_000 },
  client: { publishLead: 120, activePeriod: 7_200, hold: 50_000 },
  refresh: { publishLead: 120, activePeriod: 3_600, hold: 4_000 },
};

/** What `keys rotate` does. */
function rotate(simulation: Simulation): boolean {
  const plan = planRotation(simulation.records, 'signing', simulation.now, timings);
  if (plan.outcome !== 'promote') return false;
  const { now } = simulation;
  simulation.records = simulation.records.map((key) => (key.kid === plan.next.kid ? promoted(key, now) : key));
  simulation.tick();
  return true;
}

function promoted(key: KeyRecord, at: number): KeyRecord {
  const by = key.activateAt - at;
  return { ...key, activateAt: at, retireAt: key.retireAt - by, removeAt: key.removeAt - by };
}

describe('a rotation by command', () => {
  it('waits until the next key was published for the lead, to the second', () => {
    const simulation = createSimulation(timings, START);
    simulation.tick();
    const [next] = simulation.inState('signing', 'next');
    simulation.now = START + 659;
    expect(planRotation(simulation.records, 'signing', simulation.now, timings)).toMatchObject({
      outcome: 'wait',
      mayAt: START + 660,
      next: { kid: next!.kid },
    });
    expect(rotate(simulation)).toBe(false);
    simulation.now = START + 660;
    expect(rotate(simulation)).toBe(true);
    expect(simulation.inState('signing', 'active')).toEqual([expect.objectContaining({ kid: next!.kid })]);
    expect(rotate(simulation)).toBe(false);
  });

  it('makes a next key where a family has none yet', () => {
    const simulation = createSimulation(timings, START);
    simulation.tick();
    expect(planRotation(simulation.records, 'sealing', START, timings)).toMatchObject({
      outcome: 'create',
      mayAt: START + 120,
    });
  });

  it('at any moment and however often never uses a key that was not published for the lead, nor drops one in use', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 5, maxLength: 60 }), (pauses) => {
        const simulation = createSimulation(timings, START);
        simulation.tick();
        const publishedAt = new Map<string, number>();
        const lastSigned = new Map<string, number>();
        for (const { kid } of simulation.records) publishedAt.set(kid, START);
        const first = simulation.inState('signing', 'active')[0]?.kid ?? '';
        for (const pause of pauses) {
          simulation.now += pause;
          simulation.tick();
          rotate(simulation);
          const [active, ...others] = simulation.inState('signing', 'active');
          expect(others).toEqual([]);
          const published = simulation.inState('signing', 'next', 'active', 'retiring').map(({ kid }) => kid);
          for (const kid of published) if (!publishedAt.has(kid)) publishedAt.set(kid, simulation.now);
          if (active!.kid !== first)
            expect(simulation.now - publishedAt.get(active!.kid)!).toBeGreaterThanOrEqual(timings.signing.publishLead);
          lastSigned.set(active!.kid, simulation.now);
          for (const [kid, at] of lastSigned) if (simulation.now - at <= 660) expect(published).toContain(kid);
        }
      }),
    );
  });
});

describe('a removal ahead of the plan', () => {
  it('is for keys that made nothing, or nothing that can still arrive', () => {
    const simulation = createSimulation(timings, START);
    simulation.tick();
    const [active] = simulation.inState('signing', 'active');
    const [next] = simulation.inState('signing', 'next');
    const plan = (kid: string) => planRetirement(simulation.records, kid, simulation.now, NEEDS);
    expect(plan(active!.kid)).toEqual({ outcome: 'in_force' });
    expect(plan(next!.kid)).toEqual({ outcome: 'remove' });
    expect(plan('unknown')).toEqual({ outcome: 'remove' });
    simulation.now = next!.activateAt - 90;
    expect(plan(next!.kid)).toEqual({ outcome: 'in_force' });

    simulation.now = next!.activateAt + 10;
    expect(plan(active!.kid)).toEqual({ outcome: 'wait', mayAt: next!.activateAt + 960 });
    simulation.now = next!.activateAt + 960;
    expect(plan(active!.kid)).toEqual({ outcome: 'remove' });
  });

  it.each([
    ['sealing', 1_860],
    ['refresh', 3_660],
    ['client', 50_000],
  ] as const)('of a former %s secret waits for all that it made', (family, wait) => {
    const simulation = createSimulation(timings, START);
    simulation.tick();
    const [former] = simulation.inState(family, 'active');
    simulation.now = START + timings[family].activePeriod - 10;
    simulation.tick();
    const [next] = simulation.inState(family, 'next');
    simulation.now = next!.activateAt + 1;
    simulation.tick();
    expect(planRetirement(simulation.records, former!.kid, simulation.now, NEEDS)).toEqual({
      outcome: 'wait',
      mayAt: next!.activateAt + wait,
    });
  });

  it('leaves a revoked key known as revoked', () => {
    const simulation = createSimulation(timings, START);
    simulation.tick();
    const [active] = simulation.inState('signing', 'active');
    simulation.revoke(active!.kid);
    expect(planRetirement(simulation.records, active!.kid, START + 5, NEEDS)).toMatchObject({ outcome: 'wait' });
  });
});

describe('the doctor', () => {
  it('finds nothing wrong at any second of a life that is looked after', () => {
    const simulation = createSimulation(timings, START);
    for (; simulation.now < START + 30_000; simulation.now += 30) {
      simulation.tick();
      expect(findLineFaults(simulation.records, simulation.now, timings)).toEqual([]);
    }
  });

  it('finds keys that nobody rotates, keys from the future, and families without any', () => {
    const simulation = createSimulation(defaultTimings, START);
    const faults = () =>
      findLineFaults(simulation.records, simulation.now, defaultTimings).map(
        ({ family, fault }) => `${family} ${fault}`,
      );
    expect(faults()).toEqual(FAMILIES.map((family) => `${family} no_active_key`));
    simulation.tick();
    simulation.now = START - 61;
    expect(new Set(faults())).toEqual(new Set(FAMILIES.map((family) => `${family} clock_behind`)));
    simulation.now = START + 31 * 86_400;
    expect(faults()).toEqual([
      'signing no_next_key',
      'sealing no_next_key',
      'sealing rotation_overdue',
      'refresh no_next_key',
      'refresh rotation_overdue',
    ]);
  });
});
