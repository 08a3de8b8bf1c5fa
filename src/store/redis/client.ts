import type { ConnectionOptions } from 'node:tls';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import type { RedisAddress } from './redis-url.ts';

export type RedisClient = Redis | Cluster;

type ServerOptions = Omit<RedisOptions, 'replyMapping'>;

/** How one connection (in a cluster: one for each node) is kept. Times in milliseconds. */
export interface ClientSettings {
  readonly address: RedisAddress;
  readonly tls?: ConnectionOptions;
  readonly connectTimeout: number;
  /** How long one command may take; of a connection that blocks, how long it may be silent. */
  readonly commandTimeout: number;
  readonly isBlocking?: boolean;
  readonly onError: (error: Error) => void;
}

const LONGEST_PAUSE = 1_000;
const ASK_AGAIN = 1_000;

/**
 * Opens a connection that mends itself for as long as it lives, and never stores up or repeats a command: what could not
 * be sent at once fails, and what was sent and not answered fails too. A repeated spend would find its own marker and
 * take the first use of a code for the second.
 */
export async function openClient(settings: ClientSettings): Promise<RedisClient> {
  // Loaded here, so that whoever does not use Redis does not load its client.
  const { Cluster, Redis } = await import('ioredis');
  const { address, onError } = settings;
  const client =
    address.form === 'cluster'
      ? new Cluster([...address.hosts], {
          lazyConnect: true,
          enableOfflineQueue: false,
          retryDelayOnFailover: 0,
          retryDelayOnClusterDown: 0,
          slotsRefreshInterval: 2_000,
          clusterRetryStrategy: pauseBefore,
          // Names are kept for TLS, which compares them with the certificate.
          dnsLookup: (host, found) => found(null, host),
          redisOptions: connectionOptions(settings),
        })
      : new Redis(serverOptions(settings));
  client.on('error', onError);
  if (isCluster(client)) client.on('node error', onError);
  else client.on('end', () => reopen(client));
  return client;
}

const closed = new WeakSet<RedisClient>();

/**
 * Takes a connection up again that the client gave up for good. It does so when Sentinel tells of a failover while it is
 * asking Sentinel for the master: it then takes its own hanging up for ours.
 */
function reopen(client: RedisClient): void {
  if (closed.has(client)) return;
  const timer = setTimeout(() => {
    if (!closed.has(client) && client.status === 'end') client.connect().catch(() => {});
  }, pauseBefore(1));
  timer.unref();
}

/** Waits until the connection can be used, at most `connectTimeout`; it goes on trying afterwards. @throws Error */
export async function whenConnected(client: RedisClient, connectTimeout: number): Promise<void> {
  await withinTime(client.connect(), connectTimeout);
  if (isCluster(client)) await withinTime(Promise.all(client.nodes('master').map(connectNode)), connectTimeout);
}

/**
 * Resolves when no node of a cluster is still being connected to: a command for such a node would be refused, although
 * nothing is wrong with it. `undefined` when there is nothing to wait for.
 */
export function nodesSettled(client: RedisClient): Promise<unknown> | undefined {
  if (!isCluster(client)) return undefined;
  const connecting = client.nodes('master').filter(({ status }) => status === 'connecting' || status === 'connect');
  return connecting.length === 0 ? undefined : Promise.all(connecting.map(connectNode));
}

/** Ends the connection; what is in flight fails. */
export function disconnect(client: RedisClient): void {
  closed.add(client);
  // A TLS handshake that is cut short may fail twice, and the client listens for one error of a socket only.
  for (const node of isCluster(client) ? client.nodes() : [client]) node.stream?.on('error', () => {});
  client.disconnect();
}

export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

const settlements = new WeakMap<Redis, Promise<void>>();

function connectNode(node: Redis): Promise<void> {
  const settling = settlements.get(node);
  if (settling !== undefined) return settling;
  if (node.status === 'ready' || node.status === 'end') return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  node.once('ready', resolve);
  node.once('end', resolve);
  settlements.set(node, promise);
  if (node.status === 'wait') node.connect().catch(() => {});
  return promise.finally(() => settlements.delete(node));
}

/** The promise, or a rejection when it does not settle in time. */
export async function withinTime<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value> {
  const expiry = Promise.withResolvers<never>();
  const timer = setTimeout(() => expiry.reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([promise, expiry.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function pauseBefore(attempt: number): number {
  return Math.min(attempt * 50, LONGEST_PAUSE);
}

function connectionOptions({ address, tls, ...settings }: ClientSettings) {
  return {
    // RESP2 says all we ask for, and needs no HELLO, which an ACL or a proxy may refuse.
    protocol: 2,
    username: address.username,
    password: address.password,
    tls: address.isTls ? { ...tls } : undefined,
    disableClientInfo: true,
    connectTimeout: settings.connectTimeout,
    commandTimeout: settings.isBlocking === true ? undefined : settings.commandTimeout,
    // A peer that vanished without a word is noticed by its silence.
    socketTimeout: settings.commandTimeout * 2,
    keepAlive: 10_000,
    // With 0, commands in flight fail as soon as the connection does; with any more they wait for the next one.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A master that became a replica is left for the one that took its place.
    reconnectOnError: (error: Error) => error.message.includes('READONLY'),
  } satisfies ServerOptions;
}

function serverOptions(settings: ClientSettings): ServerOptions {
  const { form, hosts, db } = settings.address;
  return {
    ...connectionOptions(settings),
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: pauseBefore,
    db,
    ...(form === 'sentinel' ? sentinelOptions(settings) : hosts[0]),
  };
}

/**
 * A master that came back after its replicas were given to another one does not know it for some ten seconds. Nobody may be
 * there to tell us either; but it refuses writes, having no replica, and Sentinel knows better: it is asked again, at most
 * every second, for a master may also be short of replicas.
 */
function leaveDeposedMaster(): (error: Error) => boolean {
  let askedAt = Number.NEGATIVE_INFINITY;
  return ({ message }) => {
    if (message.includes('READONLY')) return true;
    if (!message.includes('NOREPLICAS') || performance.now() - askedAt < ASK_AGAIN) return false;
    askedAt = performance.now();
    return true;
  };
}

function sentinelOptions({ address, tls, commandTimeout }: ClientSettings): ServerOptions {
  return {
    sentinels: address.hosts.map(({ host, port }) => ({ host, port })),
    name: address.masterName,
    sentinelUsername: address.sentinelUsername,
    sentinelPassword: address.sentinelPassword,
    sentinelCommandTimeout: commandTimeout,
    sentinelRetryStrategy: pauseBefore,
    // Told of a failover, the connection leaves a master that no longer is one, even when it still answers.
    failoverDetector: true,
    reconnectOnError: leaveDeposedMaster(),
    sentinelReconnectStrategy: () => 1_000,
    enableTLSForSentinelMode: address.isTls,
    sentinelTLS: address.isTls ? { ...tls } : undefined,
  };
}
