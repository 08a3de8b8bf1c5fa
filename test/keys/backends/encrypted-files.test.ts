import { describe, expect, it } from 'vitest';
import {
  createFileKeyBackend,
  createKeyEncryption,
  defaultTimings,
  type KeyAlg,
  type KeyFamily,
  parseKeySecret,
  scheduleFor,
} from '../../../src/keys/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';
import { createKeyFolder, openRing, START } from '../key-folder.ts';

const SIGNING = 'signing-ES256-1.json';
const NEXT = 'signing-ES256-2.json';
const CLIENT = 'client-HS256-1.json';
const SECRET = systemRandom(32);
const OTHER_SECRET = systemRandom(32);

const order = (family: KeyFamily = 'signing', alg: KeyAlg = 'ES256', epoch = 1) => ({
  family,
  alg,
  epoch,
  times: scheduleFor(defaultTimings[family], START, START),
});

function connect(directory: string, secret?: string, acceptsClear = false) {
  const encryption = secret === undefined ? undefined : createKeyEncryption(parseKeySecret(secret));
  return createFileKeyBackend({ directory, random: systemRandom, acceptsClear, ...(encryption && { encryption }) });
}

async function reasonsOf(backend: ReturnType<typeof connect>) {
  return Object.fromEntries((await backend.list()).unreadable.map(({ slot, reason }) => [slot, reason]));
}

describe('a folder with a secret', () => {
  it('holds no private key in clear, also while keys are made, changed and revoked', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory, SECRET);
    const key = await backend.create(order());
    await backend.create(order('client', 'HS256'));
    await backend.promote(key!.kid, START);
    for (const name of await folder.files()) expect(await folder.read(name)).not.toMatch(/"(d|k|jwk)"/);
    await backend.destroyPrivate(key!.kid, START);
    expect(Object.keys(await folder.json(SIGNING))).not.toContain('private');
    expect((await backend.list()).keys).toHaveLength(2);
  });

  it.each<[string, string, (file: Record<string, unknown>) => object]>([
    ['a time', 'binding_mismatch', (file) => ({ ...file, removeAt: (file['removeAt'] as number) + 1 })],
    ['a revocation', 'binding_mismatch', (file) => ({ ...file, revokedAt: START })],
    ['the kid and public half of another key', 'binding_mismatch', (file) => ({ ...file, ...OTHER_PUBLIC })],
    ['no private half', 'not_encrypted', ({ private: _, ...file }) => ({ ...file, destroyedAt: START })],
    ['a private half in clear', 'not_encrypted', (file) => ({ ...file, private: { protection: 'none', jwk: {} } })],
    ['a JWE that is none', 'decryption_failed', (file) => ({ ...file, private: { protection: 'jwe', jwe: 'a.b' } })],
    ['a proof beside the private half', 'malformed_key', (file) => ({ ...file, proof: 'a.b' })],
  ])('refuses a file that was given %s by somebody else', async (_what, reason, edit) => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory, SECRET);
    await backend.create(order());
    await folder.edit(SIGNING, edit);
    expect(await reasonsOf(backend)).toEqual({ [SIGNING]: reason });
    expect(await reasonsOf(connect(folder.directory, SECRET))).toEqual({ [SIGNING]: reason });
  });

  it('finds two files that were swapped, whole or only their private parts', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory, SECRET);
    await backend.create(order());
    await backend.create(order('signing', 'ES256', 2));
    const [one, other] = [await folder.json(SIGNING), await folder.json(NEXT)];
    await folder.edit(SIGNING, (file) => ({ ...file, private: other['private'] }));
    await folder.edit(NEXT, (file) => ({ ...file, private: one['private'] }));
    expect(await reasonsOf(backend)).toEqual({ [SIGNING]: 'binding_mismatch', [NEXT]: 'binding_mismatch' });
    await folder.write(SIGNING, JSON.stringify({ ...other, epoch: 1 }));
    await folder.write(NEXT, JSON.stringify({ ...one, epoch: 2 }));
    expect(await reasonsOf(backend)).toEqual({ [SIGNING]: 'binding_mismatch', [NEXT]: 'binding_mismatch' });
  });

  it('does not let a revoked key come back', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory, SECRET);
    const key = await backend.create(order());
    await backend.revoke(key!.kid, START + 5);
    await folder.edit(SIGNING, ({ revokedAt: _, ...file }) => file);
    expect(await reasonsOf(backend)).toEqual({ [SIGNING]: 'binding_mismatch' });
    await folder.edit(SIGNING, ({ proof: _, ...file }) => file);
    expect(await reasonsOf(backend)).toEqual({ [SIGNING]: 'not_encrypted' });
  });

  it('names what is missing where the secret is absent or another', async () => {
    await using folder = await createKeyFolder();
    await connect(folder.directory, SECRET).create(order());
    expect(await reasonsOf(connect(folder.directory))).toEqual({ [SIGNING]: 'secret_missing' });
    expect(await reasonsOf(connect(folder.directory, OTHER_SECRET))).toEqual({ [SIGNING]: 'secret_unknown' });
    await expect(openRing(folder.directory)).rejects.toThrow(`${SIGNING} (secret_missing)`);
  });

  it('reads files in clear only where it is told to', async () => {
    await using folder = await createKeyFolder();
    const key = await connect(folder.directory).create(order());
    expect(await reasonsOf(connect(folder.directory, SECRET))).toEqual({ [SIGNING]: 'not_encrypted' });
    expect((await connect(folder.directory, SECRET, true).list()).keys).toEqual([key]);
  });
});

describe('rewrapping', () => {
  it('moves every key to the first secret, ended ones too, and only what is not there yet', async () => {
    await using folder = await createKeyFolder();
    const clear = connect(folder.directory);
    await clear.create(order());
    await clear.create(order('client', 'HS256'));
    const revoked = await clear.create(order('signing', 'ES256', 2));
    await clear.revoke(revoked!.kid, START);
    const keys = (await clear.list()).keys;

    const first = connect(folder.directory, SECRET, true);
    expect(await first.rewrap()).toEqual([CLIENT, SIGNING, NEXT]);
    expect(await first.rewrap()).toEqual([]);
    expect((await connect(folder.directory, SECRET).list()).keys).toEqual(keys);

    const second = connect(folder.directory, `${OTHER_SECRET}\n${SECRET}`);
    await second.create(order('sealing', 'A256GCM'));
    expect([...(await second.protections()).values()].sort()).toEqual(['current', 'previous', 'previous', 'previous']);
    expect(await second.rewrap()).toHaveLength(3);
    expect((await connect(folder.directory, OTHER_SECRET).list()).keys).toEqual(expect.arrayContaining([...keys]));
    expect(Object.values(await reasonsOf(connect(folder.directory, SECRET)))).toEqual(Array(4).fill('secret_unknown'));
  });

  it('lets rings go on that hold the keys and do not know the new secret yet', async () => {
    await using folder = await createKeyFolder();
    await using ring = await openRing(folder.directory, { backend: connect(folder.directory, SECRET) });
    const kid = ring.ring.signer().kid;
    await connect(folder.directory, `${OTHER_SECRET}\n${SECRET}`).rewrap();
    await ring.at(START + 30);
    expect(ring.ring.signer().kid).toBe(kid);
    expect(ring.events.filter(({ reason }) => reason === 'secret_unknown')).toHaveLength(5);
  });
});

const OTHER_PUBLIC = {
  kid: 'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s',
  publicJwk: {
    kty: 'EC',
    crv: 'P-256',
    x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
    y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    kid: 'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s',
    alg: 'ES256',
    use: 'sig',
  },
};
