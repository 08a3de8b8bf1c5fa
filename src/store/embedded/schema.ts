/** Marks a SQLite file as ours: "gmst" in its header. */
export const APPLICATION_ID = 0x676d7374;

/**
 * The schema as steps: step n brings a file of version n (its `user_version`) to n + 1. A step that was ever released
 * stays as it is; a change of the schema is one more step.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE store (epoch TEXT NOT NULL) STRICT;
  INSERT INTO store (epoch) VALUES (lower(hex(randomblob(16))));

  CREATE TABLE spent_marker (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX spent_marker_by_end ON spent_marker (expires_at);

  CREATE TABLE refresh_family (
    family_id TEXT NOT NULL PRIMARY KEY,
    nonce_hash TEXT NOT NULL,
    generation INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_hash TEXT NOT NULL,
    client_name TEXT NOT NULL,
    scope TEXT NOT NULL,
    resource TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX refresh_family_by_subject ON refresh_family (subject, created_at);
  CREATE INDEX refresh_family_by_client ON refresh_family (client_hash, created_at);
  CREATE INDEX refresh_family_by_end ON refresh_family (expires_at);

  CREATE TABLE family_tombstone (
    family_id TEXT NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX family_tombstone_by_end ON family_tombstone (expires_at);

  CREATE TABLE denylist_entry (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    issued_before INTEGER,
    expires_at INTEGER NOT NULL,
    UNIQUE (kind, id)
  ) STRICT;
  CREATE INDEX denylist_entry_by_end ON denylist_entry (expires_at);
  `,
  // Families that are bound to a key (RFC 9449 §5).
  'ALTER TABLE refresh_family ADD COLUMN jkt TEXT;',
];
