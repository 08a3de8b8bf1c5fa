import { isCluster, type RedisClient } from './client.ts';
import { createCommands, type RedisCommands } from './commands.ts';

/** Settings with which Redis may lose what it has acknowledged. Thrown in strict mode, with all of them. */
export class RedisSettingsError extends Error {
  override readonly name = 'RedisSettingsError';
  readonly warnings: readonly string[];

  constructor(warnings: readonly string[]) {
    super(
      `Redis is not set up to keep what it acknowledges:\n${warnings.map((warning) => `  - ${warning}`).join('\n')}`,
    );
    this.warnings = warnings;
  }
}

const OLDEST_VERSION = 7;

/**
 * What is wrong with the settings of Redis, one sentence each; in a cluster of every master. Empty when acknowledged
 * writes are safe. Reads INFO and CONFIG GET.
 *
 * @throws UnavailableError
 */
export async function checkRedisSettings(client: RedisClient, commandTimeout: number): Promise<readonly string[]> {
  const nodes = isCluster(client) ? client.nodes('master') : [client];
  const warnings = await Promise.all(nodes.map((node) => checkServer(createCommands(node, commandTimeout))));
  return [...new Set(warnings.flat())];
}

async function checkServer(server: RedisCommands): Promise<readonly string[]> {
  const info = readInfo(await server.call('info', 'server'), await server.call('info', 'replication'));
  const warnings: string[] = [];
  const version = info.get('redis_version') ?? '';
  if (Number.parseInt(version, 10) < OLDEST_VERSION) {
    warnings.push(`The server is version ${version}; ${OLDEST_VERSION}.0 is the oldest that works.`);
  }
  const settings = await readSettings(server);
  if (settings === undefined)
    return [...warnings, 'CONFIG GET is not allowed: how durable this Redis is, is not known.'];
  const find = (name: string) => settings.get(name) ?? '';
  if (find('appendonly') !== 'yes') {
    warnings.push(
      'appendonly is off: a restart loses spent codes, refresh families and revocations (set appendonly yes).',
    );
  } else if (find('appendfsync') === 'no') {
    warnings.push('appendfsync is no: a crash of the machine loses up to half a minute (set everysec or always).');
  }
  const policy = find('maxmemory-policy');
  if (policy !== 'noeviction') {
    warnings.push(`maxmemory-policy is ${policy}: revocations may be evicted, and with them undone (set noeviction).`);
  }
  if (Number(info.get('connected_slaves') ?? 0) > 0 && Number(find('min-replicas-to-write')) < 1) {
    warnings.push('min-replicas-to-write is 0: a master cut off from its replicas goes on accepting writes (set 1).');
  }
  return warnings;
}

async function readSettings(server: RedisCommands): Promise<ReadonlyMap<string, string> | undefined> {
  const names = ['appendonly', 'appendfsync', 'maxmemory-policy', 'min-replicas-to-write'];
  try {
    const replies = await Promise.all(names.map((name) => server.call('config', 'GET', name)));
    return new Map(replies.map((reply) => (Array.isArray(reply) ? [String(reply[0]), String(reply[1])] : ['', ''])));
  } catch (error) {
    // Refused to this user, or taken away by whoever runs the server.
    if (/NOPERM|unknown command/i.test(String(error instanceof Error ? error.cause : error))) return undefined;
    throw error;
  }
}

function readInfo(...replies: readonly unknown[]): ReadonlyMap<string, string> {
  const lines = replies.flatMap((reply) => String(reply).split('\r\n'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}
