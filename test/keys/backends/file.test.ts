import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
import { toPublicJwk } from '../../../src/keys/key-material.ts';
import { UnavailableError } from '../../../src/oauth/index.ts';
import { systemRandom } from '../../../src/platform/index.ts';
import { describeKeyBackend } from '../../../src/testing/index.ts';
import { createKeyFolder, openRing, START } from '../key-folder.ts';

const connect = (directory: string) => createFileKeyBackend({ directory, random: systemRandom });
const order = (family: KeyFamily = 'signing', alg: KeyAlg = 'ES256', epoch = 1) => ({
  family,
  alg,
  epoch,
  times: scheduleFor(defaultTimings[family], START, START),
});
const SIGNING = 'signing-ES256-1.json';
const NEXT = 'signing-ES256-2.json';
const CLIENT = 'client-HS256-1.json';

const TRAITS = {
  algorithms: ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256', 'ML-DSA-44'],
  keepsOpenSigners: true,
} as const;

describeKeyBackend(
  'a folder',
  async () => {
    const folder = await createKeyFolder();
    return { connect: () => connect(folder.directory), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
  },
  TRAITS,
  { describe, it },
);

describeKeyBackend(
  'an encrypted folder',
  async () => {
    const folder = await createKeyFolder();
    const encryption = createKeyEncryption(parseKeySecret(systemRandom(32)));
    return {
      connect: () => createFileKeyBackend({ directory: folder.directory, random: systemRandom, encryption }),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  },
  { ...TRAITS, algorithms: ['ES256'] },
  { describe, it },
);

describe('a keys directory', () => {
  it('is made with mode 0700, its files with 0600, whatever the umask [F13]', async () => {
    await using folder = await createKeyFolder();
    const before = process.umask(0o000);
    try {
      const backend = connect(folder.directory);
      const key = await backend.create(order());
      await backend.create(order('client', 'HS256'));
      await backend.destroyPrivate(key!.kid, START);
    } finally {
      process.umask(before);
    }
    const modes = await Promise.all(
      ['.', ...(await folder.everything())].map(async (name) => [
        name,
        ((await stat(join(folder.directory, name))).mode & 0o777).toString(8),
      ]),
    );
    expect(modes).toEqual([
      ['.', '700'],
      ['.lock', '600'],
      [CLIENT, '600'],
      [SIGNING, '600'],
    ]);
  });

  it('that a clone made with mode 0755 is closed', async () => {
    await using folder = await createKeyFolder();
    await mkdir(folder.directory, { mode: 0o755 });
    await connect(folder.directory).list();
    expect((await stat(folder.directory)).mode & 0o777).toBe(0o700);
  });

  it('keeps public metadata beside a separate private member', async () => {
    await using folder = await createKeyFolder();
    const key = await connect(folder.directory).create(order());
    const { slot, ...members } = key!;
    expect(slot).toBe(SIGNING);
    expect(await folder.json(SIGNING)).toEqual({
      format: 'guardmint-key',
      version: 1,
      ...members,
      private: { protection: 'none', jwk: expect.objectContaining({ kty: 'EC', d: expect.any(String) }) },
    });
  });

  it('has no private half in any file after it was destroyed', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory);
    const key = await backend.create(order());
    const { private: privatePart } = (await folder.json(SIGNING)) as { private: { jwk: { d: string } } };
    await backend.destroyPrivate(key!.kid, START);
    for (const name of await folder.everything()) expect(await folder.read(name)).not.toContain(privatePart.jwk.d);
    expect(await folder.json(SIGNING)).not.toHaveProperty('private');
  });

  it('leaves README.md, dot files and files being written alone and unmentioned', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory);
    await backend.create(order());
    for (const name of ['README.md', '.gitkeep', '.DS_Store', '.new-half']) await folder.write(name, 'x');
    await chmod(join(folder.directory, 'README.md'), 0o644);
    const { keys, unreadable } = await backend.list();
    expect(keys).toHaveLength(1);
    expect(unreadable).toEqual([]);
  });

  it('is rid of what a killed process left half-written, as soon as it is surely nobody’s', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory);
    await backend.create(order());
    await folder.write('.new-old', 'private key');
    await folder.write('.new-young', 'private key');
    const { mtimeMs } = await stat(join(folder.directory, '.new-young'));
    await utimes(join(folder.directory, '.new-old'), 0, mtimeMs / 1000 - 3600);
    await backend.create(order('signing', 'ES256', 2));
    expect(await folder.everything()).toEqual(['.new-young', SIGNING, NEXT]);
  });

  it('that went away after the first reading is an outage, not an empty directory', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory);
    await backend.create(order());
    await rm(folder.directory, { recursive: true });
    await expect(backend.list()).rejects.toThrow(UnavailableError);
  });
});

type Sabotage = (path: string, text: string) => Promise<void>;
const replaceText =
  (edit: (text: string) => string): Sabotage =>
  (path, text) =>
    writeFile(path, edit(text));
const replaceMembers = (edit: (file: Record<string, unknown>) => object): Sabotage =>
  replaceText((text) => JSON.stringify(edit(JSON.parse(text))));

const BAD_FILES: readonly (readonly [what: string, reason: string, sabotage: Sabotage])[] = [
  ['is empty', 'malformed_json', replaceText(() => '')],
  ['is torn', 'malformed_json', replaceText((text) => text.slice(0, 300))],
  ['repeats a member', 'malformed_json', replaceText((text) => text.replace('{', '{"kid":"other",'))],
  ['is no JSON', 'malformed_json', replaceText(() => '-----BEGIN PRIVATE KEY-----\nMIIB')],
  ['is of another program', 'foreign_file', replaceText(() => '{"keys":[]}')],
  ['is of a later version', 'unknown_version', replaceMembers((file) => ({ ...file, version: 2 }))],
  ['is a copy under another name', 'slot_mismatch', replaceMembers((file) => ({ ...file, epoch: 7 }))],
  ['is of another family', 'slot_mismatch', replaceMembers((file) => ({ ...file, family: 'client' }))],
  ['has times out of order', 'malformed_times', replaceMembers((file) => ({ ...file, retireAt: 1 }))],
  ['has no times', 'malformed_times', replaceMembers(({ removeAt, ...file }) => file)],
  ['has no kid', 'malformed_kid', replaceMembers((file) => ({ ...file, kid: '../../etc' }))],
  ['has the kid of another key', 'kid_mismatch', replaceMembers((file) => ({ ...file, kid: 'A'.repeat(43) }))],
  ['has lost its private half', 'private_half_missing', replaceMembers(({ private: _, ...file }) => file)],
  [
    'is protected in a way we do not know',
    'unknown_protection',
    replaceMembers((file) => ({ ...file, private: { protection: 'rot13', jwk: {} } })),
  ],
  ['may be read by the group', 'open_to_others', (path) => chmod(path, 0o640)],
  ['may be read by others', 'open_to_others', (path) => chmod(path, 0o604)],
  ['is very large', 'too_large', replaceText((text) => text + ' '.repeat(70_000))],
  [
    'is a link to something else',
    'not_a_file',
    async (path) => {
      await rm(path);
      await symlink('/etc/passwd', path);
    },
  ],
  [
    'is a directory',
    'not_a_file',
    async (path) => {
      await rm(path);
      await mkdir(path);
    },
  ],
];

describe('a key file', () => {
  it.each(BAD_FILES)('that %s is left out as %s, and the others are read [F13]', async (_what, reason, sabotage) => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory);
    await backend.create(order());
    const good = await backend.create(order('signing', 'ES256', 2));
    await sabotage(join(folder.directory, SIGNING), await folder.read(SIGNING));
    const listing = await connect(folder.directory).list();
    expect(listing.keys).toEqual([good]);
    expect(listing.unreadable).toEqual([{ slot: SIGNING, reason, family: 'signing', alg: 'ES256', epoch: 1 }]);
    // A reader that knew the file before sees the change as well.
    expect(await backend.list()).toEqual(listing);
  });

  it('that is no key of ours is named without a place', async () => {
    await using folder = await createKeyFolder();
    await connect(folder.directory).list();
    await folder.write('tls.pem', 'x');
    await folder.write('signing-ES256-01.json', '{}');
    await folder.write('signing-none-1.json', '{}');
    expect((await connect(folder.directory).list()).unreadable).toEqual([
      { slot: 'signing-ES256-01.json', reason: 'foreign_file' },
      { slot: 'signing-none-1.json', reason: 'foreign_file' },
      { slot: 'tls.pem', reason: 'foreign_file' },
    ]);
  });

  it('with a kid that another file has is left out', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory);
    const key = await backend.create(order());
    await folder.write(NEXT, JSON.stringify({ ...(await folder.json(SIGNING)), epoch: 2 }));
    expect(await backend.list()).toEqual({
      keys: [key],
      unreadable: [{ slot: NEXT, reason: 'duplicate_kid', family: 'signing', alg: 'ES256', epoch: 2 }],
    });
  });

  it('that is unreadable still takes its slot', async () => {
    await using folder = await createKeyFolder();
    const backend = connect(folder.directory);
    await backend.list();
    await folder.write(SIGNING, 'torn');
    expect(await backend.create(order())).toBeUndefined();
    expect(await folder.read(SIGNING)).toBe('torn');
  });

  it('never lets a private member into the public half', async () => {
    await using folder = await createKeyFolder();
    await connect(folder.directory).create(order());
    await folder.edit(SIGNING, (file) => ({ ...file, publicJwk: { ...(file['private'] as { jwk: object }).jwk } }));
    const [key] = (await connect(folder.directory).list()).keys;
    expect(Object.keys(key?.publicJwk ?? {})).toEqual(['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use']);
  });
});

async function rsaFile(modulusLength: number, publicExponent: number): Promise<object> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  const jwk = privateKey.export({ format: 'jwk' });
  return { jwk, publicJwk: await toPublicJwk({ ...jwk }, 'RS256') };
}

describe('a ring over files', () => {
  it.each([
    ['an RSA key of 1024 bits', 'rsa_modulus_too_short', 1024, 0x10001],
    ['an RSA key with exponent 3', 'rsa_exponent_too_small', 2048, 3],
  ])('leaves out %s', async (_what, reason, bits, exponent) => {
    await using folder = await createKeyFolder();
    await using first = await openRing(folder.directory, { algorithm: 'ES256' });
    const { jwk, publicJwk } = (await rsaFile(bits, exponent)) as { jwk: object; publicJwk: { kid: string } };
    const name = 'signing-RS256-9.json';
    const members = await folder.json(SIGNING);
    const file = {
      ...members,
      alg: 'RS256',
      epoch: 9,
      kid: publicJwk.kid,
      publicJwk,
      private: { protection: 'none', jwk },
    };
    await folder.write(name, JSON.stringify(file));
    await first.at(START + 10);
    expect(first.events).toContainEqual({ event: 'key.unreadable', file: name, reason, family: 'signing' });
    expect(first.kids()).not.toContain(publicJwk.kid);
  });

  it('leaves out a key whose private half belongs to another', async () => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory)).ring.close();
    const { private: other } = (await folder.json(NEXT)) as { private: object };
    await folder.edit(SIGNING, (file) => ({ ...file, private: other }));
    await using ring = await openRing(folder.directory);
    expect(ring.events).toContainEqual({
      event: 'key.unreadable',
      file: SIGNING,
      reason: 'canary_failed',
      family: 'signing',
    });
    // The next key takes over at once, and another next one is published.
    const { kid } = await folder.json(NEXT);
    expect(ring.ring.signer().kid).toBe(kid);
    expect(ring.kids()).toHaveLength(2);
  });

  it.each([
    ['a short secret', 'secret_length', 'c2hvcnQ'],
    ['a secret that is not the one of its kid', 'kid_mismatch', Buffer.alloc(32, 7).toString('base64url')],
    ['a secret that is no base64url', 'malformed_key', '!'],
  ])('does not start over %s', async (_what, reason, k) => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory)).ring.close();
    await folder.edit(CLIENT, (file) => ({ ...file, private: { protection: 'none', jwk: { kty: 'oct', k } } }));
    await expect(openRing(folder.directory)).rejects.toThrow(
      `no usable client key; these files were refused: ${CLIENT} (${reason})`,
    );
  });
});
