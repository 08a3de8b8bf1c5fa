import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';

/** A `redis-server` or `valkey-server` on the PATH. Tests that stop, kill or configure servers need one. */
export const serverProgram = findProgram('valkey-server', 'redis-server');

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
  /** Starts the process again on what its folder holds, with settings as arguments of the program. */
  restart(...args: readonly string[]): Promise<void>;
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
  'repl-diskless-sync-delay': '0',
  'repl-ping-replica-period': '1',
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
    Object.assign(settings, { 'tls-ca-cert-file': ca });
    Object.assign(settings, { 'tls-auth-clients': options.tls.asksForCertificate === true ? 'yes' : 'no' });
  }
  const folder = mkdtempSync(join(tmpdir(), 'guardmint-redis-'));
  return runServer({ folder, port, settings, ...(options.tls && { tls: options.tls }), args: [] });
}

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Whether clients have to show a certificate by the same authority. */
  readonly asksForCertificate?: boolean;
}

/** Starts the program with a configuration file in a folder that goes with it. */
export async function runServer(plan: {
  folder: string;
  port: number;
  settings: RedisSettings;
  tls?: TlsFiles;
  args: readonly string[];
}): Promise<RedisServer> {
  const { folder, port, settings, args } = plan;
  const isTls = plan.tls !== undefined;
  const tls = plan.tls && {
    rejectUnauthorized: false,
    cert: readFileSync(plan.tls.cert),
    key: readFileSync(plan.tls.key),
  };
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
    protocol: 2,
    lazyConnect: true,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    ...(tls && { tls }),
  });
  admin.on('error', () => {});
  let child = launch(args);

  function launch(given: readonly string[]): ChildProcess {
    const program = serverProgram ?? fail('no server program');
    const launched = spawn(program, [file, ...given], { stdio: 'ignore' });
    launched.on('error', () => {});
    running.add(launched);
    launched.once('exit', () => running.delete(launched));
    return launched;
  }

  async function whenUp(): Promise<void> {
    const deadline = AbortSignal.timeout(DEADLINE);
    while (!(await isUp(port, tls))) {
      if (child.exitCode !== null || deadline.aborted) throw new Error(`the server on port ${port} did not come up`);
      await pause(20);
    }
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    child.kill('SIGCONT');
    // A replica that is writing its first AOF refuses to end; asked again later it does.
    const asking = setInterval(() => child.kill(signal), 200);
    await ended;
    clearInterval(asking);
  }

  await whenUp();
  return {
    port,
    url: `${isTls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    admin,
    stop,
    async restart(...more) {
      await stop();
      child = launch([...args, ...more]);
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

/** Waits until something holds, looking every 20 ms. @throws Error after ten seconds, or another time in milliseconds. */
export async function until(holds: () => Promise<boolean>, patience = DEADLINE): Promise<void> {
  const deadline = AbortSignal.timeout(patience);
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

async function isUp(port: number, tls: ConnectionOptions | undefined): Promise<boolean> {
  const probe = new Redis({
    host: '127.0.0.1',
    port,
    protocol: 2,
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
    ...(tls && { tls }),
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

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function fail(problem: string): never {
  throw new Error(problem);
}
