/**
 * store/embedded: the token store in one SQLite file, by `node:sqlite`. Durable, and shared by the processes of one
 * machine (the server and its command line). Published as `guardmint/store/embedded`.
 *
 * May import: oauth, platform, tokens.
 */
import { UnavailableError } from '../../oauth/index.ts';
import type { Clock } from '../../platform/index.ts';
import type { TokenStore } from '../../tokens/index.ts';
import { openConnection } from './connection.ts';
import { createDenylist } from './denylist.ts';
import { createOneTime } from './one-time.ts';
import { createRefreshFamilies } from './refresh-families.ts';
import { createSweep } from './sweep.ts';
import { createTransactions } from './transactions.ts';

export { StoreFileError } from './fault.ts';

/**
 * Opens the store in `file` (`:memory:` for none), making it when there is none. Answers are on the disk when given. The
 * file must lie on a local disk: SQLite's write-ahead log does not work over a network.
 *
 * @example
 * ```ts
 * import { createEmbeddedStore } from 'guardmint/store/embedded';
 *
 * const store = createEmbeddedStore({ file: 'data/guardmint.db', clock: () => Math.floor(Date.now() / 1000) });
 * ```
 * @param deps.lockTimeout how long a call waits for another process that writes, in milliseconds. This blocks the process.
 * @throws StoreFileError for a file that is not ours, too new, damaged or not to be opened; UnavailableError when locked.
 */
export function createEmbeddedStore(deps: { file: string; clock: Clock; lockTimeout?: number }): TokenStore {
  const { file, clock, lockTimeout = 2_000 } = deps;
  const connection = openConnection(file, lockTimeout);
  const transactions = createTransactions(connection, createSweep(connection, clock));
  const oneTime = createOneTime({ connection, transactions, clock });
  const probe = connection.prepare('SELECT epoch FROM store');

  const ping = () =>
    transactions.read(() => {
      if (probe.get() === undefined) throw new UnavailableError('store');
    });

  return {
    oneTime: { consumeOnce: oneTime.consumeOnce },
    refreshFamilies: createRefreshFamilies({ connection, transactions, clock, oneTime }),
    denylist: createDenylist({ connection, transactions, clock }),

    now: async () => {
      await ping();
      return clock();
    },

    ping,

    async close() {
      await transactions.settled();
      if (!connection.isOpen) return;
      try {
        // So that the file alone is a complete copy; another process that is reading may prevent it, harmlessly.
        connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } catch {}
      connection.close();
    },
  };
}
