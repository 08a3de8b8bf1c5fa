import { type ClientAssertions, createClientAssertions, createRemoteJwkSets } from '../clients/index.ts';
import type { Config } from '../config/index.ts';
import { isLoopbackUrl } from '../oauth/index.ts';
import { type Clock, createGuardedFetch, type GuardedFetch } from '../platform/index.ts';
import type { OneTimeStore } from '../tokens/index.ts';

/** For JWK Sets that strangers registered, from one host in a minute. */
const PER_HOST_PER_MINUTE = 10;

/**
 * Client authentication by keys. Whoever registers may name a `jwks_uri`, with nobody signed in: such sets have a fetch of
 * their own, so that slow hosts of strangers keep nobody else from being read.
 */
export function openClientAssertions(
  config: Config,
  deps: { readonly oneTime: OneTimeStore; readonly fetch: GuardedFetch | undefined; readonly clock: Clock },
): ClientAssertions {
  const { oneTime, clock } = deps;
  const createFetch = () => deps.fetch ?? createGuardedFetch({ allowLoopback: isLoopbackUrl(config.issuer) });
  return createClientAssertions({
    issuer: config.issuer,
    clock,
    consumeOnce: (marker) => oneTime.consumeOnce(marker),
    jwkSets: createRemoteJwkSets({ fetch: createFetch(), clock }),
    registeredJwkSets: createRemoteJwkSets({
      fetch: createFetch(),
      clock,
      limits: { perHostPerMinute: PER_HOST_PER_MINUTE },
    }),
  });
}
