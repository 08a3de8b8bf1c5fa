/**
 * guardmint/resource/fetch: the validator for handlers that take a web `Request` and answer a `Response`, as in workers,
 * Deno, Bun and the MCP SDK v2. Nothing of Node is needed.
 */
import type { Scope } from '../oauth/index.ts';
import { getAccessToken as currentAccessToken, runInAuthContext } from './requests/auth-context.ts';
import type { AuthInfo } from './requests/auth-info.ts';
import { toResponse } from './requests/http-answer.ts';
import { createMetadataAnswer, type MetadataOptions } from './requests/metadata-answer.ts';
import type { OriginCheckOptions } from './requests/origin-check.ts';
import { createOriginGate, pageHeaders } from './requests/origin-gate.ts';
import {
  type BearerAuthOptions as AnyBearerAuthOptions,
  admissionOf,
  createAuthentication,
  createScopeGate,
} from './requests/request-gate.ts';
import type { AccessToken } from './tokens/access-token.ts';

export type { AuthInfo } from './requests/auth-info.ts';
export type { MetadataOptions } from './requests/metadata-answer.ts';
export type { OriginCheckOptions } from './requests/origin-check.ts';

/** How requests are authenticated. */
export type BearerAuthOptions = AnyBearerAuthOptions<Request>;

/** One step before a handler: it answers, or with what `next` answers. */
export type Middleware = (request: Request, next: () => Promise<Response>) => Promise<Response>;

/** What answers requests; a runtime may hand it more than the request. */
export type FetchHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>;

/**
 * Puts steps before a handler, the first of them first.
 *
 * @example
 * ```ts
 * import { bearerAuth, protect, protectedResourceMetadata, requireScopes } from 'guardmint/resource/fetch';
 *
 * export default {
 *   fetch: protect(handler, protectedResourceMetadata({ … }), bearerAuth({ verifier }), requireScopes('mcp:read')),
 * };
 * ```
 */
export function protect<Rest extends readonly unknown[]>(
  handler: FetchHandler<Rest>,
  ...middleware: readonly Middleware[]
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async function protectedHandler(request, ...rest) {
    const go = async (index: number): Promise<Response> => {
      const step = middleware[index];
      return step === undefined ? handler(request, ...rest) : step(request, () => go(index + 1));
    };
    return go(0);
  };
}

/**
 * Finds out who sends a request and goes on in any case: below it `getAccessToken()` answers the token or nothing. Only a
 * token that cannot be judged now ends here, with 503.
 */
export function bearerAuth(options: BearerAuthOptions): Middleware {
  const admit = createAuthentication(options);

  return async function authenticateBearer(request, next) {
    const { method, url, headers } = request;
    const admitted = await admit({ message: request, method, target: url, headers });
    if (admitted.refused !== undefined) return toResponse(admitted.refused);
    return withHeaders(await runInAuthContext(admitted.context, next), admitted.headers);
  };
}

/**
 * Lets pass who was granted all of `scopes`; with none, whoever is authenticated. Others get 401, or 403 naming the
 * scopes of this operation (RFC 6750 §3.1).
 * @throws TypeError for a scope a resource must not ask for.
 */
export function requireScopes(...scopes: Scope): Middleware {
  const judge = createScopeGate(scopes);

  return async function requireGrantedScopes(request, next) {
    const judged = judge(request);
    return judged.refused === undefined ? runInAuthContext(judged.context, next) : toResponse(judged.refused);
  };
}

/**
 * Serves the protected resource metadata (RFC 9728 §3) and passes everything else on. Stands before `bearerAuth`.
 * @throws TypeError for settings that cannot work.
 */
export function protectedResourceMetadata(options: MetadataOptions): Middleware {
  const find = createMetadataAnswer(options);

  return async function serveProtectedResourceMetadata(request, next) {
    const found = find({ method: request.method, target: request.url });
    return found === undefined ? next() : toResponse(found);
  };
}

/**
 * Lets pages of these origins call and read the answers, in browsers, and refuses those of all others with 403 (CORS; MCP
 * 2026-07-28, Streamable HTTP). The origin of the resource is allowed, and every page of this computer where the resource
 * is on it. Stands after `protectedResourceMetadata`, which every page may read, and before `bearerAuth`.
 * @throws TypeError for an origin or a host that is none.
 */
export function allowOrigins(options: OriginCheckOptions): Middleware {
  const judge = createOriginGate(options);

  return async function allowListedOrigins(request, next) {
    const judged = judge({ method: request.method, headers: pageHeaders(request) });
    if (judged.refused !== undefined) return toResponse(judged.refused);
    return withHeaders(await next(), { ...judged.headers, Vary: 'Origin' });
  };
}

/**
 * The verified access token of a request that came through `bearerAuth`; without one, of the request this is called in.
 * `undefined` for nobody.
 */
export function getAccessToken(request?: Request): AccessToken | undefined {
  return request === undefined ? currentAccessToken() : admissionOf(request)?.context.user?.accessToken;
}

/** What the MCP SDK v2 takes as `authInfo` beside a request that came through `bearerAuth`; `undefined` for nobody. */
export function getAuthInfo(request: Request): AuthInfo | undefined {
  return admissionOf(request)?.authInfo;
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const added = Object.entries(headers);
  if (added.length === 0) return response;
  // The headers of a response that was fetched or redirects are not writable.
  const writable = new Response(response.body, response);
  for (const [name, value] of added) writable.headers[name === 'Vary' ? 'append' : 'set'](name, value);
  return writable;
}
