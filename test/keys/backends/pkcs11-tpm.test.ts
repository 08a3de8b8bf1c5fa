import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExternalKeyStore } from '../../../src/keys/index.ts';
import { toPublicJwk } from '../../../src/keys/key-material.ts';
import { createPkcs11KeyStore } from '../../../src/keys/pkcs11.ts';
import { passesCanary } from '../../../src/keys/signer.ts';
import { startTpm, TPM_MISSING } from '../../support/tpm.ts';

const signal = new AbortController().signal;

describe.skipIf(TPM_MISSING !== undefined)(`PKCS #11 on a TPM ${TPM_MISSING ?? ''}`, () => {
  let tpm: Awaited<ReturnType<typeof startTpm>>;
  let store: ExternalKeyStore;
  beforeAll(async () => {
    tpm = await startTpm();
    store = createPkcs11KeyStore(tpm.options);
  });
  afterAll(async () => {
    await store.close();
    await tpm[Symbol.asyncDispose]();
  });

  it.each(['ES256', 'RS256', 'PS256'] as const)(
    'makes %s keys, signs with them many at once, deletes them',
    async (alg) => {
      const { id, publicJwk } = await store.create({ alg, label: `guardmint ${alg}` }, { signal });
      const signer = await store.openSigner(id, await toPublicJwk(publicJwk, alg), { signal });
      expect(await Promise.all(Array.from({ length: 6 }, () => passesCanary(signer)))).toEqual(Array(6).fill(true));
      await store.destroy(id, { signal });
      await expect(store.openSigner(id, signer.publicJwk, { signal })).rejects.toMatchObject({
        reason: 'object_missing',
      });
    },
  );

  it('is unavailable for an algorithm it does not have, and goes on with the others', async () => {
    await expect(store.create({ alg: 'EdDSA', label: 'x' }, { signal })).rejects.toMatchObject({
      name: 'UnavailableError',
    });
    await store.create({ alg: 'ES256', label: 'x' }, { signal });
  });
});
