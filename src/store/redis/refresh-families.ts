import type { RefreshFamily, RefreshFamilyStore, Rotation } from '../../tokens/index.ts';
import type { AcknowledgedWrites } from './acknowledged-writes.ts';
import { createScript, type RedisCommands } from './commands.ts';
import type { FamilyIndex } from './family-index.ts';
import { readFamily, writeFamilyFields } from './family-record.ts';
import type { KeyLayout } from './key-layout.ts';
import { BEGIN, REVOKE, ROTATE } from './refresh-family-scripts.ts';
import { KEPT_PAST_END, type StoreClock } from './store-clock.ts';

const NOW = createScript('return now');

/**
 * Refresh families, each a hash in a slot of its own. Begin and revoke wait for replicas; a rotation does not, because a
 * lost one is made good when its token comes back (`ahead`).
 */
export function createRefreshFamilies(deps: {
  commands: RedisCommands;
  writes: AcknowledgedWrites;
  index: FamilyIndex;
  keys: KeyLayout;
  clock: StoreClock;
  onIndexFault: (fault: unknown) => void;
}): RefreshFamilyStore {
  const { commands, writes, index, keys, clock, onIndexFault } = deps;

  return {
    async begin(code, family) {
      const { familyId, absoluteLifetime } = family;
      // The marker of a code lies beside its family, whether or not this call says which one that is.
      const marker = { ...code, familyId };
      const args = [clock(), code.expiresAt, absoluteLifetime, KEPT_PAST_END, ...writeFamilyFields(family)];
      const [answer] = await Promise.all([
        writes.evaluate(BEGIN, [keys.spent(marker), keys.family(familyId)], args),
        index.enter(family, absoluteLifetime).catch(onIndexFault),
      ]);
      const [outcome, at] = partsOf(answer);
      return { outcome: outcome === 'first' ? 'first' : 'again', at: Number(at) };
    },

    find: async (familyId) => readFamily(familyId, await commands.call('hgetall', keys.family(familyId))),

    async rotate({ familyId, generation, nonceHash }, rules) {
      const { replayWindow, burstWindow, reuse, idleLifetime, keyId } = rules;
      const rotates = rules.rotates ? 1 : 0;
      const answer = await commands.evaluate(
        ROTATE,
        [keys.family(familyId)],
        [clock(), generation, nonceHash, rotates, replayWindow, burstWindow, reuse, idleLifetime, keyId],
      );
      const rotation = readRotation(familyId, answer);
      if ('family' in rotation && isIndexDoubtful(rotation)) {
        const { family, at } = rotation;
        await index.enter(family, Math.max(1, family.expiresAt - at)).catch(onIndexFault);
      }
      return rotation;
    },

    async revoke(familyId, tombstoneLifetime) {
      const args = [clock(), tombstoneLifetime, KEPT_PAST_END];
      const [didIt, fields] = partsOf(await writes.evaluate(REVOKE, [keys.family(familyId)], args));
      const family = readFamily(familyId, fields);
      if (family !== undefined) await index.remove(family).catch(onIndexFault);
      return Number(didIt) === 1;
    },

    async list(filter) {
      return index.list(filter, Number(await commands.evaluate(NOW, [], [clock()])));
    },
  };
}

/** Whether the index may lack a family: at its first rotation, and when the store turned out to have lost a write. */
function isIndexDoubtful({ outcome, family }: { outcome: string; family: RefreshFamily }): boolean {
  return outcome === 'ahead' || (outcome === 'rotated' && family.generation === 1);
}

function readRotation(familyId: string, answer: unknown): Rotation {
  const [outcome, now, detail] = partsOf(answer);
  const at = Number(now);
  switch (outcome) {
    case 'rotated':
    case 'replayed':
    case 'ahead':
    case 'kept': {
      const family = readFamily(familyId, detail);
      return family === undefined ? { outcome: 'unknown', at } : { outcome, family, at };
    }
    case 'revoked':
      return { outcome, revokedAt: Number(detail), at };
    case 'refused':
    case 'reused':
    case 'expired':
      return { outcome, at };
    default:
      return { outcome: 'unknown', at };
  }
}

function partsOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}
