import type { EpochSeconds } from '../oauth/index.ts';
import type { AuditEvent, Clock } from '../platform/index.ts';
import { isDestroyed } from './admission.ts';
import { type KeyInventory, reasonOf } from './inventory.ts';
import type { KeyAlg, KeyBackend, StoredKey } from './key-backend.ts';
import type { KeyFamily, SigningAlg } from './key-ring.ts';
import { activeKey, type DueKey, dueKeys, keyState, settle } from './lifecycle.ts';
import { CLOCK_SKEW, type KeyTimings } from './timings.ts';

const SECRET_ALGS = { sealing: 'A256GCM', client: 'HS256', refresh: 'HS256' } as const;
// One round makes one key, so this is far more than any family can need.
const MAX_ROUNDS = 32;

export interface KeyUpkeepDeps {
  backend: KeyBackend;
  inventory: KeyInventory;
  clock: Clock;
  timings: KeyTimings;
  algorithm: SigningAlg;
  report: (event: AuditEvent) => void;
}

/** The families for which nothing may be made: keys are there, but none that can be used. */
export function blockedFamilies(inventory: KeyInventory, now: EpochSeconds): ReadonlySet<KeyFamily> {
  const records = inventory.records();
  const families = inventory.refused().flatMap(({ family }) => (family === undefined ? [] : [family]));
  return new Set(
    families.filter(
      (family) =>
        activeKey(
          records.filter((record) => record.family === family),
          now,
        ) === undefined,
    ),
  );
}

/**
 * Makes the keys that are due. No leader: the slot of a key decides who made it, and whoever came too late reads what is
 * there. A family in which keys are there but refused gets no fresh one: that would orphan everything the refused keys
 * made, for a file mode that one command repairs.
 */
export async function createDueKeys(deps: KeyUpkeepDeps): Promise<void> {
  const { backend, inventory, clock, timings, report } = deps;
  const failed = new Set<KeyFamily>();
  const nextDue = (): DueKey | undefined => {
    const now = clock();
    const left: readonly (ReadonlySet<KeyFamily> | undefined)[] = [
      blockedFamilies(inventory, now),
      failed,
      backend.fixedFamilies,
    ];
    return dueKeys(inventory.records(), now, timings).find(
      ({ family }) => !left.some((families) => families?.has(family)),
    );
  };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (nextDue() === undefined) return;
    // A scan of a directory may miss what is made while it runs; what still seems due after a second one is due.
    if (!(await inventory.load())) return;
    const due = nextDue();
    if (due === undefined) return;
    const { family, times } = due;
    const alg: KeyAlg = family === 'signing' ? deps.algorithm : SECRET_ALGS[family];
    try {
      const key = await backend.create({ family, alg, epoch: inventory.lastEpoch(family) + 1, times });
      if (key !== undefined) report({ event: 'key.created', kid: key.kid, family, alg, activateAt: times.activateAt });
    } catch (error) {
      failed.add(family);
      report({ event: 'key.write_failed', operation: 'create', family, reason: reasonOf(error) });
    }
    if (!(await inventory.load())) return;
  }
}

/**
 * Deletes the private halves of signing keys that went out of force, and every key whose time is over. Waits for the
 * clock skew, since another instance may still be signing.
 */
export async function deleteSpentKeys(deps: KeyUpkeepDeps): Promise<void> {
  const { backend, inventory, clock, report } = deps;
  const now = clock();
  let isChanged = false;
  for (const key of settle(inventory.records(), now)) {
    const { kid, family } = key;
    const operation = deletionFor(key, now);
    if (operation === undefined) continue;
    try {
      if (operation === 'destroy') await backend.destroyPrivate(kid, now);
      else if (await backend.remove(kid)) report({ event: 'key.removed', kid, family });
      isChanged = true;
    } catch (error) {
      report({ event: 'key.write_failed', operation, kid, family, reason: reasonOf(error) });
    }
  }
  if (isChanged) await inventory.load();
}

function deletionFor(key: StoredKey, now: EpochSeconds): 'destroy' | 'remove' | undefined {
  const state = keyState(key, now - CLOCK_SKEW);
  if (state === 'removed') return 'remove';
  // A store that could not be reached when the key ended still has its private half.
  if (key.external !== undefined && key.destroyedAt !== undefined) return 'destroy';
  return state === 'retiring' && key.family === 'signing' && !isDestroyed(key) ? 'destroy' : undefined;
}
