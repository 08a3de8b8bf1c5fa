import assert from 'node:assert/strict';
import type { DenylistEntry, DenylistKey } from '../tokens/index.ts';
import type { OpenTokenStore, TestRunner } from './subject.ts';

/** The contract of `DenylistStore`. */
export function describeDenylistStore(open: OpenTokenStore, { describe, it }: TestRunner): void {
  describe('the denylist', () => {
    it('answers the live entries of the keys it is asked for, and no others', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      const now = subject.now();
      await denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 });
      await denylist.deny({ kind: 'grant', id: 'one', lifetime: 600 });
      await denylist.deny({ kind: 'subject', id: 'alice', lifetime: 600 });
      await denylist.deny({ kind: 'all', id: '', lifetime: 600, issuedBefore: now - 50 });

      const matched = await denylist.match([
        { kind: 'all', id: '' },
        { kind: 'jti', id: 'one' },
        { kind: 'subject', id: 'alice' },
        { kind: 'subject', id: 'Alice' },
        { kind: 'client', id: 'one' },
      ]);

      assert.deepEqual(sorted(matched), [
        { kind: 'all', id: '', issuedBefore: now - 50, expiresAt: now + 600 },
        { kind: 'jti', id: 'one', expiresAt: now + 600 },
        { kind: 'subject', id: 'alice', issuedBefore: now, expiresAt: now + 600 },
      ]);
      assert.deepEqual(await denylist.match([]), []);
    });

    it('is never weakened by a second write of a key', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      const now = subject.now();
      const key = { kind: 'subject', id: 'alice' } as const;
      await denylist.deny({ ...key, lifetime: 600, issuedBefore: now - 10 });

      const second = await denylist.deny({ ...key, lifetime: 60, issuedBefore: now - 20 });
      const third = await denylist.deny({ ...key, lifetime: 900, issuedBefore: now - 30 });
      const fourth = await denylist.deny({ ...key, lifetime: 1 });

      assert.deepEqual({ ...second }, { ...key, issuedBefore: now - 10, expiresAt: now + 600 });
      assert.deepEqual({ ...third }, { ...key, issuedBefore: now - 10, expiresAt: now + 900 });
      assert.deepEqual({ ...fourth }, { ...key, issuedBefore: now, expiresAt: now + 900 });
      assert.deepEqual(sorted(await denylist.match([key])), [{ ...fourth }]);
    });

    it('keeps the strongest of 20 concurrent writes of a key', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      const now = subject.now();

      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          denylist.deny({
            kind: 'all',
            id: '',
            lifetime: 100 + ((index * 7) % 20),
            issuedBefore: now - ((index * 3) % 20),
          }),
        ),
      );

      const expected = { kind: 'all', id: '', issuedBefore: now, expiresAt: now + 119 };
      assert.deepEqual(sorted((await denylist.snapshot()).entries), [expected]);
    });

    it('puts no watermark on what is denied by its id', async () => {
      await using subject = await open();
      const { denylist } = subject.store;

      for (const kind of ['jti', 'grant', 'key'] as const) {
        const entry = await denylist.deny({ kind, id: 'one', lifetime: 600, issuedBefore: 1 });
        assert.equal('issuedBefore' in entry, false);
        assert.equal('issuedBefore' in ((await denylist.match([{ kind, id: 'one' }]))[0] ?? {}), false);
      }
    });

    it('forgets an entry when it has ended, and not before', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      const key: DenylistKey = { kind: 'jti', id: 'one' };
      const start = await denylist.snapshot();
      await denylist.deny({ ...key, lifetime: 600 });

      await subject.advance(599);
      assert.equal((await denylist.match([key])).length, 1);
      assert.equal((await denylist.snapshot()).entries.length, 1);

      await subject.advance(1);
      assert.deepEqual(await denylist.match([key]), []);
      assert.deepEqual((await denylist.snapshot()).entries, []);
      const after = await denylist.since(start);
      assert.ok(after === 'gone' || after.entries.length === 0);
    });

    it('takes an entry that has ended for none when its key is denied again', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      const key = { kind: 'subject', id: 'alice' } as const;
      await denylist.deny({ ...key, lifetime: 10, issuedBefore: subject.now() });
      await subject.advance(10);

      const entry = await denylist.deny({ ...key, lifetime: 10, issuedBefore: subject.now() - 100 });

      assert.equal(entry.issuedBefore, subject.now() - 100);
    });

    it('tells what came after a position, strengthened entries included', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      await denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 });
      await denylist.deny({ kind: 'jti', id: 'two', lifetime: 600 });
      const snapshot = await denylist.snapshot();
      const three = await denylist.deny({ kind: 'jti', id: 'three', lifetime: 600 });
      const one = await denylist.deny({ kind: 'jti', id: 'one', lifetime: 700 });

      const changes = await denylist.since(snapshot);

      assert.deepEqual(idsOf(snapshot.entries), ['one', 'two']);
      assert.ok(changes !== 'gone');
      assert.deepEqual(sorted(changes.entries), sorted([three, one]));
      assert.equal(changes.epoch, snapshot.epoch);
      assert.notEqual(changes.sequence, snapshot.sequence);
      const nothing = await denylist.since(changes);
      assert.ok(nothing !== 'gone');
      assert.deepEqual(nothing, { epoch: changes.epoch, sequence: changes.sequence, entries: [] });
    });

    it('brings a reader who follows the changes to what the snapshot says', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      const known = new Map<string, DenylistEntry>();
      let position = await denylist.snapshot();

      for (let round = 0; round < 10; round += 1) {
        await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            denylist.deny({ kind: 'jti', id: `jti-${(round * 7 + index * 3) % 31}`, lifetime: 100 + round * index }),
          ),
        );
        const changes = await denylist.since(position);
        assert.ok(changes !== 'gone');
        for (const entry of changes.entries) known.set(entry.id, entry);
        position = changes;
      }

      assert.deepEqual(sorted([...known.values()]), sorted((await denylist.snapshot()).entries));
    });

    it('does not know a position of another epoch, one it never reached, or text that is none', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      await denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 });
      const { epoch, sequence } = await denylist.snapshot();

      assert.equal(await denylist.since({ epoch: `${epoch}x`, sequence }), 'gone');
      assert.equal(await denylist.since({ epoch: '', sequence }), 'gone');
      for (const text of [
        '999999999999999',
        '99999999999999999999999',
        '',
        '-1',
        'one',
        '1e3',
        '0x1',
        ' 1',
        "' OR 1",
      ]) {
        assert.equal(await denylist.since({ epoch, sequence: text }), 'gone', text);
      }
    });

    it('keeps an entry for a hundred years', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      const century = 36_500 * 86_400;
      const entry = { kind: 'jti', id: 'one', expiresAt: subject.now() + century } as const;

      await denylist.deny({ kind: 'jti', id: 'one', lifetime: century });
      assert.deepEqual(sorted(await denylist.match([{ kind: 'jti', id: 'one' }])), [entry]);
      assert.deepEqual(sorted((await denylist.snapshot()).entries), [entry]);
    });

    it('calls whoever watches after an entry, and nobody who has stopped', async () => {
      await using subject = await open();
      const { denylist } = subject.store;
      let callsOfStopped = 0;
      denylist.watch(() => (callsOfStopped += 1))[Symbol.dispose]();
      const called = Promise.withResolvers<void>();
      using _ = denylist.watch(called.resolve);

      await denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 });

      await called.promise;
      assert.equal(callsOfStopped, 0);
    });
  });
}

function sorted(entries: readonly DenylistEntry[]): readonly DenylistEntry[] {
  const text = (entry: DenylistEntry) => `${entry.kind}:${entry.id}`;
  return entries.map((entry) => ({ ...entry })).sort((one, other) => (text(one) < text(other) ? -1 : 1));
}

function idsOf(entries: readonly DenylistEntry[]): readonly string[] {
  return entries.map(({ id }) => id).sort();
}
