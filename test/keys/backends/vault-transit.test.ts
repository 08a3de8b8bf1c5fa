import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { guardKeyStore } from '../../../src/keys/external/guarded-store.ts';
import {
  createExternalKeyBackend,
  createFileKeyBackend,
  type ExternalKeyStore,
  type PublicJwk,
} from '../../../src/keys/index.ts';
import { toPublicJwk } from '../../../src/keys/key-material.ts';
import { passesCanary } from '../../../src/keys/signer.ts';
import { createVaultTransitKeyStore, type VaultTransitOptions } from '../../../src/keys/vault-transit.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';
import { describeKeyBackend } from '../../../src/testing/index.ts';
import { type FakeVault, startFakeVault } from '../../support/fake-vault.ts';
import { createKeyFolder } from '../key-folder.ts';

const signal = new AbortController().signal;
const INPUT = Buffer.from('a.b');
const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'] as const;

describe('Vault transit', () => {
  let vault: FakeVault;
  let folder: string;
  let tokenFile: string;
  const stores: ExternalKeyStore[] = [];
  beforeAll(async () => {
    vault = await startFakeVault();
    folder = await mkdtemp(join(tmpdir(), 'guardmint-vault-'));
    tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'hvs.valid\n');
  });
  afterEach(async () => {
    vault.isSealed = false;
    vault.fault = undefined;
    vault.calls.length = 0;
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  afterAll(async () => {
    await vault[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  function openStore(more: Partial<VaultTransitOptions> = {}): ExternalKeyStore {
    const store = createVaultTransitKeyStore({ address: vault.address, tokenFile, ...more });
    stores.push(store);
    return store;
  }

  async function makeKey(store: ExternalKeyStore, alg: PublicJwk['alg'] = 'ES256') {
    const { id, publicJwk } = await store.create({ alg, label: `guardmint signing-${alg}-1` }, { signal });
    const signer = await store.openSigner(id, await toPublicJwk(publicJwk, alg), { signal });
    return { id, name: id.split('/')[1] ?? '', signer };
  }

  describeKeyBackend(
    'a folder with Vault transit',
    async () => {
      const keys = await createKeyFolder();
      return {
        connect: () =>
          createExternalKeyBackend({
            folder: createFileKeyBackend({ directory: keys.directory, random: systemRandom }),
            store: openStore(),
          }),
        [Symbol.asyncDispose]: () => keys[Symbol.asyncDispose](),
      };
    },
    { algorithms: ALGORITHMS, keepsOpenSigners: false },
    { describe, it },
  );

  it.each(ALGORITHMS)('signs %s as jose verifies it', async (alg) => {
    const { signer, name } = await makeKey(openStore(), alg);
    expect(name).toMatch(new RegExp(`^guardmint-signing-${alg}-1-[0-9a-f]{16}$`));
    expect(await passesCanary(signer)).toBe(true);
  });

  it('signs with the version that the key was made with, also after somebody rotated it there', async () => {
    const { signer, name } = await makeKey(openStore());
    vault.rotate(name);
    expect(await passesCanary(signer)).toBe(true);
  });

  it('deletes keys for good, and says which it does not have', async () => {
    const store = openStore();
    const { signer, id, name } = await makeKey(store);
    await store.destroy(id, { signal });
    await store.destroy(id, { signal });
    expect(vault.keys.has(name)).toBe(false);
    await expect(signer.sign(INPUT, { signal })).rejects.toMatchObject({ reason: 'object_missing' });
    await expect(store.openSigner(id, signer.publicJwk, { signal })).rejects.toMatchObject({
      reason: 'object_missing',
    });
  });

  it('signs with keys whose public half is known, and no others', async () => {
    const store = openStore();
    const [one, other] = [await makeKey(store), await makeKey(store)];
    await expect(store.openSigner(one.id, other.signer.publicJwk, { signal })).rejects.toMatchObject({
      reason: 'key_mismatch',
    });
  });

  it('is found in another mount and namespace, and under another prefix', async () => {
    await using other = await startFakeVault({ mount: 'team/keys', namespace: 'identity/prod' });
    const { address } = other;
    const store = openStore({ address, mount: 'team/keys', namespace: 'identity/prod', keyPrefix: 'as' });
    const { signer, id } = await makeKey(store);
    expect(id).toMatch(/^team\/keys\/as-signing-ES256-1-/);
    expect(await passesCanary(signer)).toBe(true);
    await expect(openStore({ address }).create({ alg: 'ES256', label: 'x' }, { signal })).rejects.toMatchObject({
      name: 'UnavailableError',
      cause: { code: 'http_404' },
    });
  });

  it('reads the token again when Vault refuses it, and does not ask twice with the same', async () => {
    vault.tokens.set('hvs.second', 3600);
    const { signer } = await makeKey(openStore());
    vault.tokens.delete('hvs.valid');
    await expect(signer.sign(INPUT, { signal })).rejects.toMatchObject({ cause: { code: 'http_403' } });
    await writeFile(tokenFile, 'hvs.second\n');
    expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
    await writeFile(tokenFile, 'hvs.valid\n');
    vault.tokens.set('hvs.valid', 3600);
  });

  it('renews its token when half of its time is over, again and again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await makeKey(openStore());
      const renewals = () => vault.calls.filter((call) => call === 'POST auth/token/renew-self').length;
      await waitUntil(() => vault.calls.includes('GET auth/token/lookup-self'));
      for (let round = 1; round <= 3; round++) {
        await waitUntil(() => vi.getTimerCount() > 0);
        await vi.advanceTimersByTimeAsync(1_800_000);
        await waitUntil(() => renewals() >= round);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it('is unavailable while Vault is sealed, and goes on afterwards', async () => {
    const { signer } = await makeKey(openStore());
    vault.isSealed = true;
    await expect(signer.sign(INPUT, { signal })).rejects.toMatchObject({
      name: 'UnavailableError',
      cause: { code: 'http_503' },
    });
    vault.isSealed = false;
    expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
  });

  it.each([429, 500, 502, 400])('is unavailable when Vault answers %d', async (status) => {
    const { signer } = await makeKey(openStore());
    vault.fault = { status };
    await expect(signer.sign(INPUT, { signal })).rejects.toMatchObject({ cause: { code: `http_${status}` } });
  });

  it('is unavailable without a token file, without Vault, and once closed', async () => {
    const order = { alg: 'ES256', label: 'x' } as const;
    await expect(openStore({ tokenFile: '/nonexistent' }).create(order, { signal })).rejects.toThrow(UnavailableError);
    await expect(openStore({ address: 'http://127.0.0.1:1' }).create(order, { signal })).rejects.toThrow(
      UnavailableError,
    );
    await expect(openStore({ caFile: '/nonexistent' }).create(order, { signal })).rejects.toThrow(UnavailableError);
    const closed = openStore();
    await closed.close();
    await expect(closed.create(order, { signal })).rejects.toThrow(UnavailableError);
  });

  describe('behind its guard', () => {
    it.each(['wrong_signature', 'other_version', 'garbage'] as const)('lets no answer out: %s', async (fault) => {
      const { signer } = await makeKey(guardKeyStore(openStore()));
      vault.fault = fault;
      await expect(signer.sign(INPUT, { signal })).rejects.toThrow(UnavailableError);
      vault.fault = undefined;
      expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
    });

    it('ends a call that is not answered', async () => {
      const { signer } = await makeKey(guardKeyStore(openStore(), { signTimeout: 200 }));
      vault.fault = 'silence';
      await expect(signer.sign(INPUT, { signal })).rejects.toThrow(UnavailableError);
      vault.fault = undefined;
      expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
    });
  });
});

/** Waits for what another connection does; time itself may stand still. */
async function waitUntil(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
