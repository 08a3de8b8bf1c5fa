import type { OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { reject, type Scope } from '../../oauth/index.ts';
import type { OAuthToken } from '../provider.ts';

/** A resource as the SDK takes it. @throws OAuthError `resource_malformed`: nobody has looked at it before. */
export function resourceUrl(resource: string): URL | undefined {
  if (resource === '') return undefined;
  const url = URL.parse(resource);
  if (url === null) throw reject('resource_malformed');
  return url;
}

/** Scope names as the SDK takes them: none is not an empty list. */
export function scopesOrNone(scope: Scope): string[] | undefined {
  return scope.length === 0 ? undefined : [...scope];
}

/** A token response on our wire: the type as registered (RFC 6749 §7.1 compares it without case), nothing but what is known. */
export function tokenResponseOf({
  access_token,
  token_type,
  expires_in,
  refresh_token,
  scope,
}: OAuthTokens): OAuthToken {
  if (!/^(bearer|dpop)$/i.test(token_type)) throw new Error('the MCP SDK provider issued a token of an unknown type');
  return {
    access_token,
    token_type: token_type.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer',
    ...(expires_in !== undefined && { expires_in }),
    ...(refresh_token !== undefined && { refresh_token }),
    ...(scope !== undefined && scope !== '' && { scope }),
  };
}
