import type { Client } from '../clients/index.ts';
import {
  type Form,
  OAuthError,
  type ResourceDirectory,
  refusalUrl,
  reject,
  UnavailableError,
  type VerifiedRedirectTarget,
  verifyRedirectTarget,
} from '../oauth/index.ts';
import type { OAuthAuthorizationServerProvider } from '../provider/index.ts';
import { isEchoable, parseAuthorizationRequest } from './authorization-request.ts';
import type { FaultContext, FaultReporter } from './error-boundary.ts';

/** Where an authorization request sends the browser: on to sign-in and consent, or to the client with a refusal. */
export interface Authorization {
  /**
   * The URL for the parameters of a request. Two steps: what fails before the redirect URI is proved is thrown, to be
   * shown to the person; what fails after goes to the client, with `state` and `iss` (RFC 6749 §4.1.2.1).
   * @param pushedId what the request was pushed as (RFC 9126); absent: it was not
   * @throws OAuthError, UnavailableError
   */
  authorize(form: Form, context: FaultContext, pushedId?: string): Promise<string>;
  /** The same checks for a request that is only to be kept (RFC 9126 §2.1). @throws OAuthError */
  check(form: Form, client: Client): void;
}

export function createAuthorization(deps: {
  provider: Pick<OAuthAuthorizationServerProvider, 'getClient' | 'authorize'>;
  issuer: string;
  resources: ResourceDirectory;
  reportFault: FaultReporter;
  /** Whether every request must have been pushed; absent: those of clients that say so. */
  requiresPush?: boolean;
}): Authorization {
  const { provider, issuer, resources, reportFault, requiresPush = false } = deps;

  async function findClient(form: Form): Promise<Client> {
    const clientId = clientIdOf(form);
    try {
      const client = await provider.getClient(clientId);
      if (client !== undefined) return client;
    } catch (thrown) {
      // The person is told about the client's document; a program at the token endpoint is told to try again.
      if (thrown instanceof UnavailableError && thrown.cause instanceof OAuthError) throw thrown.cause;
      throw thrown;
    }
    throw reject('client_unknown_at_authorize');
  }

  return {
    check(form, client) {
      parseAuthorizationRequest(form, client, proveTarget(form, client), resources);
    },

    async authorize(form, context, pushedId) {
      const client = await findClient(form);
      const target = proveTarget(form, client);
      try {
        const request = parseAuthorizationRequest(form, client, target, resources);
        if (pushedId !== undefined) return await provider.authorize(client, { ...request, pushedId });
        if (requiresPush || client.requirePushedAuthorizationRequests === true) throw reject('pushed_request_required');
        return await provider.authorize(client, request);
      } catch (thrown) {
        const refusal = asRefusal(thrown);
        reportFault(thrown instanceof Error ? thrown : refusal, context);
        return refusalUrl(target, issuer, refusal);
      }
    },
  };
}

/** The client_id of a request. @throws OAuthError `client_missing`, `parameter_repeated` */
export function clientIdOf(form: Form): string {
  if (form.repeated.includes('client_id')) throw reject('parameter_repeated', { parameter: 'client_id' });
  const clientId = form.get('client_id');
  if (clientId === undefined) throw reject('client_missing');
  return clientId;
}

function proveTarget(form: Form, client: Client): VerifiedRedirectTarget {
  if (form.repeated.includes('redirect_uri')) throw reject('parameter_repeated', { parameter: 'redirect_uri' });
  const state = form.repeated.includes('state') || !isEchoable(form.get('state')) ? undefined : form.get('state');
  return verifyRedirectTarget(client.redirectUris, form.get('redirect_uri'), state);
}

function asRefusal(thrown: unknown): OAuthError {
  if (thrown instanceof OAuthError) return thrown;
  return reject(thrown instanceof UnavailableError ? 'unavailable' : 'internal');
}
