import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { type Config, ConfigError, type ConfigProblem } from '../config/index.ts';
import type { RedisStoreOptions } from '../store/redis/index.ts';

interface TlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
}

const TLS_FILES = [
  ['ca', 'redisCaFile'],
  ['cert', 'redisCertFile'],
  ['key', 'redisKeyFile'],
] as const;

/**
 * How Redis is reached and used, of the configuration; its TLS files read. `undefined` where there is no Redis.
 * @throws ConfigError for files that are not what they should be, and for TLS settings of a URL without TLS.
 */
export function readRedisOptions(config: Config): RedisStoreOptions | undefined {
  const { redisUrl, redisCommandTimeout, redisAcknowledgement } = config;
  if (redisUrl === undefined) return undefined;
  const problems: ConfigProblem[] = [];
  const tls = readTls(config, problems);
  if (Object.keys(tls).length > 0 && !redisUrl.startsWith('rediss'))
    problems.push({ setting: 'redisUrl', fault: 'must begin with rediss where certificates or a server name are set' });
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    url: redisUrl,
    tls,
    prefix: config.redisPrefix,
    timeouts: { command: redisCommandTimeout },
    acknowledgement: redisAcknowledgement,
    strict: config.redisStrict,
  };
}

function readTls(config: Config, problems: ConfigProblem[]): TlsOptions {
  const tls: TlsOptions = {};
  for (const [option, setting] of TLS_FILES) {
    const file = config[setting];
    if (file === undefined) continue;
    try {
      tls[option] = readFileSync(file, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
      problems.push({ setting, fault: `${file} cannot be read${code}` });
    }
  }
  if (tls.ca !== undefined && !isCertificate(tls.ca))
    problems.push({ setting: 'redisCaFile', fault: 'holds no certificate (PEM)' });
  if (tls.cert !== undefined && tls.key !== undefined && !isPair(tls.cert, tls.key))
    problems.push({ setting: 'redisCertFile', fault: 'is no certificate (PEM), or not that of redisKeyFile' });
  return { ...tls, ...(config.redisServername !== undefined && { servername: config.redisServername }) };
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

function isPair(cert: string, key: string): boolean {
  try {
    createSecureContext({ cert, key });
    return true;
  } catch {
    return false;
  }
}
