/**
 * One of several processes that present the token of one family as fast as they can: `node racer.child.ts FILE NAME COUNT`.
 * Writes `ready` when the store is open, starts when its input ends, and writes a line for each answer.
 */
import { writeSync } from 'node:fs';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { ROTATING, START } from './samples.ts';

export interface Answer {
  readonly outcome: string;
  /** The generation that was handed out, and the key that decides the bytes of its token. */
  readonly generation?: number;
  readonly keyId?: string;
}

const [file = '', name = '', count = '0'] = process.argv.slice(2);
const store = createEmbeddedStore({ file, clock: () => START, lockTimeout: 20_000 });
writeSync(1, 'ready\n');
for await (const _ of process.stdin);

let held = 0;
for (let attempt = 0; held < Number(count); attempt += 1) {
  const rules = { ...ROTATING, keyId: `${name}-${attempt}` };
  const rotation = await store.refreshFamilies.rotate(
    { familyId: 'family-1', generation: held, nonceHash: 'nonce' },
    rules,
  );
  const family = 'family' in rotation ? rotation.family : undefined;
  const answer: Answer = {
    outcome: rotation.outcome,
    ...(family !== undefined && { generation: family.generation, keyId: family.keyId }),
  };
  writeSync(1, `${JSON.stringify(answer)}\n`);
  // Who fell behind takes up the token that the others share, as processes with one token file do.
  held = family?.generation ?? (await store.refreshFamilies.find('family-1'))?.generation ?? held;
}
await store.close();
