import assert from 'node:assert/strict';
import type { RefreshFamily, TokenStore } from '../tokens/index.ts';
import { countOutcomes, familyOf, markerOf, presentedOf, ROTATING } from './samples.ts';
import type { OpenTokenStore, TestRunner, TokenStoreSubject } from './subject.ts';

/** The contract of `RefreshFamilyStore`: how families begin, end and are found. */
export function describeRefreshFamilyStore(open: OpenTokenStore, { describe, it }: TestRunner): void {
  describe('refresh families', () => {
    it('begin once for each code: of 50 concurrent exchanges one is the first', async () => {
      await using subject = await open();
      const code = markerOf(subject.now(), { familyId: 'family-1' });

      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          subject.store.refreshFamilies.begin(code, familyOf('family-1', { keyId: `key-${index}` })),
        ),
      );

      assert.deepEqual(countOutcomes(answers.map(({ outcome }) => outcome)), { first: 1, again: 49 });
      const winner = answers.findIndex(({ outcome }) => outcome === 'first');
      assert.equal((await subject.store.refreshFamilies.find('family-1'))?.keyId, `key-${winner}`);
    });

    it('begin at generation 0 at the moment the store answers, and are found whole', async () => {
      await using subject = await open();

      const { at } = await begin(subject, 'family-1');

      assert.equal(at, subject.now());
      const { absoluteLifetime, ...described } = familyOf('family-1');
      const expected = { ...described, generation: 0, createdAt: at, usedAt: at, expiresAt: at + absoluteLifetime };
      assert.deepEqual({ ...(await subject.store.refreshFamilies.find('family-1')) }, expected);
      assert.equal(await subject.store.refreshFamilies.find('family-2'), undefined);
    });

    it('keep the key they are bound to through every use, and those without one have none', async () => {
      await using subject = await open();
      const jkt = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg';
      await subject.store.refreshFamilies.begin(
        markerOf(subject.now(), { familyId: 'family-1' }),
        familyOf('family-1', { jkt }),
      );
      await begin(subject, 'family-2');

      for (const rotates of [false, true]) {
        const rotation = await subject.store.refreshFamilies.rotate(presentedOf('family-1', 0), {
          ...ROTATING,
          rotates,
        });
        assert.equal('family' in rotation && rotation.family.jkt, jkt);
      }
      assert.equal((await subject.store.refreshFamilies.find('family-1'))?.jkt, jkt);
      const listed = await subject.store.refreshFamilies.list({});
      assert.deepEqual(new Set(listed.map((family) => family.jkt)), new Set([jkt, undefined]));
      assert.ok(!Object.hasOwn((await subject.store.refreshFamilies.find('family-2')) ?? {}, 'jkt'));
    });

    it('do not begin with a code that was spent alone, and spend the code for any other use', async () => {
      await using subject = await open();
      const { oneTime, refreshFamilies } = subject.store;
      const spentAlone = markerOf(subject.now(), { id: 'jti-1', familyId: 'family-1' });
      const exchanged = markerOf(subject.now(), { id: 'jti-2', familyId: 'family-2' });
      await oneTime.consumeOnce(spentAlone);
      await refreshFamilies.begin(exchanged, familyOf('family-2'));

      assert.equal((await refreshFamilies.begin(spentAlone, familyOf('family-1'))).outcome, 'again');
      assert.equal(await refreshFamilies.find('family-1'), undefined);
      assert.equal(await oneTime.consumeOnce(exchanged), 'again');
    });

    it('do not begin with a code that has ended', async () => {
      await using subject = await open();
      const code = markerOf(subject.now(), { familyId: 'family-1' });
      await subject.advance(60);

      const { outcome } = await subject.store.refreshFamilies.begin(code, familyOf('family-1'));

      assert.equal(outcome, 'again');
      assert.equal(await subject.store.refreshFamilies.find('family-1'), undefined);
    });

    it('are never begun over, not even with another code', async () => {
      await using subject = await open();
      await begin(subject, 'family-1');
      const other = markerOf(subject.now(), { id: 'another-code', familyId: 'family-1' });

      const { outcome } = await subject.store.refreshFamilies.begin(
        other,
        familyOf('family-1', { subject: 'mallory' }),
      );

      assert.equal(outcome, 'again');
      assert.equal((await subject.store.refreshFamilies.find('family-1'))?.subject, 'alice');
    });

    it('end when revoked, once and for good', async () => {
      await using subject = await open();
      const { refreshFamilies } = subject.store;
      await begin(subject, 'family-1');

      const answers = await Promise.all(Array.from({ length: 10 }, () => refreshFamilies.revoke('family-1', 3_600)));

      assert.equal(answers.filter((didIt) => didIt).length, 1);
      const revokedAt = subject.now();
      await subject.advance(5);
      assert.deepEqual(
        { ...(await refreshFamilies.rotate(presentedOf('family-1', 0), ROTATING)) },
        { outcome: 'revoked', revokedAt, at: subject.now() },
      );
      assert.equal((await refreshFamilies.find('family-1'))?.revokedAt, revokedAt);
    });

    it('revoked before they begin never begin while the tombstone stands', async () => {
      await using subject = await open();
      const { refreshFamilies } = subject.store;
      assert.equal(await refreshFamilies.revoke('family-1', 3_600), true);
      assert.equal(await refreshFamilies.revoke('family-1', 60), false);
      assert.equal(await refreshFamilies.find('family-1'), undefined);
      assert.equal((await refreshFamilies.rotate(presentedOf('family-1', 0), ROTATING)).outcome, 'unknown');

      await subject.advance(3_599);
      const { outcome } = await begin(subject, 'family-1');

      assert.equal(outcome, 'again');
      assert.equal(await refreshFamilies.find('family-1'), undefined);
    });

    it('that begin while they are being revoked are not live afterwards', async () => {
      await using subject = await open();
      const { refreshFamilies } = subject.store;
      const ids = Array.from({ length: 20 }, (_, index) => `family-${index}`);

      await Promise.all(ids.flatMap((id) => [begin(subject, id), refreshFamilies.revoke(id, 3_600)]));

      assert.deepEqual(await refreshFamilies.list({}), []);
      for (const id of ids) {
        const { outcome } = await refreshFamilies.rotate(presentedOf(id, 0), ROTATING);
        assert.ok(outcome === 'revoked' || outcome === 'unknown', outcome);
      }
    });

    it('are listed newest first, by person, by client and by both', async () => {
      await using subject = await open();
      await begin(subject, 'family-1', { subject: 'alice', clientHash: 'client-1' });
      await subject.advance(1);
      await begin(subject, 'family-2', { subject: 'alice', clientHash: 'client-2' });
      await subject.advance(1);
      await begin(subject, 'family-3', { subject: 'bob', clientHash: 'client-1' });

      assert.deepEqual(await listedIds(subject.store, {}), ['family-3', 'family-2', 'family-1']);
      assert.deepEqual(await listedIds(subject.store, { subject: 'alice' }), ['family-2', 'family-1']);
      assert.deepEqual(await listedIds(subject.store, { clientHash: 'client-1' }), ['family-3', 'family-1']);
      assert.deepEqual(await listedIds(subject.store, { subject: 'bob', clientHash: 'client-1' }), ['family-3']);
      assert.deepEqual(await listedIds(subject.store, { subject: 'carol' }), []);
    });

    it('are not listed once revoked or expired', async () => {
      await using subject = await open();
      await begin(subject, 'revoked');
      await begin(subject, 'expired', { absoluteLifetime: 100 });
      await begin(subject, 'live');
      await subject.store.refreshFamilies.revoke('revoked', 3_600);
      await subject.advance(100);

      const listed = await subject.store.refreshFamilies.list({ subject: 'alice' });

      assert.deepEqual(
        listed.map((family: RefreshFamily) => ({ ...family })),
        [{ ...(await subject.store.refreshFamilies.find('live')) }],
      );
    });
  });
}

function begin(subject: TokenStoreSubject, familyId: string, overrides: Parameters<typeof familyOf>[1] = {}) {
  const code = markerOf(subject.now(), { id: `code-of-${familyId}`, familyId });
  return subject.store.refreshFamilies.begin(code, familyOf(familyId, overrides));
}

async function listedIds(
  store: TokenStore,
  filter: Parameters<TokenStore['refreshFamilies']['list']>[0],
): Promise<readonly string[]> {
  return (await store.refreshFamilies.list(filter)).map(({ familyId }) => familyId);
}
