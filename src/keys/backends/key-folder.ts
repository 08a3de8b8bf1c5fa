import { type BigIntStats, constants, type FSWatcher, watch } from 'node:fs';
import { access, chmod, link, lstat, mkdir, open, readdir, realpath, rename, unlink } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Random } from '../../platform/index.ts';
import { KeyRefusedError } from '../key-backend.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const OPEN_TO_OTHERS = 0o077n;
const GROUP_MAY_READ = 0o040n;
const MAX_FILE_BYTES = 65_536n;
const TEMPORARY = '.new-';
// `..data` and what it points to: the renames of a mounted volume.
const MOUNTED = '..';
const STALE_AFTER_NS = 600_000_000_000n;
// Windows has no such modes: there the folder inherits the access list of the user's profile.
const HAS_MODES = process.platform !== 'win32';
const ROOT = 0n;
// Errors that are the file's own; any other (too many open files, an I/O error) concerns the whole place.
const REFUSALS: ReadonlyMap<string | undefined, string> = new Map([
  ['EACCES', 'permission_denied'],
  ['EPERM', 'permission_denied'],
  ['ELOOP', 'not_a_file'],
  ['ENXIO', 'not_a_file'],
]);

/**
 * A directory of small secret files that several processes read and write at once. It may also be a volume as Kubernetes
 * mounts a secret: each file a link into a hidden directory beside it, all of them exchanged by one rename.
 */
export interface KeyFolder {
  /** Makes the directory when it is not there; looks only once. */
  prepare(): Promise<void>;
  /** The names that may be keys, sorted; leaves out dot files and README.md. */
  names(): Promise<readonly string[]>;
  /**
   * What tells that a file changed (another inode, another mode, other content); `undefined` when it is not there.
   * @throws KeyRefusedError when it must not be read: no regular file, readable by others, of another user, too large.
   */
  stamp(name: string): Promise<string | undefined>;
  /** The text of a file after the checks of `stamp`; `undefined` when it is not there. @throws KeyRefusedError */
  read(name: string): Promise<string | undefined>;
  /** Writes a file whole and durably unless the name is taken. Of several callers one is answered true. */
  create(name: string, text: string): Promise<boolean>;
  /** Puts another text in the place of a file, whole and durably. Under a lock, since it does not look what it replaces. */
  replace(name: string, text: string): Promise<void>;
  remove(name: string): Promise<boolean>;
  /** Whether files can be made here; a volume may be mounted for reading only. */
  isWritable(): Promise<boolean>;
  watch(changed: () => void): Disposable;
}

interface Located {
  readonly path: string;
  readonly stats: BigIntStats;
  /** It was reached by a link. */
  readonly isMounted: boolean;
}

export function createKeyFolder(directory: string, random: Random): KeyFolder {
  let isPrepared = false;
  const pathOf = (name: string) => join(directory, name);

  // Only once: a directory that is gone later is a volume that went away, and an empty one in its place would look like
  // a first start.
  async function prepare(): Promise<void> {
    if (isPrepared) return;
    const made = await mkdir(directory, { recursive: true, mode: FOLDER_MODE });
    if (made !== undefined) await syncDirectory(dirname(made));
    const { mode } = await lstat(directory, { bigint: true });
    // Where the directory belongs to somebody else or cannot be written, the modes and owners of the files still hold.
    if (HAS_MODES && (mode & OPEN_TO_OTHERS) !== 0n) await chmod(directory, FOLDER_MODE).catch(() => {});
    isPrepared = true;
  }

  /** Where the file itself is: a link is followed to a file in the same directory, at any depth, and nowhere else. */
  async function locate(name: string): Promise<Located | undefined> {
    const path = pathOf(name);
    const stats = await unlessGone(lstat(path, { bigint: true }));
    if (stats?.isSymbolicLink() !== true) return stats && { path, stats, isMounted: false };
    const [target, home] = await Promise.all([unlessGone(realpath(path)), unlessGone(realpath(directory))]);
    if (target === undefined || home === undefined) return undefined;
    if (!target.startsWith(home + sep)) throw new KeyRefusedError(name, 'not_a_file');
    const targetStats = await unlessGone(lstat(target, { bigint: true }));
    return targetStats && { path: target, stats: targetStats, isMounted: true };
  }

  async function check(name: string): Promise<Located | undefined> {
    const located = await locate(name);
    if (located !== undefined) refuseUnsafe(name, located.stats, located.isMounted);
    return located;
  }

  async function read(name: string): Promise<string | undefined> {
    const located = await check(name);
    if (located === undefined) return undefined;
    // The file may be another one by now: no link is followed, no pipe waited for, and what was opened is checked again.
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    const file = await unlessGone(open(located.path, flags)).catch((error: unknown) => {
      const reason = REFUSALS.get(errorCode(error));
      throw reason === undefined ? error : new KeyRefusedError(name, reason);
    });
    if (file === undefined) return undefined;
    try {
      refuseUnsafe(name, await file.stat({ bigint: true }), located.isMounted);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  }

  async function writeTemporary(text: string): Promise<string> {
    const name = `${TEMPORARY}${random(12)}`;
    const file = await open(pathOf(name), 'wx', FILE_MODE);
    try {
      // The umask can only take bits away from the mode above, so it is never wider; it may be too narrow.
      await file.chmod(FILE_MODE);
      await file.writeFile(text);
      await file.sync();
    } catch (error) {
      await unlink(pathOf(name)).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
    await sweep(name);
    return name;
  }

  // What a process left that was killed between two steps holds a private key that nobody would ever delete.
  async function sweep(own: string): Promise<void> {
    const { mtimeNs } = await lstat(pathOf(own), { bigint: true });
    for (const name of await readdir(directory)) {
      if (!name.startsWith(TEMPORARY) || name === own) continue;
      const stats = await unlessGone(lstat(pathOf(name), { bigint: true }));
      if (stats !== undefined && mtimeNs - stats.mtimeNs > STALE_AFTER_NS) await unlessGone(unlink(pathOf(name)));
    }
  }

  async function syncDirectory(path = directory): Promise<void> {
    if (!HAS_MODES) return;
    const handle = await open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  return {
    prepare,
    async names() {
      return (await readdir(directory)).filter((name) => !name.startsWith('.') && name !== 'README.md').sort();
    },
    async stamp(name) {
      const stats = (await check(name))?.stats;
      return stats && [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');
    },
    read,
    async create(name, text) {
      const temporary = await writeTemporary(text);
      try {
        await link(pathOf(temporary), pathOf(name));
      } catch (error) {
        // ENOENT: this process was stopped for so long that its file was swept; what it wanted to make is outdated.
        if (errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOENT') return false;
        throw error;
      } finally {
        await unlessGone(unlink(pathOf(temporary)));
      }
      await syncDirectory();
      return true;
    },
    async replace(name, text) {
      const temporary = await writeTemporary(text);
      await rename(pathOf(temporary), pathOf(name));
      await syncDirectory();
    },
    async remove(name) {
      const isRemoved = (await unlessGone(unlink(pathOf(name)).then(() => true))) ?? false;
      await syncDirectory();
      return isRemoved;
    },
    async isWritable() {
      return await access(directory, constants.W_OK).then(
        () => true,
        () => false,
      );
    },
    watch(changed) {
      let watcher: FSWatcher | undefined;
      try {
        watcher = watch(directory, { persistent: false }, (_event, name) => {
          if (name === null || !name.startsWith('.') || name.startsWith(MOUNTED)) changed();
        });
        watcher.on('error', () => watcher?.close());
      } catch {
        // No watches left on this machine; whoever asked polls as well.
      }
      return { [Symbol.dispose]: () => watcher?.close() };
    },
  };
}

/** The code of an error of the operating system. */
function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function refuseUnsafe(name: string, stats: BigIntStats, isMounted: boolean): void {
  if (!stats.isFile()) throw new KeyRefusedError(name, 'not_a_file');
  if (stats.size > MAX_FILE_BYTES) throw new KeyRefusedError(name, 'too_large');
  if (!HAS_MODES) return;
  // In a volume that was mounted for us the files are root's, and our group is how we may read them.
  const allowed = isMounted && stats.uid === ROOT ? GROUP_MAY_READ : 0n;
  if ((stats.mode & OPEN_TO_OTHERS & ~allowed) !== 0n) throw new KeyRefusedError(name, 'open_to_others');
  const user = BigInt(process.geteuid?.() ?? 0);
  // Root reads everybody's files anyway (a bind mount in a container); anybody else trusts itself and root only.
  if (user !== ROOT && stats.uid !== user && stats.uid !== ROOT) throw new KeyRefusedError(name, 'foreign_owner');
}
