import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { startCluster } from '../support/redis-groups.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RoundAnswers } from './redis-racer.child.ts';
import { freshPrefix } from './redis-subjects.ts';

const missing = reasonToSkip(programMissing);
const CHILD = new URL('./redis-racer.child.ts', import.meta.url).pathname;
const PROCESSES = 5;
const ROUNDS = 20;

/** Answers of each process, round by round. */
async function race(url: string): Promise<readonly (readonly RoundAnswers[])[]> {
  const prefix = freshPrefix();
  const children = Array.from({ length: PROCESSES }, () => {
    const child = spawn(process.execPath, [CHILD, url, prefix, String(ROUNDS)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines: string[] = [];
    const isReady = Promise.withResolvers<void>();
    createInterface(child.stdout).on('line', (line) => (line === 'ready' ? isReady.resolve() : lines.push(line)));
    const hasEnded = once(child, 'exit');
    return { child, lines, isReady: isReady.promise, hasEnded };
  });
  try {
    await Promise.all(children.map(({ isReady, hasEnded }) => Promise.race([isReady, hasEnded])));
    for (const { child } of children) child.stdin.end();
    await Promise.all(children.map(({ hasEnded }) => hasEnded));
    return children.map(({ lines }) => lines.map((line) => JSON.parse(line) as RoundAnswers));
  } finally {
    for (const { child } of children) child.kill('SIGKILL');
  }
}

function expectOneWinnerEach(answers: readonly (readonly RoundAnswers[])[]): void {
  expect(answers.map((rounds) => rounds.length)).toEqual(Array.from({ length: PROCESSES }, () => ROUNDS));
  for (let round = 0; round < ROUNDS; round += 1) {
    const all = answers.flatMap((rounds) => rounds[round] ?? []);
    const count = (outcomes: readonly string[], wanted: string) => outcomes.filter((one) => one === wanted).length;
    const begun = all.flatMap((one) => one.begun);
    const rotated = all.flatMap((one) => one.rotated);
    expect([count(begun, 'first'), count(begun, 'again')]).toEqual([1, 49]);
    expect([count(rotated, 'rotated'), count(rotated, 'replayed')]).toEqual([1, 49]);
    expect(new Set(all.flatMap((one) => one.tokens)).size).toBe(1);
    expect(
      count(
        all.flatMap((one) => one.spent),
        'first',
      ),
    ).toBe(1);
  }
}

describe.skipIf(missing !== undefined)(
  `five processes over one Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    it('of 50 exchanges of a code, 50 uses of a token and 50 of an assertion, one is the first', async () => {
      await using server = await startRedis();

      expectOneWinnerEach(await race(server.url));
    });

    it('the same in a cluster', async () => {
      await using cluster = await startCluster();

      expectOneWinnerEach(await race(cluster.url));
    });
  },
);
