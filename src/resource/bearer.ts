import { coversScope, type Scope } from '../oauth/index.ts';
import type { AccessToken } from './access-token.ts';
import { BearerError } from './bearer-error.ts';
import type { Verifier } from './verifier.ts';

/** Who a request comes from: the client, and what the person or the client itself granted it. */
export interface AuthenticatedUser {
  readonly clientId: string;
  readonly scopes: Scope;
  readonly accessToken: AccessToken;
}

/** Headers of a request: a web `Headers`, or an object with lower-case names as Node gives it. */
export type RequestHeaders = Pick<Headers, 'get'> | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Finds out who sent a request, by the rules of RFC 6750 §2.1: the header only, never query or body; the scheme in any
 * case; one credential. Another scheme (`Basic`, `DPoP`) is no bearer credential.
 * @throws BearerError without code when there are no credentials, `invalid_request` for several, `invalid_token`,
 * `insufficient_scope`; UnavailableError when the token cannot be judged now.
 */
export async function authenticate(
  headers: RequestHeaders,
  options: { verifier: Pick<Verifier, 'loadAccessToken' | 'implies'>; requiredScopes?: Scope },
): Promise<AuthenticatedUser> {
  const { verifier, requiredScopes = [] } = options;
  const accessToken = await verifier.loadAccessToken(readBearerToken(headers));
  if (accessToken === undefined) throw new BearerError('invalid_token');
  if (requiredScopes.length > 0 && !coversScope(accessToken.scope, requiredScopes, verifier.implies))
    throw new BearerError('insufficient_scope', requiredScopes);
  return { clientId: accessToken.clientId, scopes: accessToken.scope, accessToken };
}

/** Every `Authorization` header of a message, from Node's `rawHeaders`; `headers` keeps only the first. */
export function authorizationHeaders(rawHeaders: readonly string[]): { authorization: readonly string[] } {
  const authorization: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 13 && name.toLowerCase() === 'authorization') authorization.push(rawHeaders[index + 1] ?? '');
  }
  return { authorization };
}

function readBearerToken(headers: RequestHeaders): string {
  const [credential, ...others] = credentials(headers);
  if (others.length > 0) throw new BearerError('invalid_request');
  if (credential === undefined || !/^bearer(?: |$)/i.test(credential)) throw new BearerError(undefined);
  return credential.slice('bearer'.length).trim();
}

function credentials(headers: RequestHeaders): readonly string[] {
  const value = isWebHeaders(headers) ? headers.get('authorization') : headers['authorization'];
  if (value === undefined || value === null) return [];
  return typeof value === 'string' ? [value] : value;
}

function isWebHeaders(headers: RequestHeaders): headers is Pick<Headers, 'get'> {
  return typeof headers.get === 'function';
}
