import { describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import {
  createRedisStore,
  type RedisFault,
  type RedisStore,
  type RedisStoreOptions,
} from '../../src/store/redis/index.ts';
import { programMissing, reasonToSkip } from '../support/redis.ts';
import { startSentinelGroup, whenReplicating } from '../support/redis-groups.ts';
import { startRedis, until } from '../support/redis-server.ts';
import { startToldSentinel } from '../support/told-sentinel.ts';
import { persist } from './persist.ts';
import { FAMILY, ROTATING, START } from './samples.ts';

const missing = reasonToSkip(programMissing);

async function openStore(options: RedisStoreOptions): Promise<RedisStore & AsyncDisposable> {
  const store = await createRedisStore({ testClock: () => START, timeouts: { command: 500 }, ...options });
  return { ...store, [Symbol.asyncDispose]: store.close };
}

const codeOf = (familyId: string) =>
  ({ kind: 'code', id: `code-of-${familyId}`, familyId, expiresAt: START + 60 }) as const;
const familyOf = (familyId: string) => ({ ...FAMILY, familyId });
const presentedOf = (familyId: string, generation: number) => ({ familyId, generation, nonceHash: FAMILY.nonceHash });

async function takesWrites(store: RedisStore): Promise<void> {
  let attempt = 0;
  await until(async () => {
    attempt += 1;
    const marker = { kind: 'dpop', id: `probe-${attempt}`, expiresAt: START + 60 } as const;
    return store.oneTime.consumeOnce(marker).then(
      () => true,
      () => false,
    );
  });
}

describe.skipIf(missing !== undefined)(`failover${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('by Sentinel keeps all that was acknowledged, and puts readers of the denylist in another epoch [I1]', async () => {
    await using group = await startSentinelGroup();
    await using store = await openStore({ url: group.url });
    const { refreshFamilies, denylist, oneTime } = store;
    let wakes = 0;
    using _ = denylist.watch(() => (wakes += 1));
    const ids = Array.from({ length: 50 }, (_, index) => `family-${index}`);
    const before = await denylist.snapshot();

    await Promise.all(ids.map((id) => refreshFamilies.begin(codeOf(id), familyOf(id))));
    await Promise.all(ids.map((id) => oneTime.consumeOnce({ kind: 'assertion', id, expiresAt: START + 60 })));
    await refreshFamilies.revoke('family-0', 3_600);
    await denylist.deny({ kind: 'grant', id: 'family-0', lifetime: 600 });
    await group.master.stop('SIGKILL');
    const wakesBefore = wakes;

    await takesWrites(store);
    expect(await group.replica.admin.info('replication')).toContain('role:master');
    for (const id of ids) {
      expect(await persist(() => refreshFamilies.find(id))).toBeDefined();
      expect((await persist(() => refreshFamilies.begin(codeOf(id), familyOf(id)))).outcome).toBe('again');
      const marker = { kind: 'assertion', id, expiresAt: START + 60 } as const;
      expect(await persist(() => oneTime.consumeOnce(marker))).toBe('again');
    }
    expect((await refreshFamilies.rotate(presentedOf('family-0', 0), ROTATING)).outcome).toBe('revoked');
    expect(await denylist.match([{ kind: 'grant', id: 'family-0' }])).toHaveLength(1);
    await until(async () => wakes > wakesBefore);
    expect(await denylist.since(before)).toBe('gone');
    expect((await denylist.snapshot()).epoch).not.toBe(before.epoch);
  });

  it('that loses a rotation is made good by the token that came of it', async () => {
    await using group = await startSentinelGroup();
    await using store = await openStore({ url: group.url });
    const { refreshFamilies } = store;
    await refreshFamilies.begin(codeOf('one'), familyOf('one'));
    // The replica loses touch with its master, and cannot find back.
    await group.replica.admin.config('SET', 'masterauth', 'wrong');
    await group.master.admin.call('client', 'KILL', 'TYPE', 'replica');
    await until(async () => (await group.master.admin.info('replication')).includes('connected_slaves:0'));

    const rotation = await refreshFamilies.rotate(presentedOf('one', 0), ROTATING);
    await group.master.stop('SIGKILL');
    await takesWrites(store);

    expect(rotation.outcome).toBe('rotated');
    expect((await refreshFamilies.find('one'))?.generation).toBe(0);
    const repeated = await refreshFamilies.rotate(presentedOf('one', 1), ROTATING);
    expect(repeated).toMatchObject({ outcome: 'ahead', family: { generation: 2 } });
    expect((await refreshFamilies.rotate(presentedOf('one', 2), ROTATING)).outcome).toBe('rotated');
    expect(await refreshFamilies.list({ subject: FAMILY.subject })).toHaveLength(1);
  });

  it('leaves a master that was replaced while it still answers', async () => {
    await using group = await startSentinelGroup();
    await using store = await openStore({ url: group.url });

    await group.sentinels[0]?.admin.call('sentinel', 'FAILOVER', 'mymaster');

    let attempt = 0;
    await until(async () => {
      attempt += 1;
      await store.denylist.deny({ kind: 'jti', id: `jti-${attempt}`, lifetime: 600 }).catch(() => {});
      return (
        (await group.replica.admin.zscore('guardmint:{denylist}:ends', `jti:jti-${attempt}`)) !== null &&
        (await group.replica.admin.info('replication')).includes('role:master')
      );
    });
    expect(await group.master.admin.info('replication')).toContain('role:master');
  });

  it('that is announced while the master is being asked for does not end the connection for good [I8]', async () => {
    await using master = await startRedis();
    await using sentinel = await startToldSentinel(master.port);
    await using store = await openStore({ url: sentinel.url });
    // One subscriber for each connection that is open: the one for all, and the one that waits for replicas.
    await until(async () => sentinel.subscribers() === 2);

    sentinel.hold();
    await master.admin.call('client', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => sentinel.held() >= 2);
    sentinel.announce();
    // The subscribers hang up when they have heard it, and the connections then take the answer for one too many.
    await until(async () => sentinel.subscribers() === 0);
    sentinel.answer();

    await takesWrites(store);
  });

  it('to a server that lacks what was acknowledged of late gives it that before anything else [I1] [I3] [I12]', async () => {
    await using master = await startRedis();
    await using other = await startRedis();
    await using sentinel = await startToldSentinel(master.port);
    const faults: RedisFault[] = [];
    await using store = await openStore({ url: sentinel.url, onFault: (fault) => faults.push(fault) });
    const { refreshFamilies, denylist, oneTime } = store;
    for (const id of ['live', 'revoked']) {
      await refreshFamilies.begin(codeOf(id), familyOf(id));
      expect((await refreshFamilies.begin(codeOf(id), { ...familyOf(id), nonceHash: 'of a second use' })).outcome).toBe(
        'again',
      );
    }
    await refreshFamilies.rotate(presentedOf('live', 0), ROTATING);
    await oneTime.consumeOnce({ kind: 'assertion', id: 'one', expiresAt: START + 60 });
    await refreshFamilies.revoke('revoked', 3_600);
    await refreshFamilies.revoke('never begun', 3_600);
    const denied = await denylist.deny({ kind: 'subject', id: 'mallory', lifetime: 600, issuedBefore: START - 5 });

    sentinel.name(other.port);
    await master.stop('SIGKILL');
    const outcomes = new Set<string>();
    await until(async () => {
      const rotation = await refreshFamilies.rotate(presentedOf('revoked', 0), ROTATING).catch(() => undefined);
      outcomes.add(rotation?.outcome ?? 'unavailable');
      return rotation !== undefined;
    });

    expect([...outcomes].filter((outcome) => outcome !== 'unavailable')).toEqual(['revoked']);
    expect(await other.admin.dbsize()).toBeGreaterThan(0);
    expect(await refreshFamilies.rotate(presentedOf('live', 1), ROTATING)).toMatchObject({
      outcome: 'ahead',
      family: { createdAt: START, generation: 2 },
    });
    expect((await refreshFamilies.begin(codeOf('live'), familyOf('live'))).outcome).toBe('again');
    expect((await refreshFamilies.begin(codeOf('never begun'), familyOf('never begun'))).outcome).toBe('again');
    expect(await oneTime.consumeOnce({ kind: 'assertion', id: 'one', expiresAt: START + 60 })).toBe('again');
    expect(await denylist.match([denied])).toEqual([denied]);
    expect(faults).toContainEqual({ kind: 'replica', message: 'Another master: 6 writes of late were made again.' });
  });

  it('that is none, only a connection that broke, makes nothing again', async () => {
    await using master = await startRedis();
    const faults: RedisFault[] = [];
    await using store = await openStore({ url: master.url, onFault: (fault) => faults.push(fault) });
    await store.refreshFamilies.begin(codeOf('one'), familyOf('one'));

    await master.admin.call('client', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await takesWrites(store);

    expect(faults.filter(({ kind }) => kind === 'replica')).toEqual([]);
  });

  it('leaves a master that came back after it was replaced, and does not know it [I8]', async () => {
    await using deposed = await startRedis({ settings: { 'min-replicas-to-write': '1' } });
    await using master = await startRedis();
    await using sentinel = await startToldSentinel(deposed.port);
    await using store = await openStore({ url: sentinel.url });
    await expect(store.denylist.deny({ kind: 'jti', id: 'one', lifetime: 600 })).rejects.toThrow(UnavailableError);

    // Nobody is told: the announcement came before there were subscribers.
    sentinel.name(master.port);

    await takesWrites(store);
    expect(await deposed.admin.dbsize()).toBe(0);
    expect(await master.admin.dbsize()).toBeGreaterThan(0);
  });
});

describe.skipIf(missing !== undefined)(`replicas${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  async function startPair() {
    await using started = new AsyncDisposableStack();
    const master = started.use(await startRedis());
    const replica = started.use(await startRedis({ settings: { replicaof: `127.0.0.1 ${master.port}` } }));
    await whenReplicating(master);
    const disposal = started.move();
    return { master, replica, [Symbol.asyncDispose]: () => disposal.disposeAsync() };
  }

  const revoke = (store: RedisStore, id: string) => store.denylist.deny({ kind: 'grant', id, lifetime: 600 });

  it('have a revocation when it is answered', async () => {
    await using pair = await startPair();
    await using store = await openStore({ url: pair.master.url });

    await Promise.all(Array.from({ length: 200 }, (_, index) => revoke(store, `grant-${index}`)));
    expect(await pair.replica.admin.zcard('guardmint:{denylist}:ends')).toBe(200);

    await store.refreshFamilies.begin(codeOf('one'), familyOf('one'));
    expect(await pair.replica.admin.exists('guardmint:family:{one}')).toBe(1);
  });

  it('that do not confirm make a revocation unavailable, and a repeated one good', async () => {
    await using pair = await startPair();
    await using store = await openStore({ url: pair.master.url });

    pair.replica.freeze();
    await expect(revoke(store, 'one')).rejects.toThrow(UnavailableError);
    expect((await store.refreshFamilies.rotate(presentedOf('none', 0), ROTATING)).outcome).toBe('unknown');

    pair.replica.thaw();
    await until(async () =>
      revoke(store, 'one').then(
        () => true,
        () => false,
      ),
    );
    expect(await pair.replica.admin.zcard('guardmint:{denylist}:ends')).toBe(1);
  });

  it('that are gone are waited for no longer, and the operator is told', async () => {
    await using pair = await startPair();
    const faults: RedisFault[] = [];
    await using store = await openStore({ url: pair.master.url, onFault: (fault) => faults.push(fault) });

    await pair.replica.stop();
    await until(async () => (await pair.master.admin.info('replication')).includes('connected_slaves:0'));
    await revoke(store, 'one');
    await revoke(store, 'two');

    expect(faults.filter(({ kind }) => kind === 'replica')).toHaveLength(1);
  });

  it('that are gone are waited for in vain where a number of them is demanded', async () => {
    await using pair = await startPair();
    await using store = await openStore({ url: pair.master.url, acknowledgement: { replicas: 1 } });
    await revoke(store, 'one');

    await pair.replica.stop();

    await expect(revoke(store, 'two')).rejects.toThrow(UnavailableError);
  });
});
