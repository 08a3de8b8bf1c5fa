import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisStore, type RedisStore } from '../../src/store/redis/index.ts';
import {
  type DenylistEntry,
  decideRotation,
  type NewDenylistEntry,
  type RefreshFamily,
  strengthenEntry,
} from '../../src/tokens/index.ts';
import { findRedisSource, openRedis, reasonToSkip, type SharedRedis } from '../support/redis.ts';
import { freshPrefix } from './redis-subjects.ts';
import { FAMILY, START } from './samples.ts';

const source = await findRedisSource();
const missing = reasonToSkip(source.kind === 'none' ? source.reason : undefined);

describe.skipIf(missing !== undefined)(
  `scripts and pure rules${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let redis: SharedRedis;
    let store: RedisStore;
    let now = START;
    let runs = 0;
    beforeAll(async () => {
      if (source.kind !== 'none') redis = await openRedis(source);
      store = await createRedisStore({ url: redis.url, prefix: freshPrefix(), testClock: () => now });
    });
    afterAll(async () => {
      await store.close();
      await redis[Symbol.asyncDispose]();
    });

    const rules = fc.record({
      rotates: fc.boolean(),
      replayWindow: fc.constantFrom(0, 60, 1_000),
      burstWindow: fc.constantFrom(0, 10, 100),
      reuse: fc.constantFrom('revoke' as const, 'reject' as const),
      idleLifetime: fc.constantFrom(50, 500, 5_000),
      keyId: fc.constantFrom('key-1', 'key-2'),
    });
    const use = fc.record({
      kind: fc.constant('use' as const),
      // Relative to the live generation, so that every case is met often.
      ahead: fc.integer({ min: -4, max: 3 }),
      hasNonce: fc.boolean().map((flag) => flag || runs % 7 !== 0),
      // A failover may set the clock of the store back.
      wait: fc.constantFrom(-20, 0, 0, 1, 9, 10, 11, 60, 61, 499, 500),
      rules,
    });
    const revocation = fc.record({ kind: fc.constant('revoke' as const), wait: fc.constantFrom(0, 10) });

    it('rotate is decideRotation, over any sequence of uses and revocations', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof({ weight: 20, arbitrary: use }, { weight: 1, arbitrary: revocation }), { maxLength: 25 }),
          async (steps) => {
            runs += 1;
            const familyId = `family-${runs}`;
            const code = { kind: 'code', id: familyId, familyId, expiresAt: now + 60 } as const;
            await store.refreshFamilies.begin(code, { ...FAMILY, familyId, absoluteLifetime: 3_000 });
            let family: RefreshFamily | undefined = await store.refreshFamilies.find(familyId);
            for (const step of steps) {
              now += step.wait;
              if (step.kind === 'revoke') {
                expect(await store.refreshFamilies.revoke(familyId, 60)).toBe(family?.revokedAt === undefined);
                if (family !== undefined) family = { ...family, revokedAt: family.revokedAt ?? now };
              } else {
                const generation = Math.max(0, (family?.generation ?? 0) + step.ahead);
                const presented = { familyId, generation, nonceHash: step.hasNonce ? FAMILY.nonceHash : 'another' };
                const { rotation, next } = decideRotation(family, presented, step.rules, now);
                expect(await store.refreshFamilies.rotate(presented, step.rules)).toEqual(rotation);
                family = next ?? family;
              }
              expect(await store.refreshFamilies.find(familyId)).toEqual(family);
            }
          },
        ),
        { numRuns: 200 },
      );
    });

    const denial = fc.record({
      kind: fc.constantFrom('jti', 'grant', 'key', 'subject', 'client', 'all'),
      id: fc.constantFrom('', 'one', 'a:b', '{x}', 'é'),
      lifetime: fc.constantFrom(1, 30, 600, 10_000),
      ago: fc.option(fc.constantFrom(-5, 0, 10, 1_000), { nil: undefined }),
      wait: fc.constantFrom(0, 0, 1, 29, 30, 600, 8_000),
    });

    it('deny is strengthenEntry, and what came after each position brings a reader to the snapshot', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(denial, { maxLength: 30 }), async (denials) => {
          const fresh = await createRedisStore({ url: redis.url, prefix: freshPrefix(), testClock: () => now });
          const { denylist } = fresh;
          const model = new Map<string, DenylistEntry>();
          const reader = new Map<string, DenylistEntry>();
          let position = await denylist.snapshot();
          for (const { kind, id, lifetime, ago, wait } of denials) {
            now += wait;
            const key = `${kind}:${id}`;
            const entry: NewDenylistEntry = {
              kind,
              id,
              lifetime,
              ...(ago !== undefined && { issuedBefore: now - ago }),
            };
            model.set(key, strengthenEntry(model.get(key), entry, now));
            expect(await denylist.deny(entry)).toEqual(model.get(key));

            const changes = await denylist.since(position);
            if (changes === 'gone') throw new Error('the reader was not far behind');
            for (const change of changes.entries) reader.set(`${change.kind}:${change.id}`, change);
            position = changes;
          }
          const live = [...model.values()].filter(({ expiresAt }) => expiresAt > now);
          expect(sorted((await denylist.snapshot()).entries)).toEqual(sorted(live));
          expect(sorted([...reader.values()].filter(({ expiresAt }) => expiresAt > now))).toEqual(sorted(live));
          expect(sorted(await denylist.match([...model.values()]))).toEqual(sorted(live));
          await fresh.close();
        }),
        { numRuns: 60 },
      );
    });
  },
);

function sorted(entries: readonly DenylistEntry[]): readonly DenylistEntry[] {
  return entries.toSorted((one, other) => (`${one.kind}:${one.id}` < `${other.kind}:${other.id}` ? -1 : 1));
}
