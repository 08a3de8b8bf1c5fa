import { reject } from '../oauth/index.ts';
import type { ClientAuthenticationMethod } from './client.ts';

/** What a metadata document says of how its client authenticates. */
export interface AuthenticationOffer {
  /** `token_endpoint_auth_method` */
  readonly preferred?: string | undefined;
  /** `token_endpoint_auth_methods_supported` */
  readonly supported?: readonly string[] | undefined;
  /** Whether it names keys, without which `private_key_jwt` cannot be. */
  readonly hasKeys: boolean;
}

/**
 * The methods by which a client of a metadata document may authenticate, its preferred one first: the intersection of
 * what it offers with what we do (MCP SEP-3149). Any of them will do: a client picks by our metadata and not by its own
 * preference. The default of RFC 7591 §2 does not apply, as no secret was ever shared.
 * @throws OAuthError `client_document_invalid`: no method in common, a method with a shared secret, a preference that is
 *   not among the supported ones, or no keys for the only method in common.
 */
export function resolveAuthenticationMethods(
  offer: AuthenticationOffer,
  ours: readonly ClientAuthenticationMethod[],
): readonly [ClientAuthenticationMethod, ...ClientAuthenticationMethod[]] {
  const { preferred, hasKeys } = offer;
  const supported = offer.supported ?? [preferred ?? 'none'];
  if (supported.some((method) => method.startsWith('client_secret_'))) {
    throw reject('client_document_invalid', { member: 'token_endpoint_auth_method' });
  }
  if (preferred !== undefined && !supported.includes(preferred)) {
    throw reject('client_document_invalid', { member: 'token_endpoint_auth_method' });
  }
  const common = ours.filter((method) => supported.includes(method));
  if (common.length === 0) throw reject('client_document_invalid', { member: 'token_endpoint_auth_methods_supported' });
  const usable = common.filter((method) => method !== 'private_key_jwt' || hasKeys);
  const first = usable.find((method) => method === preferred) ?? usable[0];
  if (first === undefined) throw reject('client_document_invalid', { member: 'jwks' });
  return [first, ...usable.filter((method) => method !== first)];
}
