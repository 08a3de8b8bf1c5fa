import { isConfidential } from '../clients/index.ts';
import { parseScope, type ResourceDirectory, reject } from '../oauth/index.ts';
import type { Clock } from '../platform/index.ts';
import type { AccessToken, OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { type Grant, useProof } from './grant.ts';

/** The `grant_type` of RFC 8693. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * Token exchange (RFC 8693): an MCP server swaps a token it was called with for a narrower one at another resource, instead
 * of passing it on. Always a delegation: the new token names the client as the actor, so there is no other actor to prove.
 * The subject token stays valid, and nothing is consumed.
 */
export function createTokenExchangeGrant<Access extends AccessToken>(deps: {
  provider: Required<Pick<OAuthAuthorizationServerProvider<never, never, Access>, 'exchangeToken' | 'loadAccessToken'>>;
  clock: Clock;
  resources: ResourceDirectory;
}): Grant {
  const { provider, clock, resources } = deps;
  return {
    grantType: TOKEN_EXCHANGE,

    async redeem(form, client, sender) {
      if (!isConfidential(client)) throw reject('grant_type_not_allowed', { grantType: TOKEN_EXCHANGE });
      const presented = form.get('subject_token');
      if (presented === undefined) throw reject('parameter_missing', { parameter: 'subject_token' });
      const type = form.get('subject_token_type');
      if (type === undefined) throw reject('parameter_missing', { parameter: 'subject_token_type' });
      if (type !== ACCESS_TOKEN) throw reject('subject_token_type_unsupported');
      if ((form.get('requested_token_type') ?? ACCESS_TOKEN) !== ACCESS_TOKEN)
        throw reject('requested_token_type_unsupported');
      if (form.get('actor_token') !== undefined || form.get('actor_token_type') !== undefined)
        throw reject('actor_token_unsupported');
      const scope = parseScope(form.get('scope'));
      // `audience` is another word for the same target; there is no default, because a target is what an exchange is about.
      const targets = [...form.getAll('resource'), ...form.getAll('audience')];
      if (targets.length === 0) throw reject('resource_missing');
      const resource = resources.resolve(targets);

      const subject = await provider.loadAccessToken(presented);
      if (subject === undefined) throw reject('subject_token_unknown');
      if (subject.expiresAt <= clock()) throw reject('subject_token_expired');
      const token = await provider.exchangeToken(client, subject, { scope, resource }, await useProof(sender));
      return { ...token, issued_token_type: ACCESS_TOKEN };
    },
  };
}
