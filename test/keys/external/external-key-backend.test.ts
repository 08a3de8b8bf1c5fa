import { chmod } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  createExternalKeyBackend,
  createFileKeyBackend,
  createKeyEncryption,
  defaultTimings,
  type ExternalKeyStore,
  type FileKeyBackend,
  parseKeySecret,
  scheduleFor,
} from '../../../src/keys/index.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';
import { describeKeyBackend } from '../../../src/testing/index.ts';
import { createMemoryKeyStore } from '../../support/memory-key-store.ts';
import { createKeyFolder, DAY, openRing, START } from '../key-folder.ts';

const SLOT = 'signing-ES256-1.json';
const order = (epoch = 1) => ({
  family: 'signing' as const,
  alg: 'ES256' as const,
  epoch,
  times: scheduleFor(defaultTimings.signing, START, START),
});

function connect(
  directory: string,
  store?: ExternalKeyStore,
  more: { formerStores?: ExternalKeyStore[]; secret?: string; monotonic?: () => number } = {},
): FileKeyBackend {
  const { secret, ...deps } = more;
  const encryption = secret === undefined ? {} : { encryption: createKeyEncryption(parseKeySecret(secret)) };
  const folder = createFileKeyBackend({ directory, random: systemRandom, ...encryption });
  return createExternalKeyBackend({ folder, ...(store && { store }), ...deps });
}

describeKeyBackend(
  'a folder with an external store',
  async () => {
    const folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    return {
      connect: () => connect(folder.directory, store),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  },
  { algorithms: ['ES256', 'EdDSA'], keepsOpenSigners: false },
  { describe, it },
);

describe('a signing key in a store', () => {
  it('leaves public half, times and its name in the folder, and nothing private', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    const key = await connect(folder.directory, store).create(order());
    const [id] = store.keys.keys();
    expect(key?.external).toEqual({ store: 'memory', id });
    const file = await folder.json(SLOT);
    expect(file['external']).toEqual({ store: 'memory', id });
    expect(file['private']).toBeUndefined();
  });

  it('is made once for twenty callers, and the store is asked once', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    await Promise.all(Array.from({ length: 20 }, () => connect(folder.directory, store).create(order())));
    expect(store.calls).toEqual(['create']);
  });

  it('is not left in the store when its record cannot be written', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    const backend = connect(folder.directory, store);
    await backend.list();
    const create = store.create;
    store.create = async (...made) => {
      await chmod(folder.directory, 0o700);
      await folder.write(SLOT, 'taken by somebody without a lock');
      return await create(...made);
    };
    expect(await backend.create(order())).toBeUndefined();
    expect(store.keys.size).toBe(0);
  });

  it('is refused for a store that makes an algorithm badly, and nothing of it stays', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    const create = store.create;
    store.create = async (...made) => ({ ...(await create(...made)), publicJwk: { kty: 'EC', crv: 'P-256', x: 'AA' } });
    await expect(connect(folder.directory, store).create(order())).rejects.toThrow();
    expect(store.keys.size).toBe(0);
    expect(await folder.files()).toEqual([]);
  });

  it('whose record points at another key is refused when the folder is encrypted', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    const secret = systemRandom(32);
    const backend = connect(folder.directory, store, { secret });
    await backend.create(order());
    await backend.create(order(2));
    const { external } = await folder.json('signing-ES256-2.json');
    await folder.edit(SLOT, (file) => ({ ...file, external }));
    expect((await connect(folder.directory, store, { secret }).list()).unreadable).toMatchObject([
      { slot: SLOT, reason: 'binding_mismatch' },
    ]);
  });

  it.each([
    ['no object', 'x'],
    ['no store', { id: 'x' }],
    ['a store that cannot be one', { store: '../x', id: 'x' }],
    ['an id with spaces', { store: 'memory', id: 'x y' }],
  ])('whose record names %s is refused', async (_what, external) => {
    await using folder = await createKeyFolder();
    await connect(folder.directory, createMemoryKeyStore()).create(order());
    await folder.edit(SLOT, (file) => ({ ...file, external }));
    expect((await connect(folder.directory).list()).unreadable).toMatchObject([{ reason: 'malformed_key' }]);
  });

  it('ends although the store is away; the store is asked again until it has deleted it', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    await using test = await openRing(folder.directory, { backend: connect(folder.directory, store) });
    const { kid } = test.ring.signer();
    store.mode = 'away';
    await connect(folder.directory, store).revoke(kid, START + 1);
    await test.at(START + 2);
    expect(test.kids()).not.toContain(kid);
    expect(await folder.json(SLOT)).toMatchObject({ revokedAt: START + 1, external: { store: 'memory' } });
    expect(test.events).toContainEqual(
      expect.objectContaining({ event: 'key.write_failed', operation: 'destroy', kid, family: 'signing' }),
    );
    store.mode = 'here';
    const [id = ''] = store.keys.keys();
    await test.at(START + 3);
    expect(store.keys.has(id)).toBe(false);
    expect(await folder.json(SLOT)).not.toHaveProperty('external');
  });
});

describe('a ring over a store', () => {
  it('makes, publishes, rotates and destroys keys of the store by its schedule', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    await using test = await openRing(folder.directory, { backend: connect(folder.directory, store) });
    const first = test.ring.signer().kid;
    expect(store.keys.size).toBe(2);
    for (let day = 1; day <= 31; day++) await test.at(START + day * DAY);
    expect(test.ring.signer().kid).not.toBe(first);
    expect(test.kids()).toContain(test.ring.signer().kid);
    // In force and next; the private half of the first went when it retired.
    expect(store.keys.size).toBe(2);
    expect(await folder.json(SLOT).catch(() => ({}))).not.toHaveProperty('external');
  });

  it('starts while the store is away: serves the JWK Set, cannot sign, and signs once it is back', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    let now = 0;
    const open = () => connect(folder.directory, store, { monotonic: () => now });
    const before = await openRing(folder.directory, { backend: open() });
    const kids = before.kids();
    await before.ring.close();
    store.mode = 'away';
    await using test = await openRing(folder.directory, { backend: open() });
    expect(test.kids()).toEqual(kids);
    expect(test.ring.findPublicJwk(kids[0]!)).toBeDefined();
    expect(() => test.ring.signer()).toThrow(UnavailableError);
    expect(test.ring.activeSecret('sealing').secret.symmetricKeySize).toBe(32);
    store.mode = 'here';
    now += 60_000;
    await test.at(START + 2);
    expect(test.ring.signer().kid).toBe(kids[0]);
    expect(await test.ring.signer().sign(Buffer.from('x'), { signal: AbortSignal.timeout(1000) })).toHaveLength(64);
  });

  it('starts for the first time while the store is away, and makes its key once it is back', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    store.mode = 'away';
    await using test = await openRing(folder.directory, { backend: connect(folder.directory, store) });
    expect(test.kids()).toEqual([]);
    store.mode = 'here';
    await test.at(START + 2);
    expect(test.kids()).toContain(test.ring.signer().kid);
  });

  it('does not make keys over a store that has lost them all', async () => {
    await using folder = await createKeyFolder();
    const store = createMemoryKeyStore();
    await (await openRing(folder.directory, { backend: connect(folder.directory, store) })).ring.close();
    store.keys.clear();
    await expect(openRing(folder.directory, { backend: connect(folder.directory, store) })).rejects.toThrow(
      `no usable signing key; these files were refused: ${SLOT} (object_missing)`,
    );
  });

  it('goes on with keys of a former store until they retire, and makes new ones in the present one', async () => {
    await using folder = await createKeyFolder();
    const former = createMemoryKeyStore('former');
    const present = createMemoryKeyStore('present');
    await (await openRing(folder.directory, { backend: connect(folder.directory, former) })).ring.close();
    const both = connect(folder.directory, present, { formerStores: [former] });
    await using test = await openRing(folder.directory, { backend: both });
    const first = test.ring.signer().kid;
    for (let day = 1; day <= 61; day++) await test.at(START + day * DAY);
    expect(test.ring.signer().kid).not.toBe(first);
    expect([former.keys.size, present.keys.size]).toEqual([0, 2]);
    expect(await test.ring.signer().sign(Buffer.from('x'), { signal: AbortSignal.timeout(1000) })).toHaveLength(64);
  });

  it('is refused keys of a store that is not configured', async () => {
    await using folder = await createKeyFolder();
    const ring = await openRing(folder.directory, { backend: connect(folder.directory, createMemoryKeyStore()) });
    await ring.ring.close();
    await expect(openRing(folder.directory, { backend: connect(folder.directory) })).rejects.toThrow(
      'store_not_configured',
    );
  });
});
