import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CK, type Pkcs11Module } from '../../../src/keys/backends/pkcs11/module-api.ts';
import {
  createExternalKeyBackend,
  createFileKeyBackend,
  type ExternalKeyStore,
  KeyRefusedError,
  type PublicJwk,
} from '../../../src/keys/index.ts';
import { toPublicJwk } from '../../../src/keys/key-material.ts';
import { createPkcs11KeyStore, type Pkcs11Options } from '../../../src/keys/pkcs11.ts';
import { passesCanary } from '../../../src/keys/signer.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';
import { describeKeyBackend } from '../../../src/testing/index.ts';
import { createSoftHsm, killModuleHosts, PIN, SOFTHSM_MISSING, type SoftHsm } from '../../support/softhsm.ts';
import { createKeyFolder, DAY, openRing, START } from '../key-folder.ts';

const signal = new AbortController().signal;
const INPUT = Buffer.from('a.b');
const CKA_VALUE = 0x11;

describe.skipIf(SOFTHSM_MISSING !== undefined)(`PKCS #11 on SoftHSM2 ${SOFTHSM_MISSING ?? ''}`, () => {
  let hsm: SoftHsm;
  /** Two processes, as two servers have them. */
  let shared: readonly [ExternalKeyStore, ExternalKeyStore];
  beforeAll(async () => {
    hsm = await createSoftHsm();
    shared = [createPkcs11KeyStore(hsm.options), createPkcs11KeyStore(hsm.options)];
  });
  afterAll(async () => {
    await Promise.all(shared.map((store) => store.close()));
    await hsm[Symbol.asyncDispose]();
  });

  async function openStore(options: Partial<Pkcs11Options> = {}): Promise<ExternalKeyStore & AsyncDisposable> {
    const store = createPkcs11KeyStore({ ...hsm.options, ...options });
    return { ...store, [Symbol.asyncDispose]: () => store.close() };
  }

  async function makeKey(store: ExternalKeyStore, alg: PublicJwk['alg'] = 'ES256') {
    const { id, publicJwk } = await store.create({ alg, label: `guardmint test ${alg}` }, { signal });
    const signer = await store.openSigner(id, await toPublicJwk(publicJwk, alg), { signal });
    return { id, signer };
  }

  describeKeyBackend(
    'a folder with an HSM',
    async () => {
      const folder = await createKeyFolder();
      let turn = 0;
      return {
        connect() {
          const store = shared[turn++ % shared.length];
          const files = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
          return createExternalKeyBackend({ folder: files, ...(store && { store }) });
        },
        [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
      };
    },
    { algorithms: ['ES256'], keepsOpenSigners: false, connections: 6 },
    { describe, it },
  );

  it.each(['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'] as const)('signs %s as jose verifies it', async (alg) => {
    const { signer } = await makeKey(shared[0], alg);
    expect(await passesCanary(signer)).toBe(true);
  });

  it('makes keys that cannot be read out', async () => {
    const { id } = await makeKey(shared[0]);
    const pkcs11: Pkcs11Module = new (createRequire(import.meta.url)('pkcs11js').PKCS11)();
    pkcs11.load(hsm.options.module);
    pkcs11.C_Initialize();
    const session = pkcs11.C_OpenSession(pkcs11.C_GetSlotList(true)[0]!, CK.CKF_SERIAL_SESSION);
    pkcs11.C_Login(session, CK.CKU_USER, PIN);
    pkcs11.C_FindObjectsInit(session, [
      { type: CK.CKA_CLASS, value: CK.CKO_PRIVATE_KEY },
      { type: CK.CKA_ID, value: Buffer.from(id, 'hex') },
    ]);
    const [key] = pkcs11.C_FindObjects(session, 1);
    const read = (type: number) => pkcs11.C_GetAttributeValue(session, key!, [{ type }])[0]?.value;
    expect(read(CK.CKA_EXTRACTABLE)).toEqual(Buffer.from([0]));
    expect(() => read(CKA_VALUE)).toThrow('CKR_ATTRIBUTE_SENSITIVE');
    expect(String(read(CK.CKA_LABEL))).toBe('guardmint test ES256');
  });

  it('signs many at once over few sessions', async () => {
    const { signer } = await makeKey(shared[0]);
    const signatures = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => await signer.sign(Buffer.from(`a.${index}`), { signal })),
    );
    expect(new Set(signatures.map((signature) => Buffer.from(signature).toString('hex'))).size).toBe(200);
  });

  it('says which key it does not have', async () => {
    const [store] = shared;
    const { id, signer } = await makeKey(store);
    await store.destroy(id, { signal });
    await store.destroy(id, { signal });
    await expect(store.openSigner(id, signer.publicJwk, { signal })).rejects.toThrow(KeyRefusedError);
    await expect(signer.sign(INPUT, { signal })).rejects.toMatchObject({ reason: 'object_missing' });
  });

  it('goes on when the process of the module is killed', async () => {
    await using store = await openStore();
    const { signer } = await makeKey(store);
    killModuleHosts();
    // Whether the loss is noticed before or while signing is a matter of time.
    await Promise.resolve(signer.sign(INPUT, { signal })).catch(() => {});
    expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
  });

  it('is unavailable while the token is away, and goes on when it is back', async () => {
    await using store = await openStore();
    const { signer } = await makeKey(store);
    await hsm.unplug();
    try {
      killModuleHosts();
      await Promise.resolve(signer.sign(INPUT, { signal })).catch(() => {});
      await expect(signer.sign(INPUT, { signal })).rejects.toThrow(UnavailableError);
    } finally {
      await hsm.plug();
    }
    expect(await signer.sign(INPUT, { signal })).toHaveLength(64);
  });

  it('does not try a refused PIN again until its file changes, for the token would lock itself', async () => {
    await using store = await openStore();
    await hsm.setPin('9999');
    try {
      for (let attempt = 0; attempt < 5; attempt++) {
        await expect(store.create({ alg: 'ES256', label: 'x' }, { signal })).rejects.toMatchObject({
          name: 'UnavailableError',
          cause: { code: 'pin_refused' },
        });
      }
    } finally {
      await hsm.setPin(`${PIN}\n`);
    }
    await makeKey(store);
  });

  it.each([
    ['no such token', { tokenLabel: 'other' }, 'token_not_found'],
    ['no such serial number', { tokenSerial: '42' }, 'token_not_found'],
    ['no module', { module: '/nonexistent.so' }, 'failed'],
  ])('is unavailable with a reason: %s', async (_what, options, code) => {
    await using store = await openStore(options);
    await expect(store.create({ alg: 'ES256', label: 'x' }, { signal })).rejects.toMatchObject({
      name: 'UnavailableError',
      cause: { code },
    });
  });

  it('is unavailable without its PIN file, and once closed', async () => {
    await using store = await openStore({ pinFile: '/nonexistent' });
    await expect(store.destroy('00', { signal })).rejects.toThrow(UnavailableError);
    await store.close();
    await expect(store.destroy('00', { signal })).rejects.toThrow(UnavailableError);
  });

  it('carries a ring through its rotation', async () => {
    await using folder = await createKeyFolder();
    const files = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
    const backend = createExternalKeyBackend({ folder: files, store: createPkcs11KeyStore(hsm.options) });
    await using test = await openRing(folder.directory, { backend });
    const [first, next] = test.kids();
    await test.at(START + 30 * DAY + 60);
    expect(test.ring.signer().kid).toBe(next);
    expect(await passesCanary(test.ring.signer())).toBe(true);
    expect(test.kids()).toContain(first);
  });
});
