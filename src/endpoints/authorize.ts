import type { Context, Middleware } from 'koa';
import type { Client } from '../clients/index.ts';
import {
  type Form,
  OAuthError,
  parseForm,
  type ResourceDirectory,
  refusalUrl,
  reject,
  UnavailableError,
  type VerifiedRedirectTarget,
  verifyRedirectTarget,
} from '../oauth/index.ts';
import type { OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { parseAuthorizationRequest } from './authorization-request.ts';
import { readAnyForm } from './body.ts';
import type { FaultReporter } from './error-boundary.ts';

/**
 * GET and POST /authorize (RFC 6749 §3.1). Two steps: what fails before the redirect URI is proved is shown to the
 * person; what fails after goes to the client, with `state` and `iss`.
 */
export function authorizeEndpoint(deps: {
  provider: Pick<OAuthAuthorizationServerProvider, 'getClient' | 'authorize'>;
  issuer: string;
  resources: ResourceDirectory;
  reportFault: FaultReporter;
}): Middleware {
  const { provider, issuer, resources, reportFault } = deps;

  return async function authorize(ctx) {
    ctx.set('Cache-Control', 'no-store');
    const form = ctx.method === 'POST' ? await readAnyForm(ctx) : parseForm(ctx.querystring);
    const client = await findClient(form);
    const target = proveTarget(form, client);
    try {
      redirect(ctx, await provider.authorize(client, parseAuthorizationRequest(form, client, target, resources)));
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      reportFault(thrown instanceof Error ? thrown : refusal, { path: ctx.path });
      redirect(ctx, refusalUrl(target, issuer, refusal));
    }
  };

  async function findClient(form: Form): Promise<Client> {
    if (form.repeated.includes('client_id')) throw reject('parameter_repeated', { parameter: 'client_id' });
    const clientId = form.get('client_id');
    if (clientId === undefined) throw reject('client_missing');
    const client = await provider.getClient(clientId);
    if (client === undefined) throw reject('client_unknown_at_authorize');
    return client;
  }
}

function proveTarget(form: Form, client: Client): VerifiedRedirectTarget {
  if (form.repeated.includes('redirect_uri')) throw reject('parameter_repeated', { parameter: 'redirect_uri' });
  const state = form.repeated.includes('state') ? undefined : form.get('state');
  return verifyRedirectTarget(client.redirectUris, form.get('redirect_uri'), state);
}

function asRefusal(thrown: unknown): OAuthError {
  if (thrown instanceof OAuthError) return thrown;
  return reject(thrown instanceof UnavailableError ? 'unavailable' : 'internal');
}

// 303: a POST must not be repeated at the next address (OAuth 2.1 §7.5.4).
function redirect(ctx: Context, url: string): void {
  ctx.status = ctx.method === 'POST' ? 303 : 302;
  ctx.set('Location', url);
  ctx.body = '';
}
