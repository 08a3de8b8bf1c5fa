import type { KeyObject } from 'node:crypto';
import type { EpochSeconds } from '../oauth/index.ts';
import type { ExternalKey } from './external/external-key-store.ts';
import type { JwsSigner, KeyFamily, KeyRecord, KeyTimes, SigningAlg } from './key-ring.ts';

/** `alg` of a key of any family: secrets encrypt directly with A256GCM or make HMAC-SHA-256. */
export type KeyAlg = SigningAlg | 'A256GCM' | 'HS256';

/** A key as a backend keeps it. */
export interface StoredKey extends KeyRecord {
  readonly alg: KeyAlg;
  /** Its number in the line of its family, from 1. Only for telling slots apart: the order of use is in the times. */
  readonly epoch: number;
  /** The name under which the backend keeps it, for messages. */
  readonly slot: string;
  /** The store that holds the private half, as long as it does; absent when the backend itself has it, or nobody. */
  readonly external?: ExternalKey;
  /** Whether its kid is one that somebody else chose, and not the thumbprint. */
  readonly hasOwnKid?: true;
}

/** Something in the place of keys that is not a usable key. */
export interface UnreadableKey {
  /** Its name, for messages. */
  readonly slot: string;
  /** Why, in one word with underscores; never content. */
  readonly reason: string;
  /** The place it takes, when its name tells. */
  readonly family?: KeyFamily;
  readonly epoch?: number;
}

/** Everything a backend holds. */
export interface KeyListing {
  readonly keys: readonly StoredKey[];
  readonly unreadable: readonly UnreadableKey[];
}

/** The key that a backend is asked to make. */
export interface KeyOrder {
  readonly family: KeyFamily;
  readonly alg: KeyAlg;
  readonly epoch: number;
  readonly times: KeyTimes;
}

/** A key whose content cannot be used. `reason` is one word with underscores; the message carries no content either. */
export class KeyRefusedError extends Error {
  override readonly name = 'KeyRefusedError';
  readonly reason: string;

  constructor(slot: string, reason: string) {
    super(`${slot}: ${reason}`);
    this.reason = reason;
  }
}

/**
 * Where keys live. Several processes use one backend at once, without a leader; each promise below holds across them.
 * Any method may throw `UnavailableError` when the place cannot be reached or written now.
 */
export interface KeyBackend {
  /** Families whose keys somebody else makes and ends: nothing is ever due there. None when left out. */
  readonly fixedFamilies?: ReadonlySet<KeyFamily>;
  /**
   * Everything there is. What cannot be read is named in `unreadable` and never makes the call fail. A key is listed
   * whole or not at all, also while it is being made or changed. Nothing private is in the answer.
   */
  list(): Promise<KeyListing>;
  /**
   * Makes a key, unless one of the same family, alg and epoch is there, readable or not: then `undefined`. Of several
   * callers exactly one gets the key. It is durable when answered; a crash at any moment leaves the whole key or none.
   */
  create(order: KeyOrder): Promise<StoredKey | undefined>;
  /**
   * The means to sign with a signing key whose private half exists. It may keep working after `destroyPrivate`.
   * @throws KeyRefusedError when the private half is missing or unusable.
   */
  openSigner(key: StoredKey): Promise<JwsSigner>;
  /** The secret of a key of the other families. @throws KeyRefusedError when it is missing or unusable. */
  openSecret(key: StoredKey): Promise<KeyObject>;
  /**
   * Brings a key that is not in force yet into force at `at`, never before it was published; the later times move with
   * it. A key that comes into force no later than that stays as it is.
   */
  promote(kid: string, at: EpochSeconds): Promise<void>;
  /** Deletes the private half, durably, and records `destroyedAt`. Public half and times stay. Idempotent. */
  destroyPrivate(kid: string, at: EpochSeconds): Promise<void>;
  /** Ends a key by force in one atomic step: `revokedAt` is recorded and the private half deleted. The first call wins. */
  revoke(kid: string, at: EpochSeconds): Promise<void>;
  /** Deletes a key whole. Answers whether it was there. */
  remove(kid: string): Promise<boolean>;
  /** Calls back soon after something changed. A hint: it may come late, twice or never, and keeps no process alive. */
  watch?(changed: () => void): Disposable;
  close(): Promise<void>;
}
