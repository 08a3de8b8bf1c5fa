import assert from 'node:assert/strict';
import { familyOf, markerOf, presentedOf, ROTATING } from './samples.ts';
import type { OpenTokenStore, TestRunner, TokenStoreSubject } from './subject.ts';

/** What holds of a durable store: answers survive a crash. */
export function describeDurability(open: OpenTokenStore, { describe, it }: TestRunner): void {
  describe('after a crash', () => {
    it('everything that was answered is there', async () => {
      await using subject = await open();
      const { oneTime, refreshFamilies, denylist } = subject.store;
      const code = markerOf(subject.now(), { familyId: 'family-1' });
      const alone = markerOf(subject.now(), { id: 'alone' });
      await refreshFamilies.begin(code, familyOf('family-1'));
      await refreshFamilies.rotate(presentedOf('family-1', 0), ROTATING);
      await oneTime.consumeOnce(alone);
      await refreshFamilies.revoke('never-begun', 3_600);
      const entry = await denylist.deny({ kind: 'grant', id: 'family-2', lifetime: 600 });
      const position = await denylist.snapshot();

      const store = await crash(subject);

      assert.equal((await store.refreshFamilies.find('family-1'))?.generation, 1);
      assert.equal((await store.refreshFamilies.begin(code, familyOf('family-1'))).outcome, 'again');
      assert.equal(await store.oneTime.consumeOnce(alone), 'again');
      const late = markerOf(subject.now(), { id: 'late', familyId: 'never-begun' });
      assert.equal((await store.refreshFamilies.begin(late, familyOf('never-begun'))).outcome, 'again');
      assert.deepEqual(
        (await store.denylist.snapshot()).entries.map((standing) => ({ ...standing })),
        [{ ...entry }],
      );
      const changes = await store.denylist.since(position);
      assert.ok(changes === 'gone' || changes.entries.length === 0);
    });
  });
}

/** What holds of a shared store: drivers over one storage act as one. */
export function describeSharing(open: OpenTokenStore, { describe, it }: TestRunner): void {
  describe('two drivers over one storage', () => {
    it('spend a code once between them', async () => {
      await using subject = await open();
      const stores = [subject.store, await join(subject)];
      const code = markerOf(subject.now(), { familyId: 'family-1' });

      const answers = await Promise.all(
        [...stores, ...stores].map((store) => store.refreshFamilies.begin(code, familyOf('family-1'))),
      );

      assert.equal(answers.filter(({ outcome }) => outcome === 'first').length, 1);
    });

    it('move a family once between them', async () => {
      await using subject = await open();
      const stores = [subject.store, await join(subject)];
      const code = markerOf(subject.now(), { familyId: 'family-1' });
      await subject.store.refreshFamilies.begin(code, familyOf('family-1'));

      for (let generation = 0; generation < 10; generation += 1) {
        const answers = await Promise.all(
          [...stores, ...stores].map((store) =>
            store.refreshFamilies.rotate(presentedOf('family-1', generation), ROTATING),
          ),
        );
        assert.deepEqual(answers.map(({ outcome }) => outcome).sort(), ['replayed', 'replayed', 'replayed', 'rotated']);
      }
    });

    it('tell each other of denials', async () => {
      await using subject = await open();
      const other = await join(subject);
      const position = await other.denylist.snapshot();
      const called = Promise.withResolvers<void>();
      using _ = other.denylist.watch(called.resolve);

      const entry = await subject.store.denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 });
      await called.promise;

      const changes = await other.denylist.since(position);
      assert.ok(changes !== 'gone');
      assert.deepEqual(
        changes.entries.map((change) => ({ ...change })),
        [{ ...entry }],
      );
    });
  });
}

function crash(subject: TokenStoreSubject) {
  assert.ok(subject.crash !== undefined, 'a durable subject has crash()');
  return subject.crash();
}

function join(subject: TokenStoreSubject) {
  assert.ok(subject.join !== undefined, 'a shared subject has join()');
  return subject.join();
}
