import { expandScope, type Scope, type ScopeHierarchy } from '../../oauth/index.ts';
import type { AccessToken } from '../tokens/access-token.ts';

/**
 * What the MCP SDKs hand to tools about the token of a request: their `AuthInfo`, written here so that neither SDK is
 * needed. Each request gets an object of its own.
 */
export interface AuthInfo {
  token: string;
  clientId: string;
  /** What was granted and all it implies: the SDKs compare names only. */
  scopes: string[];
  /** Epoch seconds. */
  expiresAt: number;
  resource: URL;
  /** Named by the challenges the SDK v2 makes for a single tool. */
  resourceMetadataUrl?: string;
  extra: {
    sub: string;
    iss: string;
    jti: string;
    claims: AccessToken['claims'];
  };
}

/** The `AuthInfo` of a verified token. */
export function createAuthInfo(
  accessToken: AccessToken,
  implies: ScopeHierarchy,
  resourceMetadataUrl?: string,
): AuthInfo {
  return {
    token: accessToken.token,
    clientId: accessToken.clientId,
    scopes: impliedScopes(accessToken.scope, implies),
    expiresAt: accessToken.expiresAt,
    resource: new URL(accessToken.resource),
    ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
    extra: {
      sub: accessToken.subject,
      iss: accessToken.issuer,
      jti: accessToken.jti,
      claims: accessToken.claims,
    },
  };
}

function impliedScopes(scope: Scope, implies: ScopeHierarchy): string[] {
  if (Object.keys(implies).length === 0) return [...scope];
  return [...new Set([...scope, ...expandScope(scope, implies)])];
}
