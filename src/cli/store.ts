import type { Config } from '../config/index.ts';
import { systemClock } from '../platform/index.ts';
import { openStore } from '../server/index.ts';
import { createLog } from '../telemetry/index.ts';
import type { TokenStore } from '../tokens/index.ts';

/** Opens the store of the configuration for one command; running servers see what it writes. */
export async function withStore<T>(config: Config, use: (store: TokenStore) => Promise<T>): Promise<T> {
  const store = await openStore(config, { clock: systemClock, log: createLog({ level: 'silent' }) });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
