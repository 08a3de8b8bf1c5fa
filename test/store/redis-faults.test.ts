import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createRedisStore, type RedisFault, type RedisStore } from '../../src/store/redis/index.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { startCluster } from '../support/redis-groups.ts';
import { type RedisServer, startRedis, until } from '../support/redis-server.ts';
import { persist } from './persist.ts';
import { FAMILY, ROTATING, START } from './samples.ts';

const missing = reasonToSkip(programMissing);
const stores: RedisStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

async function openStore(url: string, options: { onFault?: (fault: RedisFault) => void; prefix?: string } = {}) {
  const store = await createRedisStore({ url, testClock: () => START, timeouts: { command: 500 }, ...options });
  stores.push(store);
  return store;
}

const markerOf = (id: string) => ({ kind: 'assertion', id, expiresAt: START + 60 }) as const;
const codeOf = (familyId: string) =>
  ({ kind: 'code', id: `code-of-${familyId}`, familyId, expiresAt: START + 60 }) as const;
const familyOf = (familyId: string) => ({ ...FAMILY, familyId });
const presentedOf = (familyId: string, generation: number) => ({ familyId, generation, nonceHash: FAMILY.nonceHash });

/** One call of every method that asks Redis. */
function everyCall(store: RedisStore): readonly (() => Promise<unknown>)[] {
  const { oneTime, refreshFamilies, denylist } = store;
  return [
    () => oneTime.consumeOnce(markerOf('some')),
    () => refreshFamilies.begin(codeOf('some'), familyOf('some')),
    () => refreshFamilies.find('some'),
    () => refreshFamilies.rotate(presentedOf('some', 0), ROTATING),
    () => refreshFamilies.revoke('some', 60),
    () => refreshFamilies.list({ subject: 'alice' }),
    () => refreshFamilies.list({}),
    () => denylist.deny({ kind: 'jti', id: 'some', lifetime: 60 }),
    () => denylist.match([{ kind: 'jti', id: 'some' }]),
    () => denylist.snapshot(),
    () => denylist.since({ epoch: 'some', sequence: '0-0' }),
    () => store.ping(),
  ];
}

/** Reads and writes have connections of their own, and each is mended by itself. */
async function answersAgain(store: RedisStore): Promise<void> {
  let attempt = 0;
  await until(async () => {
    attempt += 1;
    const probe = { kind: 'dpop', id: `probe-${attempt}`, expiresAt: START + 60 } as const;
    return Promise.all([store.ping(), store.oneTime.consumeOnce(probe)]).then(
      () => true,
      () => false,
    );
  });
}

describe.skipIf(missing !== undefined)(
  `faults of Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    it('stopped: every call is unavailable; back: everything works by itself, and nothing is lost [I2]', async () => {
      await using server = await startRedis();
      const store = await openStore(server.url);
      await store.refreshFamilies.begin(codeOf('one'), familyOf('one'));
      await store.refreshFamilies.rotate(presentedOf('one', 0), ROTATING);
      let wakes = 0;
      using _ = store.denylist.watch(() => (wakes += 1));

      await server.stop();
      for (const call of everyCall(store)) await expect(call()).rejects.toThrow(UnavailableError);

      await server.restart();
      await answersAgain(store);
      expect((await store.refreshFamilies.rotate(presentedOf('one', 0), ROTATING)).outcome).toBe('replayed');
      expect((await store.refreshFamilies.begin(codeOf('one'), familyOf('one'))).outcome).toBe('again');
      const wakesBefore = wakes;
      await store.denylist.deny({ kind: 'jti', id: 'one', lifetime: 60 });
      await until(async () => wakes > wakesBefore);
    });

    it('stopped dead without a word: calls end at the command timeout, and work when it goes on', async () => {
      await using server = await startRedis();
      const store = await openStore(server.url);

      server.freeze();
      const calls = everyCall(store).map((call) => call());
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toMatchObject({
          status: 'rejected',
          reason: { name: 'UnavailableError', dependency: 'store' },
        });
      }

      server.thaw();
      await answersAgain(store);
      expect(await store.oneTime.consumeOnce(markerOf('after'))).toBe('first');
    });

    it('a cluster node stopped: its families are unavailable, those of other nodes are not; back: all work', async () => {
      await using cluster = await startCluster({ 'cluster-require-full-coverage': 'no' });
      const store = await openStore(cluster.url);
      const ids = Array.from({ length: 30 }, (_, index) => `family-${index}`);
      await Promise.all(ids.map((id) => persist(() => store.refreshFamilies.begin(codeOf(id), familyOf(id)))));

      await cluster.nodes[2]?.stop();
      const outcomes = await Promise.allSettled(ids.map((id) => store.refreshFamilies.find(id)));

      const failed = outcomes.filter(({ status }) => status === 'rejected');
      expect(failed.length).toBeGreaterThan(0);
      expect(failed.length).toBeLessThan(ids.length);
      for (const outcome of failed) expect(outcome).toMatchObject({ reason: { name: 'UnavailableError' } });

      await cluster.nodes[2]?.restart();
      await until(async () => {
        const found = await Promise.allSettled(ids.map((id) => store.refreshFamilies.find(id)));
        return found.every((one) => one.status === 'fulfilled' && one.value !== undefined);
      });
    });

    it('scripts forgotten by the server are sent again', async () => {
      await using server = await startRedis();
      const store = await openStore(server.url);
      for (const call of everyCall(store)) await call();

      await server.admin.script('FLUSH', 'SYNC');

      for (const call of everyCall(store)) await call();
      const answers = await Promise.all(Array.from({ length: 20 }, () => store.oneTime.consumeOnce(markerOf('raced'))));
      expect(answers.filter((answer) => answer === 'first')).toHaveLength(1);
    });

    it('a connection lost between spend and answer is a fault, not a second use', async () => {
      await using server = await startRedis();
      await using proxy = await startDeafProxy(server);
      const store = await openStore(proxy.url);

      // The server has the script from here on, so that the next call is one command.
      await store.oneTime.consumeOnce(markerOf('other'));
      proxy.swallowNextAnswer();
      await expect(store.oneTime.consumeOnce(markerOf('lost'))).rejects.toThrow(UnavailableError);

      await answersAgain(store);
      expect(await store.oneTime.consumeOnce(markerOf('lost'))).toBe('again');
    });

    it('closed: every call is unavailable', async () => {
      await using server = await startRedis();
      const store = await openStore(server.url);

      await store.close();

      for (const call of everyCall(store)) await expect(call()).rejects.toThrow(UnavailableError);
    });

    it('a refused password is a fault that does not repeat it', async () => {
      await using server = await startRedis({ settings: { requirepass: 'right' } });
      const faults: RedisFault[] = [];
      const store = await openStore(server.url.replace('://', '://:hunter2@'), {
        onFault: (fault) => faults.push(fault),
      });

      const refusal: unknown = await store.ping().catch((error: unknown) => error);

      expect(refusal).toBeInstanceOf(UnavailableError);
      expect(faults).toContainEqual({ kind: 'connection', message: expect.stringMatching(/WRONGPASS/) });
      expect(JSON.stringify([faults, describeError(refusal)])).not.toContain('hunter2');
    });

    it.each(['always', 'everysec'])(
      'killed while it works, AOF %s: everything that was answered is there [I1]',
      async (appendfsync) => {
        await using server = await startRedis({ settings: { appendfsync } });
        const store = await openStore(server.url);
        const acknowledged: (() => Promise<void>)[] = [];
        const lanes = Array.from({ length: 8 }, (_, lane) => workUntilFault(store, `lane-${lane}`, acknowledged));
        await until(async () => acknowledged.length > 2_000);

        await server.stop('SIGKILL');
        for (const fault of await Promise.all(lanes)) expect(fault).toBeInstanceOf(UnavailableError);
        await server.restart();
        await answersAgain(store);

        for (const isThere of acknowledged) await isThere();

        /** Works, and remembers how to see each answer again. */
        async function workUntilFault(
          worked: RedisStore,
          lane: string,
          done: (() => Promise<void>)[],
        ): Promise<unknown> {
          const { oneTime, refreshFamilies, denylist } = worked;
          try {
            for (let round = 0; ; round += 1) {
              const id = `${lane}-${round}`;
              await refreshFamilies.begin(codeOf(id), familyOf(id));
              done.push(async () => {
                expect((await refreshFamilies.begin(codeOf(id), familyOf(id))).outcome).toBe('again');
              });
              await refreshFamilies.rotate(presentedOf(id, 0), ROTATING);
              // With everysec the file may be behind what was answered. A server writes that again, but for rotations, which
              // the token itself makes good.
              done.push(async () => {
                if ((await refreshFamilies.find(id))?.generation === 1) return;
                const { outcome } = await refreshFamilies.rotate(presentedOf(id, 1), ROTATING);
                expect(['ahead', 'revoked']).toContain(outcome);
              });
              await oneTime.consumeOnce(markerOf(id));
              done.push(async () => expect(await oneTime.consumeOnce(markerOf(id))).toBe('again'));
              await denylist.deny({ kind: 'jti', id, lifetime: 60 });
              done.push(async () => expect(await denylist.match([{ kind: 'jti', id }])).toHaveLength(1));
              await refreshFamilies.revoke(id, 60);
              done.push(async () => expect((await refreshFamilies.find(id))?.revokedAt).toBe(START));
            }
          } catch (error) {
            return error;
          }
        }
      },
    );
  },
);

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return { ...error, message: error.message, stack: error.stack, cause: describeError(error.cause) };
}

/** Stands before a server, and can lose one answer together with its connection, after the server has done the work. */
async function startDeafProxy(server: RedisServer) {
  const sockets = new Set<Socket>();
  let isDeaf = false;
  const proxy = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (answer) => {
      if (!isDeaf) return void client.write(answer);
      isDeaf = false;
      client.destroy();
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `redis://127.0.0.1:${port}`,
    swallowNextAnswer() {
      isDeaf = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
