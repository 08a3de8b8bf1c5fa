import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { asUnavailable, resultCode, SQLITE, StoreFileError } from './fault.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';

const PAUSE_MS = 20;

/**
 * Opens the store's file, or makes it with mode 0600 (a new folder with 0700), and brings its schema up to date. A file
 * that is not ours is left as it was found.
 * @param lockTimeout how long to wait for another process that writes, in milliseconds
 * @throws StoreFileError, or UnavailableError when another process holds the file.
 */
export function openConnection(file: string, lockTimeout: number): DatabaseSync {
  const path = file === ':memory:' ? file : resolve(file);
  let connection: DatabaseSync | undefined;
  try {
    if (path !== ':memory:') makePrivate(path);
    connection = new DatabaseSync(path, { timeout: lockTimeout, defensive: true });
    // One transaction: what is looked at in two steps could be half made by another process in between.
    connection.exec('BEGIN');
    requireOurs(connection, path);
    connection.exec('COMMIT');
    useWriteAheadLog(connection, lockTimeout);
    // FULL: a commit is answered once it has reached the disk, so that it survives a loss of power.
    connection.exec('PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 67108864');
    migrate(connection, path);
    return connection;
  } catch (error) {
    connection?.close();
    throw asOpeningFault(error, path);
  }
}

function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    // Only ever a file of our own making is opened here: closing it would drop the locks this process has on it.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

function requireOurs(connection: DatabaseSync, path: string): void {
  const id = readNumber(connection, 'PRAGMA application_id');
  const isEmpty = readNumber(connection, 'SELECT count(*) FROM sqlite_schema') === 0;
  if (id !== APPLICATION_ID && !(id === 0 && isEmpty)) {
    throw new StoreFileError(path, 'foreign', 'is a SQLite file of something else, not a guardmint store');
  }
  const version = readNumber(connection, 'PRAGMA user_version');
  if (version > MIGRATIONS.length) {
    const known = `this version knows up to ${MIGRATIONS.length}`;
    throw new StoreFileError(path, 'newer', `was written by a later guardmint (schema ${version}, ${known})`);
  }
  const [fault] = connection.prepare('PRAGMA quick_check(1)').all().map(Object.values);
  if (fault?.[0] !== 'ok') {
    throw new StoreFileError(path, 'corrupt', `is damaged (${String(fault?.[0])}); restore it from a backup`);
  }
}

/** SQLite does not wait for a lock in this one step, so that two processes starting at once need a loop here. */
function useWriteAheadLog(connection: DatabaseSync, lockTimeout: number): void {
  for (let waited = 0; ; waited += PAUSE_MS) {
    try {
      connection.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (resultCode(error) !== SQLITE.busy || waited >= lockTimeout) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}

function migrate(connection: DatabaseSync, path: string): void {
  if (readNumber(connection, 'PRAGMA user_version') === MIGRATIONS.length) return;
  connection.exec('BEGIN IMMEDIATE');
  // Looked at again under the lock: another process may have been first.
  requireOurs(connection, path);
  const version = readNumber(connection, 'PRAGMA user_version');
  for (const step of MIGRATIONS.slice(version)) connection.exec(step);
  connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
}

function readNumber(connection: DatabaseSync, sql: string): number {
  return Number(Object.values(connection.prepare(sql).get() ?? {})[0]);
}

function asOpeningFault(error: unknown, path: string): unknown {
  if (error instanceof StoreFileError) return error;
  const code = resultCode(error);
  const options = { cause: error };
  if (code === SQLITE.busy) return asUnavailable(error);
  if (code === SQLITE.notADatabase) return new StoreFileError(path, 'foreign', 'is not a guardmint store', options);
  if (code === SQLITE.corrupt) {
    return new StoreFileError(path, 'corrupt', 'is damaged; restore it from a backup', options);
  }
  const why = error instanceof Error ? error.message : String(error);
  return new StoreFileError(path, 'unusable', `cannot be opened as the store (${why})`, options);
}
