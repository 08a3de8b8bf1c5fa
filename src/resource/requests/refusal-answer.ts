import { UnavailableError } from '../../oauth/index.ts';
import { BearerError } from './bearer-error.ts';
import { type ChallengeOptions, challenge } from './challenge.ts';

/** An answer to a request that is not let in, before any framework gives it its own form. */
export interface RefusalAnswer {
  readonly status: 400 | 401 | 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error?: string; readonly error_description: string };
}

/**
 * What a resource server answers to `BearerError` (RFC 6750 §3) and to `UnavailableError`: 503 with `Retry-After`, since
 * a client that gets 401 throws a good token away. `undefined` for any other error: that is the application's.
 */
export function refusalAnswer(error: unknown, options: ChallengeOptions = {}): RefusalAnswer | undefined {
  if (error instanceof BearerError) {
    return {
      status: error.status,
      headers: {
        'WWW-Authenticate': challenge(error, options),
        'Cache-Control': 'no-store',
        ...(error.nonce !== undefined && { 'DPoP-Nonce': error.nonce }),
      },
      body: error.toResponseObject(),
    };
  }
  if (!(error instanceof UnavailableError)) return undefined;
  return {
    status: 503,
    headers: { 'Retry-After': String(error.retryAfter), 'Cache-Control': 'no-store' },
    body: {
      error: 'temporarily_unavailable',
      error_description: 'The access token cannot be checked right now. Try again later.',
    },
  };
}
