import { type Config, ConfigError, type ConfigProblem } from '../config/index.ts';
import { createOAuthProvider, createOpenIdProvider, type UpstreamProvider } from '../interaction/index.ts';
import { type Clock, createTrustedFetch } from '../platform/index.ts';
import { readUpstreamClientKey, type UpstreamClientKey } from './upstream-client-key.ts';

/**
 * The providers of the configuration that people sign in at, in its order. Nothing is asked of any of them yet.
 * @throws ConfigError for keys of ours that cannot be used.
 */
export function openUpstreamProviders(config: Config, deps: { readonly clock: Clock }): readonly UpstreamProvider[] {
  const { issuer, signIn } = config;
  const problems: ConfigProblem[] = [];

  // No other provider has this address, so that an answer cannot be taken for another's (RFC 9700 §4.4.2).
  const describe = (id: string) => ({
    callback: `${issuer}/interaction/upstream/${id}/callback`,
    fetch: createTrustedFetch({ dependency: `sign-in at ${id}` }),
  });

  function withKey<Entry extends { readonly clientKeyFile?: string }>(
    entry: Entry,
    setting: string,
  ): Entry & { readonly clientKey?: UpstreamClientKey } {
    if (entry.clientKeyFile === undefined) return entry;
    const clientKey = readUpstreamClientKey(entry.clientKeyFile);
    if (typeof clientKey !== 'string') return { ...entry, clientKey };
    problems.push({ setting: `${setting}.clientKeyFile`, fault: clientKey });
    return entry;
  }

  const providers = [
    ...signIn.oidc.map((entry, index) =>
      createOpenIdProvider({
        settings: withKey(entry, `signIn.oidc[${index}]`),
        ...describe(entry.id),
        clock: deps.clock,
      }),
    ),
    ...signIn.oauth2.map((entry, index) =>
      createOAuthProvider({ settings: withKey(entry, `signIn.oauth2[${index}]`), ...describe(entry.id) }),
    ),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return providers;
}
