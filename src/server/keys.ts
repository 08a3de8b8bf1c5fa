import { type Config, ConfigError } from '../config/index.ts';
import {
  CLOCK_SKEW,
  createFileKeyBackend,
  createKeyRing,
  findTimingsFault,
  JWK_SET_MAX_AGE,
  type KeyRing,
} from '../keys/index.ts';
import type { Audit, Clock, Random } from '../platform/index.ts';

/** How often a validator of ours fetches the JWK Set again, in seconds. */
const VALIDATOR_REFRESH_PERIOD = 300;

/**
 * The key ring of a server. Periods under which one request could fail are refused, with the arithmetic.
 * @throws ConfigError, KeysRefusedError
 */
export async function openKeyRing(
  config: Config,
  deps: { readonly clock: Clock; readonly random: Random; readonly audit: Audit },
): Promise<KeyRing> {
  const { timings, algorithm } = config.keys;
  const fault = findTimingsFault(timings, {
    accessTokenLifetime: config.lifetimes.accessToken,
    jwksMaxAge: JWK_SET_MAX_AGE,
    refreshPeriod: VALIDATOR_REFRESH_PERIOD,
    skew: CLOCK_SKEW,
    refreshTokenLifetime: config.lifetimes.refreshAbsolute,
    sealedLifetime: longestSealed(config),
  });
  if (fault !== undefined) throw new ConfigError([{ setting: 'keys', fault }]);
  return createKeyRing({
    backend: createFileKeyBackend({ directory: config.keysDir, random: deps.random }),
    clock: deps.clock,
    audit: deps.audit,
    timings,
    algorithm,
  });
}

function longestSealed(config: Config): number {
  const { sessionAbsolute, request, authorizationCode } = config.lifetimes;
  return Math.max(sessionAbsolute, request, authorizationCode);
}
