import { findAccessTokenFault } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import type { DeniableThing, OpenedAccessToken } from '../tokens/index.ts';
import type { GrantRevocation } from './grant-revocation.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';
import type { AccessToken } from './provider.ts';

/** An access token of ours, verified. */
export interface JwtAccessToken extends AccessToken {
  readonly jti: string;
  readonly grantId?: string;
  readonly opened: OpenedAccessToken;
}

/** What is asked of the denylist about an access token. */
export function deniableOf({ claims, kid }: OpenedAccessToken): DeniableThing {
  return {
    jti: claims.jti,
    ...(claims.gid !== undefined && { grantId: claims.gid }),
    kid,
    subject: claims.sub,
    clientHash: sha256(claims.client_id),
    issuedAt: claims.iat,
  };
}

/**
 * Recognises access tokens at the issuer itself, for any of its resources. The signature needs no store; the denylist is
 * asked in the store, which knows more than any copy of it.
 */
export function createAccessTokenLookup(
  deps: Pick<JwtProviderDeps, 'tokens' | 'platform' | 'settings'>,
  revocation: GrantRevocation,
): (token: string) => Promise<JwtAccessToken | undefined> {
  const { tokens, settings } = deps;
  const { clock } = deps.platform;

  return async function loadAccessToken(token) {
    const opened = tokens.access.open(token);
    if (opened === undefined) return undefined;
    const { claims } = opened;
    const { issuer, clockTolerance } = settings;
    const fault = findAccessTokenFault(
      claims,
      { issuer, resource: undefined, clockTolerance, acceptsBound: true },
      clock(),
    );
    if (fault !== undefined || typeof claims.aud !== 'string') return undefined;
    if (await revocation.isThingDenied(deniableOf(opened))) return undefined;
    return {
      kind: 'access_token',
      claims,
      clientId: claims.client_id,
      scope: claims.scope === undefined || claims.scope === '' ? [] : claims.scope.split(' '),
      resource: claims.aud,
      subject: claims.sub,
      expiresAt: claims.exp,
      jti: claims.jti,
      ...(claims.gid !== undefined && { grantId: claims.gid }),
      opened,
    };
  };
}
