import { formatScope, type Scope } from '../oauth/index.ts';
import type { IssuedAccessToken } from '../tokens/index.ts';
import type { OAuthToken } from './provider.ts';

/** The token response (RFC 6749 §5.1). The scope is always told, because it may be less than was asked for. */
export function tokenResponse(access: IssuedAccessToken, scope: Scope, refreshToken: string | undefined): OAuthToken {
  return {
    access_token: access.token,
    token_type: access.type,
    expires_in: access.expiresIn,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    scope: formatScope(scope),
  };
}
