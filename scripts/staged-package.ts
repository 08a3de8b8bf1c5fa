// The packages as they are published, in folders: compiled, with their pages, without what only development needs.
// `npm run build:resource` leaves the smaller one in dist-resource/, for `npm publish dist-resource`.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const TOP = join(import.meta.dirname, '..');
const PAGES = ['README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md'];

/** Compiles the sources into `folder`. */
export function buildInto(folder: string): void {
  const tsc = join(TOP, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', folder], {
    cwd: TOP,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** Makes `folder` what `npm publish` would be given. */
export function stagePackage(folder: string): void {
  mkdirSync(folder, { recursive: true });
  buildInto(join(folder, 'dist'));
  for (const page of PAGES) cpSync(join(TOP, page), join(folder, page));
  // Without its scripts, so that packing does not build once more.
  const { scripts: _, ...manifest } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as {
    scripts: unknown;
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The two rooms the library for MCP servers is made of. */
const RESOURCE_ROOMS = ['oauth', 'resource'];

/** Of what a package for MCP servers needs to know of the whole one. */
interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly keywords: readonly string[];
  readonly engines: object;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/**
 * Makes `folder` the package `guardmint-resource`: the entry points `guardmint/resource…` and nothing else, out of what
 * `stagePackage` made. It depends on nothing; frameworks are optional peers (docs/decisions/0067).
 */
export function stageResourcePackage(staged: string, folder: string): void {
  const whole = JSON.parse(readFileSync(join(staged, 'package.json'), 'utf8')) as Manifest;
  for (const room of RESOURCE_ROOMS)
    cpSync(join(staged, 'dist', room), join(folder, 'dist', room), { recursive: true });
  for (const page of ['LICENSE', 'SECURITY.md']) cpSync(join(staged, page), join(folder, page));
  cpSync(join(TOP, 'docs/resource-package.md'), join(folder, 'README.md'));

  const entries = Object.entries(whole.exports).filter(([subpath]) => /^\.\/resource(?:\/|$)/.test(subpath));
  const imported = importedPackages(join(folder, 'dist'));
  const peers = Object.entries({ ...whole.peerDependencies, koa: '^3.0.0' }).filter(([name]) => imported.has(name));
  const manifest = {
    name: 'guardmint-resource',
    version: whole.version,
    description: 'Validates the access tokens of guardmint offline, in an MCP server',
    license: whole.license,
    type: 'module',
    keywords: whole.keywords,
    exports: {
      ...Object.fromEntries(entries.map(([subpath, target]) => [subpath.replace('./resource', '.'), target])),
      './package.json': './package.json',
    },
    files: ['dist', 'SECURITY.md'],
    sideEffects: false,
    engines: whole.engines,
    peerDependencies: Object.fromEntries(peers),
    peerDependenciesMeta: Object.fromEntries(peers.map(([name]) => [name, { optional: true }])),
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The packages that compiled files and declarations below a folder import, comments aside. */
export function importedPackages(folder: string): ReadonlySet<string> {
  const files = globSync('**/*.{js,d.ts}', { cwd: folder }).map((file) => readFileSync(join(folder, file), 'utf8'));
  const IMPORT = /^(?:import|export)\s(?:[^;'"]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm;
  const specifiers = files.flatMap((text) =>
    [...text.matchAll(IMPORT)].map(([, named, called]) => named ?? called ?? ''),
  );
  const names = specifiers.map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '');
  return new Set(names.filter((name) => !name.startsWith('.') && !name.startsWith('node:')));
}

/** What `npm pack` makes of a folder: the archive, what is in it, and how many bytes that is once it is unpacked. */
export async function pack(
  folder: string,
  destination: string,
): Promise<{ readonly tarball: string; readonly files: readonly string[]; readonly unpackedBytes: number }> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', destination];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: folder });
  const [{ filename, files, unpackedSize }] = JSON.parse(stdout) as [
    { filename: string; files: readonly { path: string }[]; unpackedSize: number },
  ];
  return { tarball: join(destination, filename), files: files.map(({ path }) => path), unpackedBytes: unpackedSize };
}

if (import.meta.main) {
  const staged = mkdtempSync(join(tmpdir(), 'guardmint-staged-'));
  const folder = join(TOP, 'dist-resource');
  try {
    rmSync(folder, { recursive: true, force: true });
    stagePackage(staged);
    stageResourcePackage(staged, folder);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}
