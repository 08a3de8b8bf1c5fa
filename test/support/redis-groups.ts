import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RedisServer, type RedisSettings, runServer, startRedis, until } from './redis-server.ts';

/** Waits until what is written to a master reaches its replicas. @throws Error after ten seconds. */
export async function whenReplicating(master: RedisServer, replicas = 1): Promise<void> {
  await until(async () => {
    await master.admin.set('replicating', '', 'PX', 1).catch(() => {});
    return (await master.admin.wait(replicas, 1_000)) >= replicas;
  });
}

/** One master, its replicas and three sentinels. */
export interface SentinelGroup extends AsyncDisposable {
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** The master and every replica, in the order in which they were started. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
}

export async function startSentinelGroup(settings: RedisSettings = {}, replicas = 1): Promise<SentinelGroup> {
  await using started = new AsyncDisposableStack();
  const master = started.use(await startRedis({ settings }));
  const replicaOf = { replicaof: `127.0.0.1 ${master.port}` };
  const replica = started.use(await startRedis({ settings: { ...settings, ...replicaOf } }));
  const servers = [master, replica];
  while (servers.length <= replicas)
    servers.push(started.use(await startRedis({ settings: { ...settings, ...replicaOf } })));
  await whenReplicating(master, replicas);
  const sentinels: RedisServer[] = [];
  for (let index = 0; index < 3; index += 1) {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'guardmint-sentinel-'));
    const monitor = {
      sentinel: [
        `monitor mymaster 127.0.0.1 ${master.port} 2`,
        'down-after-milliseconds mymaster 500',
        'failover-timeout mymaster 2000',
      ],
    };
    sentinels.push(started.use(await runServer({ folder, port, settings: monitor, args: ['--sentinel'] })));
  }
  for (const sentinel of sentinels) {
    await until(async () => {
      const text = String(await sentinel.admin.call('sentinel', 'ckquorum', 'mymaster').catch((error) => error));
      const known = await sentinel.admin.call('sentinel', 'replicas', 'mymaster');
      return text.startsWith('OK 3') && Array.isArray(known) && known.length === replicas;
    });
  }
  const disposal = started.move();
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/0?name=mymaster`,
    master,
    replica,
    servers,
    sentinels,
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** Three masters that share the slots. */
export interface ClusterGroup extends AsyncDisposable {
  readonly url: string;
  readonly nodes: readonly RedisServer[];
}

export async function startCluster(settings: RedisSettings = {}): Promise<ClusterGroup> {
  await using started = new AsyncDisposableStack();
  const clustered: RedisSettings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000', ...settings };
  const nodes: RedisServer[] = [];
  for (let index = 0; index < 3; index += 1) {
    const port = await freePort();
    // The bus is on port + 10,000 by default, which may be taken.
    const bus = { 'cluster-port': String(await freePort()) };
    nodes.push(started.use(await startRedis({ port, settings: { ...clustered, ...bus } })));
  }
  const [first] = nodes;
  if (first === undefined) throw new Error('no node');
  const ranges = ['0 5461', '5462 10922', '10923 16383'];
  for (const [index, node] of nodes.entries()) {
    await node.admin.call('cluster', 'ADDSLOTSRANGE', ...(ranges[index] ?? '').split(' '));
    await node.admin.call('cluster', 'SET-CONFIG-EPOCH', index + 1);
  }
  for (const node of nodes.slice(1)) {
    const bus =
      String(await node.admin.config('GET', 'cluster-port'))
        .split(',')
        .at(-1) ?? '';
    await first.admin.call('cluster', 'MEET', '127.0.0.1', node.port, bus);
  }
  for (const node of nodes) {
    await until(async () => {
      const text = String(await node.admin.cluster('INFO'));
      return text.includes('cluster_state:ok') && text.includes('cluster_known_nodes:3');
    });
  }
  const disposal = started.move();
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}
