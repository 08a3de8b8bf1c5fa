import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type LockedPackages, missingBinaries } from '../scripts/complete-lockfile.ts';

const run = promisify(execFile);
const TOP = new URL('../', import.meta.url).pathname;
const read = (path: string) => readFileSync(join(TOP, path), 'utf8');

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const MANIFEST = JSON.parse(read('package.json')) as Manifest;
const ENTRIES = Object.entries(MANIFEST.exports)
  .filter(([key]) => key !== './package.json')
  .map(([key, entry]) => [`guardmint${key.slice(1)}`, entry] as const);

describe('entry points', () => {
  test.each(ENTRIES)('%s is a source file whose first comment names it', (specifier, entry) => {
    const target = typeof entry === 'string' ? entry : entry.default;
    const source = target.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts');

    expect(entry).toEqual({ types: target.replace(/\.js$/, '.d.ts'), default: target });
    expect(existsSync(join(TOP, source))).toBe(true);
    const comment = /^\/\*\*[\s\S]*?\*\//m.exec(read(source))?.[0] ?? '';
    expect(comment).toMatch(new RegExp(`${specifier}(?![\\w/-])`));
  });
});

describe('installing', () => {
  test('the lock file names no registry', () => {
    expect(read('package-lock.json')).not.toMatch(
      /"resolved": (?!"test\/native")|https?:\/\/(?!(?:[\w.-]*\.)?(?:github\.com|opencollective\.com))[^"]*\.tgz/,
    );
  });

  test('the lock file has the binaries of every platform; if not, run npm run complete-lockfile', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: LockedPackages };

    expect(Object.keys(missingBinaries(packages))).toEqual([]);
  });

  test('every dependency that is installed with guardmint has its reason', () => {
    const reasons = read('docs/decisions/0003-runtime-dependencies.md');

    expect(Object.keys(MANIFEST.dependencies).filter((name) => !reasons.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('the Node it runs on', () => {
  const guard = (version: string) => {
    const source = `Object.defineProperty(process.versions, 'node', { value: ${JSON.stringify(version)} });
      await import('./scripts/require-node.mjs');`;
    return run(process.execPath, ['--input-type=module', '-e', source], { cwd: TOP });
  };

  test.each(['12.22.0', '20.20.2', '24.6.9'])('%s is refused in plain words', async (version) => {
    await expect(guard(version)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`guardmint needs Node 24.7 or later; this is ${version}.`),
    });
  });

  test.each(['24.7.0', '24.21.0', '26.1.0'])('%s is accepted', async (version) => {
    await expect(guard(version)).resolves.toEqual({ stdout: '', stderr: '' });
  });

  test('engines, guard and scripts agree', () => {
    expect(MANIFEST.engines.node).toBe('>=24.7');
    const unguarded = ['start', 'admin', 'demo', 'test', 'check', 'build'].filter(
      (name) => !MANIFEST.scripts[name]?.startsWith('node scripts/require-node.mjs && '),
    );
    expect(unguarded).toEqual([]);
  });
});
