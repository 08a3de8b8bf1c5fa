import type { DatabaseSync } from 'node:sqlite';
import type { EpochSeconds } from '../../oauth/index.ts';
import type { Clock } from '../../platform/index.ts';
import type { OneTimeMarker, OneTimeStore } from '../../tokens/index.ts';
import type { Transactions } from './transactions.ts';

/** The port, and the spending itself for steps that do more than spend within one transaction. */
export interface EmbeddedOneTime extends OneTimeStore {
  spend(marker: OneTimeMarker, now: EpochSeconds): 'first' | 'again';
}

/** Spent markers as rows; whoever inserts the row was first. */
export function createOneTime(deps: {
  connection: DatabaseSync;
  transactions: Transactions;
  clock: Clock;
}): EmbeddedOneTime {
  const { connection, transactions, clock } = deps;
  const insert = connection.prepare(
    'INSERT INTO spent_marker (kind, id, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );

  function spend(marker: OneTimeMarker, now: EpochSeconds): 'first' | 'again' {
    if (marker.expiresAt <= now) return 'again';
    return Number(insert.run(marker.kind, marker.id, marker.expiresAt).changes) === 1 ? 'first' : 'again';
  }

  return { spend, consumeOnce: (marker) => transactions.write(() => spend(marker, clock())) };
}
