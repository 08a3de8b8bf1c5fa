import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAwsKmsKeyStore } from '../../../src/keys/aws-kms.ts';
import { FIRST_PAUSE } from '../../../src/keys/external/circuit-breaker.ts';
import { guardKeyStore } from '../../../src/keys/external/guarded-store.ts';
import {
  createExternalKeyBackend,
  createFileKeyBackend,
  type ExternalKeyStore,
  type PublicJwk,
} from '../../../src/keys/index.ts';
import { toPublicJwk } from '../../../src/keys/key-material.ts';
import { passesCanary } from '../../../src/keys/signer.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';
import { describeKeyBackend } from '../../../src/testing/index.ts';
import { type FakeKms, startFakeKms } from '../../support/fake-kms.ts';
import { createKeyFolder } from '../key-folder.ts';

const signal = new AbortController().signal;
const INPUT = Buffer.from('a.b');
const REGION = 'eu-test-1';

describe('AWS KMS', () => {
  let kms: FakeKms;
  const stores: ExternalKeyStore[] = [];
  beforeAll(async () => {
    kms = await startFakeKms(REGION);
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  afterAll(() => kms[Symbol.asyncDispose]());

  function openStore(more: Parameters<typeof createAwsKmsKeyStore>[0] = {}): ExternalKeyStore {
    const { endpoint, credentials } = kms;
    const store = createAwsKmsKeyStore({ region: REGION, endpoint, credentials, ...more });
    stores.push(store);
    return store;
  }

  async function makeKey(store: ExternalKeyStore, alg: PublicJwk['alg'] = 'ES256') {
    const { id, publicJwk } = await store.create({ alg, label: `guardmint signing-${alg}-1` }, { signal });
    const signer = await store.openSigner(id, await toPublicJwk(publicJwk, alg), { signal });
    return { id, signer };
  }

  describeKeyBackend(
    'a folder with AWS KMS',
    async () => {
      const folder = await createKeyFolder();
      return {
        connect: () =>
          createExternalKeyBackend({
            folder: createFileKeyBackend({ directory: folder.directory, random: systemRandom }),
            store: openStore(),
          }),
        [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
      };
    },
    { algorithms: ['ES256', 'ES384', 'RS256', 'PS256'], keepsOpenSigners: false },
    { describe, it },
  );

  it.each(['ES256', 'ES384', 'RS256', 'PS256'] as const)('signs %s digests as jose verifies them', async (alg) => {
    const { signer } = await makeKey(openStore(), alg);
    expect(await passesCanary(signer)).toBe(true);
  });

  it('says in tags and description whose keys they are, and waits as long as it was told to delete them', async () => {
    const store = openStore({ tags: { team: 'identity' }, deletionDays: 30 });
    const { id } = await makeKey(store);
    await store.destroy(id, { signal });
    await store.destroy(id, { signal });
    expect(kms.keys.get(id)).toMatchObject({
      description: 'guardmint signing-ES256-1',
      tags: { team: 'identity', 'guardmint:key': 'guardmint signing-ES256-1' },
      deletionDays: 30,
    });
  });

  it('signs with keys whose public half is known, and no others', async () => {
    const store = openStore();
    const one = await makeKey(store);
    const other = await makeKey(store);
    await expect(store.openSigner(one.id, other.signer.publicJwk, { signal })).rejects.toMatchObject({
      name: 'KeyRefusedError',
      reason: 'key_mismatch',
    });
    await store.destroy(one.id, { signal });
    await expect(one.signer.sign(INPUT, { signal })).rejects.toMatchObject({ reason: 'object_missing' });
  });

  it('waits for a key that is not known everywhere at once', async () => {
    kms.failNext(2, { status: 400, type: 'NotFoundException' }, 'GetPublicKey');
    const { publicJwk } = await openStore().create({ alg: 'ES256', label: 'x' }, { signal });
    expect(publicJwk).toMatchObject({ kty: 'EC' });
  });

  it('does not leave a key behind of which it could not read the public half', async () => {
    const before = [...kms.keys.keys()];
    kms.failNext(1, { status: 400, type: 'AccessDeniedException' }, 'GetPublicKey');
    await expect(openStore().create({ alg: 'ES256', label: 'x' }, { signal })).rejects.toThrow(UnavailableError);
    const [made] = [...kms.keys].filter(([id]) => !before.includes(id)).map(([, key]) => key);
    expect(made?.deletionDays).toBe(7);
  });

  it.each([
    ['throttling', 400, 'ThrottlingException'],
    ['a fault of its own', 500, 'KMSInternalException'],
    ['a dependency that times out', 503, 'DependencyTimeoutException'],
  ])('tries again after %s, and gives up in time', async (_what, status, type) => {
    const { signer } = await makeKey(openStore());
    kms.failNext(1, { status, type });
    expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
    kms.failNext(3, { status, type });
    await expect(signer.sign(INPUT, { signal })).rejects.toMatchObject({
      name: 'UnavailableError',
      cause: { code: type },
    });
  });

  it.each([
    ['rights that are missing', 'AccessDeniedException'],
    ['a key that was disabled', 'DisabledException'],
  ])('is unavailable at once for %s, and repeats no message of AWS', async (_what, type) => {
    const { signer } = await makeKey(openStore());
    kms.calls.length = 0;
    kms.failNext(1, { status: 400, type });
    const error = await Promise.resolve(signer.sign(INPUT, { signal })).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'UnavailableError', cause: { code: type } });
    expect(String((error as Error).cause)).not.toContain('secret-role');
    expect(kms.calls).toEqual(['Sign']);
  });

  it('is unavailable with credentials that KMS does not know', async () => {
    const store = openStore({ credentials: { accessKeyId: 'AKIDFAKE', secretAccessKey: 'another' } });
    await expect(store.create({ alg: 'ES256', label: 'x' }, { signal })).rejects.toMatchObject({
      cause: { code: 'InvalidSignatureException' },
    });
  });

  it('is unavailable when nobody listens', async () => {
    await expect(
      openStore({ endpoint: 'http://127.0.0.1:1' }).create({ alg: 'ES256', label: 'x' }, { signal }),
    ).rejects.toThrow(UnavailableError);
  });

  describe('behind its guard', () => {
    it('ends a call that is not answered', async () => {
      const guarded = guardKeyStore(openStore(), { signTimeout: 200 });
      const { signer } = await makeKey(guarded);
      kms.failNext(1, 'silence');
      await expect(signer.sign(INPUT, { signal })).rejects.toThrow(UnavailableError);
      expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
    });

    it.each(['wrong_signature', 'garbage'] as const)('lets no %s out', async (fault) => {
      const guarded = guardKeyStore(openStore());
      const { signer } = await makeKey(guarded);
      kms.failNext(1, fault);
      await expect(signer.sign(INPUT, { signal })).rejects.toThrow(UnavailableError);
      expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
    });

    it('asks no more after throttling that lasts, until the pause is over', async () => {
      let now = 0;
      const guarded = guardKeyStore(openStore(), { monotonic: () => now, signTimeout: 200 });
      const { signer } = await makeKey(guarded);
      kms.failNext(5, 'silence');
      for (let call = 0; call < 5; call++) await expect(signer.sign(INPUT, { signal })).rejects.toThrow();
      kms.calls.length = 0;
      await expect(signer.sign(INPUT, { signal })).rejects.toThrow(UnavailableError);
      expect(kms.calls).toEqual([]);
      now += FIRST_PAUSE;
      expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
    });
  });
});
