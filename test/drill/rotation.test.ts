import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MAIN = new URL('../../drill/main.ts', import.meta.url).pathname;

// A process of its own: the drill moves the clock.
describe('the drill of rotations, in its short form', { timeout: 120_000 }, () => {
  it('refuses no valid request and takes no token of a revoked key after the bound [I10]', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'rotation', '--short', '--json']);
    const answer = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(answer).toMatchObject({
      ok: true,
      broken: [],
      scheduled: 2,
      byCommand: 1,
      emergencies: 1,
      kills: 1,
      refused: 0,
      acceptedAfterBound: 0,
    });
    expect(answer.refreshes).toBeGreaterThan(50);
    expect(answer.validations).toBeGreaterThan(1_000);
  });
});
