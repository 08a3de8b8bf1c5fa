import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config/index.ts';
import { UnavailableError } from '../../src/oauth/index.ts';
import { systemClock } from '../../src/platform/index.ts';
import { openStore, readRedisOptions } from '../../src/server/index.ts';
import { createLog } from '../../src/telemetry/index.ts';
import { certify } from '../support/certificates.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const missing = reasonToSkip(programMissing);
const titled = (title: string) => (missing === undefined ? title : `${title} (skipped: ${missing})`);

const folder = mkdtempSync(join(tmpdir(), 'guardmint-redis-options-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const authority = certify({ commonName: 'Test authority' });
const server = certify({ commonName: 'redis.example', names: ['redis.example'], issuer: authority });
const client = certify({ commonName: 'guardmint', names: ['guardmint.example'], issuer: authority });
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const files = {
  ca: write('ca.pem', authority.cert),
  cert: write('server.pem', server.cert),
  key: write('server.key', server.key),
  clientCert: write('client.pem', client.cert),
  clientKey: write('client.key', client.key),
};
const TLS = {
  GUARDMINT_REDIS_CA_FILE: files.ca,
  GUARDMINT_REDIS_CERT_FILE: files.clientCert,
  GUARDMINT_REDIS_KEY_FILE: files.clientKey,
  GUARDMINT_REDIS_SERVERNAME: 'redis.example',
};
const load = (env: NodeJS.ProcessEnv) =>
  loadConfig({ env, readFile: (path) => (path === 'url' ? env['URL'] : undefined) });
const open = (env: NodeJS.ProcessEnv) =>
  openStore(load({ GUARDMINT_REDIS_STRICT: '1', ...env }), { clock: systemClock, log: createLog({ level: 'silent' }) });
const spend = (id: string) => ({ kind: 'code', id, expiresAt: systemClock() + 60 }) as const;

describe.skipIf(missing !== undefined)(titled('the Redis of the configuration'), () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ tls: { ...files, asksForCertificate: true } });
    await redis.admin.acl('SETUSER', 'prod', 'on', '>hunter2', '~prod.auth:*', 'resetchannels', '+@all');
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  test('is reached by TLS both ways, as a user limited to the prefix, by a URL of a file', async () => {
    const URL = redis.url.replace('://', '://prod:hunter2@');
    const store = await open({ ...TLS, GUARDMINT_REDIS_URL_FILE: 'url', URL, GUARDMINT_REDIS_PREFIX: 'prod.auth:' });

    expect(await store.oneTime.consumeOnce(spend('one'))).toBe('first');
    expect(await store.oneTime.consumeOnce(spend('one'))).toBe('again');
    await store.close();
    expect(await redis.admin.keys('*')).toEqual([expect.stringMatching(/^prod\.auth:spent:/)]);
  });

  test.each([
    ['no certificate to show', { GUARDMINT_REDIS_CERT_FILE: '', GUARDMINT_REDIS_KEY_FILE: '' }],
    ['no authority that is trusted', { GUARDMINT_REDIS_CA_FILE: '' }],
    ['another server name', { GUARDMINT_REDIS_SERVERNAME: 'other.example' }],
    ['a prefix that is not the one of the user', { GUARDMINT_REDIS_PREFIX: 'other:' }],
  ])('is refused with %s', async (_what, change) => {
    const url = redis.url.replace('://', '://prod:hunter2@');
    const env = { ...TLS, GUARDMINT_REDIS_URL: url, GUARDMINT_REDIS_PREFIX: 'prod.auth:', ...change };
    const use = open(env).then((store) => store.oneTime.consumeOnce(spend('two')).finally(() => store.close()));

    await expect(use).rejects.toThrow(UnavailableError);
  });

  test('demands as many replicas as the configuration does, and waits for them as long as it says', async () => {
    await using alone = await startRedis();
    const store = await open({ GUARDMINT_REDIS_URL: alone.url, GUARDMINT_REDIS_ACKNOWLEDGEMENT_REPLICAS: '1' });

    const spending = store.oneTime.consumeOnce(spend('three'));

    await expect(spending).rejects.toThrow(UnavailableError);
    await store.close();
  });
});

describe('what cannot be a Redis', () => {
  const refusalOf = (env: NodeJS.ProcessEnv): string => {
    try {
      readRedisOptions(load(env));
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    return '';
  };
  const GUARDMINT_REDIS_URL = 'rediss://redis.example';

  test.each([
    ['GUARDMINT_REDIS_CA_FILE', '/nowhere.pem', 'redisCaFile: /nowhere.pem cannot be read (ENOENT)'],
    ['GUARDMINT_REDIS_CA_FILE', files.key, 'redisCaFile: holds no certificate (PEM)'],
    ['GUARDMINT_REDIS_KEY_FILE', files.key, 'redisCertFile: is no certificate (PEM), or not that of redisKeyFile'],
    ['GUARDMINT_REDIS_URL', 'redis://redis.example', 'redisUrl: must begin with rediss'],
  ])('%s as %s is refused by its name', (name, value, fault) => {
    expect(refusalOf({ GUARDMINT_REDIS_URL, ...TLS })).toBe('');
    expect(refusalOf({ GUARDMINT_REDIS_URL, ...TLS, [name]: value })).toContain(fault);
  });

  test('is told without its password', async () => {
    const refusal = await open({ GUARDMINT_REDIS_URL_FILE: 'url', URL: 'redis://a:hunter2@b:1/x' }).catch(String);

    expect(refusal).toContain('redisUrlFile: the path must be a database number');
    expect(refusal).not.toContain('hunter2');
  });
});
