import { execFileSync } from 'node:child_process';
import { serverProgram, startRedis } from './redis-server.ts';

/** Where a test's Redis comes from (DESIGN §11): what the operator names, a container, or a program on the PATH. */
export type RedisSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'container' }
  | { readonly kind: 'program'; readonly path: string }
  | { readonly kind: 'none'; readonly reason: string };

const IMAGE = 'valkey/valkey:8-alpine';

/** What the rungs of the ladder stand on. */
export interface Machine {
  /** Whether an engine for containers answers. */
  hasContainerRuntime(): boolean;
  /** A server program on the PATH. */
  readonly program: string | undefined;
}

const thisMachine: Machine = { hasContainerRuntime, program: serverProgram };

/** The first rung of the ladder that holds. */
export async function findRedisSource(env = process.env, machine = thisMachine): Promise<RedisSource> {
  if (env['REDIS_URL']) return { kind: 'url', url: env['REDIS_URL'] };
  if (machine.hasContainerRuntime()) return { kind: 'container' };
  if (machine.program !== undefined) return { kind: 'program', path: machine.program };
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
export function reasonToSkip(missing: string | undefined, env = process.env): string | undefined {
  if (missing !== undefined && env['REQUIRE_REAL_REDIS'] === '1') {
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
  /** Why it does not come from a container, where one was wanted. */
  readonly instead?: string;
}

type Starter = () => Promise<{ readonly url: string } & AsyncDisposable>;

/** How the rungs that start a server of this test run's own do so. */
export interface Starters {
  readonly container: Starter;
  readonly program: Starter | undefined;
}

const starters: Starters = { container: startContainer, program: serverProgram === undefined ? undefined : startRedis };

/**
 * Opens the Redis of a source: the operator's, as it stands, or one of this test run's own. An engine that answers and
 * cannot start a container (no image, no network) is passed over for a program.
 */
export async function openRedis(
  source: Exclude<RedisSource, { kind: 'none' }>,
  start: Starters = starters,
): Promise<SharedRedis> {
  switch (source.kind) {
    case 'url':
      return { url: source.url, source: 'url', async [Symbol.asyncDispose]() {} };
    case 'container':
      try {
        return from('container', await start.container());
      } catch (error) {
        if (start.program === undefined) throw error;
        return { ...from('program', await start.program()), instead: String(error) };
      }
    case 'program':
      return from('program', await (start.program ?? startRedis)());
  }
}

function from(source: 'container' | 'program', started: Awaited<ReturnType<Starter>>): SharedRedis {
  return { url: started.url, source, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

const CONTAINER_DEADLINE = 40_000;

async function startContainer(): Promise<Awaited<ReturnType<Starter>>> {
  const { GenericContainer } = await import('testcontainers');
  const starting = new GenericContainer(IMAGE)
    .withCommand(['valkey-server', '--appendonly', 'yes', '--save', ''])
    .withExposedPorts(6379)
    .withStartupTimeout(CONTAINER_DEADLINE)
    .start();
  // Pulling an image has no deadline of its own.
  const late = AbortSignal.timeout(CONTAINER_DEADLINE);
  const container = await Promise.race([
    starting,
    new Promise<never>((_, fail) => {
      late.addEventListener('abort', () => fail(new Error(`no container within ${CONTAINER_DEADLINE} ms`)));
    }),
  ]).catch((error: unknown) => {
    // One that comes up after all is not left behind.
    starting.then((started) => started.stop()).catch(() => {});
    throw error;
  });
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(6379)}`,
    async [Symbol.asyncDispose]() {
      await container.stop();
    },
  };
}

function hasContainerRuntime(): boolean {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}
