import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { UnavailableError } from '../../oauth/index.ts';

const LOCK_FILE = '.lock';
const ATTEMPTS = 250;
const PAUSE_MS = 20;

/**
 * Runs `work` while no other process or call runs work in the same directory.
 * The lock is the one SQLite takes on an empty file, which the kernel releases when its holder dies: Node has no other
 * door to such locks, and a lock made of the existence of a file outlives a kill.
 * @throws UnavailableError when the lock is not free for five seconds.
 */
export async function withFolderLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const path = join(directory, LOCK_FILE);
  // Opened by nobody else in this process: closing any descriptor of the file would release the kernel's lock on it.
  using database = new DatabaseSync(path, { timeout: 0 });
  await chmod(path, 0o600);
  for (let attempt = 1; !tryLock(database); attempt++) {
    if (attempt === ATTEMPTS) throw new UnavailableError('lock of the keys directory');
    await delay(PAUSE_MS);
  }
  return await work();
}

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}

const SQLITE_BUSY = 5;
