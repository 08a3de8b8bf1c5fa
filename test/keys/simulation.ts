import { createHash } from 'node:crypto';
import {
  CLOCK_SKEW,
  dueKeys,
  type KeyFamily,
  type KeyRecord,
  type KeyState,
  type KeyTimings,
  keyState,
  type PublicJwk,
  settle,
} from '../../src/keys/index.ts';

/** The keys of an installation without files: what `createKeyRing` does at each reading, on plain records. */
export interface Simulation {
  now: number;
  records: KeyRecord[];
  /** What every instance does when it reads the keys: make, destroy, remove. */
  tick(): void;
  inState(family: KeyFamily, ...states: KeyState[]): readonly KeyRecord[];
  revoke(kid: string): void;
  /** How many keys were made. */
  made(): number;
}

export function createSimulation(timings: KeyTimings, start: number): Simulation {
  let made = 0;
  const simulation: Simulation = {
    now: start,
    records: [],
    tick() {
      for (const { family, times } of dueKeys(simulation.records, simulation.now, timings)) {
        // Kids that do not sort in the order of creation, like thumbprints.
        const kid = createHash('sha256').update(`${family}${made++}`).digest('base64url');
        simulation.records.push({ kid, family, alg: 'ES256', ...times, ...publicHalf(family, kid) });
      }
      const behind = simulation.now - CLOCK_SKEW;
      for (const key of settle(simulation.records, simulation.now)) {
        const state = keyState(key, behind);
        if (state === 'removed') simulation.records = simulation.records.filter(({ kid }) => kid !== key.kid);
        if (state === 'retiring' && key.family === 'signing') change(key.kid, { destroyedAt: simulation.now });
      }
    },
    inState(family, ...states) {
      return settle(simulation.records, simulation.now).filter(
        (key) => key.family === family && states.includes(keyState(key, simulation.now)),
      );
    },
    revoke(kid) {
      change(kid, { revokedAt: simulation.now, destroyedAt: simulation.now });
    },
    made: () => made,
  };

  function change(kid: string, ended: Pick<KeyRecord, 'revokedAt' | 'destroyedAt'>): void {
    simulation.records = simulation.records.map((key) =>
      key.kid === kid ? { ...ended, ...key, ...revokedOf(ended) } : key,
    );
  }

  return simulation;
}

function revokedOf({ revokedAt }: Pick<KeyRecord, 'revokedAt'>): Pick<KeyRecord, 'revokedAt'> {
  return revokedAt === undefined ? {} : { revokedAt };
}

function publicHalf(family: KeyFamily, kid: string): { publicJwk?: PublicJwk } {
  return family === 'signing' ? { publicJwk: { kty: 'EC', kid, alg: 'ES256', use: 'sig' } } : {};
}
