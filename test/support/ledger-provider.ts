import type { Client } from '../../src/clients/index.ts';
import type { SenderConstraint } from '../../src/oauth/index.ts';
import type { AuthorizationCode, OAuthAuthorizationServerProvider, RefreshToken } from '../../src/provider/index.ts';

interface LedgerCode extends AuthorizationCode {
  readonly clientId: string;
}

/** A provider that is two maps and a ledger of what was consumed: all a grant can see of one. */
export function createLedgerProvider(contents: {
  readonly codes?: Readonly<Record<string, LedgerCode>>;
  readonly refreshTokens?: Readonly<Record<string, RefreshToken>>;
}) {
  const ledger: { exchanged: 'code' | 'refresh_token'; scope: readonly string[]; sender?: SenderConstraint }[] = [];
  const ofClient = <T extends { clientId: string }>(found: T | undefined, client: Client) =>
    found?.clientId === client.clientId ? found : undefined;
  const answer = (exchanged: 'code' | 'refresh_token', scope: readonly string[], sender?: SenderConstraint) => {
    ledger.push({ exchanged, scope, ...(sender !== undefined && { sender }) });
    return { access_token: 'access', token_type: 'Bearer' as const, expires_in: 600, scope: scope.join(' ') };
  };
  const provider: Pick<
    OAuthAuthorizationServerProvider<LedgerCode>,
    'loadAuthorizationCode' | 'exchangeAuthorizationCode' | 'loadRefreshToken' | 'exchangeRefreshToken'
  > = {
    loadAuthorizationCode: async (client, code) => ofClient(contents.codes?.[code], client),
    exchangeAuthorizationCode: async (_, code, sender) => answer('code', code.scope, sender),
    loadRefreshToken: async (client, token) => ofClient(contents.refreshTokens?.[token], client),
    exchangeRefreshToken: async (_, __, scope, sender) => answer('refresh_token', scope, sender),
  };
  return { provider, ledger };
}
