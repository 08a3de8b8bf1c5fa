import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { type EpochSeconds, isJsonObject, parseJsonObject, UnavailableError } from '../oauth/index.ts';
import type { Random } from '../platform/index.ts';
import { isPasswordHash } from './password-hash.ts';

/** One person as the file keeps them. */
export interface UserRecord {
  readonly subject: string;
  /** In its one spelling. */
  readonly username: string;
  /** PHC string. */
  readonly passwordHash: string;
  readonly disabled: boolean;
  readonly createdAt: EpochSeconds;
  readonly passwordChangedAt: EpochSeconds;
}

/** The users in a JSON file: read again whenever it changed, written whole or not at all. */
export interface UserFile {
  /** Everybody in the file; `undefined` when there is no file. @throws UnavailableError when it cannot be read or is torn. */
  read(): Promise<readonly UserRecord[] | undefined>;
  /**
   * Changes the file, alone among all processes. `change` gets what is there at that moment; what it throws is thrown
   * and nothing is written. Durable when it resolves.
   * @throws UnavailableError when another process keeps the lock, or the file cannot be written.
   */
  update(change: (users: readonly UserRecord[] | undefined) => readonly UserRecord[]): Promise<void>;
}

const DEPENDENCY = 'users file';
const LOCK_ATTEMPTS = 400;
const LOCK_INTERVAL_MS = 25;

export function createUserFile(deps: { path: string; random: Random }): UserFile {
  const { path, random } = deps;
  let cached: { readonly version: string; readonly users: readonly UserRecord[] } | undefined;

  async function read(): Promise<readonly UserRecord[] | undefined> {
    try {
      // The version is taken before the text: a change in between is then seen at the next reading.
      const { ino, size, mtimeNs } = await stat(path, { bigint: true });
      const version = `${ino} ${size} ${mtimeNs}`;
      if (cached?.version !== version) cached = { version, users: parseUsers(await readFile(path, 'utf8')) };
      return cached.users;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error instanceof UnavailableError ? error : new UnavailableError(DEPENDENCY, { cause: error });
    }
  }

  async function update(change: (users: readonly UserRecord[] | undefined) => readonly UserRecord[]): Promise<void> {
    using _lock = await acquireLock(`${path}.lock`);
    const users = change(await read());
    try {
      await writeWhole(path, `${JSON.stringify({ version: 1, users }, null, 2)}\n`, random);
    } catch (error) {
      throw new UnavailableError(DEPENDENCY, { cause: error });
    }
  }

  return { read, update };
}

/** A lock of the operating system's, by way of SQLite: it ends with its process, so none is ever left behind. */
async function acquireLock(path: string): Promise<Disposable> {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { timeout: 0 });
      database.exec('BEGIN EXCLUSIVE');
      const held = database;
      return { [Symbol.dispose]: () => held.close() };
    } catch (error) {
      database?.close();
      if (!(error instanceof Error) || !/locked|busy/i.test(error.message)) {
        throw new UnavailableError(DEPENDENCY, { cause: error });
      }
      await delay(LOCK_INTERVAL_MS);
    }
  }
  throw new UnavailableError(DEPENDENCY);
}

async function writeWhole(path: string, text: string, random: Random): Promise<void> {
  const temporary = join(dirname(path), `.users-${random(9)}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function parseUsers(text: string): readonly UserRecord[] {
  const file = parseJsonObject(text);
  const users = file?.['users'];
  if (file?.['version'] !== 1 || !Array.isArray(users) || !users.every(isUserRecord)) {
    throw new UnavailableError(DEPENDENCY);
  }
  return users;
}

function isUserRecord(value: unknown): value is UserRecord {
  if (!isJsonObject(value)) return false;
  const { subject, username, passwordHash, disabled, createdAt, passwordChangedAt } = value;
  return (
    typeof subject === 'string' &&
    subject !== '' &&
    typeof username === 'string' &&
    typeof passwordHash === 'string' &&
    isPasswordHash(passwordHash) &&
    typeof disabled === 'boolean' &&
    Number.isSafeInteger(createdAt) &&
    Number.isSafeInteger(passwordChangedAt)
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
