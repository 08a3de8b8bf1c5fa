import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';

/** Where a test's Redis comes from (DESIGN §11): what the operator names, a container, or a program on the PATH. */
export type RedisSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'container' }
  | { readonly kind: 'program'; readonly path: string }
  | { readonly kind: 'none'; readonly reason: string };

const IMAGE = 'valkey/valkey:8-alpine';

/** A `redis-server` or `valkey-server` on the PATH. Tests that stop, kill or configure servers need one. */
export const serverProgram = findProgram('valkey-server', 'redis-server');

/** The first rung of the ladder that holds. */
export async function findRedisSource(env: NodeJS.ProcessEnv = process.env): Promise<RedisSource> {
  if (env['REDIS_URL']) return { kind: 'url', url: env['REDIS_URL'] };
  if (hasContainerRuntime()) return { kind: 'container' };
  if (serverProgram !== undefined) return { kind: 'program', path: serverProgram };
  return {
    kind: 'none',
    reason: 'no REDIS_URL, no container runtime that answers, no redis-server or valkey-server on the PATH',
  };
}

/**
 * Why tests against Redis cannot run, for their title; `undefined` when they can.
 *
 * @throws Error instead, when `REQUIRE_REAL_REDIS=1` says that they must.
 */
export function reasonToSkip(missing: string | undefined): string | undefined {
  if (missing !== undefined && process.env['REQUIRE_REAL_REDIS'] === '1') {
    throw new Error(`REQUIRE_REAL_REDIS=1, but ${missing}`);
  }
  return missing;
}

/** What tests need that start, stop and kill servers of their own. */
export const programMissing =
  serverProgram === undefined ? 'there is no redis-server or valkey-server on the PATH' : undefined;

/** A Redis to which keys of one prefix may be written. */
export interface SharedRedis extends AsyncDisposable {
  readonly url: string;
  readonly source: RedisSource['kind'];
}

/** Opens the Redis of a source: the operator's, as it stands, or one of this test run's own. */
export async function openRedis(source: Exclude<RedisSource, { kind: 'none' }>): Promise<SharedRedis> {
  switch (source.kind) {
    case 'url':
      return { url: source.url, source: 'url', async [Symbol.asyncDispose]() {} };
    case 'container': {
      const { GenericContainer } = await import('testcontainers');
      const container = await new GenericContainer(IMAGE)
        .withCommand(['valkey-server', '--appendonly', 'yes', '--save', ''])
        .withExposedPorts(6379)
        .start();
      return {
        url: `redis://${container.getHost()}:${container.getMappedPort(6379)}`,
        source: 'container',
        async [Symbol.asyncDispose]() {
          await container.stop();
        },
      };
    }
    case 'program': {
      const server = await startRedis();
      return { url: server.url, source: 'program', [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    }
  }
}

/** Settings of a server as they stand in its configuration file; a list for several lines of one name. */
export type RedisSettings = Readonly<Record<string, string | readonly string[]>>;

/** A server of this test's own: on 127.0.0.1, in a folder of its own, gone when disposed. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** The connection tests look through, as the default user. */
  readonly admin: Redis;
  /** Ends the process with a signal and waits until it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the process again on what its folder holds. */
  restart(): Promise<void>;
  /** Stops the process where it stands, and lets it go on. */
  freeze(): void;
  thaw(): void;
}

/** The settings with which nothing acknowledged is lost. */
export const DURABLE: RedisSettings = {
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '""',
  'maxmemory-policy': 'noeviction',
  'auto-aof-rewrite-percentage': '0',
};

const DEADLINE = 10_000;

/** Starts one server; with AOF, unless the settings say otherwise. */
export async function startRedis(
  options: { settings?: RedisSettings; port?: number; tls?: TlsFiles } = {},
): Promise<RedisServer> {
  const port = options.port ?? (await freePort());
  const settings: Record<string, string | readonly string[]> = { ...DURABLE, ...options.settings };
  if (options.tls !== undefined) {
    const { cert, key, ca } = options.tls;
    Object.assign(settings, { port: '0', 'tls-port': String(port), 'tls-cert-file': cert, 'tls-key-file': key });
    Object.assign(settings, { 'tls-ca-cert-file': ca, 'tls-auth-clients': 'no' });
  }
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-redis-'));
  return runServer({ folder, port, settings, isTls: options.tls !== undefined, args: [] });
}

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

async function runServer(plan: {
  folder: string;
  port: number;
  settings: RedisSettings;
  isTls: boolean;
  args: readonly string[];
}): Promise<RedisServer> {
  const { folder, port, settings, isTls, args } = plan;
  const file = join(folder, 'redis.conf');
  const fixed: RedisSettings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    daemonize: 'no',
    loglevel: 'warning',
  };
  writeFileSync(file, configuration({ ...fixed, ...settings }));
  const admin = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    ...(isTls && { tls: { rejectUnauthorized: false } }),
  });
  admin.on('error', () => {});
  let child = launch();

  function launch(): ChildProcess {
    const program = serverProgram ?? fail('no server program');
    const launched = spawn(program, [file, ...args], { stdio: 'ignore' });
    launched.on('error', () => {});
    running.add(launched);
    launched.once('exit', () => running.delete(launched));
    return launched;
  }

  async function whenUp(): Promise<void> {
    const deadline = AbortSignal.timeout(DEADLINE);
    while (!(await isUp(port, isTls))) {
      if (child.exitCode !== null || deadline.aborted) throw new Error(`the server on port ${port} did not come up`);
      await pause(20);
    }
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await ended;
  }

  await whenUp();
  return {
    port,
    url: `${isTls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    admin,
    stop,
    async restart() {
      await stop();
      child = launch();
      await whenUp();
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      admin.disconnect();
      await stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One master, one replica and three sentinels. */
export interface SentinelGroup extends AsyncDisposable {
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
}

export async function startSentinelGroup(settings: RedisSettings = {}): Promise<SentinelGroup> {
  await using started = new AsyncDisposableStack();
  const timing = { 'repl-diskless-sync': 'yes', 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '1' };
  const master = started.use(await startRedis({ settings: { ...timing, ...settings } }));
  const replicaOf = { replicaof: `127.0.0.1 ${master.port}` };
  const replica = started.use(await startRedis({ settings: { ...timing, ...settings, ...replicaOf } }));
  await until(async () => (await replica.admin.info('replication')).includes('master_link_status:up'));
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
    sentinels.push(
      started.use(await runServer({ folder, port, settings: monitor, isTls: false, args: ['--sentinel'] })),
    );
  }
  for (const sentinel of sentinels) {
    await until(async () => {
      const text = String(await sentinel.admin.call('sentinel', 'ckquorum', 'mymaster').catch((error) => error));
      const known = await sentinel.admin.call('sentinel', 'replicas', 'mymaster');
      return text.startsWith('OK 3') && Array.isArray(known) && known.length === 1;
    });
  }
  const disposal = started.move();
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/0?name=mymaster`,
    master,
    replica,
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

/** Waits until something holds, looking every 20 ms. @throws Error after ten seconds. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(DEADLINE);
  while (!(await holds())) {
    if (deadline.aborted) throw new Error(`never came to hold: ${holds}`);
    await pause(20);
  }
}

// Whatever happens to the test run, no server stays behind.
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

async function isUp(port: number, isTls: boolean): Promise<boolean> {
  const probe = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
    ...(isTls && { tls: { rejectUnauthorized: false } }),
  });
  probe.on('error', () => {});
  try {
    await probe.connect();
    // A server that asks for a password or is loading is up too, but only the former is ready.
    const answer = await probe.ping().catch((error: Error) => error.message);
    return answer === 'PONG' || answer.startsWith('NOAUTH') || answer.startsWith('NOPERM');
  } catch {
    return false;
  } finally {
    probe.disconnect();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : fail('no port');
}

function configuration(settings: RedisSettings): string {
  const lines = Object.entries(settings).flatMap(([name, value]) => {
    return (typeof value === 'string' ? [value] : value).map((one) => `${name} ${one}`);
  });
  return `${lines.join('\n')}\n`;
}

function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

function hasContainerRuntime(): boolean {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function fail(problem: string): never {
  throw new Error(problem);
}
