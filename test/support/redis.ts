import { execFileSync } from 'node:child_process';
import { serverProgram, startRedis } from './redis-server.ts';

/** Where a test's Redis comes from (DESIGN §11): what the operator names, a container, or a program on the PATH. */
export type RedisSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'container' }
  | { readonly kind: 'program'; readonly path: string }
  | { readonly kind: 'none'; readonly reason: string };

const IMAGE = 'valkey/valkey:8-alpine';

/** The first rung of the ladder that holds. */
export async function findRedisSource(env = process.env): Promise<RedisSource> {
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

function hasContainerRuntime(): boolean {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}
