import assert from 'node:assert/strict';
import { constants, createPublicKey, verify } from 'node:crypto';
import {
  defaultTimings,
  type JwsSigner,
  type KeyBackend,
  type KeyOrder,
  type PublicJwk,
  type SigningAlg,
  type StoredKey,
  scheduleFor,
} from '../keys/index.ts';
import type { TestRunner } from './subject.ts';

/** A place for keys that is empty when opened, closed and removed when disposed. */
export interface KeyPlace extends AsyncDisposable {
  /** Another connection to the same place, as another process has it; the place closes it. */
  connect(): KeyBackend;
}

/** Opens a place for one test. */
export type OpenKeyPlace = () => Promise<KeyPlace>;

/** What the place is; decides which tests there are. */
export interface KeyBackendTraits {
  /** The algorithms it makes signing keys for. */
  readonly algorithms: readonly [SigningAlg, ...SigningAlg[]];
  /** Whether a signer that was opened goes on when the private half is destroyed: it holds the key in memory. */
  readonly keepsOpenSigners: boolean;
  /** How many connections the races have; 20 when left out. */
  readonly connections?: number;
}

const NOW = 1_800_000_000;
const INPUT = Buffer.from('eyJhbGciOiJFUzI1NiJ9.e30');

/**
 * The contract of `KeyBackend`: what every place for keys has to hold. Concurrency is real: the calls of a test are
 * started together.
 *
 * What a test cannot show and a backend still has to hold: an answer is given once the key survives a loss of power, a
 * crash leaves a whole key or none, and what cannot be reached now is `UnavailableError` and never an empty answer.
 *
 * @example
 * ```ts
 * import { describe, it } from 'vitest';
 * import { describeKeyBackend } from 'guardmint/testing';
 *
 * describeKeyBackend('my vault', openMyVault, { algorithms: ['ES256'], keepsOpenSigners: false }, { describe, it });
 * ```
 */
export function describeKeyBackend(
  name: string,
  open: OpenKeyPlace,
  traits: KeyBackendTraits,
  { describe, it }: TestRunner,
): void {
  const { algorithms, keepsOpenSigners, connections = 20 } = traits;
  const [alg] = algorithms;
  const order = (epoch = 1, more: Partial<KeyOrder> = {}): KeyOrder => ({
    family: 'signing',
    alg,
    epoch,
    times: scheduleFor(defaultTimings.signing, NOW, NOW),
    ...more,
  });
  const secretOrder = order(1, { family: 'sealing', alg: 'A256GCM' });
  const make = async (backend: KeyBackend, wanted: KeyOrder): Promise<StoredKey> => {
    const key = await backend.create(wanted);
    assert.ok(key, 'the slot was taken');
    return key;
  };

  describe(`${name} as a key backend`, () => {
    it('starts empty and lists what was made, on every connection', async () => {
      await using place = await open();
      const backend = place.connect();
      assert.deepEqual(await backend.list(), { keys: [], unreadable: [] });
      const signing = await make(backend, order());
      const sealing = await make(backend, secretOrder);
      const { keys, unreadable } = await place.connect().list();
      assert.deepEqual(unreadable, []);
      assert.deepEqual(byKid(keys), byKid([signing, sealing]));
      const { family, alg: madeFor, epoch, publicJwk } = signing;
      assert.deepEqual({ family, alg: madeFor, epoch }, { family: 'signing', alg, epoch: 1 });
      assert.deepEqual(timesOf(signing), order().times);
      assert.equal(publicJwk?.kid, signing.kid);
    });

    it('answers nothing private in a listing', async () => {
      await using place = await open();
      const backend = place.connect();
      await make(backend, order());
      await make(backend, secretOrder);
      assert.doesNotMatch(JSON.stringify(await backend.list()), /"(d|k|p|q|dp|dq|qi|priv|private)":/);
    });

    it('makes one key of a slot, whoever asks and however many at once', async () => {
      await using place = await open();
      const callers = Array.from({ length: connections }, () => place.connect());
      const made = (await Promise.all(callers.map((backend) => backend.create(order())))).filter(isThere);
      assert.equal(made.length, 1);
      assert.deepEqual((await place.connect().list()).keys, made);
      assert.equal(await place.connect().create(order()), undefined);
      assert.equal((await make(place.connect(), order(2))).epoch, 2);
    });

    for (const one of algorithms) {
      it(`opens ${one} signers whose signatures verify under the listed public key, many at once`, async () => {
        await using place = await open();
        await make(place.connect(), order(1, { alg: one }));
        const backend = place.connect();
        const [key] = (await backend.list()).keys;
        assert.ok(key?.publicJwk);
        const signer = await backend.openSigner(key);
        assert.deepEqual({ kid: signer.kid, alg: signer.alg }, { kid: key.kid, alg: one });
        assert.deepEqual(signer.publicJwk, key.publicJwk);
        const inputs = Array.from({ length: 12 }, (_, index) => Buffer.concat([INPUT, Buffer.from([index])]));
        const signatures = await Promise.all(inputs.map((input) => sign(signer, input)));
        for (const [index, input] of inputs.entries()) {
          assert.ok(isSignature(key.publicJwk, input, signatures[index] ?? new Uint8Array()), `signature ${index}`);
        }
      });
    }

    it('opens the same 32-byte secret on every connection, and another for another slot', async () => {
      await using place = await open();
      const backend = place.connect();
      const one = await make(backend, secretOrder);
      const other = await make(backend, { ...secretOrder, epoch: 2 });
      const secret = await backend.openSecret(one);
      assert.equal(secret.symmetricKeySize, 32);
      assert.ok(secret.equals(await place.connect().openSecret(one)));
      assert.ok(!secret.equals(await backend.openSecret(other)));
    });

    it('destroys the private half for good and keeps the public half', async () => {
      await using place = await open();
      const backend = place.connect();
      const key = await make(backend, order());
      const signer = await backend.openSigner(key);
      await backend.destroyPrivate(key.kid, NOW + 5);
      await backend.destroyPrivate(key.kid, NOW + 9);
      const { external: _, ...known } = key;
      assert.deepEqual((await place.connect().list()).keys, [{ ...known, destroyedAt: NOW + 5 }]);
      await assert.rejects(async () => await place.connect().openSigner(key));
      if (keepsOpenSigners) assert.ok((await sign(signer, INPUT)).length > 0);
      else await assert.rejects(sign(signer, INPUT));
    });

    it('revokes once, and destroys the private half in the same step', async () => {
      await using place = await open();
      const key = await make(place.connect(), order());
      await place.connect().revoke(key.kid, NOW + 5);
      await place.connect().revoke(key.kid, NOW + 9);
      const { external: _, ...known } = key;
      const ended = { ...known, revokedAt: NOW + 5, destroyedAt: NOW + 5 };
      assert.deepEqual((await place.connect().list()).keys, [ended]);
      await assert.rejects(async () => await place.connect().openSigner(key));
    });

    it('loses neither a revocation nor a destruction when both are asked for at once', async () => {
      await using place = await open();
      const keys: StoredKey[] = [];
      for (const epoch of [1, 2, 3, 4]) keys.push(await make(place.connect(), order(epoch)));
      await Promise.all(
        keys.flatMap(({ kid }) => [
          place.connect().destroyPrivate(kid, NOW + 5),
          place.connect().revoke(kid, NOW + 6),
          place.connect().destroyPrivate(kid, NOW + 5),
        ]),
      );
      const after = (await place.connect().list()).keys;
      assert.deepEqual(
        after.map(({ revokedAt }) => revokedAt),
        Array(4).fill(NOW + 6),
      );
    });

    it('brings a key into force earlier, never later and never before it is published', async () => {
      await using place = await open();
      const times = { ...order().times, publishAt: NOW + 10 };
      const moved = (by: number) => ({
        ...times,
        activateAt: times.activateAt - by,
        retireAt: times.retireAt - by,
        removeAt: times.removeAt - by,
      });
      const key = await make(place.connect(), { ...order(), times: moved(-100) });
      for (const [at, by] of [
        [NOW + 50, -50],
        [NOW + 80, -50],
        [NOW, -10],
      ] as const) {
        await place.connect().promote(key.kid, at);
        assert.deepEqual((await place.connect().list()).keys, [{ ...key, ...moved(by) }]);
      }
      await place.connect().openSigner(key);
    });

    it('removes a key once', async () => {
      await using place = await open();
      const key = await make(place.connect(), order());
      const answers = await Promise.all([1, 2, 3].map(() => place.connect().remove(key.kid)));
      assert.equal(answers.filter(Boolean).length, 1);
      assert.deepEqual(await place.connect().list(), { keys: [], unreadable: [] });
    });

    it('takes a key that is not there as already destroyed, revoked and removed', async () => {
      await using place = await open();
      const backend = place.connect();
      await backend.destroyPrivate('unknown', NOW);
      await backend.revoke('unknown', NOW);
      assert.equal(await backend.remove('unknown'), false);
    });
  });
}

async function sign(signer: JwsSigner, input: Uint8Array): Promise<Uint8Array> {
  return await signer.sign(input, { signal: AbortSignal.timeout(10_000) });
}

function isSignature(jwk: PublicJwk, input: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  switch (jwk.alg) {
    case 'ES256':
      return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'ES384':
      return verify('sha384', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'EdDSA':
    case 'ML-DSA-44':
      return verify(null, input, key, signature);
    case 'RS256':
      return verify('sha256', input, key, signature);
    case 'PS256':
      return verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature);
  }
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function byKid(keys: readonly StoredKey[]): readonly StoredKey[] {
  return keys.toSorted((one, other) => (one.kid < other.kid ? -1 : 1));
}

function timesOf({ createdAt, publishAt, activateAt, retireAt, removeAt }: StoredKey): KeyOrder['times'] {
  return { createdAt, publishAt, activateAt, retireAt, removeAt };
}
