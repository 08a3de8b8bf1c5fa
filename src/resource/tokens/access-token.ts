import type { AccessTokenClaims, EpochSeconds, JsonObject, Scope } from '../../oauth/index.ts';
import { isScopeToken } from '../../oauth/index.ts';

/** An access token that was verified. Deeply frozen: one object may serve many requests. */
export interface AccessToken {
  /** The compact JWS itself. */
  readonly token: string;
  readonly clientId: string;
  readonly subject: string;
  /** What was granted, as the token says; not yet expanded by any scope hierarchy. */
  readonly scope: Scope;
  /** The resource it was verified for, as configured. */
  readonly resource: string;
  readonly expiresAt: EpochSeconds;
  readonly issuedAt: EpochSeconds;
  readonly jti: string;
  /** The grant the token belongs to: what a revocation ends. */
  readonly grantId?: string;
  /** When the person signed in. */
  readonly authTime?: EpochSeconds;
  readonly issuer: string;
  /** Roles, where the issuer names them as texts (RFC 9068 §2.2.3.1). They are no scopes. */
  readonly roles?: readonly string[];
  /** Every claim of the token; of an issuer with a profile, by the names of RFC 9068 too. */
  readonly claims: AccessTokenClaims;
}

/** The typed view of verified claims. */
export function createAccessToken(token: string, claims: AccessTokenClaims, resource: string): AccessToken {
  const accessToken: { -readonly [Member in keyof AccessToken]: AccessToken[Member] } = {
    token,
    clientId: claims.client_id,
    subject: claims.sub,
    scope: Object.freeze(readScope(claims.scope)),
    resource,
    expiresAt: claims.exp,
    issuedAt: claims.iat,
    jti: claims.jti,
    issuer: claims.iss,
    claims: freeze(claims),
  };
  if (claims.gid !== undefined) accessToken.grantId = claims.gid;
  const roles = claims['roles'];
  if (isTexts(roles)) accessToken.roles = roles;
  if (claims.auth_time !== undefined) accessToken.authTime = claims.auth_time;
  return Object.freeze(accessToken);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
}

/** The scope names of the claim. What is no scope name (RFC 6749 §3.3) grants nothing. */
function readScope(scope: string | undefined): string[] {
  if (scope === undefined || scope === '') return [];
  return scope.split(' ').filter((name) => isScopeToken(name));
}

function freeze<T extends JsonObject | AccessTokenClaims>(claims: T): T {
  for (const member in claims) {
    const value: unknown = claims[member];
    if (typeof value === 'object' && value !== null) freeze(value as JsonObject);
  }
  return Object.freeze(claims);
}
