/**
 * One of several processes that race over one Redis: `node redis-racer.child.ts URL PREFIX ROUNDS`. Writes `ready` when the
 * store is open, starts when its input ends, and writes one line with the answers of each round.
 */
import { writeSync } from 'node:fs';
import { createRedisStore } from '../../src/store/redis/index.ts';
import { FAMILY, ROTATING, START } from './samples.ts';

export interface RoundAnswers {
  readonly begun: readonly string[];
  readonly rotated: readonly string[];
  /** Generation and key of each token handed out: together they decide its bytes. */
  readonly tokens: readonly string[];
  readonly spent: readonly string[];
}

const [url = '', prefix = '', rounds = '0'] = process.argv.slice(2);
const store = await createRedisStore({ url, prefix, testClock: () => START });
writeSync(1, 'ready\n');
for await (const _ of process.stdin);

const tenTimes = <Answer>(call: () => Promise<Answer>) => Promise.all(Array.from({ length: 10 }, call));

for (let round = 0; round < Number(rounds); round += 1) {
  const familyId = `family-${round}`;
  const code = { kind: 'code', id: familyId, familyId, expiresAt: START + 60 } as const;
  const begun = await tenTimes(() => store.refreshFamilies.begin(code, { ...FAMILY, familyId }));
  const presented = { familyId, generation: 0, nonceHash: FAMILY.nonceHash };
  const rules = { ...ROTATING, keyId: `key-of-${process.pid}` };
  const rotations = await tenTimes(() => store.refreshFamilies.rotate(presented, rules));
  const marker = { kind: 'assertion', id: familyId, expiresAt: START + 60 } as const;
  const spent = await tenTimes(() => store.oneTime.consumeOnce(marker));
  const answers: RoundAnswers = {
    begun: begun.map(({ outcome }) => outcome),
    rotated: rotations.map(({ outcome }) => outcome),
    tokens: rotations.flatMap((one) => ('family' in one ? [`${one.family.generation} ${one.family.keyId}`] : [])),
    spent,
  };
  writeSync(1, `${JSON.stringify(answers)}\n`);
}
await store.close();
