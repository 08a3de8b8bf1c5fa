import type { Config } from '../config/index.ts';
import { createOAuthProvider, createOpenIdProvider, type UpstreamProvider } from '../interaction/index.ts';
import { type Clock, createTrustedFetch } from '../platform/index.ts';

/** The providers of the configuration that people sign in at, in its order. Nothing is asked of any of them yet. */
export function openUpstreamProviders(config: Config, deps: { readonly clock: Clock }): readonly UpstreamProvider[] {
  const { issuer, signIn } = config;
  // No other provider has this address, so that an answer cannot be taken for another's (RFC 9700 §4.4.2).
  const describe = (id: string) => ({
    callback: `${issuer}/interaction/upstream/${id}/callback`,
    fetch: createTrustedFetch({ dependency: `sign-in at ${id}` }),
  });
  return [
    ...signIn.oidc.map((settings) => createOpenIdProvider({ settings, ...describe(settings.id), clock: deps.clock })),
    ...signIn.oauth2.map((settings) => createOAuthProvider({ settings, ...describe(settings.id) })),
  ];
}
