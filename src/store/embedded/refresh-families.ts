import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { EpochSeconds } from '../../oauth/index.ts';
import type { Clock } from '../../platform/index.ts';
import { decideRotation, type RefreshFamily, type RefreshFamilyStore } from '../../tokens/index.ts';
import type { EmbeddedOneTime } from './one-time.ts';
import type { Transactions } from './transactions.ts';

const MAX_LISTED = 1_000;

const SELECT = `SELECT family_id AS familyId, nonce_hash AS nonceHash, generation, key_id AS keyId, subject,
  client_hash AS clientHash, client_name AS clientName, scope, resource, auth_time AS authTime,
  created_at AS createdAt, used_at AS usedAt, expires_at AS expiresAt, revoked_at AS revokedAt, jkt FROM refresh_family`;

/** Refresh families as rows; each decision is read, made and written under the write lock. */
export function createRefreshFamilies(deps: {
  connection: DatabaseSync;
  transactions: Transactions;
  clock: Clock;
  oneTime: EmbeddedOneTime;
}): RefreshFamilyStore {
  const { connection, transactions, clock, oneTime } = deps;
  const select = connection.prepare(`${SELECT} WHERE family_id = ?`);
  const insert = connection.prepare(
    `INSERT INTO refresh_family (family_id, nonce_hash, generation, key_id, subject, client_hash, client_name, scope,
      resource, auth_time, created_at, used_at, expires_at, jkt) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = connection.prepare(
    'UPDATE refresh_family SET generation = ?, key_id = ?, used_at = ?, revoked_at = ? WHERE family_id = ?',
  );
  const selectTombstone = connection.prepare('SELECT 1 FROM family_tombstone WHERE family_id = ? AND expires_at > ?');
  const entomb = connection.prepare(
    `INSERT INTO family_tombstone (family_id, expires_at) VALUES (?, ?)
      ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)`,
  );

  function find(familyId: string): RefreshFamily | undefined {
    const row = select.get(familyId);
    return row === undefined ? undefined : fromRow(row);
  }

  function put(family: RefreshFamily): void {
    update.run(family.generation, family.keyId, family.usedAt, family.revokedAt ?? null, family.familyId);
  }

  function isEntombed(familyId: string, now: EpochSeconds): boolean {
    return selectTombstone.get(familyId, now) !== undefined;
  }

  return {
    begin: (code, family) =>
      transactions.write(() => {
        const at = clock();
        const { familyId } = family;
        if (find(familyId) !== undefined || isEntombed(familyId, at)) return { outcome: 'again', at };
        const outcome = oneTime.spend(code, at);
        if (outcome === 'first') {
          const { nonceHash, keyId, subject, clientHash, clientName, scope, resource, authTime } = family;
          const described = [familyId, nonceHash, keyId, subject, clientHash, clientName, scope, resource, authTime];
          insert.run(...described, at, at, at + family.absoluteLifetime, family.jkt ?? null);
        }
        return { outcome, at };
      }),

    find: (familyId) => transactions.read(() => find(familyId)),

    rotate: (presented, rules) =>
      transactions.write(() => {
        const { rotation, next } = decideRotation(find(presented.familyId), presented, rules, clock());
        if (next !== undefined) put(next);
        return rotation;
      }),

    revoke: (familyId, tombstoneLifetime) =>
      transactions.write(() => {
        const now = clock();
        const family = find(familyId);
        if (family !== undefined) {
          if (family.revokedAt === undefined) put({ ...family, revokedAt: now });
          return family.revokedAt === undefined;
        }
        const wasEntombed = isEntombed(familyId, now);
        entomb.run(familyId, now + tombstoneLifetime);
        return !wasEntombed;
      }),

    list: ({ subject, clientHash }) =>
      transactions.read(() => {
        const conditions = ['revoked_at IS NULL', 'expires_at > ?'];
        const values: (string | number)[] = [clock()];
        if (subject !== undefined) {
          conditions.push('subject = ?');
          values.push(subject);
        }
        if (clientHash !== undefined) {
          conditions.push('client_hash = ?');
          values.push(clientHash);
        }
        const sql = `${SELECT} WHERE ${conditions.join(' AND ')} ORDER BY created_at DESC LIMIT ${MAX_LISTED}`;
        return connection
          .prepare(sql)
          .all(...values)
          .map(fromRow);
      }),
  };
}

function fromRow(row: Record<string, SQLOutputValue>): RefreshFamily {
  const { revokedAt, jkt, ...family } = row;
  // The columns are STRICT and written by this file alone.
  return {
    ...family,
    ...(revokedAt !== null && { revokedAt }),
    ...(jkt !== null && { jkt }),
  } as unknown as RefreshFamily;
}
