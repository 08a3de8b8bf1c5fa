/**
 * store/redis: the token store in Redis 7 (or Valkey), by ioredis: one server, Sentinel or Cluster. Shared by any number of
 * servers; one Lua call for each decision. Published as `guardmint/store/redis`.
 *
 * May import: oauth, platform, tokens.
 */
export { openRedisConnection, type RedisConnection } from './connection.ts';
export { createRedisStore, type RedisFault, type RedisStore, type RedisStoreOptions } from './redis-store.ts';
export { parseRedisUrl, type RedisAddress, RedisUrlError } from './redis-url.ts';
export { RedisSettingsError } from './settings-check.ts';
