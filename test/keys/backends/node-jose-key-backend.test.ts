import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import nodeJose from 'node-jose';
import { describe, expect, it } from 'vitest';
import { createFileKeyBackend, createNodeJoseKeyBackend, type FileKeyBackend } from '../../../src/keys/index.ts';
import { passesCanary } from '../../../src/keys/signer.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';
import { createKeyFolder, DAY, type KeyFolder, openRing, START } from '../key-folder.ts';

/** A keystore as an existing deployment has it: kids of its own, a key for encryption, an RSA key without `alg`. */
async function createKeyStore(
  folder: KeyFolder,
): Promise<{ file: string; store: nodeJose.JWK.KeyStore; thumb: string }> {
  const store = nodeJose.JWK.createKeyStore();
  await store.generate('EC', 'P-256', { kid: '2023-01', use: 'sig', alg: 'ES256' });
  await store.generate('EC', 'P-256', { kid: '2024-01', use: 'sig', alg: 'ES256' });
  await store.generate('RSA', 2048, { kid: 'rsa', use: 'sig' });
  await store.generate('EC', 'P-256', { kid: 'enc', use: 'enc' });
  const { kid: thumb } = await store.generate('EC', 'P-384');
  const file = join(folder.directory, '..', 'keystore.json');
  await save(store, file);
  return { file, store, thumb };
}

async function save(store: nodeJose.JWK.KeyStore, file: string): Promise<void> {
  await writeFile(file, JSON.stringify(store.toJSON(true)), { mode: 0o600 });
}

function connect(folder: KeyFolder, file: string, kid = '2024-01'): FileKeyBackend {
  const files = createFileKeyBackend({ directory: folder.directory, random: systemRandom });
  return createNodeJoseKeyBackend({ folder: files, file, kid });
}

describe('a keystore of node-jose', () => {
  it('works as it is: every key in the JWK Set under its own kid, the named one signs', async () => {
    await using folder = await createKeyFolder();
    const { file, store, thumb } = await createKeyStore(folder);
    await using test = await openRing(folder.directory, { backend: connect(folder, file) });
    expect(test.kids().toSorted()).toEqual(['2023-01', '2024-01', 'rsa', thumb].toSorted());
    const signer = test.ring.signer();
    expect(signer.kid).toBe('2024-01');
    expect(await passesCanary(signer)).toBe(true);
    const input = 'eyJhbGciOiJFUzI1NiJ9.e30';
    const signature = await signer.sign(Buffer.from(input), { signal: AbortSignal.timeout(1000) });
    const jws = `${input}.${Buffer.from(signature).toString('base64url')}`;
    await nodeJose.JWS.createVerify(store.get('2024-01')).verify(jws);
    expect(
      JSON.parse(test.ring.jwkSet().body)
        .keys.map((key: { alg: string }) => key.alg)
        .toSorted(),
    ).toEqual(['ES256', 'ES256', 'ES384', 'RS256']);
    expect(test.ring.jwkSet().body).not.toMatch(/"(d|p|q|dp|dq|qi)":/);
  });

  it('does not rotate, and keeps the secrets of the other families in the folder', async () => {
    await using folder = await createKeyFolder();
    const { file } = await createKeyStore(folder);
    await using test = await openRing(folder.directory, { backend: connect(folder, file) });
    const kids = test.kids();
    for (let day = 1; day <= 70; day += 10) await test.at(START + day * DAY);
    expect(test.ring.signer().kid).toBe('2024-01');
    expect(test.kids()).toEqual(kids);
    expect((await folder.files()).filter((name) => name.startsWith('signing'))).toEqual([]);
    expect((await folder.files()).filter((name) => name.startsWith('sealing')).length).toBeGreaterThan(1);
    expect(test.events.filter(({ event }) => event === 'key.write_failed' || event === 'key.unreadable')).toEqual([]);
  });

  it('publishes a key that is added to it, and signs with it once its kid is named', async () => {
    await using folder = await createKeyFolder();
    const { file, store } = await createKeyStore(folder);
    await using test = await openRing(folder.directory, { backend: connect(folder, file) });
    await store.generate('EC', 'P-256', { kid: '2025-01', use: 'sig', alg: 'ES256' });
    await save(store, file);
    await test.at(START + 60);
    expect(test.kids()).toContain('2025-01');
    expect(test.ring.signer().kid).toBe('2024-01');
    await using later = await openRing(folder.directory, { backend: connect(folder, file, '2025-01') });
    expect(later.ring.signer().kid).toBe('2025-01');
    expect(later.kids()).toContain('2024-01');
  });

  it.each([
    ['has no such kid', 'kid_not_in_keystore', async () => {}],
    ['may be read by others', 'open_to_others', (file: string) => chmod(file, 0o644)],
    ['is something else', 'malformed_keystore', (file: string) => writeFile(file, '{"keys":[]}')],
  ])('that %s is refused at the start', async (_what, reason, sabotage) => {
    await using folder = await createKeyFolder();
    const { file } = await createKeyStore(folder);
    await sabotage(file);
    const kid = reason === 'kid_not_in_keystore' ? 'other' : '2024-01';
    await expect(openRing(folder.directory, { backend: connect(folder, file, kid) })).rejects.toThrow(
      `no usable signing key; these files were refused: ${file} (${reason})`,
    );
  });

  it('that is not there is an outage: nothing starts, and what runs goes on', async () => {
    await using folder = await createKeyFolder();
    const { file } = await createKeyStore(folder);
    await expect(openRing(folder.directory, { backend: connect(folder, '/nonexistent.json') })).rejects.toThrow(
      UnavailableError,
    );
    await using test = await openRing(folder.directory, { backend: connect(folder, file) });
    await writeFile(file, '');
    await test.at(START + 60);
    expect(test.ring.signer().kid).toBe('2024-01');
  });

  it('is never written', async () => {
    await using folder = await createKeyFolder();
    const { file } = await createKeyStore(folder);
    const backend = connect(folder, file);
    const refused = { name: 'KeyRefusedError', reason: 'read_only' };
    await expect(backend.revoke('2024-01', START)).rejects.toMatchObject(refused);
    await expect(backend.remove('2024-01')).rejects.toMatchObject(refused);
    await expect(backend.promote('2023-01', START)).rejects.toMatchObject(refused);
    await expect(backend.destroyPrivate('2023-01', START)).rejects.toMatchObject(refused);
  });
});
