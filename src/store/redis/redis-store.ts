import type { ConnectionOptions } from 'node:tls';
import type { EpochSeconds } from '../../oauth/index.ts';
import type { TokenStore } from '../../tokens/index.ts';
import { type Acknowledgement, createAcknowledgedWrites } from './acknowledged-writes.ts';
import { type ClientSettings, disconnect, isCluster, openClient, whenConnected } from './client.ts';
import { createCommands, createScript, unavailable } from './commands.ts';
import { createDenylist, type FeedBounds } from './denylist.ts';
import { BLOCK_TIME, createDenylistWatch } from './denylist-watch.ts';
import { createFamilyIndex } from './family-index.ts';
import { createKeyLayout } from './key-layout.ts';
import { createOneTime } from './one-time.ts';
import { createReassertion } from './reassertion.ts';
import { parseRedisUrl } from './redis-url.ts';
import { createRefreshFamilies } from './refresh-families.ts';
import { checkRedisSettings, RedisSettingsError } from './settings-check.ts';
import { createWriteJournal } from './write-journal.ts';

/** Something an operator should know. It concerns no single request: those fail with `UnavailableError` themselves. */
export interface RedisFault {
  /**
   * `connection`: it is lost or refused, and being mended. `setting`: acknowledged writes may be lost. `replica`: the
   * replicas are gone, and writes wait for none; or one has become the master, and was given what it may lack. `index`: a
   * list may lack a family until it is next rotated.
   */
  readonly kind: 'connection' | 'setting' | 'replica' | 'index';
  readonly message: string;
}

/** Where Redis is and how it is used. Times in milliseconds. */
export interface RedisStoreOptions {
  /** `redis://`, `redis+sentinel://`, `redis+cluster://`, or `rediss` in each for TLS; see `parseRedisUrl`. */
  readonly url: string;
  /** For TLS: `ca`, `cert`, `key`, `servername`. */
  readonly tls?: ConnectionOptions;
  /** What every key begins with (`guardmint:`): the pattern of the ACL. One deployment, one prefix. */
  readonly prefix?: string;
  readonly timeouts?: {
    /** 2,000 by default. */
    readonly connect?: number;
    /** After which a command counts as failed; 1,000 by default. */
    readonly command?: number;
  };
  /** How many replicas must have what may not be lost, and how long to wait; `auto` and 200 by default. */
  readonly acknowledgement?: Partial<Acknowledgement>;
  /** How much of the feed is kept for readers who were away; 100,000 entries and one hour by default. */
  readonly feed?: Partial<FeedBounds>;
  /** Refuse to start on a Redis that is absent or whose settings lose acknowledged writes; otherwise that is a fault. */
  readonly strict?: boolean;
  /** Must not throw. */
  readonly onFault?: (fault: RedisFault) => void;
  /** For tests only: stands in the place of the clock of Redis. Every store over the same keys needs the same one. */
  readonly testClock?: () => EpochSeconds;
}

/** A token store, and what was found wrong with its Redis when it was opened. */
export interface RedisStore extends TokenStore {
  readonly warnings: readonly string[];
}

const NOW = createScript('return now');
const LOOK_INTERVAL = 2_000;

/**
 * Opens the store. Without `strict` a Redis that is not there is no reason to fail: everything answers
 * `UnavailableError` until it is, and the store then works by itself.
 *
 * @example
 * ```ts
 * import { createRedisStore } from 'guardmint/store/redis';
 *
 * const store = await createRedisStore({ url: 'redis+sentinel://s1:26379,s2:26379/0?name=mymaster', strict: true });
 * ```
 * @throws RedisUrlError; TypeError for a prefix with braces; in strict mode RedisSettingsError and UnavailableError.
 */
export async function createRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const { prefix = 'guardmint:', onFault = () => {}, strict = false } = options;
  const timeouts = { connect: 2_000, command: 1_000, ...options.timeouts };
  const acknowledgement = { replicas: 'auto', timeout: 200, ...options.acknowledgement } as const;
  const keys = createKeyLayout(prefix);
  const clock = options.testClock ?? (() => '' as const);
  let lastFault: string | undefined;
  const settings: ClientSettings = {
    address: parseRedisUrl(options.url),
    ...(options.tls !== undefined && { tls: options.tls }),
    connectTimeout: timeouts.connect,
    commandTimeout: timeouts.command,
    onError: onceEach((message) => {
      lastFault = message;
      onFault({ kind: 'connection', message });
    }),
  };
  const client = await openClient(settings);
  const writeClient = acknowledgement.replicas === 0 ? client : await openClient(settings);
  const journal = createWriteJournal();
  const reassertion = createReassertion({
    clients: [...new Set([client, writeClient])],
    journal,
    commandTimeout: timeouts.command,
    onReasserted: (count) =>
      onFault({ kind: 'replica', message: `Another master: ${count} writes of late were made again.` }),
  });
  const { inDoubt } = reassertion;
  const commands = createCommands(client, timeouts.command, inDoubt);
  const writes = createAcknowledgedWrites({
    client: writeClient,
    commands,
    acknowledgement: { ...acknowledgement, timeout: Math.min(acknowledgement.timeout, timeouts.command / 2) },
    commandTimeout: timeouts.command,
    journal,
    inDoubt,
    onDegraded: (message) => onFault({ kind: 'replica', message }),
  });
  const watch = createDenylistWatch({
    open: () => openClient({ ...settings, commandTimeout: BLOCK_TIME + timeouts.command, isBlocking: true }),
    keys,
    clock,
    timeouts,
  });
  const index = createFamilyIndex({ client, commands, keys, clock, commandTimeout: timeouts.command });

  async function check(): Promise<readonly string[]> {
    await writes.findReplicas();
    return checkRedisSettings(client, timeouts.command);
  }

  function report(warnings: readonly string[]): void {
    for (const message of warnings) onFault({ kind: 'setting', message });
  }

  async function look(): Promise<void> {
    await reassertion.look();
    await writes.findReplicas();
  }

  const looking = setInterval(() => void look().catch(() => {}), LOOK_INTERVAL);
  looking.unref();
  client.on('ready', () => void writes.findReplicas().catch(() => {}));
  let isClosed = false;

  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    clearInterval(looking);
    watch.close();
    for (const each of new Set([client, writeClient])) disconnect(each);
  }

  let warnings: readonly string[] = [];
  try {
    await Promise.all([...new Set([client, writeClient])].map((each) => whenConnected(each, timeouts.connect)));
    warnings = await check();
    report(warnings);
  } catch (error) {
    if (strict) {
      await close();
      throw unavailable(lastFault ?? error);
    }
    client.once('ready', () => void check().then(report, () => {}));
  }
  if (strict && warnings.length > 0) {
    await close();
    throw new RedisSettingsError(warnings);
  }

  return {
    warnings,
    oneTime: createOneTime({ writes, keys, clock }),
    refreshFamilies: createRefreshFamilies({
      commands,
      writes,
      index,
      keys,
      clock,
      onIndexFault: (fault) => onFault({ kind: 'index', message: String(unavailable(fault).cause) }),
    }),
    denylist: createDenylist({
      commands,
      writes,
      keys,
      clock,
      bounds: { maxLength: 100_000, maxAge: 3_600, ...options.feed },
      watch: watch.watch,
    }),

    async now() {
      return Number(await commands.evaluate(NOW, [keys.denied], [clock()]));
    },

    async ping() {
      const nodes = isCluster(client) ? client.nodes('master') : [client];
      if (nodes.length === 0) throw unavailable('no node of the cluster can be reached');
      await Promise.all(nodes.map((node) => createCommands(node, timeouts.command).call('ping')));
    },

    close,
  };
}

/** Passes on a message that differs from the one before: a lost connection fails again with every attempt to mend it. */
function onceEach(pass: (message: string) => void): (error: Error) => void {
  let last = '';
  return ({ message }) => {
    if (message !== last) pass(message);
    last = message;
  };
}
