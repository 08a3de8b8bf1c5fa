import type { Client } from '../clients/index.ts';
import { meetsConstraint, narrowScope, parseScope, reject } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type { OAuthAuthorizationServerProvider, RefreshToken } from '../provider/index.ts';
import { checkGrantedResource } from './authorization-code.ts';
import { type Grant, useProof } from './grant.ts';

/** The refresh_token grant (RFC 6749 §6, OAuth 2.1 §4.3). Scope and resource are checked before the token is used. */
export function createRefreshTokenGrant<Refresh extends RefreshToken>(deps: {
  provider: Pick<OAuthAuthorizationServerProvider<never, Refresh>, 'loadRefreshToken' | 'exchangeRefreshToken'>;
  clock: Clock;
}): Grant {
  const { provider, clock } = deps;
  return {
    grantType: 'refresh_token',

    async redeem(form, client: Client, sender) {
      const presented = form.get('refresh_token');
      if (presented === undefined) throw reject('parameter_missing', { parameter: 'refresh_token' });

      const wanted = parseScope(form.get('scope'));
      const [resource] = form.getAll('resource');
      const token = await provider.loadRefreshToken(client, presented, {
        ...(wanted !== undefined && { scope: wanted }),
        ...(resource !== undefined && { resource }),
      });
      if (token === undefined) throw reject('refresh_token_unknown');
      if (token.expiresAt !== undefined && token.expiresAt <= clock()) throw reject('refresh_token_expired');
      if (!meetsConstraint(token.sender, sender)) throw reject('refresh_token_of_other_key');
      checkGrantedResource(form, token.resource);
      const scope = narrowScope(wanted, token.scope);

      return provider.exchangeRefreshToken(client, token, scope, await useProof(sender));
    },
  };
}
