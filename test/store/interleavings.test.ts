import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createRedisStore } from '../../src/store/redis/index.ts';
import { decideRotation, type RefreshFamily, type RotationRules, type TokenStore } from '../../src/tokens/index.ts';
import { findRedisSource, openRedis, reasonToSkip, type SharedRedis } from '../support/redis.ts';
import { freshPrefix } from './redis-subjects.ts';
import { FAMILY, START } from './samples.ts';
import { temporaryFolder } from './subjects.ts';

const source = await findRedisSource();
const missing = reasonToSkip(source.kind === 'none' ? source.reason : undefined);

/** One call, as it is made and as the model has it. */
type Call = { readonly kind: 'begin' } | { readonly kind: 'revoke' } | { readonly kind: 'use'; readonly ahead: number };

/** All that is known of a family: itself, and whether it can still begin. */
interface State {
  readonly family: RefreshFamily | undefined;
  readonly isSpent: boolean;
  readonly isEntombed: boolean;
}

const RULES: RotationRules = {
  rotates: true,
  replayWindow: 60,
  burstWindow: 10,
  reuse: 'revoke',
  idleLifetime: 5_000,
  keyId: 'key-1',
};

/** What one call answers and leaves behind when nothing else happens at the same time. */
function step(state: State, call: Call, generation: number, now: number): { answer: string; next: State } {
  const { family, isSpent, isEntombed } = state;
  if (call.kind === 'begin') {
    if (isSpent || isEntombed || family !== undefined) return { answer: 'again', next: state };
    const { absoluteLifetime, ...described } = FAMILY;
    const begun = { generation: 0, createdAt: now, usedAt: now, expiresAt: now + absoluteLifetime };
    return { answer: 'first', next: { ...state, isSpent: true, family: { ...described, ...begun } } };
  }
  if (call.kind === 'revoke') {
    const answer = String(family === undefined ? !isEntombed : family.revokedAt === undefined);
    if (family === undefined) return { answer, next: { ...state, isEntombed: true } };
    return { answer, next: { ...state, family: { ...family, revokedAt: family.revokedAt ?? now } } };
  }
  const presented = { familyId: FAMILY.familyId, generation, nonceHash: FAMILY.nonceHash };
  const { rotation, next } = decideRotation(family, presented, RULES, now);
  const holds = 'family' in rotation ? ` ${rotation.family.generation}` : '';
  return { answer: rotation.outcome + holds, next: { ...state, family: next ?? family } };
}

/** Every state that some order of the calls leaves behind in which each of them answers what it did. */
function explain(
  state: State,
  calls: readonly { call: Call; generation: number; answer: string }[],
  now: number,
): State[] {
  if (calls.length === 0) return [state];
  return calls.flatMap(({ call, generation, answer }, index) => {
    const outcome = step(state, call, generation, now);
    return outcome.answer === answer ? explain(outcome.next, calls.toSpliced(index, 1), now) : [];
  });
}

const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('use' as const), ahead: fc.integer({ min: -3, max: 2 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'begin' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'revoke' as const }) },
);
const round = fc.record({
  wait: fc.constantFrom(0, 1, 11, 61),
  calls: fc.array(call, { minLength: 2, maxLength: 5 }),
});

interface Opened {
  /** Two connections where the driver has several, so that calls really meet. */
  readonly stores: readonly TokenStore[];
}

async function check(open: (clock: () => number) => Promise<Opened>, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 6 }), async (rounds) => {
      let now = START;
      const { stores } = await open(() => now);
      let possible: State[] = [{ family: undefined, isSpent: false, isEntombed: false }];
      try {
        for (const { wait, calls } of rounds) {
          now += wait;
          const live = possible[0]?.family?.generation ?? 0;
          const made = await Promise.all(
            calls.map(async (one, index) => {
              const { refreshFamilies } = stores[index % stores.length] ?? expect.unreachable();
              const generation = Math.max(0, live + (one.kind === 'use' ? one.ahead : 0));
              return { call: one, generation, answer: await answerOf(refreshFamilies, one, generation) };
            }),
          );
          possible = possible.flatMap((state) => explain(state, made, now));
          expect(possible.length, JSON.stringify(made)).toBeGreaterThan(0);
          const found = await stores[0]?.refreshFamilies.find(FAMILY.familyId);
          possible = possible.filter(({ family }) => isSame(family, found)).slice(0, 1);
          expect(possible, JSON.stringify(made)).toHaveLength(1);
        }
      } finally {
        for (const store of stores) await store.close();
      }
    }),
    { numRuns },
  );

  async function answerOf(families: TokenStore['refreshFamilies'], one: Call, generation: number): Promise<string> {
    if (one.kind === 'begin') {
      const code = { kind: 'code', id: 'code', familyId: FAMILY.familyId, expiresAt: START + 10_000 } as const;
      return (await families.begin(code, FAMILY)).outcome;
    }
    if (one.kind === 'revoke') return String(await families.revoke(FAMILY.familyId, 100_000));
    const presented = { familyId: FAMILY.familyId, generation, nonceHash: FAMILY.nonceHash };
    const rotation = await families.rotate(presented, RULES);
    return rotation.outcome + ('family' in rotation ? ` ${rotation.family.generation}` : '');
  }
}

function isSame(one: RefreshFamily | undefined, other: RefreshFamily | undefined): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(family: RefreshFamily | undefined): readonly unknown[] {
  return Object.entries(family ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

describe('calls that meet answer as in some order one after the other [F32] [I2] [I3]', () => {
  let redis: SharedRedis | undefined;
  beforeAll(async () => {
    if (source.kind !== 'none') redis = await openRedis(source);
  });
  afterAll(() => redis?.[Symbol.asyncDispose]());

  it('in memory', async () => {
    await check(async (clock) => ({ stores: [createMemoryStore({ clock })] }), 300);
  });

  it('in a file, from two connections', async () => {
    using folder = temporaryFolder();
    let opened = 0;
    await check(async (clock) => {
      opened += 1;
      const file = `${folder.path}/${opened}.db`;
      return { stores: [createEmbeddedStore({ file, clock }), createEmbeddedStore({ file, clock })] };
    }, 40);
  });

  it.skipIf(missing !== undefined)('in Redis, from two connections', async () => {
    const url = redis?.url ?? '';
    await check(async (testClock) => {
      const prefix = freshPrefix();
      return {
        stores: [
          await createRedisStore({ url, prefix, testClock }),
          await createRedisStore({ url, prefix, testClock }),
        ],
      };
    }, 40);
  });
});
