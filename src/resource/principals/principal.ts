import type { AuthInfo } from '../requests/auth-info.ts';
import type { AccessToken } from '../tokens/access-token.ts';

/** A verified token, or what the MCP SDKs carry of it. */
export type PrincipalSource =
  | Pick<AccessToken, 'issuer' | 'clientId' | 'subject'>
  | (Pick<AuthInfo, 'clientId'> & { readonly extra: Pick<AuthInfo['extra'], 'iss' | 'sub'> });

/**
 * Who acts, as one text that stays the same from token to token and that nobody else has: issuer, client and subject. A person
 * who uses two clients is two principals, since each was granted something else; a client that acts for itself is its subject
 * too (RFC 9068 §2.2). For comparing and binding; a person may read it, but it is no identifier to be stored in its place.
 */
export function principalOf(source: PrincipalSource): string {
  return 'extra' in source
    ? JSON.stringify([source.extra.iss, source.clientId, source.extra.sub])
    : JSON.stringify([source.issuer, source.clientId, source.subject]);
}
