import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createRedisStore, type RedisFault, RedisSettingsError } from '../../src/store/redis/index.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { freePort, type RedisServer, startRedis } from '../support/redis-server.ts';

const missing = reasonToSkip(programMissing);

const CARELESS = {
  appendonly: 'no',
  'maxmemory-policy': 'allkeys-lru',
};

describe.skipIf(missing !== undefined)(
  `the settings of Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let careful: RedisServer;
    let careless: RedisServer;
    beforeAll(async () => {
      careful = await startRedis();
      careless = await startRedis({ settings: CARELESS });
    });
    afterAll(async () => {
      await careful[Symbol.asyncDispose]();
      await careless[Symbol.asyncDispose]();
    });

    it('that keep what is acknowledged are accepted without a word', async () => {
      const faults: RedisFault[] = [];
      const store = await createRedisStore({ url: careful.url, strict: true, onFault: (fault) => faults.push(fault) });
      await store.close();

      expect(store.warnings).toEqual([]);
      expect(faults).toEqual([]);
    });

    it('that lose it are each a fault, and the store opens', async () => {
      const faults: RedisFault[] = [];
      const store = await createRedisStore({ url: careless.url, onFault: (fault) => faults.push(fault) });
      await store.close();

      expect(store.warnings).toEqual([
        expect.stringMatching(/^appendonly is off/),
        expect.stringMatching(/^maxmemory-policy is allkeys-lru/),
      ]);
      expect(faults).toEqual(store.warnings.map((message) => ({ kind: 'setting', message })));
    });

    it('that lose it are refused in strict mode, all at once', async () => {
      const opening = createRedisStore({ url: careless.url, strict: true });

      await expect(opening).rejects.toThrow(RedisSettingsError);
      await expect(opening).rejects.toThrow(/appendonly[\s\S]*maxmemory-policy/);
    });

    it('are looked at again when they changed: appendfsync, and replicas without min-replicas-to-write', async () => {
      await using master = await startRedis({ settings: { appendfsync: 'no' } });
      await using _ = await startRedis({ settings: { replicaof: `127.0.0.1 ${master.port}` } });
      await master.admin.wait(1, 10_000);

      const store = await createRedisStore({ url: master.url });
      await store.close();

      expect(store.warnings).toEqual([
        expect.stringMatching(/^appendfsync is no/),
        expect.stringMatching(/^min-replicas-to-write is 0/),
      ]);
    });

    it('that may not be read are said to be unknown', async () => {
      await careful.admin.acl('SETUSER', 'blind', 'on', '>secret', '~*', '+@all', '-config');

      const store = await createRedisStore({ url: careful.url.replace('://', '://blind:secret@') });
      await store.close();

      expect(store.warnings).toEqual([expect.stringMatching(/^CONFIG GET is not allowed/)]);
    });

    it('cannot be looked at while there is no Redis: strict mode refuses, otherwise the store waits for it', async () => {
      const port = await freePort();
      const url = `redis://127.0.0.1:${port}`;
      await expect(createRedisStore({ url, strict: true })).rejects.toThrow(UnavailableError);
      const noticed = Promise.withResolvers<void>();
      const faults: RedisFault[] = [];
      const store = await createRedisStore({
        url,
        onFault: (fault) => {
          faults.push(fault);
          if (fault.kind === 'setting') noticed.resolve();
        },
      });
      await expect(store.ping()).rejects.toThrow(UnavailableError);

      await using _ = await startRedis({ port, settings: { ...CARELESS, 'maxmemory-policy': 'noeviction' } });
      await noticed.promise;

      await store.ping();
      await store.close();
      expect(faults.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['connection', 'setting']));
    });

    it('are never read with a prefix that would decide the slot of every key', async () => {
      await expect(createRedisStore({ url: careful.url, prefix: '{app}:' })).rejects.toThrow(TypeError);
    });
  },
);
