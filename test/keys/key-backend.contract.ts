import { compactVerify, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { defaultTimings, type KeyBackend, type KeyOrder, scheduleFor } from '../../src/keys/index.ts';

/** A place for keys that starts empty. */
export interface KeyPlace extends AsyncDisposable {
  /** Another connection to the same place, as another process would have it. */
  connect(): KeyBackend;
}

const NOW = 1_800_000_000;
const order = (epoch = 1, more: Partial<KeyOrder> = {}): KeyOrder => ({
  family: 'signing',
  alg: 'ES256',
  epoch,
  times: scheduleFor(defaultTimings.signing, NOW, NOW),
  ...more,
});
const secretOrder = order(1, { family: 'sealing', alg: 'A256GCM' });

/** What every `KeyBackend` promises. */
export function describeKeyBackend(name: string, createPlace: () => Promise<KeyPlace>): void {
  describe(`the ${name} key backend`, () => {
    it('starts empty and lists what was made, on every connection', async () => {
      await using place = await createPlace();
      const backend = place.connect();
      expect(await backend.list()).toEqual({ keys: [], unreadable: [] });
      const signing = await backend.create(order());
      const sealing = await backend.create(secretOrder);
      const { keys, unreadable } = await place.connect().list();
      expect(unreadable).toEqual([]);
      expect(keys).toHaveLength(2);
      expect(keys).toEqual(expect.arrayContaining([signing, sealing]));
      expect(signing).toMatchObject({ family: 'signing', alg: 'ES256', epoch: 1, ...order().times });
    });

    it('answers nothing private in a listing', async () => {
      await using place = await createPlace();
      const backend = place.connect();
      await backend.create(order());
      await backend.create(secretOrder);
      expect(JSON.stringify(await backend.list())).not.toMatch(/"(d|k|private)":/);
    });

    it('makes one key of a slot, whoever asks and however many at once', async () => {
      await using place = await createPlace();
      const made = await Promise.all(Array.from({ length: 20 }, () => place.connect().create(order())));
      expect(made.filter((key) => key !== undefined)).toHaveLength(1);
      expect((await place.connect().list()).keys).toEqual(made.filter((key) => key !== undefined));
      expect(await place.connect().create(order())).toBeUndefined();
      expect(await place.connect().create(order(2))).toMatchObject({ epoch: 2 });
    });

    it('opens a signer whose signatures jose verifies under the listed public key', async () => {
      await using place = await createPlace();
      await place.connect().create(order());
      const backend = place.connect();
      const [key] = (await backend.list()).keys;
      const signer = await backend.openSigner(key!);
      const input = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30`;
      const signature = await signer.sign(Buffer.from(input), { signal: new AbortController().signal });
      const publicKey = await importJWK({ ...key!.publicJwk }, 'ES256');
      await compactVerify(`${input}.${Buffer.from(signature).toString('base64url')}`, publicKey);
      expect(signer).toMatchObject({ kid: key!.kid, alg: 'ES256', publicJwk: key!.publicJwk });
    });

    it('opens the same 32-byte secret on every connection, and another for another slot', async () => {
      await using place = await createPlace();
      const backend = place.connect();
      const one = await backend.create(secretOrder);
      const other = await backend.create({ ...secretOrder, epoch: 2 });
      const secret = await backend.openSecret(one!);
      expect(secret.symmetricKeySize).toBe(32);
      expect(secret.equals(await place.connect().openSecret(one!))).toBe(true);
      expect(secret.equals(await backend.openSecret(other!))).toBe(false);
    });

    it('destroys the private half for good, keeps the public half, and an open signer goes on', async () => {
      await using place = await createPlace();
      const backend = place.connect();
      const key = await backend.create(order());
      const signer = await backend.openSigner(key!);
      await backend.destroyPrivate(key!.kid, NOW + 5);
      await backend.destroyPrivate(key!.kid, NOW + 9);
      expect((await place.connect().list()).keys).toEqual([{ ...key, destroyedAt: NOW + 5 }]);
      await expect(place.connect().openSigner(key!)).rejects.toThrow();
      expect(await signer.sign(Buffer.from('x'), { signal: new AbortController().signal })).toHaveLength(64);
    });

    it('revokes once, and destroys the private half in the same step', async () => {
      await using place = await createPlace();
      const key = await place.connect().create(order());
      await place.connect().revoke(key!.kid, NOW + 5);
      await place.connect().revoke(key!.kid, NOW + 9);
      expect((await place.connect().list()).keys).toEqual([{ ...key, revokedAt: NOW + 5, destroyedAt: NOW + 5 }]);
    });

    it('loses neither a revocation nor a destruction when both are asked for at once', async () => {
      await using place = await createPlace();
      const keys = await Promise.all([1, 2, 3, 4, 5, 6].map((epoch) => place.connect().create(order(epoch))));
      await Promise.all(
        keys.flatMap((key) => [
          place.connect().destroyPrivate(key!.kid, NOW + 5),
          place.connect().revoke(key!.kid, NOW + 6),
          place.connect().destroyPrivate(key!.kid, NOW + 5),
        ]),
      );
      const after = (await place.connect().list()).keys;
      expect(after.map(({ revokedAt }) => revokedAt)).toEqual(Array(6).fill(NOW + 6));
    });

    it('brings a key into force earlier, never later and never before it is published', async () => {
      await using place = await createPlace();
      const times = { ...order().times, publishAt: NOW + 10 };
      const moved = (by: number) => ({
        activateAt: times.activateAt - by,
        retireAt: times.retireAt - by,
        removeAt: times.removeAt - by,
      });
      const later = { ...times, ...moved(-100) };
      const key = await place.connect().create({ ...order(), times: later });
      await place.connect().promote(key!.kid, NOW + 50);
      expect((await place.connect().list()).keys).toEqual([{ ...key, ...moved(-50) }]);
      await place.connect().promote(key!.kid, NOW + 80);
      expect((await place.connect().list()).keys).toEqual([{ ...key, ...moved(-50) }]);
      await place.connect().promote(key!.kid, NOW);
      expect((await place.connect().list()).keys).toEqual([{ ...key, ...moved(-10) }]);
      await place.connect().openSigner(key!);
    });

    it('removes a key once', async () => {
      await using place = await createPlace();
      const key = await place.connect().create(order());
      const answers = await Promise.all([1, 2, 3].map(() => place.connect().remove(key!.kid)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await place.connect().list()).toEqual({ keys: [], unreadable: [] });
    });

    it('takes a key that is not there as already destroyed, revoked and removed', async () => {
      await using place = await createPlace();
      const backend = place.connect();
      await backend.destroyPrivate('unknown', NOW);
      await backend.revoke('unknown', NOW);
      expect(await backend.remove('unknown')).toBe(false);
    });
  });
}
