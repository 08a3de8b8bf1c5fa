import { describe, expect, test } from 'vitest';
import { createDpopNonces, type Sealer } from '../../src/tokens/index.ts';

/** A sealer that can be broken; what it seals is its time. */
function setUp() {
  const machine = { now: 1_000, isBroken: false, sealed: 0 };
  const sealer = {
    seal: async (_typ: string, _claims: object, lifetime: number) => {
      if (machine.isBroken) throw new Error('no key');
      machine.sealed += 1;
      return String(machine.now + lifetime);
    },
    open: async (_typ: string, text: string) => (Number(text) > machine.now ? {} : undefined),
  } as unknown as Sealer;
  return { machine, nonces: createDpopNonces({ sealer, clock: () => machine.now }) };
}

describe('DPoP nonces', () => {
  test('are made anew every two minutes, and count for some minutes more', async () => {
    const { machine, nonces } = setUp();
    const first = await nonces.current();
    machine.now += 119;
    expect(await nonces.current()).toBe(first);
    expect(machine.sealed).toBe(1);
    machine.now += 1;
    expect(await nonces.current()).not.toBe(first);
    expect(await nonces.isCurrent(first)).toBe(true);
    machine.now += 300;
    expect(await nonces.isCurrent(first)).toBe(false);
  });

  test('are made again after a failure, and when the clock was set back', async () => {
    const { machine, nonces } = setUp();
    machine.isBroken = true;
    await expect(nonces.current()).rejects.toThrow('no key');
    machine.isBroken = false;
    const first = await nonces.current();
    machine.now -= 500;
    expect(await nonces.current()).not.toBe(first);
  });
});
