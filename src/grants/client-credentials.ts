import { isConfidential } from '../clients/index.ts';
import { machineScope, parseScope, type ResourceDirectory, reject } from '../oauth/index.ts';
import type { OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { type Grant, useProof } from './grant.ts';

/**
 * The client_credentials grant (RFC 6749 §4.4; MCP extension `io.modelcontextprotocol/oauth-client-credentials`): a
 * confidential client gets a token of its own, for one resource. No person stands behind it, so no refresh token either.
 */
export function createClientCredentialsGrant(deps: {
  provider: Required<Pick<OAuthAuthorizationServerProvider, 'exchangeClientCredentials'>>;
  resources: ResourceDirectory;
}): Grant {
  const { provider, resources } = deps;
  return {
    grantType: 'client_credentials',

    async redeem(form, client, sender) {
      if (!isConfidential(client)) throw reject('grant_type_not_allowed', { grantType: 'client_credentials' });
      const resource = resources.resolve(form.getAll('resource'));
      const requested = parseScope(form.get('scope'));
      if (client.scope !== undefined && requested?.some((name) => client.scope?.includes(name) === false))
        throw reject('scope_not_allowed');
      const scope = machineScope(requested, resource, [client.scope]);
      return provider.exchangeClientCredentials(client, { scope, resource: resource.resource }, await useProof(sender));
    },
  };
}
