import assert from 'node:assert/strict';
import type { OneTimeMarker } from '../tokens/index.ts';
import { countOutcomes, markerOf } from './samples.ts';
import type { OpenTokenStore, TestRunner } from './subject.ts';

/** The contract of `OneTimeStore`. */
export function describeOneTimeStore(open: OpenTokenStore, { describe, it }: TestRunner): void {
  describe('one-time markers', () => {
    it('are spent once: of 50 concurrent uses one is the first', async () => {
      await using subject = await open();
      const { oneTime } = subject.store;
      const marker = markerOf(subject.now());

      const answers = await Promise.all(Array.from({ length: 50 }, () => oneTime.consumeOnce(marker)));

      assert.deepEqual(countOutcomes(answers), { first: 1, again: 49 });
    });

    it('stay spent until they end', async () => {
      await using subject = await open();
      const { oneTime } = subject.store;
      const marker = markerOf(subject.now(), { lifetime: 60 });
      assert.equal(await oneTime.consumeOnce(marker), 'first');

      await subject.advance(59);

      assert.equal(await oneTime.consumeOnce(marker), 'again');
    });

    it('that have ended are spent, whether they were used or not', async () => {
      await using subject = await open();
      const { oneTime } = subject.store;
      const used = markerOf(subject.now(), { id: 'used' });
      const unused = markerOf(subject.now(), { id: 'unused' });
      await oneTime.consumeOnce(used);

      await subject.advance(60);

      assert.equal(await oneTime.consumeOnce(used), 'again');
      assert.equal(await oneTime.consumeOnce(unused), 'again');
    });

    it('of two kinds with one id are two', async () => {
      await using subject = await open();
      const { oneTime } = subject.store;
      const kinds: readonly OneTimeMarker['kind'][] = ['code', 'assertion', 'consent', 'dpop', 'upstream'];

      const answers = await Promise.all(kinds.map((kind) => oneTime.consumeOnce({ ...markerOf(subject.now()), kind })));

      assert.deepEqual(countOutcomes(answers), { first: kinds.length });
    });

    it('are told apart by every character of the id', async () => {
      await using subject = await open();
      const { oneTime } = subject.store;
      const ids = ['a', 'A', 'a:b', ':a', 'a ', 'é', 'e\u0301', '*', '{a}', 'a'.repeat(512)];

      const answers = await Promise.all(ids.map((id) => oneTime.consumeOnce(markerOf(subject.now(), { id }))));

      assert.deepEqual(countOutcomes(answers), { first: ids.length });
    });
  });
}
