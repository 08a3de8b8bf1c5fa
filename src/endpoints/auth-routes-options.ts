import type { ClientAssertions } from '../clients/index.ts';
import type { ResourceDirectory } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type {
  AccessToken,
  AuthorizationCode,
  OAuthAuthorizationServerProvider,
  RefreshToken,
} from '../provider/index.ts';
import type { DpopOptions } from './dpop.ts';
import type { FaultReporter, RefusalPage } from './error-boundary.ts';
import type { IntrospectionOptions } from './introspect.ts';
import type { PublishedJwkSet } from './jwks.ts';
import type { PushedRequestOptions } from './par.ts';
import type { RateLimiter } from './rate-limit.ts';
import type { RevocationFeed } from './revocations.ts';

/** Dynamic client registration (RFC 7591): offered only when enabled. */
export interface ClientRegistrationOptions {
  readonly enabled: boolean;
  /** Scope names clients may register; absent: those of the resources, or any where a resource admits any. */
  readonly validScopes?: readonly string[];
  /** Registered when a client names none. */
  readonly defaultScopes?: readonly string[];
  /** SHA-256 of initial access tokens in base64url, one of which a registration must show; absent: everybody may register. */
  readonly initialAccessTokenHashes?: readonly string[] | undefined;
}

/** Token revocation (RFC 7009): offered only when enabled. */
export interface RevocationOptions {
  readonly enabled: boolean;
}

/** Options of `createAuthRoutes`. */
export interface AuthRoutesOptions<
  Code extends AuthorizationCode,
  Refresh extends RefreshToken,
  Access extends AccessToken,
> {
  readonly provider: OAuthAuthorizationServerProvider<Code, Refresh, Access>;
  /** The issuer identifier, used byte for byte; endpoints live below its path. */
  readonly issuerUrl: string;
  readonly serviceDocumentationUrl?: string;
  readonly clientRegistrationOptions?: ClientRegistrationOptions;
  readonly revocationOptions?: RevocationOptions;
  /** Token introspection (RFC 7662); absent: there is no `/introspect`. */
  readonly introspectionOptions?: IntrospectionOptions;
  /** Proves clients by their keys; absent: `private_key_jwt` is not offered. */
  readonly clientAssertions?: ClientAssertions;
  /** The resources tokens may be asked for; absent: every resource on this machine. */
  readonly resources?: ResourceDirectory;
  /** The keys of signed access tokens; absent: no JWK Set is served. */
  readonly jwkSet?: () => PublishedJwkSet;
  /** The keys of type `AKP` (RFC 9964), in a set of their own at `/.well-known/jwks-pq.json`; absent: there is none. */
  readonly postQuantumJwkSet?: () => PublishedJwkSet;
  /** What validators are told of revoked tokens; absent: nothing, and the metadata names no feed. */
  readonly revocationFeed?: RevocationFeed;
  /** Proof of possession (RFC 9449); absent: proofs are not looked at and none is advertised. */
  readonly dpop?: DpopOptions;
  /** Pushed authorization requests (RFC 9126); absent: there is no `/par`. */
  readonly pushedRequestOptions?: PushedRequestOptions;
  readonly clock?: Clock;
  readonly reportFault?: FaultReporter;
  /** Answers who looks at an address with a browser and is refused; absent: JSON for everybody. */
  readonly refusalPage?: RefusalPage;
  readonly rateLimiters?: Partial<
    Record<'authorize' | 'token' | 'par' | 'register' | 'revoke' | 'introspect', RateLimiter>
  >;
}
