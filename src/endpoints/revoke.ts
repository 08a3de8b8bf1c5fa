import type { Middleware } from 'koa';
import type { ClientAuthentication } from '../clients/index.ts';
import { OAuthError, reject } from '../oauth/index.ts';
import type { AccessToken, OAuthAuthorizationServerProvider, RefreshToken } from '../provider/index.ts';
import { readFormBody } from './body.ts';

/**
 * POST /revoke (RFC 7009 §2): ends the grant of either kind of token. The hint only chooses where to look first; a token
 * that is unknown, ended or another client's is answered with 200 and nothing happens.
 */
export function revokeEndpoint<Refresh extends RefreshToken, Access extends AccessToken>(deps: {
  provider: Pick<
    OAuthAuthorizationServerProvider<never, Refresh, Access>,
    'getClient' | 'loadAccessToken' | 'loadRefreshToken' | 'revokeToken' | 'revokeLostToken'
  >;
  authenticate: ClientAuthentication;
}): Middleware {
  const { provider, authenticate } = deps;
  return async function revoke(ctx) {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Pragma', 'no-cache');
    const form = await readFormBody(ctx);
    const client = await authenticate({ form, authorization: ctx.req.headers.authorization }, (clientId) =>
      provider.getClient(clientId, form.get('token') ?? ''),
    );
    const presented = form.get('token');
    if (presented === undefined) throw reject('parameter_missing', { parameter: 'token' });

    const findRefresh = () => provider.loadRefreshToken(client, presented, {}).catch(absentWhenRefused);
    const findAccess = () => provider.loadAccessToken(presented);
    const found =
      form.get('token_type_hint') === 'access_token'
        ? ((await findAccess()) ?? (await findRefresh()))
        : ((await findRefresh()) ?? (await findAccess()));
    if (found === undefined) await provider.revokeLostToken?.(presented);
    else if (found.clientId === client.clientId) await provider.revokeToken(found);

    ctx.status = 200;
    ctx.body = {};
  };
}

function absentWhenRefused(thrown: unknown): undefined {
  if (thrown instanceof OAuthError) return undefined;
  throw thrown;
}
