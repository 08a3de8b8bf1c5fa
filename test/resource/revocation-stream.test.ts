import { describe, expect, test } from 'vitest';
import { followStream, type RevocationReader } from '../../src/resource/revocations/revocation-stream.ts';

/** Follows a stream of as many documents, which took so long from their signing, by two clocks, in seconds. */
async function follow(ways: readonly number[]): Promise<string> {
  const left = [...ways];
  const reader: RevocationReader = {
    position: () => undefined,
    read: async () => ({ isGap: false, way: left.shift() ?? Number.NaN }),
    losePosition: () => undefined,
    report: () => undefined,
  };
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const _ of ways) yield new TextEncoder().encode('data: document\n\n');
  }
  const answer = { status: 200, contentType: 'text/event-stream', body: body(), close: () => undefined };
  return followStream({ answer, reader, timings: { firstEvent: 60_000, silence: 60_000 } });
}

describe('a stream of revocations', () => {
  test.each([
    ['of a replica whose clock is right', [0, 0]],
    ['of a replica whose clock is half a minute ahead', [-30, -30]],
    ['of a replica whose clock is half a minute behind', [30, 30, 31]],
    ['that began with what had waited for us, and goes on at once', [40, 0, 0]],
    ['on a slow way', [9, 0]],
  ])('%s is proven by its second document', async (_title, ways) => {
    expect(await follow(ways)).toBe('proven');
  });

  test.each([
    ['with one document', [0]],
    ['whose documents come later and later', [0, 11, 22, 33]],
    ['that was held back and let go once', [25, 20, 0]],
    ['without any', []],
  ])('%s is not', async (_title, ways) => {
    expect(await follow(ways)).toBe('unproven');
  });
});
