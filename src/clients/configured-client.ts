import type { JsonObject } from '../oauth/index.ts';
import type { Client, ClientAuthenticationMethod } from './client.ts';

/** A client an operator wrote into the configuration: RFC 7591 metadata, a client_id, and the hash of its secret. */
export interface ConfiguredClient {
  readonly client_id: string;
  readonly client_name?: string | undefined;
  readonly redirect_uris?: readonly string[] | undefined;
  readonly grant_types?: readonly string[] | undefined;
  readonly token_endpoint_auth_method?: ClientAuthenticationMethod | undefined;
  /** SHA-256 of the client secret in base64url. */
  readonly client_secret_hash?: string | undefined;
  /** Its public keys, for `private_key_jwt`: a JWK Set, or the URL of one. */
  readonly jwks?: JsonObject | undefined;
  readonly jwks_uri?: string | undefined;
  readonly token_endpoint_auth_signing_alg?: string | undefined;
  /** The scope names it may ask for; absent: any. */
  readonly scope?: string | undefined;
  /** Whether all its token requests need a DPoP proof (RFC 9449 §5.2). */
  readonly dpop_bound_access_tokens?: boolean | undefined;
  /** Whether its authorization requests must be pushed first (RFC 9126 §6). */
  readonly require_pushed_authorization_requests?: boolean | undefined;
}

/** The `Client` of a configuration entry. */
export function configuredClient(entry: ConfiguredClient): Client {
  const { client_secret_hash: secretHash, ...metadata } = entry;
  const { jwks, jwks_uri: jwksUri, token_endpoint_auth_signing_alg: signingAlgorithm } = entry;
  const hasKeys = jwks !== undefined || jwksUri !== undefined;
  const scope = entry.scope?.split(' ').filter((name) => name !== '');
  return {
    clientId: entry.client_id,
    origin: 'configured',
    ...(entry.client_name !== undefined && { clientName: entry.client_name }),
    redirectUris: entry.redirect_uris ?? [],
    grantTypes: entry.grant_types ?? ['authorization_code', 'refresh_token'],
    authenticationMethod:
      entry.token_endpoint_auth_method ??
      (hasKeys ? 'private_key_jwt' : secretHash === undefined ? 'none' : 'client_secret_basic'),
    ...(secretHash !== undefined && { secretHash }),
    ...(jwks !== undefined && { jwks }),
    ...(jwksUri !== undefined && { jwksUri }),
    ...(signingAlgorithm !== undefined && { signingAlgorithm }),
    ...(scope !== undefined && { scope }),
    ...(entry.require_pushed_authorization_requests === true && { requirePushedAuthorizationRequests: true }),
    ...(entry.dpop_bound_access_tokens === true && { dpopBoundAccessTokens: true }),
    metadata: metadata as JsonObject,
  };
}
