import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createRedisStore } from '../../src/store/redis/index.ts';
import { describeTokenStore } from '../../src/testing/index.ts';
import { certify } from '../support/certificates.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { type ClusterGroup, startCluster, whenReplicating } from '../support/redis-groups.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { openOver } from './redis-subjects.ts';
import { START } from './samples.ts';

const missing = reasonToSkip(programMissing);
const titled = (title: string) => (missing === undefined ? title : `${title} (skipped: ${missing})`);

/** The ACL of docs/redis.md, for the keys of these tests. */
const ACL = (
  /^ACL SETUSER guardmint (.*)$/m.exec(readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8'))?.[1] ?? ''
)
  .replace('~guardmint:*', '~test-*')
  .split(' ');

describe.skipIf(missing !== undefined)(
  titled('a Redis user who may do no more than the documented commands on our keys'),
  () => {
    let server: RedisServer;
    let cluster: ClusterGroup;
    beforeAll(async () => {
      server = await startRedis();
      cluster = await startCluster();
      for (const { admin } of [server, ...cluster.nodes]) await admin.acl('SETUSER', 'guardmint', ...ACL);
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    });

    const asUser = (url: string) => url.replace('://', '://guardmint:PASSWORD@');
    const traits = { isShared: true, isDurable: false };
    describeTokenStore('redis with an ACL', () => openOver({ url: asUser(server.url), strict: true })(), traits, {
      describe,
      it,
    });
    describeTokenStore(
      'redis cluster with an ACL',
      () => openOver({ url: asUser(cluster.url), strict: true })(),
      traits,
      {
        describe,
        it,
      },
    );

    it('can wait for a replica, in any database, and end the watermarks that are over', async () => {
      const settings = { replicaof: `127.0.0.1 ${server.port}` };
      await using replica = await startRedis({ settings });
      await whenReplicating(server);
      await replica.admin.ping();
      let now = START;
      const options = { prefix: 'test-waiting:', strict: false, acknowledgement: { replicas: 1 } } as const;
      const store = await createRedisStore({ url: `${asUser(server.url)}/3`, ...options, testClock: () => now });

      expect(await store.oneTime.consumeOnce({ kind: 'code', id: 'one', expiresAt: START + 60 })).toBe('first');
      await store.denylist.deny({ kind: 'subject', id: 'alice', lifetime: 60 });
      now += 10_000;
      await store.denylist.deny({ kind: 'subject', id: 'bob', lifetime: 60 });
      const { entries } = await store.denylist.snapshot();

      expect(entries.map(({ id }) => id)).toEqual(['bob']);
      await store.close();
    });

    it('can reach no key of others', async () => {
      const store = await createRedisStore({ url: asUser(server.url), prefix: 'elsewhere:', testClock: () => START });

      await expect(store.oneTime.consumeOnce({ kind: 'code', id: 'one', expiresAt: START + 60 })).rejects.toThrow(
        UnavailableError,
      );

      await store.close();
    });
  },
);

describe.skipIf(missing !== undefined)(titled('Redis behind TLS'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-tls-'));
  const authority = certify({ commonName: 'Test authority' });
  const redis = certify({ commonName: 'redis.example', names: ['redis.example'], issuer: authority });
  const files = { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  let server: RedisServer;
  beforeAll(async () => {
    writeFileSync(files.ca, authority.cert);
    writeFileSync(files.cert, redis.cert);
    writeFileSync(files.key, redis.key);
    server = await startRedis({ tls: files });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is used when its certificate is by whom we trust, for the name we expect', async () => {
    const tls = { ca: authority.cert, servername: 'redis.example' };
    const store = await createRedisStore({ url: server.url, strict: true, tls, testClock: () => START });

    expect(await store.oneTime.consumeOnce({ kind: 'code', id: 'one', expiresAt: START + 60 })).toBe('first');
    const noticed = Promise.withResolvers<void>();
    using _ = store.denylist.watch(noticed.resolve);
    await noticed.promise;

    await store.close();
  });

  it.each([
    ['an authority nobody trusts', { servername: 'redis.example' }, /certificate/],
    ['a certificate of another name', { ca: authority.cert, servername: 'other.example' }, /other\.example/],
  ])('is refused with %s', async (_, tls, cause) => {
    const refusal: unknown = await createRedisStore({ url: server.url, strict: true, tls }).catch((error) => error);

    expect(refusal).toBeInstanceOf(UnavailableError);
    expect(String((refusal as UnavailableError).cause)).toMatch(cause);
  });

  it('is refused without TLS', async () => {
    const url = server.url.replace('rediss://', 'redis://');

    await expect(createRedisStore({ url, strict: true, timeouts: { connect: 500 } })).rejects.toThrow(UnavailableError);
  });
});
