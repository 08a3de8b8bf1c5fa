import { coversScope, type Scope } from '../../oauth/index.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { Verifier } from '../tokens/verifier.ts';
import { type AuthenticationScheme, BearerError } from './bearer-error.ts';

/** Who a request comes from: the client, and what the person or the client itself granted it. */
export interface AuthenticatedUser {
  readonly clientId: string;
  readonly scopes: Scope;
  readonly accessToken: AccessToken;
}

/** Headers of a request: a web `Headers`, or an object with lower-case names as Node gives it. */
export type RequestHeaders = Pick<Headers, 'get'> | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What looks at the tokens of requests; one that does not know bound tokens takes Bearer tokens only. */
export type TokenVerifier = Pick<Verifier, 'loadAccessToken' | 'implies'> &
  Partial<Pick<Verifier, 'loadBoundAccessToken' | 'dpop'>>;

const BEARER = /^bearer(?: |$)/i;
const DPOP = /^dpop(?: |$)/i;
const LIST = /(?:^|,\s*)(?:bearer|dpop)(?: |,|$)/i;
const NONE: readonly string[] = [];

/**
 * Finds out who sent a request, by the rules of RFC 6750 §2.1: the header only, never query or body; the scheme in any
 * case; one credential. With `request`, what was sent and where as clients know it, the scheme `DPoP` counts too, with its
 * proof (RFC 9449 §7.1). Any other scheme is no credential.
 * @throws BearerError without code when there are no credentials, `invalid_request` for several, `invalid_token`,
 * `insufficient_scope`, `invalid_dpop_proof`, `use_dpop_nonce`; UnavailableError when the token cannot be judged now.
 */
export async function authenticate(
  headers: RequestHeaders,
  options: {
    verifier: TokenVerifier;
    requiredScopes?: Scope;
    request?: { readonly method: string; readonly url: string };
  },
): Promise<AuthenticatedUser> {
  const { verifier, requiredScopes = [], request } = options;
  const credential = readCredential(headers);
  const scheme = BEARER.test(credential) ? 'Bearer' : DPOP.test(credential) ? 'DPoP' : undefined;
  if (scheme === undefined) throw new BearerError(undefined);
  const token = credential.slice(scheme.length).trim();
  const accessToken =
    scheme === 'Bearer' ? await loadBearer(verifier, token) : await loadBound(headers, verifier, token, request);
  if (accessToken === undefined) throw new BearerError('invalid_token', { scheme });
  if (requiredScopes.length > 0 && !coversScope(accessToken.scope, requiredScopes, verifier.implies))
    throw new BearerError('insufficient_scope', { requiredScopes, scheme });
  return { clientId: accessToken.clientId, scopes: accessToken.scope, accessToken };
}

/** Every `Authorization` and `DPoP` header of a message, from Node's `rawHeaders`; `headers` joins or drops repeats. */
export function authorizationHeaders(rawHeaders: readonly string[]): {
  authorization: readonly string[];
  dpop: readonly string[];
} {
  const authorization: string[] = [];
  let dpop = NONE;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 13 && name.toLowerCase() === 'authorization') authorization.push(rawHeaders[index + 1] ?? '');
    else if (name?.length === 4 && name !== 'Host' && name.toLowerCase() === 'dpop')
      dpop = [...dpop, rawHeaders[index + 1] ?? ''];
  }
  return { authorization, dpop };
}

/** Whether a request carries a proof of possession (RFC 9449 §4). */
export function hasProof(headers: RequestHeaders): boolean {
  return valuesOf(headers, 'dpop').length > 0;
}

/** The scheme an access token is presented with. */
export function schemeOf({ claims }: Pick<AccessToken, 'claims'>): AuthenticationScheme {
  return claims.cnf === undefined ? 'Bearer' : 'DPoP';
}

function loadBearer(verifier: TokenVerifier, token: string): Promise<AccessToken | undefined> {
  if (verifier.dpop?.required === true) throw new BearerError('invalid_token', { scheme: 'DPoP' });
  return verifier.loadAccessToken(token);
}

function loadBound(
  headers: RequestHeaders,
  verifier: TokenVerifier,
  token: string,
  request: { readonly method: string; readonly url: string } | undefined,
): Promise<AccessToken | undefined> {
  if (request === undefined || verifier.loadBoundAccessToken === undefined) throw new BearerError(undefined);
  return verifier.loadBoundAccessToken(token, { ...request, proofs: valuesOf(headers, 'dpop') });
}

function readCredential(headers: RequestHeaders): string {
  const [credential, ...others] = valuesOf(headers, 'authorization');
  if (credential === undefined) throw new BearerError(undefined);
  if (others.length > 0 || isList(credential)) throw new BearerError('invalid_request');
  return credential;
}

/** Whether several headers were joined into one, as web `Headers` are: no token has a comma in it (RFC 9110 §11.2). */
function isList(credential: string): boolean {
  return credential.includes(',') && LIST.test(credential);
}

function valuesOf(headers: RequestHeaders, name: string): readonly string[] {
  const value = isWebHeaders(headers) ? headers.get(name) : headers[name];
  if (value === undefined || value === null) return [];
  return typeof value === 'string' ? [value] : value;
}

function isWebHeaders(headers: RequestHeaders): headers is Pick<Headers, 'get'> {
  return typeof headers.get === 'function';
}
