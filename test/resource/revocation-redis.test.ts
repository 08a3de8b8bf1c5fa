import { decodeJwt } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { sha256 } from '../../src/platform/index.ts';
import { createVerifier, type Verifier } from '../../src/resource/index.ts';
import { createEmbeddedStore } from '../../src/store/embedded/index.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createRedisStore, type RedisStore, type RedisStoreOptions } from '../../src/store/redis/index.ts';
import type { NewDenylistEntry, TokenStore } from '../../src/tokens/index.ts';
import { freshPrefix } from '../store/redis-subjects.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { startSentinelGroup } from '../support/redis-groups.ts';
import { startRedis, until } from '../support/redis-server.ts';
import { NOW, RESOURCE } from './issuer.ts';
import {
  createTimedVerifier,
  placesOf,
  type RevocationIssuer,
  startProxy,
  startRevocationIssuer,
} from './revocation-issuer.ts';

const missing = reasonToSkip(programMissing);
const WAIT = { timeout: 20_000, interval: 5 };

async function openStore(options: RedisStoreOptions): Promise<RedisStore & AsyncDisposable> {
  const store = await createRedisStore({ testClock: () => NOW, timeouts: { command: 500 }, ...options });
  return { ...store, [Symbol.asyncDispose]: store.close };
}

const isAccepted = async (verifier: Verifier, token: string) => (await verifier.loadAccessToken(token)) !== undefined;

const refused = (verifier: Verifier, token: string) =>
  vi.waitFor(async () => expect(await isAccepted(verifier, token)).toBe(false), WAIT);

const streaming = (issuer: RevocationIssuer) =>
  vi.waitFor(() => expect(issuer.asked.some((url) => url.startsWith('/revocations/stream'))).toBe(true), WAIT);

const denied = (id: string): NewDenylistEntry => ({ kind: 'jti', id, lifetime: 600 });

test('every store gives the same documents, but for their place in the order', async () => {
  const clock = () => NOW;
  const entries: readonly NewDenylistEntry[] = [
    denied('jti-1'),
    { kind: 'grant', id: 'grant-1', lifetime: 600 },
    { kind: 'key', id: 'key-1', lifetime: 900 },
    { kind: 'subject', id: 'alice', lifetime: 600, issuedBefore: NOW - 5 },
    { kind: 'subject', id: 'alice', lifetime: 300, issuedBefore: NOW - 9 },
    { kind: 'client', id: sha256('client-1'), lifetime: 600 },
    { kind: 'all', id: '', lifetime: 600, issuedBefore: NOW - 100 },
    { kind: 'jti', id: 'jti-2', lifetime: 30 },
  ];

  async function documentsOf(store: TokenStore): Promise<unknown> {
    await using issuer = await startRevocationIssuer({ denylist: store.denylist });
    const read = async (path: string) => decodeJwt(await (await fetch(`${issuer.issuer}/revocations${path}`)).text());
    const { epoch, seq } = await read('');
    for (const entry of entries) await store.denylist.deny(entry);
    const sort = (rows: unknown) => (rows as string[][]).map((row) => row.join()).sort();
    const plain = (claims: Record<string, unknown>) => ({
      times: [claims['iat'], claims['exp'], claims['ttl']],
      ids: ['jti', 'grant', 'key', 'all'].map((name) => sort(claims[name])),
      // Hashed under a salt of the epoch.
      watermarks: ['sub', 'client'].map((name) => sort((claims[name] as string[][]).map(([, ...rest]) => rest))),
    });
    return [plain(await read('')), plain(await read(`?since=${epoch}.${seq}`))];
  }

  const reference = await documentsOf(createMemoryStore({ clock }));
  const embedded = createEmbeddedStore({ file: ':memory:', clock });
  expect(await documentsOf(embedded)).toEqual(reference);
  await embedded.close();
  if (missing !== undefined) return;
  await using redis = await startRedis();
  await using store = await openStore({ url: redis.url });
  expect(await documentsOf(store)).toEqual(reference);
});

describe.skipIf(missing !== undefined)(
  `revocation over Redis${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    test('what one replica denies reaches validators of the other: by stream, and by polling where that is held back [I1]', async () => {
      await using redis = await startRedis();
      const prefix = freshPrefix();
      await using oneStore = await openStore({ url: redis.url, prefix });
      await using otherStore = await openStore({ url: redis.url, prefix });
      await using one = await startRevocationIssuer({ denylist: oneStore.denylist });
      await using other = await startRevocationIssuer({ denylist: otherStore.denylist, replicaOf: one });
      await using proxy = await startProxy(other.origin);
      proxy.mode = 'hold';
      const { verifier: streamed } = createTimedVerifier(one, { places: placesOf(other.origin) });
      const timings = { poll: 20, firstEvent: 50 };
      const { verifier: polled } = createTimedVerifier(one, { places: placesOf(proxy.origin), timings });
      using _one = streamed;
      using _other = polled;
      const tokens = Array.from({ length: 20 }, (_, index) => one.token({ jti: `jti-${index}`, sub: `user-${index}` }));
      for (const token of tokens)
        expect([await isAccepted(streamed, token), await isAccepted(polled, token)]).toEqual([true, true]);
      await streaming(other);

      for (const index of tokens.keys()) {
        if (index % 2 === 0) await one.deny(`jti-${index}`);
        else await one.deny(`user-${index}`, 'subject');
      }

      await Promise.all(tokens.flatMap((token) => [refused(streamed, token), refused(polled, token)]));
      expect(streamed.state().revocations).toMatchObject({ freshness: 'fresh', entries: 20 });
      expect(polled.state().revocations).toMatchObject({ freshness: 'fresh', entries: 20 });
    });

    test('who was away while the stream was trimmed takes the whole list and misses nothing', async () => {
      await using redis = await startRedis();
      // Redis trims by whole nodes, of a hundred entries unless it is told otherwise.
      await redis.admin.config('SET', 'stream-node-max-entries', '10');
      await using store = await openStore({ url: redis.url, feed: { maxLength: 10 } });
      await using issuer = await startRevocationIssuer({ denylist: store.denylist });
      await using proxy = await startProxy(issuer.origin);
      const { verifier } = createTimedVerifier(issuer, { places: placesOf(proxy.origin) });
      using _ = verifier;
      const tokens = Array.from({ length: 100 }, (_, index) => issuer.token({ jti: `jti-${index}` }));
      for (const token of tokens) await isAccepted(verifier, token);
      await issuer.deny('jti-0');
      await refused(verifier, tokens[0] ?? '');

      proxy.mode = 'refuse';
      proxy.cut();
      for (const index of tokens.keys()) await issuer.deny(`jti-${index}`);
      const { position } = verifier.state().revocations ?? {};
      expect((await fetch(`${issuer.origin}/revocations?since=${position}`)).status).toBe(410);
      proxy.mode = 'pass';

      await Promise.all(tokens.map((token) => refused(verifier, token)));
      expect(proxy.asked.filter((url) => url === '/revocations')).toHaveLength(2);
    });

    test('a Redis that comes back from its file is another epoch; validators keep what they know and hear what is new [I1]', async () => {
      await using redis = await startRedis({ settings: { appendfsync: 'always' } });
      await using store = await openStore({ url: redis.url });
      await using issuer = await startRevocationIssuer({ denylist: store.denylist });
      const { verifier } = createTimedVerifier(issuer);
      using _ = verifier;
      const [before, after] = [issuer.token({ sub: 'alice' }), issuer.token({ sub: 'bob' })];
      for (const token of [before, after]) expect(await isAccepted(verifier, token)).toBe(true);
      await issuer.deny('alice', 'subject');
      await refused(verifier, before);
      const epochOf = () => verifier.state().revocations?.position?.split('.')[0];
      const epoch = epochOf();

      await redis.stop('SIGKILL');
      expect(await isAccepted(verifier, after)).toBe(true);
      await redis.restart();
      await until(async () =>
        issuer.deny('bob', 'subject').then(
          () => true,
          () => false,
        ),
      );

      await refused(verifier, after);
      expect(await isAccepted(verifier, before)).toBe(false);
      expect(epochOf()).not.toBe(epoch);
    });

    test('a failover that loses what was acknowledged un-revokes nothing, for validators there are and those to come [I1]', async () => {
      await using group = await startSentinelGroup();
      await using store = await openStore({ url: group.url });
      await using issuer = await startRevocationIssuer({ denylist: store.denylist });
      const { verifier } = createTimedVerifier(issuer);
      using _ = verifier;
      const [lost, later] = [issuer.token({ jti: 'lost' }), issuer.token({ jti: 'later' })];
      for (const token of [lost, later]) expect(await isAccepted(verifier, token)).toBe(true);
      await streaming(issuer);
      // The replica loses touch with its master and cannot find back, so that the master answers for itself.
      await group.replica.admin.config('SET', 'masterauth', 'wrong');
      await group.master.admin.call('client', 'KILL', 'TYPE', 'replica');
      await until(async () => (await group.master.admin.info('replication')).includes('connected_slaves:0'));
      await issuer.deny('lost');
      await refused(verifier, lost);

      await group.master.stop('SIGKILL');
      await until(async () =>
        issuer.deny('later').then(
          () => true,
          () => false,
        ),
      );

      await refused(verifier, later);
      expect(await isAccepted(verifier, lost)).toBe(false);
      const isKept = async () => (await group.replica.admin.zscore('guardmint:{denylist}:ends', 'jti:lost')) !== null;
      await until(isKept);
      using newcomer = createVerifier({ issuer: issuer.issuer, resource: RESOURCE, clock: issuer.now });
      expect([await isAccepted(newcomer, lost), await isAccepted(newcomer, later)]).toEqual([false, false]);
    });
  },
);
