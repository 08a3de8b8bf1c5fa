import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const TOP = new URL('../../', import.meta.url).pathname;

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** What a production install of something brings along. */
export interface Installation {
  readonly packages: number;
  readonly bytes: number;
}

/**
 * The packages that npm installs with `names`: by the lock file, their dependencies and required peers, and theirs; the
 * bytes are those of the files on this disk.
 */
export function measureInstallation(names: readonly string[]): Installation {
  const { packages } = JSON.parse(readFileSync(join(TOP, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const found = new Set<string>();

  function add(name: string, from: string): void {
    const path = resolve(name, from);
    if (path === undefined || found.has(path)) return;
    found.add(path);
    const {
      dependencies,
      optionalDependencies,
      peerDependencies = {},
      peerDependenciesMeta = {},
    } = packages[path] ?? {};
    const peers = Object.keys(peerDependencies).filter((peer) => peerDependenciesMeta[peer]?.optional !== true);
    for (const one of Object.keys({ ...dependencies, ...optionalDependencies })) add(one, path);
    for (const peer of peers) add(peer, path);
  }

  /** As Node finds packages: nearest first. What is not on this disk is for another platform. */
  function resolve(name: string, from: string): string | undefined {
    for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
      const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
      if (path in packages && existsSync(join(TOP, path))) return path;
      if (folder === '') return undefined;
    }
  }

  for (const name of names) add(name, '');
  const bytes = [...found].reduce((sum, path) => sum + bytesOf(join(TOP, path)), 0);
  return { packages: found.size, bytes };
}

/** The bytes of the files below a folder, without the packages that are nested in it. */
function bytesOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + bytesOf(path);
    return entry.isFile() ? sum + statSync(path).size : sum;
  }, 0);
}
