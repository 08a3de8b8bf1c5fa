import type { Middleware } from 'koa';
import type { Client, ClientAuthentication } from '../clients/index.ts';
import type { Grant } from '../grants/index.ts';
import { type Form, reject } from '../oauth/index.ts';
import { readFormBody } from './body.ts';
import type { DpopGate } from './dpop.ts';

/**
 * POST /token (RFC 6749 §3.2): authenticates the client, finds the grant, answers what it redeems. A grant that needs no
 * client gets a request that names none as it is.
 */
export function tokenEndpoint(deps: {
  findClient: (clientId: string, presented: string) => Promise<Client | undefined>;
  authenticate: ClientAuthentication;
  grants: readonly Grant[];
  /** Absent: proofs are not looked at. */
  dpop?: DpopGate | undefined;
  /** Its own URL, as clients know it. */
  url: string;
}): Middleware {
  const { findClient, authenticate, dpop, url } = deps;
  const grants = new Map(deps.grants.map((grant) => [grant.grantType, grant]));
  return async function token(ctx) {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Pragma', 'no-cache');
    const form = await readFormBody(ctx);
    const proved = await dpop?.verify(ctx, url);
    const sender = proved && { jkt: proved.jkt, spend: async () => dpop?.spend(proved) };
    const presented = form.get('code') ?? form.get('refresh_token') ?? form.get('assertion') ?? '';
    const { authorization } = ctx.req.headers;
    const grantType = form.get('grant_type');
    if (grantType !== undefined && authorization === undefined && namesNoClient(form)) {
      const anonymous = grants.get(grantType)?.redeemWithoutClient;
      if (anonymous !== undefined) {
        ctx.body = await anonymous(form, sender);
        return;
      }
    }
    const client = await authenticate({ form, authorization }, (clientId) => findClient(clientId, presented));

    if (grantType === undefined) throw reject('grant_type_missing');
    const grant = grants.get(grantType);
    if (grant === undefined) throw reject('grant_type_unsupported');
    if (!client.grantTypes.includes(grantType)) throw reject('grant_type_not_allowed', { grantType });

    dpop?.demand(client, proved);
    ctx.body = await grant.redeem(form, client, sender);
  };
}

function namesNoClient(form: Form): boolean {
  return ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type'].every(
    (name) => form.get(name) === undefined,
  );
}
