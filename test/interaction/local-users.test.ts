import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createLocalUsers } from '../../src/interaction/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { type AuditEvent, systemRandom } from '../../src/platform/index.ts';

const run = promisify(execFile);
const PASSWORD = 'correct horse battery';

async function openUsers() {
  const folder = await mkdtemp(join(tmpdir(), 'guardmint-users-'));
  const path = join(folder, 'data', 'users.json');
  const audit: AuditEvent[] = [];
  let now = 1_800_000_000;
  const open = () =>
    createLocalUsers({ path, clock: () => now, random: systemRandom, audit: (event) => audit.push(event) });
  return {
    path,
    folder: join(folder, 'data'),
    audit,
    users: open(),
    open,
    advance: (seconds: number) => {
      now += seconds;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

describe('local users', () => {
  test('the first start makes one user, and tells the password once', async () => {
    await using place = await openUsers();

    const first = await place.users.ensureFirstUser();
    const second = await place.open().ensureFirstUser();

    expect(first).toEqual({ username: 'admin', password: expect.stringMatching(/^[\w-]{20}$/) });
    expect(second).toBeUndefined();
    expect(await place.users.authenticate('admin', first?.password ?? '')).toMatchObject({ username: 'admin' });
    expect(await readFile(place.path, 'utf8')).not.toContain(first?.password);
  });

  test('of servers that start together, one makes the first user', async () => {
    await using place = await openUsers();

    const first = await Promise.all(Array.from({ length: 8 }, () => place.open().ensureFirstUser()));

    expect(first.filter((user) => user !== undefined)).toHaveLength(1);
    expect(await place.users.list()).toHaveLength(1);
  });

  test('the file and its folder are for the owner only', async () => {
    await using place = await openUsers();

    await place.users.ensureFirstUser();
    await place.users.add('alice', PASSWORD);

    expect((await stat(place.path)).mode & 0o777).toBe(0o600);
    expect((await stat(place.folder)).mode & 0o777).toBe(0o700);
    expect((await readdir(place.folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('a person keeps one subject through every change, and it is not the name', async () => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    const added = await place.users.add('Alice', PASSWORD);

    await place.users.setPassword('alice', 'another long one');
    await place.users.disable('ALICE');
    await place.users.enable('alice');

    const found = await place.users.authenticate('alice', 'another long one');
    expect(found?.subject).toBe(added.subject);
    expect(added.subject).toMatch(/^[\w-]{22}$/);
    expect(place.audit.map(({ event }) => event)).toEqual([
      'user.added',
      'user.added',
      'user.password_changed',
      'user.disabled',
      'user.enabled',
    ]);
  });

  test('a disabled person cannot sign in and is not found', async () => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    const { subject } = await place.users.add('alice', PASSWORD);

    await place.users.disable('alice');

    expect(await place.users.authenticate('alice', PASSWORD)).toBeUndefined();
    expect(await place.users.find(subject)).toBeUndefined();
    expect((await place.users.list()).find(({ username }) => username === 'alice')?.disabled).toBe(true);
  });

  test('what another process changes counts at once', async () => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    const { subject } = await place.users.add('alice', PASSWORD);
    const other = place.open();
    expect(await other.find(subject)).toBeDefined();

    await place.users.disable('alice');

    expect(await other.find(subject)).toBeUndefined();
  });

  test('a new password is the only one, and sessions from before it do not count', async () => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    await place.users.add('alice', PASSWORD);
    place.advance(60);

    await place.users.setPassword('alice', 'another long one');

    expect(await place.users.authenticate('alice', PASSWORD)).toBeUndefined();
    expect(await place.users.authenticate('alice', 'another long one')).toMatchObject({
      signedInSince: 1_800_000_060,
    });
  });

  test.each([
    ['username_taken', 'ＡＬＩＣＥ', PASSWORD],
    ['username_malformed', 'two words', PASSWORD],
    ['username_malformed', '', PASSWORD],
    ['username_malformed', 'a'.repeat(129), PASSWORD],
    ['username_malformed', 'eve\u202e', PASSWORD],
    ['password_too_short', 'bob', 'seven77'],
    ['password_too_long', 'bob', 'x'.repeat(1025)],
  ])('%s: %j is not added', async (fault, username, password) => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    await place.users.add('alice', PASSWORD);

    await expect(place.users.add(username, password)).rejects.toMatchObject({ name: 'UserChangeError', fault });
    expect(await place.users.list()).toHaveLength(2);
  });

  test('somebody who is not there cannot be changed', async () => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();

    for (const change of [
      () => place.users.disable('nobody'),
      () => place.users.enable('nobody'),
      () => place.users.setPassword('nobody', PASSWORD),
    ]) {
      await expect(change()).rejects.toMatchObject({ fault: 'username_unknown' });
    }
  });

  test('writers at once, in several processes, lose nobody', async () => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    const script = (name: string) => `
      import { createLocalUsers } from '${new URL('../../src/interaction/local-users.ts', import.meta.url).href}';
      import { systemRandom } from '${new URL('../../src/platform/index.ts', import.meta.url).href}';
      const users = createLocalUsers({ path: ${JSON.stringify(place.path)}, clock: () => 1, random: systemRandom, audit: () => {} });
      await Promise.all([0, 1, 2].map((n) => users.add('${name}' + n, '${PASSWORD}')));`;

    await Promise.all(
      ['a', 'b', 'c'].map((name) => run(process.execPath, ['--input-type=module', '--eval', script(name)])),
    );

    expect((await place.users.list()).map(({ username }) => username)).toEqual([
      'a0',
      'a1',
      'a2',
      'admin',
      'b0',
      'b1',
      'b2',
      'c0',
      'c1',
      'c2',
    ]);
  });

  test('a writer that was killed leaves no lock behind', async () => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    const holder = `
      import { DatabaseSync } from 'node:sqlite';
      const lock = new DatabaseSync(${JSON.stringify(`${place.path}.lock`)});
      lock.exec('BEGIN EXCLUSIVE');
      process.kill(process.pid, 'SIGKILL');`;
    await expect(run(process.execPath, ['--input-type=module', '--eval', holder])).rejects.toMatchObject({
      signal: 'SIGKILL',
    });

    await place.users.add('alice', PASSWORD);

    expect(await place.users.list()).toHaveLength(2);
  });

  test.each([
    ['half of it', (text: string) => text.slice(0, text.length / 2)],
    ['nothing', () => ''],
    ['another version', (text: string) => text.replace('"version": 1', '"version": 2')],
    ['a hash that is none', (text: string) => text.replace('$argon2id$', '$argon2d$')],
    ['a member twice', (text: string) => text.replace('"disabled": false', '"disabled": true, "disabled": false')],
  ])('a file that holds %s is unavailable, and is not written over', async (_, tear) => {
    await using place = await openUsers();
    await place.users.ensureFirstUser();
    const torn = tear(await readFile(place.path, 'utf8'));
    await writeFile(place.path, torn);

    await expect(place.users.authenticate('admin', PASSWORD)).rejects.toThrow(UnavailableError);
    await expect(place.users.add('alice', PASSWORD)).rejects.toThrow(UnavailableError);
    await expect(place.users.ensureFirstUser()).rejects.toThrow(UnavailableError);
    expect(await readFile(place.path, 'utf8')).toBe(torn);
  });

  test('without a file there is nobody, and no error', async () => {
    await using place = await openUsers();

    expect(await place.users.authenticate('admin', PASSWORD)).toBeUndefined();
    expect(await place.users.find('anyone')).toBeUndefined();
    expect(await place.users.list()).toEqual([]);
  });
});
