import type { Scope } from '../oauth/index.ts';
import type { BearerError } from './bearer-error.ts';

/** What a challenge tells beyond the error. */
export interface ChallengeOptions {
  /** What a token would need here. For `insufficient_scope` the error itself knows. */
  readonly requiredScopes?: Scope | undefined;
  /** Where the protected resource metadata is (RFC 9728 §5.1). */
  readonly resourceMetadataUrl?: string | undefined;
}

/** The `WWW-Authenticate` value for a refused request (RFC 6750 §3, RFC 9728 §5.1). */
export function challenge(error: BearerError, options: ChallengeOptions = {}): string {
  const scopes = error.requiredScopes.length > 0 ? error.requiredScopes : (options.requiredScopes ?? []);
  const parameters = [
    ...(error.code === undefined
      ? []
      : [parameter('error', error.code), parameter('error_description', error.message)]),
    ...(scopes.length === 0 ? [] : [parameter('scope', scopes.join(' '))]),
    ...(options.resourceMetadataUrl === undefined ? [] : [parameter('resource_metadata', options.resourceMetadataUrl)]),
  ];
  return parameters.length === 0 ? 'Bearer' : `Bearer ${parameters.join(', ')}`;
}

/** An auth-param with a quoted-string (RFC 9110 §5.6.4, §11.2); what a header cannot carry becomes a space. */
function parameter(name: string, value: string): string {
  return `${name}="${value.replaceAll(/[^\x20-\x7e]/g, ' ').replaceAll(/["\\]/g, '\\$&')}"`;
}
