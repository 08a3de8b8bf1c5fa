import { spawn } from 'node:child_process';
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import {
  createFileKeyBackend,
  createKeyEncryption,
  defaultTimings,
  type KeyEncryption,
  parseKeySecret,
} from '../../src/keys/index.ts';
import { systemRandom } from '../../src/platform/index.ts';
import { createKeyFolder, DAY, type KeyFolder, openRing, START } from './key-folder.ts';
import { mayMount, startRingProcess } from './start-ring-process.ts';

const { activePeriod } = defaultTimings.signing;
const FIRST = 'signing-ES256-1.json';
const NEXT = 'signing-ES256-2.json';
const SEALING = 'sealing-A256GCM-1.json';
const KEY_FILES = [FIRST, NEXT, SEALING, 'client-HS256-1.json', 'refresh-HS256-1.json'];

const SERVER = new URL('../../src/server/main.ts', import.meta.url).pathname;
const NOBODY = 65_534;

const newEncryption = () => createKeyEncryption(parseKeySecret(systemRandom(32)));
const openBackend = (folder: KeyFolder, encryption: KeyEncryption) =>
  createFileKeyBackend({ directory: folder.directory, random: systemRandom, encryption });

describe('a file in trouble, under a running ring with a secret', () => {
  it.each<[string, string, string, (folder: KeyFolder) => Promise<void>]>([
    ['torn', NEXT, 'malformed_json', async (folder) => folder.write(NEXT, (await folder.read(NEXT)).slice(0, 200))],
    ['empty', NEXT, 'malformed_json', (folder) => folder.write(NEXT, '')],
    ['of another program', NEXT, 'foreign_file', (folder) => folder.write(NEXT, '{"version":3,"services":{}}')],
    [
      'of another purpose',
      NEXT,
      'slot_mismatch',
      (folder) => copyFile(join(folder.directory, SEALING), join(folder.directory, NEXT)),
    ],
    ['readable by the group', NEXT, 'open_to_others', (folder) => folder.setMode(NEXT, 0o640)],
    [
      'under another secret',
      NEXT,
      'secret_unknown',
      async (folder) => {
        await using elsewhere = await createKeyFolder();
        const backend = openBackend(elsewhere, newEncryption());
        await using _ring = await openRing(elsewhere.directory, { backend });
        await copyFile(join(elsewhere.directory, NEXT), join(folder.directory, NEXT));
      },
    ],
    [
      'whose private part was swapped with another',
      NEXT,
      'binding_mismatch',
      async (folder) => {
        const { private: other } = await folder.json(FIRST);
        await folder.edit(NEXT, (file) => ({ ...file, private: other }));
      },
    ],
  ])(
    'that is %s is told by its name and reason, and everything goes on until it is put right',
    async (_what, file, reason, spoil) => {
      await using folder = await createKeyFolder();
      await using keys = await openRing(folder.directory, { backend: openBackend(folder, newEncryption()) });
      const signing = keys.ring.signer().kid;
      const before = keys.ring.jwkSet().body;
      const sound = await folder.read(file);

      await spoil(folder);
      await keys.at(START + 30);
      await keys.at(START + 60);
      expect(keys.events.filter(({ event }) => event === 'key.unreadable')).toEqual([
        { event: 'key.unreadable', file, reason, family: 'signing' },
      ]);
      expect(keys.ring.signer().kid).toBe(signing);
      expect(keys.ring.jwkSet().body).toBe(before);
      expect(await folder.files()).toHaveLength(KEY_FILES.length);

      await folder.write(file, sound);
      await keys.at(START + activePeriod);
      expect(keys.ring.signer().kid).toBe(JSON.parse(before).keys[1].kid);
    },
  );

  it('that is removed while its key is in force is told; the next key signs, and another next one is made', async () => {
    await using folder = await createKeyFolder();
    await using keys = await openRing(folder.directory);
    const [active, next] = keys.kids();
    await unlink(join(folder.directory, FIRST));
    await keys.at(START + 30);
    expect(keys.events).toContainEqual({
      event: 'key.unreadable',
      kid: active,
      family: 'signing',
      reason: 'file_removed',
    });
    expect(keys.ring.signer().kid).toBe(next);
    await keys.at(START + 60);
    expect(keys.kids()).toHaveLength(2);
  });
});

describe.skipIf(!mayMount())('a process whose disk', { timeout: 60_000 }, () => {
  it('is full goes on signing, says so once, leaves nothing half-written, and makes the key when there is room [F12]', async () => {
    await using folder = await createKeyFolder();
    await mkdir(folder.directory, { mode: 0o700 });
    using full = await startRingProcess(folder.directory, {
      mount: `mount -t tmpfs -o size=96k,mode=700 none ${folder.directory}`,
    });
    const directory = full.root + folder.directory;
    const { list } = await full.ask(`${START}`);
    const next = list.find(({ family, state }) => family === 'signing' && state === 'next');
    await fill(join(directory, '.filler'));

    const later = await full.ask(`${START + activePeriod}`);
    const again = await full.ask(`${START + activePeriod + 30}`);
    const failure = { event: 'key.write_failed', operation: 'create', family: 'signing', reason: 'ENOSPC' };
    expect(
      [...later.events, ...again.events].filter((event) => event.family === 'signing' && event.reason !== undefined),
    ).toEqual([failure]);
    expect(again.list.find(({ state, family }) => state === 'active' && family === 'signing')?.kid).toBe(next?.kid);
    expect((await readdir(directory)).filter((name) => name.startsWith('.new-'))).toEqual([]);

    await unlink(join(directory, '.filler'));
    const healed = await full.ask(`${START + activePeriod + 60}`);
    expect(healed.list.filter(({ state, family }) => state === 'next' && family === 'signing')).toHaveLength(1);
    expect(healed.events).toContainEqual(expect.objectContaining({ event: 'key.created', family: 'signing' }));
  });

  it('is mounted for reading follows what others write, and says that it cannot make the next key [F12]', async () => {
    await using folder = await createKeyFolder();
    await using writer = await openRing(folder.directory);
    const { directory } = folder;
    using reader = await startRingProcess(directory, {
      mount: `mount --bind ${directory} ${directory} && mount -o remount,bind,ro ${directory}`,
    });
    expect(await reader.ask(`${START}`)).toMatchObject({ jwkSet: writer.ring.jwkSet(), events: [] });

    await writer.at(START + activePeriod);
    const followed = await reader.ask(`${START + activePeriod}`);
    expect(followed).toMatchObject({ jwkSet: writer.ring.jwkSet() });
    expect(followed.events.map(({ event }) => event)).not.toContain('key.write_failed');

    const alone = await reader.ask(`${START + 2 * activePeriod}`);
    expect(alone.events).toContainEqual({
      event: 'key.write_failed',
      operation: 'create',
      family: 'signing',
      reason: 'EROFS',
    });
    expect(alone.list.filter(({ state, family }) => state === 'active' && family === 'signing')).toHaveLength(1);
  });
});

describe.skipIf(!mayMount())('a server on a folder that is mounted for reading', { timeout: 60_000 }, () => {
  it('starts, and says who must make the keys, and until when', async () => {
    await using folder = await createKeyFolder();
    await (await openRing(folder.directory, { now: Math.floor(Date.now() / 1000) })).ring.close();
    const { directory } = folder;
    const mount = `mount --bind ${directory} ${directory} && mount -o remount,bind,ro ${directory}`;
    const child = spawn('unshare', ['--mount', 'sh', '-c', `${mount} && exec "$@"`, 'sh', process.execPath, SERVER], {
      env: {
        GUARDMINT_KEYS_DIR: directory,
        GUARDMINT_DATA_DIR: join(directory, '..', 'data'),
        GUARDMINT_ISSUER: 'http://localhost:3000',
        GUARDMINT_PORT: '0',
        GUARDMINT_MANAGEMENT_PORT: '0',
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    using _end = { [Symbol.dispose]: () => child.kill('SIGKILL') };
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg } = JSON.parse(line);
      if (!String(msg).startsWith('keysDir:')) continue;
      expect(msg).toMatch(
        /cannot be written from here, so this server makes no keys: a server that may write to it must/,
      );
      expect(msg).toMatch(/`guardmint keys rotate` run where it may, the next signing key by \d{4}-\d\d-\d\d$/);
      return;
    }
    expect.unreachable('the server said nothing of its folder');
  });
});

/** Takes all the room that is left. */
async function fill(path: string): Promise<void> {
  for (let size = 1_048_576; size >= 512; size /= 2) {
    const before = await readFile(path).catch(() => Buffer.alloc(0));
    await writeFile(path, Buffer.concat([before, Buffer.alloc(size)])).catch(() => writeFile(path, before));
  }
}

describe('a volume as Kubernetes mounts a secret', { timeout: 60_000 }, () => {
  /** Puts the files of `source` into a new hidden directory and lets `..data` point to it, by one rename. */
  async function publish(volume: string, source: string, version: string): Promise<void> {
    const data = join(volume, `..${version}`);
    await mkdir(data, { recursive: true });
    for (const name of await readdir(source)) {
      if (name.startsWith('.')) continue;
      await copyFile(join(source, name), join(data, name));
      await symlink(join('..data', name), join(volume, name)).catch(() => {});
    }
    const before = await readdir(volume).then((names) => names.filter((name) => name.startsWith('..2')));
    await symlink(`..${version}`, join(volume, '..data_tmp'));
    await rename(join(volume, '..data_tmp'), join(volume, '..data'));
    for (const name of before) if (name !== `..${version}`) await rm(join(volume, name), { recursive: true });
  }

  it('is read through its links and followed when it is exchanged; a link that leaves it is refused', async () => {
    await using source = await createKeyFolder();
    await using volume = await createKeyFolder();
    await using writer = await openRing(source.directory);
    await mkdir(volume.directory, { mode: 0o755 });
    await publish(volume.directory, source.directory, '2026_11_25');
    await using reader = await openRing(volume.directory);
    expect(reader.events).toEqual([]);
    expect(reader.ring.jwkSet()).toEqual(writer.ring.jwkSet());

    await writer.at(START + activePeriod);
    await publish(volume.directory, source.directory, '2026_12_25');
    await reader.at(START + activePeriod);
    expect(reader.ring.jwkSet()).toEqual(writer.ring.jwkSet());
    expect(reader.events.filter(({ event }) => event !== 'key.promoted' && event !== 'key.retired')).toEqual([]);

    await symlink(join(source.directory, FIRST), join(volume.directory, 'signing-ES256-9.json'));
    await reader.at(START + activePeriod + DAY);
    expect(reader.events).toContainEqual(
      expect.objectContaining({ event: 'key.unreadable', file: 'signing-ES256-9.json', reason: 'not_a_file' }),
    );
  });

  it.skipIf(process.getuid?.() !== 0)(
    'for a group is read by a member of it, and by nobody when others may read it too',
    async () => {
      await using source = await createKeyFolder();
      await using volume = await createKeyFolder();
      await using writer = await openRing(source.directory);
      await mkdir(volume.directory, { mode: 0o755 });
      await publish(volume.directory, source.directory, '2026_11_25');
      await chmod(dirname(volume.directory), 0o755);
      const openTo = async (mode: number) => {
        for (const name of KEY_FILES) {
          await chown(join(volume.directory, name), 0, NOBODY);
          await chmod(join(volume.directory, name), mode);
        }
      };
      await openTo(0o440);
      using member = await startRingProcess(volume.directory, { user: NOBODY });
      expect(await member.ask(`${START}`)).toMatchObject({ jwkSet: writer.ring.jwkSet(), events: [] });
      await openTo(0o444);
      expect(await member.ask(`${START + 30}`)).toMatchObject({
        events: expect.arrayContaining(
          KEY_FILES.map((file) => expect.objectContaining({ file, reason: 'open_to_others' })),
        ),
      });
    },
  );
});
