import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { leaveDeniedSigner } from '../../src/server/denied-signer.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { testSigner } from '../support/keys.ts';

const [bad, good] = [testSigner('ES256', 'one'), testSigner('ES256', 'two')];

/** Keys that show the good one in force once they were read so often. */
function createKeys(readings: number) {
  const keys = {
    readings: 0,
    signer: () => (keys.readings < readings ? bad : good),
    reload: async () => {
      keys.readings += 1;
    },
  };
  return keys;
}

describe('a server whose key in force is denied', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  const settled = async () => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };

  test('reads its keys at once, and for nothing else', async () => {
    const { denylist } = createMemoryStore({ clock: () => 0 });
    const keys = createKeys(1);
    using _ = leaveDeniedSigner({ keys, denylist });
    for (const kind of ['jti', 'grant'] as const) await denylist.deny({ kind, id: bad.kid, lifetime: 600 });
    await denylist.deny({ kind: 'key', id: 'another', lifetime: 600 });
    await settled();
    expect(keys.readings).toBe(0);

    await denylist.deny({ kind: 'key', id: bad.kid, lifetime: 600 });
    await settled();
    expect(keys.readings).toBe(1);

    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });
    await settled();
    expect([keys.readings, vi.getTimerCount()]).toEqual([1, 0]);
  });

  test('goes on reading while a slow folder still shows it', async () => {
    const { denylist } = createMemoryStore({ clock: () => 0 });
    const keys = createKeys(3);
    using _ = leaveDeniedSigner({ keys, denylist });

    await denylist.deny({ kind: 'key', id: bad.kid, lifetime: 600 });
    for (let look = 1; look <= 5; look++) {
      await settled();
      expect(keys.readings).toBe(Math.min(look, 3));
      vi.advanceTimersByTime(1_000);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  test('looks again with the next change when the store did not answer', async () => {
    const { denylist } = createMemoryStore({ clock: () => 0 });
    const keys = createKeys(1);
    let isDown = true;
    using _ = leaveDeniedSigner({
      keys,
      denylist: {
        ...denylist,
        match: (wanted) => (isDown ? Promise.reject(new UnavailableError('store')) : denylist.match(wanted)),
      },
    });
    await denylist.deny({ kind: 'key', id: bad.kid, lifetime: 600 });
    await settled();
    expect(keys.readings).toBe(0);

    isDown = false;
    await denylist.deny({ kind: 'jti', id: 'jti-1', lifetime: 600 });
    await settled();
    expect(keys.readings).toBe(1);
  });
});
