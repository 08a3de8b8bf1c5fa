// Completes package-lock.json: `npm run complete-lockfile`, after every `npm install`. A registry that carries a tool's
// binary for some platforms only makes npm leave the others out of the lock file, and `npm ci` then refuses the lock file
// everywhere. What is added has no integrity, because nobody here has seen the package.
import { readFileSync, writeFileSync } from 'node:fs';

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages of a lock file (`lockfileVersion` 3), by their path. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const OS = 'android darwin freebsd linux openharmony win32'.split(' ');
const CPU = 'arm arm64 ia32 ppc64 riscv64 s390x x64'.split(' ');
const LIBC: Readonly<Record<string, string>> = {
  gnu: 'glibc',
  gnueabihf: 'glibc',
  musl: 'musl',
  musleabihf: 'musl',
};

/** The binaries for other platforms that packages of the lock file ask for and that are not in it. */
export function missingBinaries(packages: LockedPackages): LockedPackages {
  const missing: Record<string, LockedPackage> = {};
  for (const parent of Object.values(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      const isKnown = Object.keys(packages).some((known) => known === path || known.endsWith(`/${path}`));
      if (isKnown) continue;
      if (!EXACT.test(version))
        throw new Error(`${name}@${version} is missing, and which version is meant is not known`);
      const { cpu, libc, os } = platformOf(name);
      const dev = parent.dev === true ? { dev: true } : {};
      // In the order in which npm writes them.
      missing[path] = { version, cpu, ...dev, ...(libc !== undefined && { libc }), optional: true, os };
    }
  }
  return missing;
}

interface Platform {
  readonly cpu: readonly string[];
  readonly os: readonly string[];
  readonly libc?: readonly string[];
}

function platformOf(name: string): Platform {
  const words = name.split(/[/-]/);
  const os = OS.find((word) => words.includes(word));
  const cpu = CPU.find((word) => words.includes(word));
  if (os === undefined || cpu === undefined) throw new Error(`${name} is missing, and its platform is not known`);
  const libc = words.map((word) => LIBC[word]).find((found) => found !== undefined);
  return { cpu: [cpu], os: [os], ...(os === 'linux' && libc !== undefined && { libc: [libc] }) };
}

if (import.meta.main) {
  const path = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: LockedPackages };
  const all = Object.entries({ ...lock.packages, ...missingBinaries(lock.packages) });
  const packages = Object.fromEntries(all.toSorted(([one], [other]) => one.localeCompare(other, 'en')));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
}
