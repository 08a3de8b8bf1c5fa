import type { DatabaseSync } from 'node:sqlite';
import type { Seconds } from '../../oauth/index.ts';
import type { Clock } from '../../platform/index.ts';

/**
 * How long a row is kept past its end. A clock that runs ahead for less than this and is set right again has forgotten
 * nothing: no denial is lifted early, no spent code comes back.
 */
const KEPT_PAST_END: Seconds = 7_200;

/** Rows of one table removed in one transaction: more than are added to it, few enough not to be felt. */
const BATCH = 200;

const KEYS = {
  spent_marker: 'kind, id',
  refresh_family: 'family_id',
  family_tombstone: 'family_id',
  denylist_entry: 'sequence',
} as const;

/** Removes a few rows that are over; to be called within a transaction. Looks once a second, or until nothing is left. */
export function createSweep(connection: DatabaseSync, clock: Clock): () => void {
  const removals = Object.entries(KEYS).map(([table, key]) =>
    connection.prepare(
      `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE expires_at <= ? LIMIT ${BATCH})`,
    ),
  );
  let sweptAt: number | undefined;

  return function sweep() {
    const now = clock();
    if (now === sweptAt) return;
    const removed = removals.map((removal) => Number(removal.run(now - KEPT_PAST_END).changes));
    sweptAt = removed.some((count) => count === BATCH) ? undefined : now;
  };
}
