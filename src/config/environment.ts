/** An environment variable: the path of its setting in the JSON file, and how its text is read. */
interface EnvironmentVariable {
  readonly path: readonly string[];
  /** The value of the text; text that cannot be one is passed on, for the schema to refuse. */
  readonly read: (text: string) => unknown;
}

const asText = (text: string): unknown => text;
const asNumber = (text: string): unknown => (/^\d{1,15}$/.test(text) ? Number(text) : text);

const WORDS: Readonly<Record<string, boolean>> = { on: true, true: true, off: false, false: false };
const asSwitch = (text: string): unknown => WORDS[text.toLowerCase()] ?? text;

/** A switch that may also be written 1 or 0. */
const asSwitchOrDigit = (text: string): unknown => (text === '1' ? true : text === '0' ? false : asSwitch(text));

function asProxyCount(text: string): unknown {
  const word = asSwitch(text);
  return typeof word === 'boolean' ? Number(word) : asNumber(text);
}

/** The variable that names the JSON file; the one setting that is not in it. */
export const CONFIG_VARIABLE = 'GUARDMINT_CONFIG';

/** Every other environment variable. A value set here goes before the same setting in the file. */
export const ENVIRONMENT: Readonly<Record<string, EnvironmentVariable>> = {
  GUARDMINT_ISSUER: { path: ['issuer'], read: asText },
  GUARDMINT_HOST: { path: ['host'], read: asText },
  GUARDMINT_PORT: { path: ['port'], read: asNumber },
  GUARDMINT_MANAGEMENT_HOST: { path: ['managementHost'], read: asText },
  GUARDMINT_MANAGEMENT_PORT: { path: ['managementPort'], read: asNumber },
  GUARDMINT_KEYS_DIR: { path: ['keysDir'], read: asText },
  GUARDMINT_KEYS_SECRET: { path: ['keysSecret'], read: asText },
  GUARDMINT_KEYS_SECRET_FILE: { path: ['keysSecretFile'], read: asText },
  GUARDMINT_DANGEROUSLY_KEEP_KEYS_IN_CLEAR: { path: ['dangerouslyKeepKeysInClear'], read: asSwitchOrDigit },
  GUARDMINT_DATA_DIR: { path: ['dataDir'], read: asText },
  GUARDMINT_REDIS_URL: { path: ['redisUrl'], read: asText },
  GUARDMINT_REDIS_URL_FILE: { path: ['redisUrlFile'], read: asText },
  GUARDMINT_REDIS_PREFIX: { path: ['redisPrefix'], read: asText },
  GUARDMINT_REDIS_CA_FILE: { path: ['redisCaFile'], read: asText },
  GUARDMINT_REDIS_CERT_FILE: { path: ['redisCertFile'], read: asText },
  GUARDMINT_REDIS_KEY_FILE: { path: ['redisKeyFile'], read: asText },
  GUARDMINT_REDIS_SERVERNAME: { path: ['redisServername'], read: asText },
  GUARDMINT_REDIS_COMMAND_TIMEOUT: { path: ['redisCommandTimeout'], read: asNumber },
  GUARDMINT_REDIS_ACKNOWLEDGEMENT_REPLICAS: { path: ['redisAcknowledgement', 'replicas'], read: asNumber },
  GUARDMINT_REDIS_ACKNOWLEDGEMENT_TIMEOUT: { path: ['redisAcknowledgement', 'timeout'], read: asNumber },
  GUARDMINT_REDIS_STRICT: { path: ['redisStrict'], read: asSwitchOrDigit },
  GUARDMINT_USERS_FILE: { path: ['usersFile'], read: asText },
  GUARDMINT_TRUST_PROXY: { path: ['trustProxy'], read: asProxyCount },
  GUARDMINT_LOG_LEVEL: { path: ['logLevel'], read: asText },
  GUARDMINT_RATE_LIMITS: { path: ['rateLimits', 'enabled'], read: asSwitch },
  GUARDMINT_RATE_LIMITS_REDIS_URL: { path: ['rateLimits', 'redisUrl'], read: asText },
};

/** The variable of the setting at `path`. */
export function variableOf(path: readonly PropertyKey[]): string | undefined {
  const wanted = path.join('.');
  return Object.keys(ENVIRONMENT).find((name) => ENVIRONMENT[name]?.path.join('.') === wanted);
}

/** The variables among `env` that are ours and have a value; an empty one counts as unset. */
export function ownVariables(env: NodeJS.ProcessEnv): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  for (const [name, text] of Object.entries(env)) {
    if (name.startsWith('GUARDMINT_') && text !== undefined && text !== '') own.set(name, text);
  }
  return own;
}
