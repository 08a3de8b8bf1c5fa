/**
 * A process that works on a store until it is killed: `node worker.child.ts FILE RUN`. It writes a line to its output for
 * each operation, once the store has answered it, and one `fault` line before it gives up on a store that does not answer.
 */
import { writeSync } from 'node:fs';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { ROTATING, START } from './samples.ts';

export type Acknowledgement =
  | { readonly op: 'begin'; readonly familyId: string }
  | { readonly op: 'rotate'; readonly familyId: string; readonly generation: number }
  | { readonly op: 'revoke'; readonly familyId: string }
  | { readonly op: 'spend' | 'deny'; readonly id: string }
  | { readonly op: 'fault'; readonly error: string };

const [file = '', run = ''] = process.argv.slice(2);
const store = createEmbeddedStore({ file, clock: () => START });

function acknowledge(done: Acknowledgement): void {
  writeSync(1, `${JSON.stringify(done)}\n`);
}

async function work(lane: number): Promise<void> {
  for (let round = 0; ; round += 1) {
    const id = `${run}-${lane}-${round}`;
    const family = {
      familyId: `family-${id}`,
      nonceHash: 'nonce',
      keyId: 'key-1',
      subject: 'alice',
      clientHash: 'client',
    };
    const code = {
      kind: 'code',
      id: `code-of-family-${id}`,
      familyId: family.familyId,
      expiresAt: START + 60,
    } as const;
    const described = { clientName: 'Editor', scope: 'a', resource: 'https://a.example', authTime: START };
    await store.refreshFamilies.begin(code, { ...family, ...described, absoluteLifetime: 1_000 });
    acknowledge({ op: 'begin', familyId: family.familyId });
    for (let generation = 0; generation < 3; generation += 1) {
      await store.refreshFamilies.rotate({ familyId: family.familyId, generation, nonceHash: 'nonce' }, ROTATING);
      acknowledge({ op: 'rotate', familyId: family.familyId, generation: generation + 1 });
    }
    await store.oneTime.consumeOnce({ kind: 'assertion', id, expiresAt: START + 60 });
    acknowledge({ op: 'spend', id });
    await store.denylist.deny({ kind: 'jti', id, lifetime: 600 });
    acknowledge({ op: 'deny', id });
    if (round % 2 === 0) continue;
    await store.refreshFamilies.revoke(family.familyId, 60);
    acknowledge({ op: 'revoke', familyId: family.familyId });
  }
}

try {
  await Promise.all(Array.from({ length: 4 }, (_, lane) => work(lane)));
} catch (error) {
  const isHonest = error instanceof UnavailableError;
  acknowledge({ op: 'fault', error: isHonest ? `${error.message}: ${String(error.cause)}` : String(error) });
  process.exit(isHonest ? 3 : 4);
}
