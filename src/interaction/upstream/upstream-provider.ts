import type { EpochSeconds, Scope, Seconds } from '../../oauth/index.ts';

/** One attempt of a person to sign in at a provider: what is asked, and what the answer is held against. */
export interface UpstreamAttempt {
  /** Comes back with the answer (RFC 6749 §4.1.1). */
  readonly state: string;
  /** Comes back inside the ID token (OpenID Connect Core §3.1.2.1). */
  readonly nonce: string;
  /** RFC 7636 §4.1. */
  readonly verifier: string;
  readonly startedAt: EpochSeconds;
  /** `login`: prove again who you are. `select_account`: choose who you are. */
  readonly prompt?: 'login' | 'select_account';
  /** How long ago the person may have proved who they are. */
  readonly maxAge?: Seconds;
}

/** What helps the provider along and binds it to nothing. */
export interface UpstreamHints {
  readonly loginHint?: string;
  readonly languages: readonly string[];
}

/** A person as a provider vouches for them. */
export interface UpstreamPerson {
  /** Who they are here: derived from the issuer and its name for the person. */
  readonly subject: string;
  /** What they are shown as their name. Never identifies anybody. */
  readonly username: string;
  readonly amr: readonly string[];
  readonly authTime?: EpochSeconds;
  /** The guarded scope names they may grant. */
  readonly scope: Scope;
}

/** Another server at which people prove who they are. */
export interface UpstreamProvider {
  readonly id: string;
  readonly label: string;
  /** Changes with whatever decides who signs in here as whom and may grant what; sessions begun under another key are over. */
  readonly key: string;
  /** An address of it, for what the browser may be sent to. */
  readonly address: string;
  /** Scope names that only people with a certain claim may grant. */
  readonly guardedScope: Scope;
  /** The URL that the browser is sent to. @throws OAuthError `upstream_not_fresh` where it can never be; UnavailableError */
  begin(attempt: UpstreamAttempt, hints: UpstreamHints): Promise<string>;
  /**
   * Who came back, by the query of the callback, whose `state` is known to be that of the attempt. Redeems the code.
   * @throws OAuthError `upstream_…`; UnavailableError
   */
  finish(answer: URLSearchParams, attempt: UpstreamAttempt): Promise<UpstreamPerson>;
}
