import assert from 'node:assert/strict';
import { UnavailableError } from '../oauth/index.ts';
import { describeDenylistStore } from './denylist-contract.ts';
import { describeOneTimeStore } from './one-time-contract.ts';
import { describeRefreshFamilyStore } from './refresh-families-contract.ts';
import { describeRotation } from './rotation-contract.ts';
import { markerOf } from './samples.ts';
import { describeDurability, describeSharing } from './sharing-contract.ts';
import type { OpenTokenStore, TestRunner, TokenStoreTraits } from './subject.ts';

/**
 * The contract of `TokenStore`: what every driver has to hold. Concurrency is real: the calls of a test are started
 * together and settle as the driver settles them.
 *
 * What a test cannot show and a driver still has to hold: an answer is given once the write survives a loss of power (or
 * has reached as many replicas as the operator asked for), a fault is `UnavailableError` and never an outcome, and a call
 * that failed has been applied whole or not at all.
 *
 * @example
 * ```ts
 * import { describe, it } from 'vitest';
 * import { describeTokenStore } from 'guardmint/testing';
 *
 * describeTokenStore('my store', openMyStore, { isShared: true, isDurable: true }, { describe, it });
 * ```
 */
export function describeTokenStore(
  name: string,
  open: OpenTokenStore,
  traits: TokenStoreTraits,
  runner: TestRunner,
): void {
  const { describe, it } = runner;
  describe(`${name} as a token store`, () => {
    describeOneTimeStore(open, runner);
    describeRefreshFamilyStore(open, runner);
    describeRotation(open, runner);
    describeDenylistStore(open, runner);
    if (traits.isDurable) describeDurability(open, runner);
    if (traits.isShared) describeSharing(open, runner);

    it('tells its clock, by which watermarks are written', async () => {
      await using subject = await open();
      const { store } = subject;
      const before = await store.now();
      const entry = await store.denylist.deny({ kind: 'client', id: 'client-1', lifetime: 600 });
      const after = await store.now();

      assert.ok(before <= (entry.issuedBefore ?? 0) && (entry.issuedBefore ?? 0) <= after);
      await subject.advance(90);
      assert.ok((await store.now()) >= before + 90);
    });

    it('answers a ping', async () => {
      await using subject = await open();
      await subject.store.ping();
    });

    it('can be closed twice', async () => {
      await using subject = await open();
      await subject.store.close();
      await subject.store.close();
    });

    if (!traits.isDurable) return;
    it('is unavailable once closed', async () => {
      await using subject = await open();
      const { store } = subject;
      const marker = markerOf(subject.now());
      await store.close();

      await assert.rejects(store.oneTime.consumeOnce(marker), UnavailableError);
      await assert.rejects(store.refreshFamilies.find('family-1'), UnavailableError);
      await assert.rejects(store.denylist.match([{ kind: 'all', id: '' }]), UnavailableError);
      await assert.rejects(store.now(), UnavailableError);
      await assert.rejects(store.ping(), UnavailableError);
    });
  });
}
