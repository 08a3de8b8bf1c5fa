import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import {
  type DeniableThing,
  type DenylistEntry,
  denylistKeys,
  isDenied,
  type NewDenylistEntry,
  strengthenEntry,
} from '../../src/tokens/index.ts';

const NOW = 1_800_000_000;

const anyId = fc.constantFrom('a', 'b', 'c');
const anyMoment = fc.integer({ min: NOW - 20, max: NOW + 20 });

const anyThing: fc.Arbitrary<DeniableThing> = fc.record(
  { jti: anyId, grantId: anyId, kid: anyId, subject: anyId, clientHash: anyId, issuedAt: anyMoment },
  { requiredKeys: ['issuedAt'] },
);

const anyEntry: fc.Arbitrary<NewDenylistEntry> = fc
  .record(
    {
      kind: fc.constantFrom('jti', 'grant', 'key', 'subject', 'client', 'all'),
      id: anyId,
      lifetime: fc.integer({ min: 1, max: 30 }),
      issuedBefore: anyMoment,
    },
    { requiredKeys: ['kind', 'id', 'lifetime'] },
  )
  .map((entry) => (entry.kind === 'all' ? { ...entry, id: '' } : entry));

describe('the denylist rule', () => {
  it('takes nothing back: no entry that is added lifts a denial [I1]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntry, { maxLength: 20 }), anyEntry, anyThing, async (before, added, thing) => {
        const { denylist } = createMemoryStore({ clock: () => NOW });
        for (const entry of before) await denylist.deny(entry);
        const wasDenied = isDenied(thing, await denylist.match(denylistKeys(thing)));

        await denylist.deny(added);

        const isStillDenied = isDenied(thing, await denylist.match(denylistKeys(thing)));
        expect(isStillDenied || !wasDenied).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('denies what any single entry denies, in whatever order they were written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntry, { maxLength: 12 }), anyThing, async (entries, thing) => {
        const { denylist } = createMemoryStore({ clock: () => NOW });
        for (const entry of entries) await denylist.deny(entry);

        const keys = denylistKeys(thing).map(({ kind, id }) => `${kind}:${id}`);
        const expected = entries.some(
          ({ kind, id, issuedBefore = NOW }) =>
            keys.includes(`${kind}:${id}`) &&
            (['jti', 'grant', 'key'].includes(kind) || thing.issuedAt <= issuedBefore),
        );
        expect(isDenied(thing, await denylist.match(denylistKeys(thing)))).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('strengthens an entry by the later end and the later watermark', () => {
    const standing: DenylistEntry = { kind: 'subject', id: 'a', issuedBefore: NOW - 5, expiresAt: NOW + 50 };

    const longer = strengthenEntry(standing, { kind: 'subject', id: 'a', lifetime: 60, issuedBefore: NOW - 9 }, NOW);
    const later = strengthenEntry(standing, { kind: 'subject', id: 'a', lifetime: 10 }, NOW);
    const afresh = strengthenEntry(standing, { kind: 'subject', id: 'a', lifetime: 10, issuedBefore: 7 }, NOW + 50);

    expect(longer).toEqual({ kind: 'subject', id: 'a', issuedBefore: NOW - 5, expiresAt: NOW + 60 });
    expect(later).toEqual({ kind: 'subject', id: 'a', issuedBefore: NOW, expiresAt: NOW + 50 });
    expect(afresh).toEqual({ kind: 'subject', id: 'a', issuedBefore: 7, expiresAt: NOW + 60 });
  });

  it('denies what was issued at the watermark and lets through what was issued a second later', () => {
    const entry: DenylistEntry = { kind: 'all', id: '', issuedBefore: NOW, expiresAt: NOW + 600 };

    expect(isDenied({ issuedAt: NOW }, [entry])).toBe(true);
    expect(isDenied({ issuedAt: NOW + 1 }, [entry])).toBe(false);
  });

  it('asks for every key under which a thing may be denied', () => {
    const thing = { jti: 'j', grantId: 'g', kid: 'k', subject: 's', clientHash: 'c', issuedAt: NOW };

    expect(denylistKeys(thing)).toEqual([
      { kind: 'all', id: '' },
      { kind: 'jti', id: 'j' },
      { kind: 'grant', id: 'g' },
      { kind: 'key', id: 'k' },
      { kind: 'subject', id: 's' },
      { kind: 'client', id: 'c' },
    ]);
  });
});
