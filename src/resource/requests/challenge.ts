import type { Scope } from '../../oauth/index.ts';
import type { BearerError } from './bearer-error.ts';
import type { DpopOffer } from './dpop.ts';

/** What a challenge tells beyond the error. */
export interface ChallengeOptions {
  /** What a token would need here. For `insufficient_scope` the error itself knows. */
  readonly requiredScopes?: Scope | undefined;
  /** Where the protected resource metadata is (RFC 9728 §5.1). */
  readonly resourceMetadataUrl?: string | undefined;
  /** Whether DPoP is offered beside Bearer, or wanted instead of it (RFC 9449 §7.2). */
  readonly dpop?: DpopOffer | undefined;
}

/** The `WWW-Authenticate` value for a refused request (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1). */
export function challenge(error: BearerError, options: ChallengeOptions = {}): string {
  const { dpop } = options;
  const scopes = error.requiredScopes.length > 0 ? error.requiredScopes : (options.requiredScopes ?? []);
  const algs = dpop === undefined ? [] : [parameter('algs', dpop.algorithms.join(' '))];
  const parameters = [
    ...(error.code === undefined
      ? []
      : [parameter('error', error.code), parameter('error_description', error.message)]),
    ...(scopes.length === 0 ? [] : [parameter('scope', scopes.join(' '))]),
    ...(options.resourceMetadataUrl === undefined ? [] : [parameter('resource_metadata', options.resourceMetadataUrl)]),
  ];
  if (error.scheme === 'DPoP' || dpop?.required === true) return written('DPoP', [...parameters, ...algs]);
  // Bearer first: clients that know one challenge only read the first.
  return [written('Bearer', parameters), ...(dpop === undefined ? [] : [written('DPoP', algs)])].join(', ');
}

function written(scheme: string, parameters: readonly string[]): string {
  return parameters.length === 0 ? scheme : `${scheme} ${parameters.join(', ')}`;
}

/** An auth-param with a quoted-string (RFC 9110 §5.6.4, §11.2); what a header cannot carry becomes a space. */
function parameter(name: string, value: string): string {
  return `${name}="${value.replaceAll(/[^\x20-\x7e]/g, ' ').replaceAll(/["\\]/g, '\\$&')}"`;
}
