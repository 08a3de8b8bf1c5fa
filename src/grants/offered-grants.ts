import type { ResourceDirectory } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type {
  AccessToken,
  AuthorizationCode,
  OAuthAuthorizationServerProvider,
  RefreshToken,
} from '../provider/index.ts';
import { createAuthorizationCodeGrant } from './authorization-code.ts';
import { createClientCredentialsGrant } from './client-credentials.ts';
import type { Grant } from './grant.ts';
import { createJwtBearerGrant } from './jwt-bearer.ts';
import { createRefreshTokenGrant } from './refresh-token.ts';
import { createTokenExchangeGrant } from './token-exchange.ts';

/** The grants behind which a person stands who signed in and consented: the ones anybody may register for. */
export const INTERACTIVE_GRANT_TYPES: readonly string[] = ['authorization_code', 'refresh_token'];

/** Every grant the provider has the methods for. */
export function createGrants<
  Code extends AuthorizationCode,
  Refresh extends RefreshToken,
  Access extends AccessToken,
>(deps: {
  provider: OAuthAuthorizationServerProvider<Code, Refresh, Access>;
  clock: Clock;
  resources: ResourceDirectory;
}): readonly Grant[] {
  const { provider, clock, resources } = deps;
  return [
    createAuthorizationCodeGrant({ provider, clock }),
    createRefreshTokenGrant({ provider, clock }),
    ...(has(provider, 'exchangeClientCredentials') ? [createClientCredentialsGrant({ provider, resources })] : []),
    ...(has(provider, 'loadIdentityAssertion', 'exchangeIdentityAssertion') ||
    has(provider, 'loadWorkload', 'exchangeWorkload')
      ? [createJwtBearerGrant({ provider, resources })]
      : []),
    ...(has(provider, 'exchangeToken') ? [createTokenExchangeGrant({ provider, clock, resources })] : []),
  ];
}

function has<P extends object, M extends keyof P>(provider: P, ...methods: M[]): provider is P & Required<Pick<P, M>> {
  return methods.every((method) => provider[method] !== undefined);
}
