import type { EpochSeconds, Seconds } from '../oauth/index.ts';

/**
 * What an entry denies. `jti`, `grant` and `key` deny whatever carries the id; `subject`, `client` and `all` are
 * watermarks and deny what was issued at or before a moment.
 */
export type DenylistKind = 'jti' | 'grant' | 'key' | 'subject' | 'client' | 'all';

/** The thing an entry is about. For `client` the id is SHA-256 of the client_id; for `all` it is empty. */
export interface DenylistKey {
  readonly kind: DenylistKind;
  readonly id: string;
}

/** One entry of the denylist. */
export interface DenylistEntry extends DenylistKey {
  /** Watermarks only: what was issued at or before this moment is denied. */
  readonly issuedBefore?: EpochSeconds;
  /** When the last token it concerns has expired and the entry may be forgotten. */
  readonly expiresAt: EpochSeconds;
}

/** An entry to be written; the store adds its clock. */
export interface NewDenylistEntry extends DenylistKey {
  /** How long the entry must stand, in seconds. */
  readonly lifetime: Seconds;
  /** Watermarks only; the store's clock when absent. */
  readonly issuedBefore?: EpochSeconds;
}

/** Where the denylist stands: opaque text that changes with every entry. */
export interface DenylistPosition {
  /** Changes when the store may have lost entries (a failover); then readers keep the union of old and new. */
  readonly epoch: string;
  readonly sequence: string;
}

/** Entries together with the position they bring a reader to. */
export interface DenylistChanges extends DenylistPosition {
  readonly entries: readonly DenylistEntry[];
}

/** Where the denylist is kept. Every driver passes the contract in `guardmint/testing`. */
export interface DenylistStore {
  /**
   * Adds an entry and answers what stands; durable when answered. Writing a key again never weakens it: the rule is that
   * of `strengthenEntry`, at the store's clock.
   * @throws UnavailableError
   */
  deny(entry: NewDenylistEntry): Promise<DenylistEntry>;
  /** The live entries for these keys. @throws UnavailableError */
  match(keys: readonly DenylistKey[]): Promise<readonly DenylistEntry[]>;
  /** Every live entry, and a position from which `since` misses none (it may repeat some). @throws UnavailableError */
  snapshot(): Promise<DenylistChanges>;
  /**
   * The live entries that were added or strengthened after a position, or `gone` when the store does not know: another
   * epoch, a position it never reached, one it has forgotten, or text that is no position (it may come from anybody).
   * @throws UnavailableError
   */
  since(position: DenylistPosition): Promise<DenylistChanges | 'gone'>;
  /** Calls `listener`, which must not throw, soon after entries were added by anybody: at least once for any number. */
  watch(listener: () => void): Disposable;
}

/**
 * The entry that stands once `entry` is written at `now` over the one that stood, pure: the later end and the later
 * watermark of both. Every driver applies exactly this. Only watermarks carry `issuedBefore`: on any other kind it would
 * let through what the entry denies.
 */
export function strengthenEntry(
  standing: DenylistEntry | undefined,
  entry: NewDenylistEntry,
  now: EpochSeconds,
): DenylistEntry {
  const { kind, id } = entry;
  const live = standing !== undefined && standing.expiresAt > now ? standing : undefined;
  const expiresAt = Math.max(now + entry.lifetime, live?.expiresAt ?? 0);
  if (kind === 'jti' || kind === 'grant' || kind === 'key') return { kind, id, expiresAt };
  return { kind, id, issuedBefore: Math.max(entry.issuedBefore ?? now, live?.issuedBefore ?? 0), expiresAt };
}

/** What is asked of the denylist about one token or grant. */
export interface DeniableThing {
  readonly jti?: string;
  readonly grantId?: string;
  readonly kid?: string;
  readonly subject?: string;
  readonly clientHash?: string;
  readonly issuedAt: EpochSeconds;
}

/** The keys under which an entry could deny the thing. */
export function denylistKeys(thing: DeniableThing): readonly DenylistKey[] {
  const keys: DenylistKey[] = [{ kind: 'all', id: '' }];
  if (thing.jti !== undefined) keys.push({ kind: 'jti', id: thing.jti });
  if (thing.grantId !== undefined) keys.push({ kind: 'grant', id: thing.grantId });
  if (thing.kid !== undefined) keys.push({ kind: 'key', id: thing.kid });
  if (thing.subject !== undefined) keys.push({ kind: 'subject', id: thing.subject });
  if (thing.clientHash !== undefined) keys.push({ kind: 'client', id: thing.clientHash });
  return keys;
}

/** Whether any of the entries denies the thing. All levels count: the strongest watermark wins. */
export function isDenied(thing: DeniableThing, entries: readonly DenylistEntry[]): boolean {
  return entries.some((entry) => entry.issuedBefore === undefined || thing.issuedAt <= entry.issuedBefore);
}
