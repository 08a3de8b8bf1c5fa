import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { readRedisOptions } from '../../src/server/index.ts';
import { programAbsent } from '../support/program.ts';

const TOP = new URL('../../', import.meta.url).pathname;
const read = (path: string) => readFileSync(join(TOP, path), 'utf8');
const run = promisify(execFile);

const nginxMissing = programAbsent('nginx', '-v');
const composeMissing = programAbsent('docker-compose');
const titled = (title: string, missing: string | undefined) =>
  missing === undefined ? title : `${title} (skipped: ${missing})`;

describe('the files of a deployment', () => {
  test.skipIf(composeMissing !== undefined)(titled('docker-compose.yml is accepted', composeMissing), async () => {
    const file = join(TOP, 'docker-compose.yml');

    expect(await run('docker-compose', ['-f', file, 'config', '-q'])).toEqual({ stdout: '', stderr: '' });
  });

  test.skipIf(nginxMissing !== undefined)(titled('deploy/nginx.conf is accepted', nginxMissing), async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guardmint-nginx-'));
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, read('deploy/nginx.conf').replaceAll('/tmp/', `${folder}/`));

    const { stderr } = await run('nginx', ['-t', '-c', file]);

    expect(stderr).toMatch(/test is successful/);
    expect(stderr).not.toMatch(/\[warn\]/);
    rmSync(folder, { recursive: true });
  });

  test('every service of docker-compose.yml is hardened, has limits and is looked after', () => {
    const text = read('docker-compose.yml');
    const hardened = /x-hardened: &hardened\n((?: {2}.*\n)+)/.exec(text)?.[1];
    expect(hardened).toContain('read_only: true');
    expect(hardened).toContain('cap_drop: [ALL]');
    expect(hardened).toContain('no-new-privileges:true');
    const services = text.slice(text.indexOf('\nservices:'), text.indexOf('\nvolumes:'));
    const found = services.split(/\n {2}(?=[a-z]+:)/).slice(1);
    expect(found.map((service) => service.slice(0, service.indexOf(':')))).toEqual([
      'prepare',
      'redis',
      'guardmint',
      'nginx',
      'notes',
      'calculator',
      'admin',
    ]);
    for (const service of found) expect(service).toMatch(/<<: \*(?:hardened|guardmint|mcp-server)/);
    for (const service of found.filter((one) => /^(?:redis|nginx|notes)/.test(one))) {
      expect(service).toMatch(/healthcheck:\n\s+test:/);
      expect(service).toMatch(/limits: \{ cpus: .*, memory: /);
      expect(service).toMatch(/user: "\d+:\d+"/);
    }
    const published = [...text.matchAll(/- "(\S+:\d+:\d+)"/g)].map(([, port]) => port);
    expect(published).toEqual(['127.0.0.1:8080:8080', '127.0.0.1:8091:8091', '127.0.0.1:8092:8092']);
  });

  test('deploy/guardmint.json is a configuration that only says it is for this machine', () => {
    const config = loadConfig({
      env: { GUARDMINT_HOST: '0.0.0.0', GUARDMINT_KEYS_SECRET: 'passphrase:kept somewhere else' },
      readFile: () => read('deploy/guardmint.json'),
    });

    expect(config.warnings).toEqual([expect.stringMatching(/^issuer: .* means each caller's own machine/)]);
    expect(config).toMatchObject({ redisStrict: true, trustProxy: 1 });
  });

  test('deploy/users.acl gives guardmint the rights of docs/redis.md, and nobody else any', () => {
    const documented = /^ACL SETUSER guardmint on >PASSWORD (.*)$/m.exec(read('docs/redis.md'))?.[1];
    const users = new Map(
      read('deploy/users.acl')
        .trim()
        .split('\n')
        .map((line) => [line.split(' ')[1], line]),
    );

    expect(users.get('guardmint')).toBe(`user guardmint on #PASSWORD_SHA256 ${documented}`);
    expect(users.get('default')).toMatch(/^user default off /);
    expect(users.get('probe')).toMatch(/resetkeys .*-@all \+ping$/);
    expect(users.size).toBe(3);
  });

  test('deploy/redis.conf keeps what is acknowledged', () => {
    const lines = read('deploy/redis.conf').split('\n');

    expect(lines).toEqual(
      expect.arrayContaining(['appendonly yes', 'appendfsync everysec', 'maxmemory-policy noeviction']),
    );
  });

  test('the Dockerfile builds on the Node the tests run on, runs as nobody, and gets what it copies', () => {
    const text = read('Dockerfile');
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
    expect(/^ARG NODE_IMAGE=.*:([\d.]+)-/m.exec(text)?.[1]).toBe(devDependencies['node']);
    const stages = text.split(/^FROM /m).slice(1);
    for (const stage of stages.slice(-2)) expect(stage).toMatch(/^USER 10001:10001$/m);
    expect(stages.at(-1)).toMatch(/^HEALTHCHECK /m);
    const admitted = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path ?? '');
    const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) => paths.split(' '));
    expect(copied.filter((path) => !admitted.includes(path))).toEqual([]);
    expect(admitted.filter((path) => !copied.includes(path))).toEqual([]);
  });

  test('what the replicas are told of Redis can be read', () => {
    const env = { GUARDMINT_REDIS_URL_FILE: 'url', GUARDMINT_KEYS_SECRET: 'passphrase:kept somewhere else' };
    const readFile = (path: string) =>
      path === 'url' ? 'redis://guardmint:a_b-c@redis:6379/0\n' : read('deploy/guardmint.json');

    expect(readRedisOptions(loadConfig({ env, readFile }))).toMatchObject({ prefix: 'guardmint:', strict: true });
  });
});
