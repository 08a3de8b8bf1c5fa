import { allowInsecureRequests, customFetch, discovery, type ServerMetadata } from 'openid-client';
import { type EpochSeconds, isLoopbackUrl, UnavailableError } from '../../oauth/index.ts';
import type { Clock, TrustedFetch } from '../../platform/index.ts';
import { asCustomFetch } from './upstream-client.ts';
import { asUpstreamFault } from './upstream-faults.ts';

const KEPT_FOR = 3_600;
const PAUSE = 5;

/**
 * Answers with what `make` makes of the metadata of an issuer (OpenID Connect Discovery §4): asked for when it is first
 * needed, and again after an hour. While that fails, what was made before stands; without it the issuer is unavailable, and
 * is asked again after five seconds at the earliest.
 */
export function createOpenIdDiscovery<Made>(deps: {
  issuer: string;
  dependency: string;
  fetch: TrustedFetch;
  clock: Clock;
  make: (metadata: ServerMetadata) => Made;
}): () => Promise<Made> {
  const { issuer, dependency, fetch, clock, make } = deps;
  let known: { readonly made: Made; readonly freshUntil: EpochSeconds } | undefined;
  let failed: { readonly error: unknown; readonly until: EpochSeconds } | undefined;
  let underWay: Promise<Made> | undefined;

  async function ask(): Promise<Made> {
    try {
      const configuration = await discovery(new URL(issuer), '-', undefined, undefined, {
        [customFetch]: asCustomFetch(fetch),
        ...(isLoopbackUrl(issuer) && { execute: [allowInsecureRequests] }),
      });
      known = { made: make(configuration.serverMetadata()), freshUntil: clock() + KEPT_FOR };
      failed = undefined;
      return known.made;
    } catch (error) {
      failed = { error: outageOf(error), until: clock() + PAUSE };
      if (known === undefined) throw failed.error;
      known = { ...known, freshUntil: failed.until };
      return known.made;
    }
  }

  function outageOf(error: unknown): UnavailableError {
    const fault = asUpstreamFault(error, dependency);
    return fault instanceof UnavailableError ? fault : new UnavailableError(dependency, { cause: fault });
  }

  return async () => {
    if (known !== undefined && clock() < known.freshUntil) return known.made;
    if (known === undefined && failed !== undefined && clock() < failed.until) throw failed.error;
    underWay ??= ask().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
