import { disconnect, openClient, type RedisClient, whenConnected } from './client.ts';
import { parseRedisUrl } from './redis-url.ts';

/** A connection for something else than the token store. */
export interface RedisConnection {
  readonly client: RedisClient;
  close(): void;
}

/**
 * Opens one with the manners of the store's: it mends itself, and what cannot be sent at once fails. One that cannot be made within
 * `connectTimeout` is being mended already. Times in milliseconds.
 * @throws RedisUrlError
 */
export async function openRedisConnection(options: {
  readonly url: string;
  readonly connectTimeout: number;
  readonly commandTimeout: number;
  /** Must not throw. */
  readonly onFault: (message: string) => void;
}): Promise<RedisConnection> {
  const { url, connectTimeout, commandTimeout, onFault } = options;
  const onError = ({ message }: Error) => onFault(message);
  const client = await openClient({ address: parseRedisUrl(url), connectTimeout, commandTimeout, onError });
  await whenConnected(client, connectTimeout).catch(onError);
  return { client, close: () => disconnect(client) };
}
