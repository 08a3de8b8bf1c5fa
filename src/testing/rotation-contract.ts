import assert from 'node:assert/strict';
import { decideRotation, type RefreshFamily, type RotationRules } from '../tokens/index.ts';
import { countOutcomes, familyOf, markerOf, presentedOf, ROTATING } from './samples.ts';
import type { OpenTokenStore, TestRunner, TokenStoreSubject } from './subject.ts';

/** The contract of `RefreshFamilyStore.rotate`: one decision for each use, applied whole, that of `decideRotation`. */
export function describeRotation(open: OpenTokenStore, { describe, it }: TestRunner): void {
  describe('rotation', () => {
    it('of one token 20 times at once moves the family once; the others are handed the same successor', async () => {
      await using subject = await open();
      await begin(subject);

      const answers = await Promise.all(Array.from({ length: 20 }, () => rotate(subject, 0)));

      assert.deepEqual(countOutcomes(answers.map(({ outcome }) => outcome)), { rotated: 1, replayed: 19 });
      const families = answers.map((answer) => ('family' in answer ? { ...answer.family } : undefined));
      const stored = { ...(await subject.store.refreshFamilies.find('family-1')) };
      assert.equal(stored.generation, 1);
      for (const family of families) assert.deepEqual(family, stored);
    });

    it('keeps each family to itself while 20 are used at once', async () => {
      await using subject = await open();
      const ids = Array.from({ length: 20 }, (_, index) => `family-${index}`);
      await Promise.all(ids.map((id) => begin(subject, id)));

      await Promise.all(ids.flatMap((id) => [rotate(subject, 0, id), rotate(subject, 0, id)]));

      for (const id of ids) assert.equal((await subject.store.refreshFamilies.find(id))?.generation, 1);
    });

    it('of an older token ends the family, by one of any number of concurrent uses', async () => {
      await using subject = await open();
      await begin(subject);
      await rotate(subject, 0);
      await rotate(subject, 1);
      await subject.advance(11);

      const answers = await Promise.all(Array.from({ length: 20 }, () => rotate(subject, 0)));

      assert.deepEqual(countOutcomes(answers.map(({ outcome }) => outcome)), { reused: 1, revoked: 19 });
      assert.equal((await rotate(subject, 2)).outcome, 'revoked');
    });

    it('racing with a revocation leaves nothing that lives', async () => {
      await using subject = await open();
      await begin(subject);

      await Promise.all([
        ...Array.from({ length: 10 }, () => rotate(subject, 0)),
        subject.store.refreshFamilies.revoke('family-1', 3_600),
        ...Array.from({ length: 10 }, () => rotate(subject, 1)),
      ]);

      assert.equal((await rotate(subject, 0)).outcome, 'revoked');
      assert.equal((await rotate(subject, 5)).outcome, 'revoked');
    });

    it('of a token of another family, of no family or with another nonce changes nothing', async () => {
      await using subject = await open();
      await begin(subject);
      const before = { ...(await subject.store.refreshFamilies.find('family-1')) };

      const { refreshFamilies } = subject.store;
      const forged = { ...presentedOf('family-1', 0), nonceHash: 'nonce-hash-of-another' };
      assert.equal((await refreshFamilies.rotate(forged, ROTATING)).outcome, 'unknown');
      assert.equal((await rotate(subject, 0, 'no-such-family')).outcome, 'unknown');

      assert.deepEqual({ ...(await refreshFamilies.find('family-1')) }, before);
    });

    for (const { name, rules } of RULES) {
      it(`answers and stores what decideRotation says: ${name}`, async () => {
        await using subject = await open();
        await begin(subject);
        let expected: RefreshFamily | undefined = await subject.store.refreshFamilies.find('family-1');

        for (const [generation, wait] of WALK) {
          await subject.advance(wait);
          const now = subject.now();
          const decision = decideRotation(expected, presentedOf('family-1', generation), rules, now);
          expected = decision.next ?? expected;

          const rotation = await subject.store.refreshFamilies.rotate(presentedOf('family-1', generation), rules);

          const where = `generation ${generation} at ${now}`;
          assert.deepEqual(plain(rotation), plain(decision.rotation), where);
          assert.deepEqual({ ...(await subject.store.refreshFamilies.find('family-1')) }, { ...expected }, where);
        }
      });
    }
  });
}

const RULES: readonly { readonly name: string; readonly rules: RotationRules }[] = [
  { name: 'a public client', rules: ROTATING },
  { name: 'a strict server', rules: { ...ROTATING, replayWindow: 60, burstWindow: 0 } },
  { name: 'reuse refused without harm', rules: { ...ROTATING, reuse: 'reject' } },
  { name: 'a client whose tokens are not rotated', rules: { ...ROTATING, rotates: false } },
  { name: 'a short idle lifetime', rules: { ...ROTATING, idleLifetime: 500 } },
];

/** Generations presented, each after a wait in seconds: in turn, again, too late, ahead, and after the idle lifetime. */
const WALK: readonly (readonly [generation: number, wait: number])[] = [
  [0, 0],
  [0, 5],
  [1, 1],
  [0, 5],
  [1, 61],
  [2, 1],
  [7, 1],
  [7, 0],
  [8, 400],
  [7, 100],
  [8, 1],
  [9, 500],
  [8, 100_000],
  [10, 1],
];

function begin(subject: TokenStoreSubject, familyId = 'family-1') {
  const code = markerOf(subject.now(), { id: `code-of-${familyId}`, familyId });
  return subject.store.refreshFamilies.begin(code, familyOf(familyId));
}

function rotate(subject: TokenStoreSubject, generation: number, familyId = 'family-1') {
  return subject.store.refreshFamilies.rotate(presentedOf(familyId, generation), ROTATING);
}

function plain(rotation: Awaited<ReturnType<typeof rotate>>) {
  return 'family' in rotation ? { ...rotation, family: { ...rotation.family } } : { ...rotation };
}
