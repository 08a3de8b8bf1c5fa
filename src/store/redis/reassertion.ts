import { setTimeout as pause } from 'node:timers/promises';
import { isCluster, nodesSettled, type RedisClient, withinTime } from './client.ts';
import { readReplications } from './replication.ts';
import type { WriteJournal } from './write-journal.ts';

/**
 * Gives a new master what was acknowledged of late: it may have been a replica that never got it, or have lost the last
 * second with its machine. Until that is done nothing else is asked of it, so that no answer comes from a state in which a
 * revocation is undone.
 */
export interface Reassertion {
  /** Resolves when the master has everything; `undefined` when there is no doubt about it. */
  inDoubt(): Promise<void> | undefined;
  /**
   * Looks whether the masters have changed, and gives them what they may lack. Connections that see different masters ask
   * Sentinel again. @throws UnavailableError
   */
  look(): Promise<void>;
}

const BATCH = 100;
const PAUSE = 100;

export function createReassertion(deps: {
  clients: readonly RedisClient[];
  journal: WriteJournal;
  commandTimeout: number;
  /** Told how many writes were made again. */
  onReasserted: (count: number) => void;
}): Reassertion {
  const { clients, journal, commandTimeout } = deps;
  let known: string | undefined;
  let doubt: PromiseWithResolvers<void> | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function see(client: RedisClient): Promise<string> {
    const masters = await readReplications(client, commandTimeout);
    return masters
      .map(({ id }) => id)
      .sort()
      .join(' ');
  }

  async function follow(client: RedisClient, seen: string): Promise<void> {
    known ??= seen;
    if (seen === known) return;
    writing = writing
      .catch(() => {})
      .then(async () => {
        if (seen !== known) await writeAgain(client);
        known = seen;
      });
    await writing;
  }

  async function writeAgain(client: RedisClient): Promise<void> {
    const writes = journal.recent();
    for (let start = 0; start < writes.length; start += BATCH) {
      const lines = writes.slice(start, start + BATCH).map(({ script, keys, args }) => {
        return ['eval', script.source, keys.length, ...keys, ...args];
      });
      const settling = nodesSettled(client);
      if (settling !== undefined) await withinTime(settling, commandTimeout);
      const answers = await withinTime(client.pipeline(lines).exec(), commandTimeout);
      const fault = answers?.find(([error]) => error !== null)?.[0];
      if (fault) throw fault;
    }
    if (writes.length > 0) deps.onReasserted(writes.length);
  }

  /** Tries for as long as the connection holds; the next one tries again. */
  async function settle(client: RedisClient): Promise<void> {
    while (client.status === 'ready') {
      try {
        await follow(client, await see(client));
        doubt?.resolve();
        doubt = undefined;
        return;
      } catch {
        await pause(PAUSE);
      }
    }
  }

  function begin(): void {
    doubt ??= Promise.withResolvers<void>();
  }

  for (const client of clients) {
    client.on('ready', () => void settle(client));
    // Nodes of a cluster come and go by themselves: there only looking tells.
    if (!isCluster(client)) client.on('close', begin);
  }

  return {
    inDoubt: () => doubt?.promise,

    async look() {
      const seen = await Promise.all(clients.map(see));
      const [client] = clients;
      if (client === undefined) return;
      if (new Set(seen).size === 1) return follow(client, seen[0] ?? '');
      for (const each of clients) if (!isCluster(each)) each.disconnect(true);
    },
  };
}
