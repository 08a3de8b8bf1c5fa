import { expect, test } from 'vitest';
import { run } from '../../drill/chaos.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';

const missing = reasonToSkip(programMissing);

test.skipIf(missing !== undefined)(
  `servers and Redis primaries killed under clients break no promise [F01] [F02] [F08] [I1] [I2] [I3] [I4] [I5] [I8] [I12]${
    missing === undefined ? '' : ` (skipped: ${missing})`
  }`,
  async () => {
    const lines: string[] = [];

    const { broken, killedPrimaries, refreshes, revocations } = await run((line = '') => lines.push(line), {
      isShort: true,
      isHasty: false,
      seed: 1,
    });

    expect(broken, lines.join('\n')).toEqual([]);
    expect(killedPrimaries).toBeGreaterThan(0);
    expect(refreshes).toBeGreaterThan(0);
    expect(revocations).toBeGreaterThan(0);
  },
  90_000,
);
