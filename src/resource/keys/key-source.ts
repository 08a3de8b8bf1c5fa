import type { EpochSeconds } from '../../oauth/index.ts';
import { parseJwkSet, type RefusedKey } from './jwk-set.ts';
import type { VerificationKey } from './verification-key.ts';

/** What is known about the keys, for health pages and logs. */
export interface KeySourceState {
  /**
   * `none`: no key was ever obtained, or the last good set is too old to be trusted. Of two sets: `fresh` when both are,
   * `none` when both are, else `old`.
   */
  readonly status: 'fresh' | 'old' | 'none';
  readonly kids: readonly string[];
  readonly refused: readonly RefusedKey[];
  /** When the set was last known to stand; absent for a set given by hand. */
  readonly confirmedAt?: EpochSeconds;
  /** Attempts to fetch that failed since then. */
  readonly failures: number;
  readonly lastFailure?: string;
}

/** Where public keys come from. */
export interface KeySource {
  /**
   * Looks after the set on every use: starts what is due in the background and drops what is too old. A promise where that
   * would not be done unless the caller waits. Never throws, never rejects.
   */
  tend(now: EpochSeconds): Promise<void> | undefined;
  /** The key for a kid, if it is held. */
  find(kid: string): VerificationKey | undefined;
  /**
   * The key for a kid that is not held, after asking for it where that makes sense. `undefined`: there is no such key.
   * @throws UnavailableError when that cannot be known.
   */
  seek(kid: string, now: EpochSeconds): Promise<VerificationKey | undefined>;
  /** Never uses this key again, and asks for the set anew. */
  drop(kid: string, now: EpochSeconds): void;
  state(): KeySourceState;
  close(): void;
}

/**
 * The keys of a JWK Set given by hand.
 * @throws TypeError when none of them can be used.
 */
export function createFixedKeys(jwks: unknown): KeySource {
  const keys = parseJwkSet(jwks);
  if (keys === undefined) throw new TypeError('jwks: a JWK Set with at least one usable key and at most 100 keys');
  const { refused } = keys;
  const byKid = new Map(keys.byKid);
  return {
    tend: () => undefined,
    find: (kid) => byKid.get(kid),
    seek: () => Promise.resolve(undefined),
    drop: (kid) => void byKid.delete(kid),
    state: () => ({ status: 'fresh', kids: [...byKid.keys()], refused, failures: 0 }),
    close: () => undefined,
  };
}
