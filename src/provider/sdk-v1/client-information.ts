import type { OAuthClientInformationFull } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Client, ClientAuthenticationMethod, ClientMetadata, RegisteredClient } from '../../clients/index.ts';
import type { JsonObject } from '../../oauth/index.ts';
import { type Clock, type Random, sha256 } from '../../platform/index.ts';

// The SDK lets a client that registered no grant types use both.
const GRANT_TYPES = ['authorization_code', 'refresh_token'];
const SECRET_METHODS = ['client_secret_post', 'client_secret_basic'] as const;

/**
 * A client of the SDK's store as the endpoints know clients. The SDK looks at the secret alone and takes it from the body;
 * here a client that has one proves itself with it, in either way, and one that should have one and has none is refused.
 * @param now epoch seconds; a secret that ended before is none
 */
export function clientOf(information: OAuthClientInformationFull, now: number): Client {
  const { client_id, client_secret, client_secret_expires_at, client_id_issued_at, issuer: _, ...rest } = information;
  const hasEnded =
    client_secret_expires_at !== undefined && client_secret_expires_at !== 0 && client_secret_expires_at < now;
  const { jwks, jwks_uri } = information;
  return {
    clientId: client_id,
    origin: 'registered',
    redirectUris: information.redirect_uris,
    grantTypes: information.grant_types ?? GRANT_TYPES,
    authenticationMethod: authenticationMethodOf(information),
    metadata: withoutUndefined(rest),
    ...(information.client_name !== undefined && { clientName: information.client_name }),
    ...(client_secret !== undefined && { otherAuthenticationMethods: SECRET_METHODS }),
    ...(client_secret !== undefined && !hasEnded && { secretHash: sha256(client_secret) }),
    ...(jwks_uri !== undefined && { jwksUri: jwks_uri }),
    ...(jwks !== undefined && { jwks: jwks as JsonObject }),
    ...(client_id_issued_at !== undefined && { issuedAt: client_id_issued_at }),
  };
}

function authenticationMethodOf(information: OAuthClientInformationFull): ClientAuthenticationMethod {
  if (information.client_secret !== undefined) return 'client_secret_post';
  const declared = information.token_endpoint_auth_method ?? 'none';
  if (declared === 'private_key_jwt' || declared === 'none') return declared;
  return 'client_secret_post';
}

/** What `registerClient` of the SDK's store is given: as the SDK's own handler gives it, with a secret that does not end. */
export function newClientInformation(
  metadata: ClientMetadata,
  deps: { readonly clock: Clock; readonly random: Random },
): OAuthClientInformationFull {
  const usesSecret = (SECRET_METHODS as readonly string[]).includes(metadata.token_endpoint_auth_method);
  return {
    ...(structuredClone(metadata) as Partial<OAuthClientInformationFull>),
    redirect_uris: [...metadata.redirect_uris],
    client_id: deps.random(16),
    client_id_issued_at: deps.clock(),
    ...(usesSecret && { client_secret: deps.random(32), client_secret_expires_at: 0 }),
  };
}

/** A client fresh from the SDK's store, with its secret. */
export function registeredClientOf(information: OAuthClientInformationFull, now: number): RegisteredClient {
  const { client_secret: clientSecret } = information;
  return { ...clientOf(information, now), ...(clientSecret !== undefined && { clientSecret }) };
}

function withoutUndefined(members: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as JsonObject;
}
