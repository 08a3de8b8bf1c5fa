import { setTimeout as pause } from 'node:timers/promises';
import { startSentinelGroup } from '../../test/support/redis-groups.ts';
import { type RedisServer, until } from '../../test/support/redis-server.ts';

/** A primary with two replicas under three sentinels, set up as the documentation has it. */
export interface RedisGroup extends AsyncDisposable {
  readonly url: string;
  /**
   * Kills the primary when the group is whole, and brings the process back after a while (milliseconds) as a replica of
   * whoever took over. Answers whether it did: a group that is short of servers already is left alone.
   */
  killPrimary(downFor: number): Promise<boolean>;
  /** Waits until there is a primary with that many replicas (two: all there are). @throws Error after some time. */
  whenReplicated(replicas: number): Promise<void>;
}

export async function startRedisGroup(): Promise<RedisGroup> {
  const group = await startSentinelGroup({ 'min-replicas-to-write': '1', 'min-replicas-max-lag': '10' }, 2);
  const returning = new Set<Promise<void>>();

  /** The port the sentinels name. */
  async function primaryPort(): Promise<number> {
    for (const sentinel of group.sentinels) {
      const address = await sentinel.admin
        .call('sentinel', 'get-master-addr-by-name', 'mymaster')
        .catch(() => undefined);
      if (Array.isArray(address)) return Number(address[1]);
    }
    return 0;
  }

  async function replicasOf(server: RedisServer): Promise<number> {
    const info = await Promise.race([server.admin.info('replication').catch(() => ''), pause(500, '')]);
    if (!info.includes('role:master')) return 0;
    return info.match(/slave\d+:[^\r\n]*state=online/g)?.length ?? 0;
  }

  async function findPrimary(replicas: number): Promise<RedisServer | undefined> {
    const port = await primaryPort();
    const primary = group.servers.find((server) => server.port === port);
    return primary !== undefined && (await replicasOf(primary)) >= replicas ? primary : undefined;
  }

  async function comeBack(server: RedisServer, downFor: number): Promise<void> {
    await pause(downFor);
    const port = await primaryPort();
    await server.restart(...(port === server.port ? [] : ['--replicaof', `127.0.0.1 ${port}`]));
  }

  return {
    url: group.url,
    async killPrimary(downFor) {
      const primary = returning.size === 0 ? await findPrimary(2) : undefined;
      if (primary === undefined) return false;
      await primary.stop('SIGKILL');
      const back = comeBack(primary, downFor).finally(() => returning.delete(back));
      returning.add(back);
      return true;
    },
    whenReplicated: (replicas) => until(async () => (await findPrimary(replicas)) !== undefined, 40_000),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(returning);
      await group[Symbol.asyncDispose]();
    },
  };
}
