import { type Config, ConfigError } from '../config/index.ts';
import {
  CLOCK_SKEW,
  createFileKeyBackend,
  createKeyEncryption,
  createKeyRing,
  type FileKeyBackend,
  findTimingsFault,
  JWK_SET_MAX_AGE,
  JWK_SET_STALE,
  jwkSetKindOf,
  type KeyBackend,
  type KeyEncryption,
  type KeyRing,
  KeySecretError,
  type KeyTimingNeeds,
  parseKeySecret,
} from '../keys/index.ts';
import { isLoopbackUrl } from '../oauth/index.ts';
import { type Audit, type Clock, type Random, systemRandom } from '../platform/index.ts';
import { openSigningKeys } from './key-stores.ts';

/** How often a validator of ours fetches the JWK Set again, in seconds. */
const VALIDATOR_REFRESH_PERIOD = 300;

/**
 * The key ring of a server. Periods under which one request could fail are refused, with the arithmetic.
 * @throws ConfigError, KeysRefusedError
 */
export async function openKeyRing(
  config: Config,
  deps: { readonly clock: Clock; readonly random: Random; readonly audit: Audit; readonly backend?: KeyBackend },
): Promise<KeyRing> {
  checkKeySettings(config);
  const ring = await createKeyRing({
    backend: deps.backend ?? openKeyBackend(config, deps.random, { report: deps.audit }),
    clock: deps.clock,
    audit: deps.audit,
    timings: config.keys.timings,
    algorithm: config.keys.algorithm,
  });
  const fault = findUnpublishedKeyFault(config, ring.list());
  if (fault === undefined) return ring;
  await ring.close();
  throw new ConfigError([{ setting: 'keys.postQuantum', fault }]);
}

/** What is wrong where there are keys of a JWK Set that the settings do not serve; `undefined` where there are none. */
export function findUnpublishedKeyFault(config: Config, keys: ReturnType<KeyRing['list']>): string | undefined {
  if (config.keys.postQuantum) return undefined;
  const unpublished = keys.find(
    ({ publicJwk, state }) =>
      publicJwk !== undefined &&
      jwkSetKindOf(publicJwk) === 'post-quantum' &&
      state !== 'removed' &&
      state !== 'revoked',
  );
  if (unpublished === undefined) return undefined;
  const { kid, state } = unpublished;
  return `must be on while there are ML-DSA-44 keys, or what they sign is refused: ${kid} is ${state}`;
}

/** Refuses settings of keys that a server must not start with. @throws ConfigError with all of them. */
export function checkKeySettings(config: Config): void {
  const { issuer, keysSecret, dangerouslyKeepKeysInClear } = config;
  const problems: { setting: string; fault: string }[] = [];
  const fault = findTimingsFault(config.keys.timings, keyTimingNeeds(config));
  if (fault !== undefined) problems.push({ setting: 'keys', fault });
  if (keysSecret === undefined && !isLoopbackUrl(issuer) && !dangerouslyKeepKeysInClear)
    problems.push({
      setting: 'GUARDMINT_KEYS_SECRET',
      fault:
        `is required, because ${issuer} is not on this machine and its private keys would lie in clear in ` +
        `${config.keysDir}. \`guardmint keys secret\` makes one. To keep the keys in clear all the same, set ` +
        'GUARDMINT_DANGEROUSLY_KEEP_KEYS_IN_CLEAR=1',
    });
  if (problems.length > 0) throw new ConfigError(problems);
  readEncryption(config);
}

/**
 * The folder of the keys, with what `keys.backend` says of signing keys. Where keys may lie in clear anyway, files in clear are also read beside encrypted ones, until
 * `keys rewrap`; elsewhere a file in clear is refused, for anybody who can write to the folder could have put it there.
 * @throws ConfigError for a secret that cannot be one.
 */
export function openKeyBackend(
  config: Config,
  random: Random,
  options?: { acceptsClear?: boolean; report?: Audit },
): FileKeyBackend {
  const encryption = readEncryption(config);
  const acceptsClear = options?.acceptsClear ?? (isLoopbackUrl(config.issuer) || config.dangerouslyKeepKeysInClear);
  const folder = createFileKeyBackend({
    directory: config.keysDir,
    random,
    acceptsClear,
    ...(encryption && { encryption }),
  });
  return openSigningKeys(config, folder, options?.report);
}

/**
 * What is to be known of a folder that this server may only read, as a sentence; `undefined` for any other. Such a server
 * uses and publishes what it finds, and follows it, but somebody else must make the keys.
 */
export async function describeReadOnlyFolder(config: Config, keys: Pick<KeyRing, 'list'>): Promise<string | undefined> {
  if (await openKeyBackend(config, systemRandom).isWritable()) return undefined;
  const due = keys.list().find(({ family, state }) => family === 'signing' && state === 'active')?.retireAt;
  const when =
    due === undefined
      ? ''
      : `, the next signing key by ${new Intl.DateTimeFormat('sv-SE', { timeZone: 'UTC' }).format(due * 1000)}`;
  return (
    `keysDir: ${config.keysDir} cannot be written from here, so this server makes no keys: a server that may write to it ` +
    `must, or \`guardmint keys rotate\` run where it may${when}`
  );
}

/** What the periods of the keys must leave room for. */
export function keyTimingNeeds(config: Config): Required<Omit<KeyTimingNeeds, 'pollInterval'>> {
  const { accessToken, refreshAbsolute, sessionAbsolute, request, authorizationCode } = config.lifetimes;
  return {
    accessTokenLifetime: accessToken,
    jwksCached: JWK_SET_MAX_AGE + JWK_SET_STALE,
    refreshPeriod: VALIDATOR_REFRESH_PERIOD,
    skew: CLOCK_SKEW,
    refreshTokenLifetime: refreshAbsolute,
    sealedLifetime: Math.max(sessionAbsolute, request, authorizationCode),
  };
}

function readEncryption({ keysSecret, keysSecretFile }: Config): KeyEncryption | undefined {
  if (keysSecret === undefined) return undefined;
  try {
    return createKeyEncryption(parseKeySecret(keysSecret));
  } catch (error) {
    if (!(error instanceof KeySecretError)) throw error;
    const setting = keysSecretFile === undefined ? 'GUARDMINT_KEYS_SECRET' : 'GUARDMINT_KEYS_SECRET_FILE';
    throw new ConfigError([{ setting, fault: error.message }]);
  }
}
