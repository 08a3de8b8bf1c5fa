import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildInto } from '../scripts/public-api.ts';

const run = promisify(execFile);
const TOP = new URL('../', import.meta.url).pathname;

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const { scripts: _, ...published } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as Manifest & {
  readonly scripts: unknown;
};

describe('the package as it is published', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-package-'));
  const staged = join(folder, 'staged');
  const installed = join(folder, 'app/node_modules/guardmint');
  let tarball = '';
  let packed: readonly string[] = [];

  beforeAll(async () => {
    mkdirSync(staged);
    buildInto(join(staged, 'dist'));
    for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md'])
      cpSync(join(TOP, file), join(staged, file));
    // Without its scripts, so that packing does not build once more.
    writeFileSync(join(staged, 'package.json'), JSON.stringify(published));
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: staged,
    });
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: readonly { path: string }[] }];
    tarball = join(folder, filename);
    packed = files.map(({ path }) => path);
    install();
    await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Beside an app's other packages, which are ours of this folder. */
  function install(): void {
    mkdirSync(installed, { recursive: true });
    for (const name of Object.keys({ ...published.dependencies, ...published.peerDependencies })) {
      const link = join(folder, 'app/node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      if (existsSync(join(TOP, 'node_modules', name))) symlinkSync(join(TOP, 'node_modules', name), link);
    }
  }

  test('publint finds nothing', async () => {
    const { messages } = await publint({ pkgDir: staged, pack: false, strict: true });

    expect(messages).toEqual([]);
  });

  test('attw finds the types of every entry point right', async () => {
    const attw = join(TOP, 'node_modules/.bin/attw');

    await expect(run(attw, [tarball, '--profile', 'esm-only', '--no-color'])).resolves.toMatchObject({ stderr: '' });
  });

  test('every entry point can be imported', async () => {
    const subpaths = Object.keys(published.exports).filter((subpath) => subpath !== './package.json');
    const imports = subpaths.map((subpath) => `await import(${JSON.stringify(`guardmint${subpath.slice(1)}`)});`);
    const script = join(folder, 'app/all.mjs');
    writeFileSync(script, `${imports.join('\n')}\nconsole.log('all');\n`);

    await expect(run(process.execPath, [script])).resolves.toMatchObject({ stdout: 'all\n' });
  });

  test('its command line runs', async () => {
    const command = join(installed, published.bin['guardmint'] ?? '');

    await expect(run(process.execPath, [command, '--version'])).resolves.toMatchObject({
      stdout: `${published.version}\n`,
    });
  });

  test('what is packed is compiled code, its declarations and maps, and four pages', () => {
    const others = packed.filter((path) => !/^dist\/.*\.(?:js|js\.map|d\.ts)$/.test(path));

    expect(others.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']);
  });
});
