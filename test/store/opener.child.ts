/** A thread that opens ROUNDS stores at the same moments as all others, and posts what went wrong. */
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { START } from './samples.ts';

const { folder, rounds, threads, gate } = workerData as {
  folder: string;
  rounds: number;
  threads: number;
  gate: Int32Array;
};
const faults: string[] = [];

/** Lets all threads go on together, each a little later than the one before. */
function meet(round: number): void {
  const before = Atomics.add(gate, 0, 1);
  Atomics.notify(gate, 0);
  for (let met = before + 1; met < round * threads; met = Atomics.load(gate, 0)) Atomics.wait(gate, 0, met);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (before % threads) * (round % 5));
}

for (let round = 1; round <= rounds; round += 1) {
  meet(round);
  try {
    const file = join(folder, `store-${round}.db`);
    const store = createEmbeddedStore({ file, clock: () => START, lockTimeout: 20_000 });
    await store.oneTime.consumeOnce({ kind: 'code', id: 'one', expiresAt: START + 60 });
    await store.close();
  } catch (error) {
    faults.push(String(error));
  }
}
parentPort?.postMessage(faults);
