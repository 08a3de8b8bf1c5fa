import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReplayMemory } from '../../src/oauth/index.ts';

describe('the memory of used proofs', () => {
  test('knows each until its end, and forgets it then', () => {
    const memory = createReplayMemory(10);
    expect(memory.consumeOnce('one', 100, 0)).toBe('first');
    expect(memory.consumeOnce('one', 100, 99)).toBe('again');
    expect(memory.consumeOnce('one', 200, 100)).toBe('first');
  });

  test('answers as an endless memory would, as long as there is room', () => {
    const use = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      lives: fc.integer({ min: 0, max: 20 }),
      wait: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(use, { maxLength: 60 }), (uses) => {
        const memory = createReplayMemory(4);
        const model = new Map<string, number>();
        let now = 0;
        for (const { id, lives, wait } of uses) {
          now += wait;
          const expected = (model.get(id) ?? -1) > now ? 'again' : 'first';
          if (expected === 'first') model.set(id, now + lives);
          expect(memory.consumeOnce(id, now + lives, now, id < 'c' ? 'one' : 'other')).toBe(expected);
        }
      }),
    );
  });

  test('never holds more than it may, and lets go of the oldest first', () => {
    const memory = createReplayMemory(100);
    for (let index = 0; index < 1_000; index += 1) memory.consumeOnce(`id-${index}`, 1_000, 0);
    expect(memory.size).toBe(100);
    expect(memory.consumeOnce('id-999', 1_000, 0)).toBe('again');
    expect(memory.consumeOnce('id-900', 1_000, 0)).toBe('again');
    expect(memory.consumeOnce('id-899', 1_000, 0)).toBe('first');
  });

  test('whoever floods it makes it forget nothing of others, be it with one key or with some', () => {
    const memory = createReplayMemory(1_000);
    for (const id of ['early', 'earlier']) memory.consumeOnce(id, 1_000, 0, 'somebody');
    for (let index = 0; index < 20_000; index += 1) memory.consumeOnce(`${index}`, 1_000, 0, `flood-${index % 7}`);
    memory.consumeOnce('late', 1_000, 0, 'somebody else');
    for (let index = 0; index < 20_000; index += 1) memory.consumeOnce(`${index}`, 1_000, 0, `other-${index % 50}`);
    expect(memory.size).toBe(1_000);
    for (const id of ['early', 'earlier']) expect(memory.consumeOnce(id, 1_000, 0, 'somebody')).toBe('again');
    expect(memory.consumeOnce('late', 1_000, 0, 'somebody else')).toBe('again');
    expect(memory.consumeOnce('19999', 1_000, 0, 'other-49')).toBe('again');
  });

  test('grows smaller when what it holds is over', () => {
    const memory = createReplayMemory(1_000);
    for (let index = 0; index < 100; index += 1) memory.consumeOnce(`id-${index}`, 10, 0);
    for (let index = 0; index < 40; index += 1) memory.consumeOnce(`other-${index}`, 100, 50);
    expect(memory.size).toBe(40);
  });
});
