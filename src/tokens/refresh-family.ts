import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { OneTimeMarker } from './one-time.ts';

/** One authorization's line of refresh tokens: all that is stored of a grant. No token and no hash of one is in it. */
export interface RefreshFamily {
  /** The grant id: 16 random bytes in base64url. Access tokens carry it as `gid`. */
  readonly familyId: string;
  /** SHA-256 of the nonce that all tokens of the family carry, in base64url. */
  readonly nonceHash: string;
  /** Which token of the line is live, from 0. */
  readonly generation: number;
  /** The refresh key under which the live token is made, so that the same token can be made again. */
  readonly keyId: string;
  readonly subject: string;
  /** SHA-256 of the client_id, in base64url. */
  readonly clientHash: string;
  /** What people call the client, for lists; not verified. */
  readonly clientName: string;
  /** Wire form of the granted scope. */
  readonly scope: string;
  readonly resource: string;
  /** When the person signed in. */
  readonly authTime: EpochSeconds;
  readonly createdAt: EpochSeconds;
  /** When the live token was made or, where tokens are not rotated, last used. */
  readonly usedAt: EpochSeconds;
  /** Absolute end of the family. */
  readonly expiresAt: EpochSeconds;
  readonly revokedAt?: EpochSeconds;
  /** Thumbprint of the key all its tokens are bound to (RFC 9449 §5); absent: none. */
  readonly jkt?: string;
}

/** A family about to begin: generation 0, made at the store's clock. */
export type NewRefreshFamily = Omit<
  RefreshFamily,
  'generation' | 'createdAt' | 'usedAt' | 'expiresAt' | 'revokedAt'
> & { readonly absoluteLifetime: Seconds };

/** What a presented refresh token says of itself, its MAC already verified. */
export interface PresentedRefreshToken {
  readonly familyId: string;
  readonly generation: number;
  readonly nonceHash: string;
}

/** The rules of one rotation; lengths of time in seconds. */
export interface RotationRules {
  /** Whether use replaces the token. False for confidential and sender-constrained clients. */
  readonly rotates: boolean;
  /** How long the previous token still gets the same successor. */
  readonly replayWindow: Seconds;
  /** How long after a rotation an older token is refused without harm (a burst of parallel requests). */
  readonly burstWindow: Seconds;
  /** What an older token does after that. */
  readonly reuse: 'revoke' | 'reject';
  /** How long a family may lie unused. */
  readonly idleLifetime: Seconds;
  /** The refresh key a new generation is made with. */
  readonly keyId: string;
}

/**
 * What came of presenting a refresh token.
 * - `rotated`: the live token; `family` is one generation further.
 * - `replayed`: the previous token; `family` is unchanged and its live token is to be handed out again.
 * - `ahead`: a later token than the store knows (a write lost in a failover); `family` was moved past it.
 * - `kept`: the live token of a client whose tokens are not rotated.
 * - `refused`: an older token, harmlessly; nothing changed.
 * - `reused`: an older token; the family is now revoked, by this call.
 * - `revoked`, `expired`, `unknown`: there is no live family; nothing changed. A revoked one tells since when.
 */
export type Rotation =
  | {
      readonly outcome: 'rotated' | 'replayed' | 'ahead' | 'kept';
      readonly family: RefreshFamily;
      readonly at: EpochSeconds;
    }
  | { readonly outcome: 'revoked'; readonly revokedAt: EpochSeconds; readonly at: EpochSeconds }
  | { readonly outcome: 'refused' | 'reused' | 'expired' | 'unknown'; readonly at: EpochSeconds };

/** Where refresh families are kept. Every driver passes the contract in `guardmint/testing`. */
export interface RefreshFamilyStore {
  /**
   * Spends `code` and begins `family`, in one atomic step. `again` when the code was spent (here or by `consumeOnce`) or
   * has ended by the store's clock, and when the family exists or was revoked; then nothing is begun. `at` is the store's
   * clock and the family's `createdAt`. Durable when answered.
   * @throws UnavailableError
   */
  begin(
    code: OneTimeMarker,
    family: NewRefreshFamily,
  ): Promise<{ readonly outcome: 'first' | 'again'; readonly at: EpochSeconds }>;
  /** The family, live, revoked or expired but not yet forgotten; never a mere tombstone. @throws UnavailableError */
  find(familyId: string): Promise<RefreshFamily | undefined>;
  /**
   * Decides and applies one use, atomically: of any number of concurrent calls with one presented token exactly one
   * answers `rotated`. The decision is that of `decideRotation`, at the store's clock. Durable when answered.
   * @throws UnavailableError
   */
  rotate(presented: PresentedRefreshToken, rules: RotationRules): Promise<Rotation>;
  /**
   * Revokes the family for good; a family that does not exist yet can then never begin for `tombstoneLifetime` seconds.
   * Idempotent; answers whether this call did it. Durable when answered.
   * @throws UnavailableError
   */
  revoke(familyId: string, tombstoneLifetime: Seconds): Promise<boolean>;
  /**
   * Families that are neither revoked nor past `expiresAt`, newest first, at most 1,000; those that match every member of
   * the filter. Which of them lay idle too long the caller knows, who has the rules.
   * @throws UnavailableError
   */
  list(filter: { readonly subject?: string; readonly clientHash?: string }): Promise<readonly RefreshFamily[]>;
}
