import type { EpochSeconds, JsonObject } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';

/** How a client proves itself at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`). */
export type ClientAuthenticationMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

/** Where a client's metadata comes from, and so how far it may be trusted. */
export type ClientOrigin =
  /** written into the configuration by the operator */
  | 'configured'
  /** registered itself (RFC 7591); everything it says of itself is unverified */
  | 'registered'
  /** a Client ID Metadata Document; the host of its URL is verified, its name is not */
  | 'document';

/** A client (RFC 6749 §2) as the server works with it. */
export interface Client {
  readonly clientId: string;
  readonly origin: ClientOrigin;
  /** What the client calls itself; for people, with care. */
  readonly clientName?: string;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly authenticationMethod: ClientAuthenticationMethod;
  /** Methods it may use besides (`token_endpoint_auth_methods_supported` of its document, MCP SEP-3149). */
  readonly otherAuthenticationMethods?: readonly ClientAuthenticationMethod[];
  /** SHA-256 of the client secret in base64url. */
  readonly secretHash?: string;
  /** Its public keys for `private_key_jwt`, as a JWK Set or the URL of one. */
  readonly jwks?: JsonObject;
  readonly jwksUri?: string;
  /** The one `alg` of its assertions (`token_endpoint_auth_signing_alg`); absent: that of the key. */
  readonly signingAlgorithm?: string;
  /** Scope names the client may ask for; absent: any the resource knows. */
  readonly scope?: readonly string[];
  /** RFC 7591 client metadata as it was registered, for the registration response. */
  readonly metadata: JsonObject;
  readonly issuedAt?: EpochSeconds;
  /** Whether every token request needs a DPoP proof (RFC 9449 §5.2 `dpop_bound_access_tokens`). */
  readonly dpopBoundAccessTokens?: boolean;
  /** Whether its authorization requests must be pushed first (RFC 9126 §6 `require_pushed_authorization_requests`). */
  readonly requirePushedAuthorizationRequests?: boolean;
}

/** A client fresh from registration, with the secret it will never be shown again. */
export interface RegisteredClient extends Client {
  readonly clientSecret?: string;
  /** With which its holder reads and deletes the registration (RFC 7592 §3). */
  readonly registrationAccessToken?: string;
}

/** The short name of a client in everything we keep: SHA-256 of the client_id in base64url. */
export function clientHash(client: Pick<Client, 'clientId'>): string {
  return sha256(client.clientId);
}

/** Whether the client may authenticate by a method. */
export function mayAuthenticateBy(client: AuthenticatedClient, method: ClientAuthenticationMethod): boolean {
  return client.authenticationMethod === method || client.otherAuthenticationMethods?.includes(method) === true;
}

/**
 * Whether the client always proves itself with a credential; such clients' refresh tokens need no rotation
 * (OAuth 2.1 §4.3.1).
 */
export function isConfidential(client: AuthenticatedClient): boolean {
  return !mayAuthenticateBy(client, 'none');
}

type AuthenticatedClient = Pick<Client, 'authenticationMethod' | 'otherAuthenticationMethods'>;
