import { clientHash } from '../clients/index.ts';
import { reject } from '../oauth/index.ts';
import type { GrantRevocation } from './grant-revocation.ts';
import type { JwtProviderDeps } from './jwt-provider.ts';
import type { OAuthAuthorizationServerProvider } from './provider.ts';
import { tokenResponse } from './token-response.ts';

/**
 * A token whose subject is the client itself (RFC 9068 §2.2). Nothing is stored of it. It has a grant of its own, so that it
 * is revoked alone, together with whatever it is exchanged for.
 */
export function createClientCredentialsExchange(
  deps: Pick<JwtProviderDeps, 'tokens' | 'platform'>,
  revocation: GrantRevocation,
): NonNullable<OAuthAuthorizationServerProvider['exchangeClientCredentials']> {
  const { random, audit } = deps.platform;
  return async function exchangeClientCredentials(client, { scope, resource }, sender) {
    const { clientId } = client;
    const grantId = random(16);
    const at = await revocation.momentOfIssue({ subject: clientId, clientHash: clientHash(client) });
    if (at === 'denied') throw reject('client_revoked');
    const access = await deps.tokens.access.issue(
      { subject: clientId, clientId, resource, scope, grantId, sender },
      at,
    );
    audit({
      event: 'token.issued',
      grant: 'client_credentials',
      grantId,
      jti: access.jti,
      subject: clientId,
      resource,
    });
    return tokenResponse(access, scope, undefined);
  };
}
