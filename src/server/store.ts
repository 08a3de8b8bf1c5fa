import { mkdir } from 'node:fs/promises';
import { type Config, ConfigError } from '../config/index.ts';
import type { Clock } from '../platform/index.ts';
import { createEmbeddedStore } from '../store/embedded/index.ts';
import type { Log } from '../telemetry/index.ts';
import type { TokenStore } from '../tokens/index.ts';
import { readRedisOptions } from './redis-options.ts';

/**
 * The store of the configuration: Redis where its URL is given, else one file in the data folder.
 * @throws ConfigError for a URL that cannot be used and, in strict mode, for a Redis that would lose what it acknowledged;
 *   StoreFileError for a file that is not ours.
 */
export async function openStore(
  config: Config,
  deps: { readonly clock: Clock; readonly log: Log },
): Promise<TokenStore> {
  const options = readRedisOptions(config);
  if (options === undefined) {
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    return createEmbeddedStore({ file: `${config.dataDir}/guardmint.db`, clock: deps.clock });
  }
  // Loaded here only: who runs without Redis does not pay for its client.
  const { createRedisStore, RedisSettingsError, RedisUrlError } = await import('../store/redis/index.ts');
  try {
    return await createRedisStore({
      ...options,
      onFault: ({ kind, message }) => deps.log.warn({ kind }, `redis: ${message}`),
    });
  } catch (error) {
    if (error instanceof RedisUrlError || error instanceof RedisSettingsError) {
      const setting = config.redisUrlFile === undefined ? 'redisUrl' : 'redisUrlFile';
      throw new ConfigError([{ setting, fault: error.message }]);
    }
    throw error;
  }
}
