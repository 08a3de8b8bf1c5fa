import { UnavailableError } from '../../oauth/index.ts';
import type { FileKeyBackend } from '../backends/file.ts';
import { slotOf } from '../backends/key-file.ts';
import { type KeyOrder, KeyRefusedError, type StoredKey } from '../key-backend.ts';
import { findPublicKeyFault, isSigningAlg, toPublicJwk } from '../key-material.ts';
import type { JwsSigner, SigningAlg } from '../key-ring.ts';
import type { ExternalKeyStore } from './external-key-store.ts';
import { guardKeyStore, type StoreGuardDeps } from './guarded-store.ts';

export interface ExternalKeyBackendDeps extends StoreGuardDeps {
  /** Keeps the records of all keys, and the secrets. */
  readonly folder: FileKeyBackend;
  /** Where new signing keys are made. Absent: in the folder. */
  readonly store?: ExternalKeyStore;
  /** Where earlier signing keys may still be. */
  readonly formerStores?: readonly ExternalKeyStore[];
}

/**
 * Signing keys in a store that never gives them out, everything else in the folder: records with public half, times and
 * the name of the key in the store, and the secrets of the other families. So schedule, exclusive creation and read-only
 * consumers are those of the folder, and the JWK Set needs no store.
 *
 * A key ends in the folder first: whatever becomes of the store, it is never used again. Its record names the store until
 * the store has deleted it too, which is tried again until then.
 */
export function createExternalKeyBackend(deps: ExternalKeyBackendDeps): FileKeyBackend {
  const { folder, store: current, formerStores = [], ...guardDeps } = deps;
  const stores = new Map(
    [...(current === undefined ? [] : [current]), ...formerStores].map((store) => [
      store.name,
      guardKeyStore(store, guardDeps),
    ]),
  );
  const making = current && stores.get(current.name);

  async function create(order: KeyOrder): Promise<StoredKey | undefined> {
    if (making === undefined || order.family !== 'signing' || !isSigningAlg(order.alg))
      return await folder.create(order);
    const { alg } = order;
    if (!making.algorithms.includes(alg)) throw new UnavailableError(`${alg} in the key store ${making.name}`);
    if (await isTaken(order)) return undefined;
    try {
      // Under the lock, because what a store makes for a loser of the race is not always deleted at once.
      return await folder.exclusively(async () =>
        (await isTaken(order)) ? undefined : await make(making, order, alg),
      );
    } catch (error) {
      // Somebody else held the lock for as long as it takes to make a key.
      if (error instanceof UnavailableError && (await isTaken(order))) return undefined;
      throw error;
    }
  }

  async function isTaken(order: KeyOrder): Promise<boolean> {
    const { keys, unreadable } = await folder.list();
    return [...keys, ...unreadable].some(({ slot }) => slot === slotOf(order));
  }

  async function make(store: ExternalKeyStore, order: KeyOrder, alg: SigningAlg): Promise<StoredKey | undefined> {
    const slot = slotOf(order);
    const options = { signal: NEVER };
    const { id, publicJwk: members } = await store.create({ alg, label: `guardmint ${slot.slice(0, -5)}` }, options);
    try {
      const publicJwk = await toPublicJwk(members, alg);
      const fault = await findPublicKeyFault(publicJwk);
      if (fault !== undefined) throw new KeyRefusedError(slot, fault);
      const key = await folder.record(order, publicJwk, { store: store.name, id });
      if (key === undefined) await store.destroy(id, options);
      return key;
    } catch (error) {
      // Without its record nobody would ever use or delete it.
      await store.destroy(id, options).catch(() => {});
      throw error;
    }
  }

  async function openSigner(key: StoredKey): Promise<JwsSigner> {
    if (key.external === undefined) return await folder.openSigner(key);
    const store = stores.get(key.external.store);
    if (store === undefined) throw new KeyRefusedError(key.slot, 'store_not_configured');
    if (key.publicJwk === undefined) throw new KeyRefusedError(key.slot, 'key_type_mismatch');
    return await store.openSigner(key.external.id, key.publicJwk, { signal: NEVER });
  }

  /** Has the store delete the private half of a key that has ended, and takes the name of the store off its record. */
  async function destroyOutside(kid: string): Promise<void> {
    const key = (await folder.list()).keys.find((one) => one.kid === kid);
    if (key?.external === undefined || key.destroyedAt === undefined) return;
    await destroyIn(key.external);
    await folder.forgetExternal(kid);
  }

  async function destroyIn({ store: name, id }: NonNullable<StoredKey['external']>): Promise<void> {
    const store = stores.get(name);
    if (store === undefined) throw new UnavailableError(`key store ${name}`);
    await store.destroy(id, { signal: NEVER });
  }

  return {
    ...folder,
    create,
    openSigner,
    async destroyPrivate(kid, at) {
      await folder.destroyPrivate(kid, at);
      await destroyOutside(kid);
    },
    async revoke(kid, at) {
      await folder.revoke(kid, at);
      // It is out of service; the upkeep of the ring goes on asking the store.
      await destroyOutside(kid).catch((error: unknown) => {
        if (!(error instanceof UnavailableError)) throw error;
      });
    },
    async remove(kid) {
      const key = (await folder.list()).keys.find((one) => one.kid === kid);
      if (key?.external !== undefined) await destroyIn(key.external);
      return await folder.remove(kid);
    },
    async close() {
      await Promise.all([...stores.values()].map((store) => store.close()));
      await folder.close();
    },
  };
}

/** Calls of ours are ended by the timeout of the store's guard. */
const NEVER = new AbortController().signal;
