import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programAbsent } from '../support/program.ts';
import { makeBaseRoot } from './local-base.ts';

const TOP = new URL('../../', import.meta.url).pathname;
const BASE = 'localhost/guardmint-test-base:latest';
const IMAGE = 'localhost/guardmint-test:latest';
const run = promisify(execFile);
const buildah = async (...args: string[]) => {
  const env = { ...process.env, STORAGE_DRIVER: 'vfs', BUILDAH_ISOLATION: 'chroot' };
  return (await run('buildah', args, { cwd: TOP, env, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
};

// It installs every dependency twice and takes minutes; so it is asked for by name.
const missing =
  process.env['BUILD_IMAGE'] === '1' ? programAbsent('buildah') : 'it takes minutes; BUILD_IMAGE=1 asks for it';

/** Of whoever builds, inside the image. */
const HOME = '/root';

describe.skipIf(missing !== undefined)(`the image${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let container = '';
  beforeAll(async () => {
    const root = makeBaseRoot();
    const base = await buildah('from', 'scratch');
    await buildah('add', base, root, '/');
    await buildah('config', '--env', 'PATH=/usr/local/bin:/usr/bin:/bin', '--env', `HOME=${HOME}`, base);
    await buildah('commit', '--rm', base, BASE);
    rmSync(root, { recursive: true });
    // What npm is told on this machine about its registry, and whom to trust, for the time of the build.
    const settings = [
      ['globalconfig', '/usr/local/etc/npmrc'],
      ['userconfig', `${HOME}/.npmrc`],
    ] as const;
    // Of the npm of this machine, not of one beside the Node of the tests.
    const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
    const own = Object.entries(process.env).filter(([name]) => !/^npm_config_/i.test(name));
    const env = { ...Object.fromEntries(own), PATH: folders.join(delimiter) };
    const npm = await Promise.all(
      settings.map(
        async ([name, to]) => [(await run('npm', ['config', 'get', name], { env })).stdout.trim(), to] as const,
      ),
    );
    const authorities = process.env['NODE_EXTRA_CA_CERTS'];
    const shared = [
      ...npm,
      ...['/etc/ssl/certs', ...(authorities === undefined ? [] : [authorities])].map((path) => [path, path] as const),
    ].filter(([path]) => existsSync(path));
    const volumes = shared.flatMap(([path, to]) => ['--volume', `${path}:${to}:ro`]);
    const trusted = authorities === undefined ? [] : ['--env', `NODE_EXTRA_CA_CERTS=${authorities}`];
    const build = ['bud', '--format', 'docker', '--pull-never', '--network', 'host', '--target', 'server'];
    await buildah(...build, ...volumes, ...trusted, '--build-arg', `NODE_IMAGE=${BASE}`, '-t', IMAGE, '.');
    container = await buildah('from', '--pull-never', IMAGE);
  }, 900_000);
  afterAll(async () => {
    if (container !== '') await buildah('rm', container);
    for (const image of [IMAGE, BASE]) await buildah('rmi', '--force', image).catch(() => {});
  });

  const inside = (...command: string[]) => buildah('run', container, '--', ...command);

  test('runs as nobody, has the command line, prepares itself and holds no source, test or development tool', async () => {
    expect(await inside('id', '-u')).toBe('10001');
    expect(await inside('guardmint', '--version')).toMatch(/^\d+\.\d+\.\d+$/);
    const prepared = await inside('sh', '/app/deploy/prepare.sh');
    expect(prepared).toMatch(/Made 5 keys[\s\S]*is in order[\s\S]*Added admin\. Password: \S+/);
    expect(await inside('cat', '/run/guardmint/redis-url')).toMatch(/^redis:\/\/guardmint:[\w-]{43}@redis:6379\/0$/);
    expect((await inside('ls', '/app')).split('\n').toSorted()).toEqual([
      'LICENSE',
      'deploy',
      'dist',
      'node_modules',
      'package.json',
    ]);
    expect((await inside('ls', '/app/node_modules')).split('\n')).not.toContain('typescript');
  });

  test('starts, is healthy and ends on SIGTERM', async () => {
    const ask =
      "fetch('http://127.0.0.1:39000/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))";
    const script = `
      node /app/dist/server/main.js & server=$!
      for attempt in 1 2 3 4 5 6 7 8 9 10; do node -e "${ask}" && break; sleep 1; done
      node -e "${ask}" && echo healthy
      kill -TERM $server; wait $server; echo ended $?`;
    const settings = ['HOST=127.0.0.1', 'PORT=33000', 'MANAGEMENT_PORT=39000'].flatMap((one) => [
      '--env',
      `GUARDMINT_${one}`,
    ]);

    expect(await buildah('run', ...settings, container, '--', 'sh', '-c', script)).toMatch(/healthy\nended 0$/);
  }, 60_000);
});
