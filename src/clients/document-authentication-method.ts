import { reject } from '../oauth/index.ts';
import type { ClientAuthenticationMethod } from './client.ts';

/**
 * The method by which a client of a metadata document authenticates: the intersection of what it offers with what we do
 * (MCP SEP-3149). `supported` is `token_endpoint_auth_methods_supported`, `preferred` is `token_endpoint_auth_method`;
 * the default of RFC 7591 §2 does not apply, as no secret was ever shared.
 * @throws OAuthError `client_document_invalid`: no method in common, a method with a shared secret, or a preference that
 *   is not among the supported ones.
 */
export function resolveAuthenticationMethod(
  offer: { readonly preferred?: string | undefined; readonly supported?: readonly string[] | undefined },
  ours: readonly ClientAuthenticationMethod[],
): ClientAuthenticationMethod {
  const { preferred } = offer;
  const supported = offer.supported ?? [preferred ?? 'none'];
  if (supported.some((method) => method.startsWith('client_secret_'))) {
    throw reject('client_document_invalid', { member: 'token_endpoint_auth_method' });
  }
  if (preferred !== undefined && !supported.includes(preferred)) {
    throw reject('client_document_invalid', { member: 'token_endpoint_auth_method' });
  }
  const common = ours.filter((method) => supported.includes(method));
  const method = common.find((candidate) => candidate === preferred) ?? common[0];
  if (method === undefined)
    throw reject('client_document_invalid', { member: 'token_endpoint_auth_methods_supported' });
  return method;
}
