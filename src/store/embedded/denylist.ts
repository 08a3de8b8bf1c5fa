import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Clock } from '../../platform/index.ts';
import { type DenylistEntry, type DenylistKey, type DenylistStore, strengthenEntry } from '../../tokens/index.ts';
import { createChangeWatch } from './change-watch.ts';
import type { Transactions } from './transactions.ts';

const SEQUENCE = /^(?:0|[1-9]\d{0,14})$/;

const SELECT = 'SELECT kind, id, issued_before AS issuedBefore, expires_at AS expiresAt FROM denylist_entry';

/** The denylist as rows numbered by their last change, so that what came after a position is what has a higher number. */
export function createDenylist(deps: {
  connection: DatabaseSync;
  transactions: Transactions;
  clock: Clock;
}): DenylistStore {
  const { connection, transactions, clock } = deps;
  const select = connection.prepare(`${SELECT} WHERE kind = ? AND id = ?`);
  const selectAfter = connection.prepare(`${SELECT} WHERE sequence > ? AND expires_at > ? ORDER BY sequence`);
  // REPLACE removes the row that stood and gives the new one a number that was never used.
  const replace = connection.prepare(
    'INSERT OR REPLACE INTO denylist_entry (kind, id, issued_before, expires_at) VALUES (?, ?, ?, ?)',
  );
  const selectSequence = connection.prepare(
    "SELECT coalesce(max(seq), 0) AS sequence FROM sqlite_sequence WHERE name = 'denylist_entry'",
  );
  const epoch = String(connection.prepare('SELECT epoch FROM store').get()?.['epoch']);

  function find({ kind, id }: DenylistKey): DenylistEntry | undefined {
    const row = select.get(kind, id);
    return row === undefined ? undefined : fromRow(row);
  }

  function lastSequence(): number {
    return Number(selectSequence.get()?.['sequence']);
  }

  /** The position is read first: an entry that another process adds in between is repeated later, not missed. */
  function changesAfter(position: number, sequence: number) {
    return { epoch, sequence: String(sequence), entries: selectAfter.all(position, clock()).map(fromRow) };
  }

  const changes = createChangeWatch({ connection, lastSequence });

  return {
    async deny(entry) {
      const { stands, isChanged } = await transactions.write(() => {
        const now = clock();
        const standing = find(entry);
        const stands = strengthenEntry(standing, entry, now);
        const isChanged = standing?.expiresAt !== stands.expiresAt || standing.issuedBefore !== stands.issuedBefore;
        if (isChanged) replace.run(stands.kind, stands.id, stands.issuedBefore ?? null, stands.expiresAt);
        return { stands, isChanged };
      });
      if (isChanged) changes.notify();
      return stands;
    },

    match: (keys) =>
      transactions.read(() => {
        const now = clock();
        return keys.flatMap((key) => {
          const entry = find(key);
          return entry !== undefined && entry.expiresAt > now ? [entry] : [];
        });
      }),

    snapshot: () => transactions.read(() => changesAfter(0, lastSequence())),

    since: (position) =>
      transactions.read(() => {
        if (position.epoch !== epoch || !SEQUENCE.test(position.sequence)) return 'gone';
        const after = Number(position.sequence);
        const sequence = lastSequence();
        return after > sequence ? 'gone' : changesAfter(after, sequence);
      }),

    watch: changes.watch,
  };
}

function fromRow(row: Record<string, SQLOutputValue>): DenylistEntry {
  const { issuedBefore, ...entry } = row;
  // The columns are STRICT and written by this file alone.
  return { ...entry, ...(issuedBefore !== null && { issuedBefore }) } as unknown as DenylistEntry;
}
