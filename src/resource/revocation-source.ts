import type { EpochSeconds } from '../oauth/index.ts';

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
  /** `fresh`: heard of the issuer just now. `stale`: for so long not that a revocation may be missing. */
  readonly freshness: 'fresh' | 'degraded' | 'stale';
  readonly entries: number;
  readonly heardAt?: EpochSeconds;
}

/**
 * What is known about revoked tokens, held in memory. `isDenied` and `version` are asked on the request path and do no
 * I/O; the source keeps itself up to date.
 */
export interface RevocationSource {
  /** Whether the token is denied now. */
  isDenied(token: RevocableToken): boolean;
  /** Changes whenever an answer of `isDenied` may have changed. */
  version(): number;
  state(now: EpochSeconds): RevocationState;
  close(): void;
}
