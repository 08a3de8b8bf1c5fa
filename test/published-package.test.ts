import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importedPackages, pack, stagePackage, stageResourcePackage } from '../scripts/staged-package.ts';
import { forge, NOW } from './resource/issuer.ts';
import { testSigner } from './support/keys.ts';

const run = promisify(execFile);
const TOP = new URL('../', import.meta.url).pathname;

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** What importing the library may load. It was 180 kB when this was written; raise it for a reason. */
const MAX_LOADED_BYTES = 240_000;

const published = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as Manifest;

/** For compilers, npm and attw on a busy machine, in milliseconds. */
const PATIENCE = { timeout: 240_000 };

describe('the package as it is published', PATIENCE, () => {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-package-'));
  const staged = join(folder, 'staged');
  const installed = join(folder, 'app/node_modules/guardmint');
  let tarball = '';
  let packed: readonly string[] = [];

  beforeAll(async () => {
    stagePackage(staged);
    ({ tarball, files: packed } = await pack(staged, folder));
    install();
    await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
  }, PATIENCE.timeout);
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

  test('a worker compiles against it without the types of Node', async () => {
    const worker = join(folder, 'app/worker.ts');
    writeFileSync(
      worker,
      `import { createVerifier } from 'guardmint/resource';
      import { bearerAuth, getAccessToken, protect, requireScopes } from 'guardmint/resource/fetch';
      const verifier = createVerifier({ issuer: 'https://as.example.com', resource: 'https://mcp.example.com/mcp' });
      const handler = (request: Request, env: { readonly name: string }) =>
        new Response(getAccessToken(request)?.subject ?? env.name);
      export default { fetch: protect(handler, bearerAuth({ verifier }), requireScopes('mcp:read')) };`,
    );
    const options = '--noEmit --strict --target es2024 --module nodenext --lib esnext,webworker --types'.split(' ');
    const tsc = join(TOP, 'node_modules/.bin/tsc');

    await expect(run(tsc, [...options, '', worker], { cwd: join(folder, 'app') })).resolves.toMatchObject({
      stdout: '',
    });
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

  describe('guardmint-resource', () => {
    const small = join(folder, 'small');
    const place = join(folder, 'bare/node_modules/guardmint-resource');
    let manifest: Manifest;
    let archive = '';
    beforeAll(async () => {
      stageResourcePackage(staged, small);
      manifest = JSON.parse(readFileSync(join(small, 'package.json'), 'utf8')) as Manifest;
      ({ tarball: archive } = await pack(small, folder));
      mkdirSync(place, { recursive: true });
      await run('tar', ['-xzf', archive, '--strip-components=1', '-C', place]);
    }, PATIENCE.timeout);

    test('has the entry points of guardmint/resource, depends on nothing and imports what it declares', () => {
      const resource = Object.keys(published.exports).filter((subpath) => subpath.startsWith('./resource'));

      expect(Object.keys(manifest.exports)).toEqual([
        ...resource.map((subpath) => subpath.replace('./resource', '.')),
        './package.json',
      ]);
      expect(manifest).not.toHaveProperty('dependencies');
      expect([...importedPackages(join(place, 'dist'))].toSorted()).toEqual(
        Object.keys(manifest.peerDependencies).toSorted(),
      );
    });

    test('publint and attw find nothing', async () => {
      const attw = join(TOP, 'node_modules/.bin/attw');

      expect((await publint({ pkgDir: small, pack: false, strict: true })).messages).toEqual([]);
      await expect(run(attw, [archive, '--profile', 'esm-only', '--no-color'])).resolves.toMatchObject({ stderr: '' });
    });

    test('validates a token where nothing else is installed, and loads little for it', async () => {
      const script = join(folder, 'bare/validate.mjs');
      writeFileSync(
        script,
        `import { statSync } from 'node:fs';
        import { registerHooks } from 'node:module';
        import { fileURLToPath } from 'node:url';
        const loaded = new Set();
        registerHooks({ load(url, context, next) { if (url.startsWith('file:')) loaded.add(url); return next(url, context); } });
        const { createVerifier } = await import('guardmint-resource');
        const options = { issuer: 'https://as.example.test', resource: 'https://mcp.example.test/mcp' };
        const verifier = createVerifier({ ...options, jwks: ${JSON.stringify({ keys: [testSigner().publicJwk] })}, clock: () => ${NOW} });
        const token = await verifier.loadAccessToken(${JSON.stringify(forge())});
        const bytes = [...loaded].reduce((sum, url) => sum + statSync(fileURLToPath(url)).size, 0);
        console.log(JSON.stringify({ subject: token?.subject, bytes }));`,
      );
      const { stdout } = await run(process.execPath, [script]);
      const { subject, bytes } = JSON.parse(stdout) as { subject: string; bytes: number };

      expect(subject).toBe('user-1');
      expect(bytes).toBeLessThan(MAX_LOADED_BYTES);
    });
  });
});
