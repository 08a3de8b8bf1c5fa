import { isLoopbackHost } from './resource.ts';

/** Authorization server metadata (RFC 8414 §2) as it goes on the wire. */
export interface ServerMetadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri?: string;
  readonly registration_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly scopes_supported?: readonly string[];
  readonly response_types_supported: readonly string[];
  readonly response_modes_supported: readonly string[];
  readonly grant_types_supported: readonly string[];
  /** Profiles of assertion grants (draft-ietf-oauth-identity-assertion-authz-grant §7.2). */
  readonly authorization_grant_profiles_supported?: readonly string[];
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[];
  readonly revocation_endpoint_auth_methods_supported?: readonly string[];
  readonly revocation_endpoint_auth_signing_alg_values_supported?: readonly string[];
  readonly code_challenge_methods_supported: readonly string[];
  readonly service_documentation?: string;
  readonly authorization_response_iss_parameter_supported?: true;
  readonly client_id_metadata_document_supported?: true;
  readonly introspection_endpoint?: string;
  readonly introspection_endpoint_auth_methods_supported?: readonly string[];
  readonly introspection_endpoint_auth_signing_alg_values_supported?: readonly string[];
  readonly introspection_signing_alg_values_supported?: readonly string[];
  readonly pushed_authorization_request_endpoint?: string;
  readonly require_pushed_authorization_requests?: boolean;
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly protected_resources?: readonly string[];
  /** Where the `AKP` keys are (RFC 9964); the member is our own. */
  readonly post_quantum_jwks_uri?: string;
  readonly revocation_list_endpoint?: string;
  readonly revocation_stream_endpoint?: string;
}

/** Protected resource metadata (RFC 9728 §2) as it goes on the wire. */
export interface ProtectedResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly bearer_methods_supported: readonly ['header'];
  readonly resource_name?: string;
  readonly resource_documentation?: string;
  readonly dpop_signing_alg_values_supported?: readonly string[];
  readonly dpop_bound_access_tokens_required?: boolean;
}

/**
 * Why a text cannot be an issuer identifier (RFC 8414 §2): it must be an `https` URL, or `http` on this machine, without
 * query, fragment, userinfo or trailing slash. `undefined` when it can. The issuer stays the configured string, byte
 * for byte, wherever it appears.
 */
export function findIssuerFault(text: string): string | undefined {
  const url = /^https?:\/\/[\x21-\x7e]+$/.test(text) ? URL.parse(text) : null;
  if (url === null) return 'must be an absolute URL in lower-case http or https';
  if (/[?#\\]/.test(text)) return 'must have no query and no fragment (RFC 8414 §2)';
  if (url.username !== '' || url.password !== '') return 'must have no user information';
  if (text.endsWith('/')) return 'must have no trailing slash: clients compare it byte for byte';
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) return 'must be https unless it is on this machine';
  if (url.href !== text && url.href !== `${text}/`) return `must be written as ${url.href.replace(/\/$/, '')}`;
  return undefined;
}

/** The path of an issuer: empty, or starting with a slash and ending without one. */
export function issuerPath(issuer: string): string {
  return new URL(issuer).pathname.replace(/\/$/, '');
}

/** Path of a well-known document whose suffix goes between host and path (RFC 8414 §3.1, RFC 9728 §3.1). */
export function wellKnownPath(suffix: string, identifier: string): string {
  const { pathname, search } = new URL(identifier);
  return `/.well-known/${suffix}${pathname === '/' ? '' : pathname}${search}`;
}
