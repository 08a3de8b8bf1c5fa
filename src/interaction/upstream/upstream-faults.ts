import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';
import { OAuthError, reject, UnavailableError } from '../../oauth/index.ts';

/**
 * What the library throws, as a refusal or an outage of ours. Only codes are kept: messages and causes quote answers, and
 * with them tokens.
 */
export function asUpstreamFault(error: unknown, dependency: string): Error {
  const known = findKnown(error);
  if (known !== undefined) return known;
  if (error instanceof AuthorizationResponseError) {
    if (error.error === 'access_denied') return reject('upstream_denied');
    if (ITS_OUTAGES.has(error.error)) return new UnavailableError(dependency, { cause: new Error(error.error) });
    return reject('upstream_refused', { fault: asCode(error.error) });
  }
  if (error instanceof ResponseBodyError) {
    // Wrong for everybody, and for whoever runs this server to set right.
    if (OUR_FAULTS.has(error.error)) return new UnavailableError(dependency, { cause: new Error(error.error) });
    return reject('upstream_refused', { fault: asCode(error.error) });
  }
  if (error instanceof WWWAuthenticateChallengeError) return reject('upstream_answer_invalid', { fault: 'challenge' });
  if (error instanceof ClientError) return reject('upstream_answer_invalid', { fault: asCode(error.code) });
  return error instanceof Error ? error : new UnavailableError(dependency);
}

const ITS_OUTAGES: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable']);
const OUR_FAULTS: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client']);

/** A fault of ours that the library wrapped. */
function findKnown(error: unknown): Error | undefined {
  let inner = error;
  for (let depth = 0; depth < 4 && inner instanceof Error; depth++) {
    if (inner instanceof UnavailableError || inner instanceof OAuthError) return inner;
    inner = inner.cause;
  }
  return undefined;
}

function asCode(text: string | undefined): string {
  return text !== undefined && /^\w{1,64}$/.test(text) ? text : 'unknown';
}
