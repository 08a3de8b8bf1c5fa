import { OAuthError, type RejectionReason, reject, UnavailableError } from '../../oauth/index.ts';

/** What the SDK's error codes are here (`errorCode` of its classes), where it does not matter what was asked. */
const REASONS: Readonly<Record<string, RejectionReason>> = {
  access_denied: 'access_denied',
  consent_required: 'consent_required',
  insufficient_scope: 'scope_not_allowed',
  invalid_client: 'client_unknown',
  invalid_client_metadata: 'registration_metadata_invalid',
  invalid_redirect_uri: 'registration_redirect_uri_invalid',
  invalid_scope: 'scope_not_allowed',
  invalid_target: 'resource_unknown',
  login_required: 'sign_in_required',
  server_error: 'internal',
  too_many_requests: 'rate_limited',
  unauthorized_client: 'grant_type_not_allowed',
  unsupported_grant_type: 'grant_type_unsupported',
};

/**
 * What a provider threw, as a row of the table of refusals. Its message stays behind: wire descriptions are constant. What is
 * no OAuth error is a fault, and is thrown on as it is.
 * @param invalidGrant what `invalid_grant` means here, and a plain error that `isRefusal` knows
 */
export function refusalOf(
  thrown: unknown,
  invalidGrant: RejectionReason,
  isRefusal: (error: unknown) => boolean = () => false,
): unknown {
  if (thrown instanceof OAuthError || thrown instanceof UnavailableError) return thrown;
  const code = errorCodeOf(thrown);
  if (code === undefined) return isRefusal(thrown) ? reject(invalidGrant) : thrown;
  if (code === 'temporarily_unavailable') return new UnavailableError('provider', { cause: thrown });
  if (code === 'invalid_grant' || code === 'invalid_token') return reject(invalidGrant);
  return reject(REASONS[code] ?? 'provider_refused', { code });
}

/** The `errorCode` of an OAuth error of the SDK, which class it is of; by shape, as an application may load the SDK twice. */
export function errorCodeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('errorCode' in thrown)) return undefined;
  return typeof thrown.errorCode === 'string' ? thrown.errorCode : undefined;
}
