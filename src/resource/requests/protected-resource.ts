import {
  canonicalResource,
  isScopeToken,
  type ProtectedResourceMetadata,
  type Scope,
  wellKnownPath,
} from '../../oauth/index.ts';
import type { DpopOffer } from './dpop.ts';

/** What a protected resource says of itself. */
export interface ProtectedResourceOptions {
  /** The resource identifier, byte for byte as clients are to send it. */
  readonly resource: string;
  /** Issuer identifiers of the authorization servers, one at least. */
  readonly authorizationServers: readonly string[];
  /** The scopes basic use needs, not the whole catalogue. */
  readonly scopesSupported?: Scope;
  readonly resourceName?: string;
  readonly resourceDocumentation?: string;
  /** `verifier.dpop`: which proofs of possession are taken, and whether they are required. */
  readonly dpop?: DpopOffer | undefined;
}

const SUFFIX = 'oauth-protected-resource';

/**
 * The protected resource metadata document (RFC 9728 §2).
 * @throws TypeError for a resource that is no URL, no authorization server, and `offline_access` among the scopes: a
 * refresh token is between the client and the authorization server.
 */
export function protectedResourceDocument(options: ProtectedResourceOptions): ProtectedResourceMetadata {
  const { resource, authorizationServers, scopesSupported, resourceName, resourceDocumentation, dpop } = options;
  if (canonicalResource(resource) === undefined) throw new TypeError('resource: an absolute http or https URL');
  if (authorizationServers.length === 0) throw new TypeError('authorizationServers: at least one issuer');
  if (scopesSupported !== undefined) checkResourceScopes(scopesSupported);
  return {
    resource,
    authorization_servers: [...authorizationServers],
    ...(scopesSupported !== undefined && scopesSupported.length > 0 && { scopes_supported: [...scopesSupported] }),
    bearer_methods_supported: ['header'],
    ...(resourceName !== undefined && { resource_name: resourceName }),
    ...(resourceDocumentation !== undefined && { resource_documentation: resourceDocumentation }),
    ...(dpop !== undefined && {
      dpop_signing_alg_values_supported: [...dpop.algorithms],
      dpop_bound_access_tokens_required: dpop.required,
    }),
  };
}

/**
 * Where the document of a resource is served: at its own path (RFC 9728 §3.1) and, when it is the only resource of its
 * origin, at the root, where some clients look.
 */
export function protectedResourcePaths(resource: string): { readonly path: string; readonly root: string } {
  return { path: wellKnownPath(SUFFIX, resource), root: `/.well-known/${SUFFIX}` };
}

/** The `resource_metadata` URL of a resource (RFC 9728 §5.1). */
export function resourceMetadataUrl(resource: string): string {
  return new URL(resource).origin + protectedResourcePaths(resource).path;
}

/**
 * The URL of a request as clients know it: the origin of the resource, whatever Host or proxy say, and the path that was
 * asked for.
 */
export function requestUrl(resource: string, target: string): string {
  const path = target.startsWith('/') ? target : (URL.parse(target)?.pathname ?? '/');
  return new URL(resource).origin + path;
}

/** Refuses scopes that a resource server must not ask for. @throws TypeError */
export function checkResourceScopes(scopes: Scope): void {
  for (const scope of scopes) {
    if (!isScopeToken(scope)) throw new TypeError(`"${scope}" is no scope name (RFC 6749 §3.3)`);
    if (scope === 'offline_access') throw new TypeError('offline_access is no scope of a resource');
  }
}
