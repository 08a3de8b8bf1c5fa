import { mkdir } from 'node:fs/promises';
import type { Config } from '../config/index.ts';
import { systemClock } from '../platform/index.ts';
import { createEmbeddedStore } from '../store/embedded/index.ts';
import type { TokenStore } from '../tokens/index.ts';

/** Opens the store of the configuration for one command; a running server sees what it writes. */
export async function withStore<T>(config: Config, use: (store: TokenStore) => Promise<T>): Promise<T> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const store = createEmbeddedStore({ file: `${config.dataDir}/guardmint.db`, clock: systemClock });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
