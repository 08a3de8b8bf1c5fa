import { type KeyObject, randomUUID } from 'node:crypto';
import { createLocalSigner, type ExternalKeyStore, KeyRefusedError } from '../../src/keys/index.ts';
import { generatePrivateKey } from '../../src/keys/key-material.ts';
import { type JsonObject, UnavailableError } from '../../src/oauth/index.ts';

/** A store outside of the folder as tests need it: it can go away, hang, and tells what it was asked. */
export interface MemoryKeyStore extends ExternalKeyStore {
  readonly keys: Map<string, KeyObject>;
  /** What it does with every call. */
  mode: 'here' | 'away' | 'silent';
  readonly calls: string[];
}

export function createMemoryKeyStore(name = 'memory'): MemoryKeyStore {
  const keys = new Map<string, KeyObject>();
  const calls: string[] = [];

  async function answer<T>(call: string, work: () => T | Promise<T>): Promise<T> {
    calls.push(call);
    if (store.mode === 'away') throw new UnavailableError(name);
    if (store.mode === 'silent') return await new Promise<never>(() => {});
    return await work();
  }

  const find = (id: string): KeyObject => {
    const key = keys.get(id);
    if (key === undefined) throw new KeyRefusedError(id, 'object_missing');
    return key;
  };

  const store: MemoryKeyStore = {
    name,
    algorithms: ['ES256', 'EdDSA'],
    keys,
    mode: 'here',
    calls,
    create: ({ alg }) =>
      answer('create', async () => {
        const id = randomUUID();
        const key = await generatePrivateKey(alg);
        keys.set(id, key);
        const { d: _, ...publicJwk } = key.export({ format: 'jwk' });
        return { id, publicJwk: publicJwk as JsonObject };
      }),
    openSigner: (id, publicJwk) =>
      answer('open', () => {
        find(id);
        const { kid, alg } = publicJwk;
        return {
          kid,
          alg,
          publicJwk,
          sign: (input, options) => answer('sign', () => createLocalSigner(publicJwk, find(id)).sign(input, options)),
        };
      }),
    destroy: (id) => answer('destroy', () => void keys.delete(id)),
    close: async () => {},
  };
  return store;
}
