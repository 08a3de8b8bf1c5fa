import type { VerifiedRedirectTarget } from './redirect-uri.ts';
import type { Resource } from './resource.ts';
import type { Scope } from './scope.ts';
import type { SenderConstraint } from './sender-constraint.ts';
import type { Seconds } from './time.ts';

/** An authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2) after every check of the protocol. */
export interface AuthorizationRequest {
  readonly target: VerifiedRedirectTarget;
  readonly codeChallenge: string;
  readonly resource: Resource;
  /** What may be granted: what was asked for and is known, or the default of the resource. May be empty. */
  readonly scope: Scope;
  /** `prompt` values (OpenID Connect Core §3.1.2.1): `none`, `login`, `consent`, `select_account`. */
  readonly prompt: readonly string[];
  /** Oldest acceptable sign-in, in seconds. */
  readonly maxAge?: Seconds;
  readonly loginHint?: string;
  readonly uiLocales?: readonly string[];
  /** The key the code is to be bound to (`dpop_jkt`, RFC 9449 §10). */
  readonly sender?: SenderConstraint;
  /** What it was pushed as (RFC 9126): however often it is taken up, it may be granted once. */
  readonly pushedId?: string;
}
