import { describe, expect, it } from 'vitest';
import { createExpiringMap, KEPT_PAST_END } from '../../src/store/memory/expiring-map.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { describeTokenStore } from '../../src/testing/index.ts';
import { START } from './samples.ts';
import { openMemory, standingClock } from './subjects.ts';

describeTokenStore('memory', openMemory, { isShared: false, isDurable: false }, { describe, it });

describe('the memory store', () => {
  it('has another epoch each time, so that no reader takes an empty denylist for the one it knew', async () => {
    const { clock } = standingClock();
    const before = await createMemoryStore({ clock }).denylist.snapshot();
    const after = createMemoryStore({ clock });

    expect(await after.denylist.since(before)).toBe('gone');
  });

  it('holds what lives and a bounded rest, however much went through it', () => {
    const map = createExpiringMap<number>((end) => end);
    const { clock, advance } = standingClock();
    let largest = 0;

    for (let second = 0; second < 5 * KEPT_PAST_END; second += 1) {
      map.put(`key-${second}`, clock() + 60, clock());
      largest = Math.max(largest, map.size);
      advance(1);
    }

    // What is kept on purpose, and the turn of the sweep: an eighth of the whole.
    expect(largest).toBeLessThanOrEqual((KEPT_PAST_END + 60) * 1.25);
    expect(map.find('key-0')).toBeUndefined();
  });

  it('forgets nothing when the clock runs ahead for an hour and is set right [I11]', async () => {
    const { clock, advance } = standingClock();
    const { oneTime, denylist } = createMemoryStore({ clock });
    const marker = { kind: 'code', id: 'jti-1', expiresAt: START + 60 } as const;
    await oneTime.consumeOnce(marker);
    await denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 });

    advance(3_600);
    for (let index = 0; index < 100; index += 1) {
      await oneTime.consumeOnce({ kind: 'code', id: `other-${index}`, expiresAt: clock() + 60 });
      await denylist.deny({ kind: 'jti', id: `other-${index}`, lifetime: 600 });
    }
    advance(-3_600);

    expect(await oneTime.consumeOnce(marker)).toBe('again');
    expect(await denylist.match([{ kind: 'jti', id: 'one' }])).toHaveLength(1);
  });

  it('tells a thousand changes of one key as one', async () => {
    const { clock, advance } = standingClock();
    const { denylist } = createMemoryStore({ clock });
    await denylist.deny({ kind: 'jti', id: 'other', lifetime: 5_000 });
    const start = await denylist.snapshot();

    for (let index = 0; index < 1_000; index += 1) {
      advance(1);
      await denylist.deny({ kind: 'grant', id: 'one', lifetime: 600 });
    }

    const entry = { kind: 'grant', id: 'one', expiresAt: START + 1_600 };
    expect(await denylist.since(start)).toEqual({ epoch: start.epoch, sequence: '1001', entries: [entry] });
  });
});
