import { RateLimiterRedis } from 'rate-limiter-flexible';
import { type Config, ConfigError } from '../config/index.ts';
import type { CreateLimiter } from '../interaction/index.ts';
import type { Log } from '../telemetry/index.ts';

/** Counts of sign-in attempts that all servers share. */
export interface SharedLimits {
  readonly createLimiter: CreateLimiter;
  close(): void;
}

const CONNECT_TIMEOUT = 2_000;

/** Those of the configuration, in a Redis of the operator's choice; `undefined` where each process counts alone. @throws ConfigError */
export async function openSharedLimits(config: Config, log: Log): Promise<SharedLimits | undefined> {
  const { redisUrl: url, enabled } = config.rateLimits;
  if (url === undefined || !enabled) return undefined;
  const { openRedisConnection, RedisUrlError } = await import('../store/redis/index.ts');
  try {
    const { client, close } = await openRedisConnection({
      url,
      connectTimeout: CONNECT_TIMEOUT,
      commandTimeout: config.redisCommandTimeout,
      onFault: (message) => log.warn({ kind: 'connection' }, `redis of the rate limits: ${message}`),
    });
    return {
      createLimiter: ({ name, attempts, seconds }) =>
        new RateLimiterRedis({
          storeClient: client,
          keyPrefix: `${config.redisPrefix}limit:${name}`,
          points: attempts,
          duration: seconds,
        }),
      close,
    };
  } catch (error) {
    if (error instanceof RedisUrlError)
      throw new ConfigError([{ setting: 'rateLimits.redisUrl', fault: error.message }]);
    throw error;
  }
}
