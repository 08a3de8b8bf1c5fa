import { createRedisStore, type RedisStoreOptions } from '../../src/store/redis/index.ts';
import type { OpenTokenStore } from '../../src/testing/index.ts';
import type { TokenStore } from '../../src/tokens/index.ts';
import { standingClock } from './subjects.ts';

let opened = 0;

/** A prefix that no other test of any process has. */
export function freshPrefix(): string {
  opened += 1;
  return `test-${process.pid}-${process.hrtime.bigint().toString(36)}-${opened}:`;
}

/** A store on a clock of its own, under keys of its own. `crash` makes the server lose its process and come back. */
export function openOver(options: RedisStoreOptions, crash?: () => Promise<void>): OpenTokenStore {
  return async () => {
    const { clock, advance } = standingClock();
    const stores: TokenStore[] = [];
    const prefix = freshPrefix();
    const open = async () => {
      const store = await createRedisStore({ prefix, testClock: clock, ...options });
      stores.push(store);
      return store;
    };
    return {
      store: await open(),
      now: clock,
      advance,
      join: open,
      ...(crash !== undefined && {
        crash: async () => {
          await crash();
          return open();
        },
      }),
      async [Symbol.asyncDispose]() {
        for (const store of stores) await store.close();
      },
    };
  };
}
