import type { EpochSeconds, Seconds } from '../../oauth/index.ts';

/** What is asked about one access token. */
export interface RevocableToken {
  readonly jti: string;
  readonly grantId?: string;
  readonly kid: string;
  readonly subject: string;
  readonly clientId: string;
  readonly issuedAt: EpochSeconds;
}

/** How well informed a source of revocations is. */
export interface RevocationState {
  /**
   * `fresh`: heard of the issuer in the last 15 seconds. `degraded`: in the last minute. `stale`: for so long not that a
   * revocation may be missing. `absent`: the issuer publishes none.
   */
  readonly freshness: 'fresh' | 'degraded' | 'stale' | 'absent';
  readonly entries: number;
  /** When the issuer signed the newest of what is known. */
  readonly heardAt?: EpochSeconds;
  /** How long ago that is. */
  readonly ageSeconds?: Seconds;
  /** Up to where in the issuer's order of revocations everything is known. */
  readonly position?: string;
  /** Why the last attempt to hear more failed; absent once one succeeded. */
  readonly lastFailure?: string;
}

/**
 * What is known about revoked tokens, held in memory. `isDenied` and `version` are asked on the request path and do no
 * I/O; the source keeps itself up to date.
 */
export interface RevocationSource {
  /** Begins to keep itself up to date, once. */
  begin?(): void;
  /**
   * Looks after what is known, for every token before it is judged, where nothing works between requests. A promise of what the
   * token has to wait for, for a bounded time; never rejects.
   */
  tend?(now: EpochSeconds): Promise<void> | undefined;
  /** A promise while the first answer of the issuer is waited for, for a bounded time. Never rejects. */
  ready?(): Promise<void> | undefined;
  /**
   * What has to be computed before `isDenied` can be asked about a token, where the runtime does so asynchronously only; asked
   * again until it is `undefined`. Never rejects.
   */
  prepare?(token: RevocableToken): Promise<void> | undefined;
  /** Whether the token is denied now. */
  isDenied(token: RevocableToken): boolean;
  /** Changes whenever an answer of `isDenied` may have changed. */
  version(): number;
  /**
   * Calls `listener` whenever `version` has changed; answers how to stop that. Without it whoever waits for the end of a token
   * hears of its expiry only.
   */
  watch?(listener: () => void): () => void;
  state(now: EpochSeconds): RevocationState;
  close(): void;
}
