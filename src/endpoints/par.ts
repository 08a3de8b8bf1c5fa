import type { Middleware } from 'koa';
import { type Client, type ClientAuthentication, clientHash } from '../clients/index.ts';
import { type Form, parseForm, reject, type Seconds } from '../oauth/index.ts';
import { sha256 } from '../platform/index.ts';
import { type Authorization, clientIdOf } from './authorization.ts';
import { readAnyFormText } from './body.ts';
import type { DpopGate } from './dpop.ts';

/** Keeps the authorization requests that clients push, or seals them into their name. */
export interface PushedRequests {
  /** @param parameters the request, form-encoded, as it will be taken up at `/authorize` */
  push(clientHash: string, parameters: string): Promise<{ readonly requestUri: string; readonly expiresIn: Seconds }>;
  /** `undefined` for anything but a request of that client that has not ended. Never uses it up. */
  open(
    requestUri: string,
    clientHash: string,
  ): Promise<{ readonly id: string; readonly parameters: string } | undefined>;
}

/** Pushed authorization requests (RFC 9126): offered when these options are given. */
export interface PushedRequestOptions {
  readonly requests: PushedRequests;
  /** Whether `/authorize` takes no others (RFC 9126 §5 `require_pushed_authorization_requests`). */
  readonly required?: boolean;
}

/** What `request_uri` values of ours begin with (RFC 9126 §2.2). */
const REQUEST_URI = 'urn:ietf:params:oauth:request_uri:';
const CREDENTIALS = ['client_secret', 'client_assertion', 'client_assertion_type'];
// Sealed, in a URL, it must stay below what servers take as one line.
const MAX_PARAMETERS_LENGTH = 3_500;

/**
 * POST /par (RFC 9126 §2): authenticates the client as `/token` does, checks the request as `/authorize` does, and answers
 * the name under which it waits there. A DPoP proof names the key the code will be bound to (RFC 9449 §10.1).
 */
export function parEndpoint(deps: {
  findClient: (clientId: string, presented: string) => Promise<Client | undefined>;
  authenticate: ClientAuthentication;
  authorization: Pick<Authorization, 'check'>;
  requests: PushedRequests;
  dpop?: DpopGate | undefined;
  /** Its own URL, as clients know it. */
  url: string;
}): Middleware {
  const { findClient, authenticate, authorization, requests, dpop, url } = deps;
  return async function par(ctx) {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Pragma', 'no-cache');
    const text = await readAnyFormText(ctx);
    const form = parseForm(text);
    if (form.repeated.length > 0) throw reject('parameter_repeated', { parameter: form.repeated[0] });
    // Only looked at: a proof that comes again binds a request to the same key, and is worth nothing without it.
    const proved = await dpop?.verify(ctx, url);
    const client = await authenticate({ form, authorization: ctx.req.headers.authorization }, (clientId) =>
      findClient(clientId, ''),
    );
    if (form.get('request_uri') !== undefined) throw reject('parameter_malformed', { parameter: 'request_uri' });
    const named = form.get('dpop_jkt');
    if (proved !== undefined && named !== undefined && named !== proved.jkt)
      throw reject('dpop_proof_invalid', { fault: 'dpop_jkt' });

    const parameters = new URLSearchParams(text);
    for (const credential of CREDENTIALS) parameters.delete(credential);
    parameters.set('client_id', client.clientId);
    if (proved !== undefined) parameters.set('dpop_jkt', proved.jkt);
    // A client_id is repeated at /authorize, where it is long enough by itself.
    const request = parameters.toString();
    authorization.check(parseForm(request), client);
    parameters.delete('client_id');
    if (parameters.toString().length > MAX_PARAMETERS_LENGTH) throw reject('body_too_large');

    const { requestUri, expiresIn } = await requests.push(clientHash(client), parameters.toString());
    ctx.status = 201;
    ctx.body = { request_uri: requestUri, expires_in: expiresIn };
  };
}

/** A request at `/authorize`: what it asks for, and what it was pushed as. */
export interface PresentedRequest {
  readonly form: Form;
  readonly pushedId?: string;
}

/**
 * Takes the parameters of a pushed request in the place of those of the URL, of which only `client_id` counts (RFC 9126
 * §4). Any other request stays as it is.
 * @throws OAuthError `request_uri_invalid`
 */
export async function takeUpPushed(
  parameters: string,
  requests: PushedRequests | undefined,
): Promise<PresentedRequest> {
  const form = parseForm(parameters);
  const requestUri = form.get('request_uri');
  if (requests === undefined || requestUri?.startsWith(REQUEST_URI) !== true) return { form };
  if (form.repeated.includes('request_uri')) throw reject('parameter_repeated', { parameter: 'request_uri' });
  const clientId = clientIdOf(form);
  const pushed = await requests.open(requestUri, sha256(clientId));
  if (pushed === undefined) throw reject('request_uri_invalid');
  const taken = `${pushed.parameters}&client_id=${encodeURIComponent(clientId)}`;
  return { form: parseForm(taken), pushedId: pushed.id };
}
