import { ASSERTION_ALGORITHMS } from '../clients/index.ts';
import { DPOP_ALGORITHMS, OFFLINE_ACCESS, type ResourceDirectory, type ServerMetadata } from '../oauth/index.ts';
import type { AccessToken, AuthorizationCode, RefreshToken } from '../provider/index.ts';
import type { AuthRoutesOptions } from './auth-routes-options.ts';

/** Paths below that of the issuer which no specification names; clients find them in the metadata. */
export const POST_QUANTUM_JWKS = '/.well-known/jwks-pq.json';
export const REVOCATIONS = '/revocations';
export const REVOCATION_STREAM = '/revocations/stream';

/** Every scope name the resources know, `offline_access` with them; `undefined` where a resource admits any. */
export function scopeNames(resources: ResourceDirectory): readonly string[] | undefined {
  if (resources.known.length === 0 || resources.known.some((resource) => resource.scopes === undefined))
    return undefined;
  return [...new Set([...resources.known.flatMap((resource) => Object.keys(resource.scopes ?? {})), OFFLINE_ACCESS])];
}

const AUTHENTICATION_METHODS = ['none', 'client_secret_basic', 'client_secret_post'];

/** The metadata (RFC 8414 §2): what is offered with these options, and nothing that is not. */
export function buildMetadata(
  options: Pick<
    AuthRoutesOptions<AuthorizationCode, RefreshToken, AccessToken>,
    | 'issuerUrl'
    | 'provider'
    | 'serviceDocumentationUrl'
    | 'clientRegistrationOptions'
    | 'revocationOptions'
    | 'revocationFeed'
    | 'introspectionOptions'
    | 'clientAssertions'
    | 'jwkSet'
    | 'postQuantumJwkSet'
    | 'dpop'
    | 'pushedRequestOptions'
  >,
  resources: ResourceDirectory,
  grantTypes: readonly string[],
): ServerMetadata {
  const issuer = options.issuerUrl;
  const hasAssertions = options.clientAssertions !== undefined;
  const methods = hasAssertions ? [...AUTHENTICATION_METHODS, 'private_key_jwt'] : AUTHENTICATION_METHODS;
  const scopes = options.clientRegistrationOptions?.validScopes ?? scopeNames(resources) ?? [OFFLINE_ACCESS];
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    ...(options.jwkSet !== undefined && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
    ...(options.clientRegistrationOptions?.enabled === true && { registration_endpoint: `${issuer}/register` }),
    scopes_supported: scopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grantTypes,
    ...(options.provider.loadIdentityAssertion !== undefined && {
      authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
    }),
    token_endpoint_auth_methods_supported: methods,
    ...(hasAssertions && { token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS }),
    ...(options.revocationOptions?.enabled === true && {
      revocation_endpoint: `${issuer}/revoke`,
      revocation_endpoint_auth_methods_supported: methods,
      ...(hasAssertions && { revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS }),
    }),
    ...(options.introspectionOptions !== undefined && {
      introspection_endpoint: `${issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: methods.filter((method) => method !== 'none'),
      ...(hasAssertions && { introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS }),
      ...(options.introspectionOptions.signing !== undefined && {
        introspection_signing_alg_values_supported: options.introspectionOptions.signing.algorithms,
      }),
    }),
    code_challenge_methods_supported: ['S256'],
    ...(options.serviceDocumentationUrl !== undefined && { service_documentation: options.serviceDocumentationUrl }),
    ...(options.provider.namesIssuer !== false && { authorization_response_iss_parameter_supported: true as const }),
    ...(options.provider.signInBefore !== undefined && { client_id_metadata_document_supported: true as const }),
    ...(options.pushedRequestOptions !== undefined && {
      pushed_authorization_request_endpoint: `${issuer}/par`,
      require_pushed_authorization_requests: options.pushedRequestOptions.required ?? false,
    }),
    ...(options.dpop !== undefined && { dpop_signing_alg_values_supported: DPOP_ALGORITHMS }),
    ...(options.postQuantumJwkSet !== undefined && { post_quantum_jwks_uri: `${issuer}${POST_QUANTUM_JWKS}` }),
    ...(options.revocationFeed !== undefined && {
      revocation_list_endpoint: `${issuer}${REVOCATIONS}`,
      revocation_stream_endpoint: `${issuer}${REVOCATION_STREAM}`,
    }),
    ...(resources.known.length > 0 && { protected_resources: resources.known.map((resource) => resource.resource) }),
  };
}
