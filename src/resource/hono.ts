/**
 * guardmint/resource/hono: the validator as Hono middleware. Hono is an optional peer.
 */
import type { Context, MiddlewareHandler } from 'hono';
import type { Scope } from '../oauth/index.ts';
import { runInAuthContext } from './requests/auth-context.ts';
import type { AuthInfo } from './requests/auth-info.ts';
import { toResponse } from './requests/http-answer.ts';
import { createMetadataAnswer, type MetadataOptions } from './requests/metadata-answer.ts';
import type { OriginCheckOptions } from './requests/origin-check.ts';
import { createOriginGate, pageHeaders } from './requests/origin-gate.ts';
import {
  type BearerAuthOptions as AnyBearerAuthOptions,
  createAuthentication,
  createScopeGate,
} from './requests/request-gate.ts';
import type { AccessToken } from './tokens/access-token.ts';

export { getAccessToken } from './requests/auth-context.ts';
export type { AuthInfo } from './requests/auth-info.ts';
export type { MetadataOptions } from './requests/metadata-answer.ts';
export type { OriginCheckOptions } from './requests/origin-check.ts';

/** How requests are authenticated. */
export type BearerAuthOptions = AnyBearerAuthOptions<Context>;

/** What `bearerAuth` sets: `c.get('accessToken')`, and `c.get('auth')` for the MCP SDKs. Neither, for nobody. */
export interface AuthVariables {
  accessToken: AccessToken | undefined;
  auth: AuthInfo | undefined;
}

/** What makes the variables known to `new Hono<AuthEnv>()`. */
export interface AuthEnv {
  Variables: AuthVariables;
}

/**
 * Finds out who sends a request and goes on in any case: below it `getAccessToken()` and `c.get('accessToken')` answer the
 * token or nothing. Only a token that cannot be judged now ends here, with 503.
 *
 * @example
 * ```ts
 * import { type AuthEnv, bearerAuth, requireScopes } from 'guardmint/resource/hono';
 *
 * const app = new Hono<AuthEnv>();
 * app.use(bearerAuth({ verifier }), requireScopes('mcp:read'));
 * app.all('/mcp', (c) => mcp.fetch(c.req.raw, { authInfo: c.get('auth') }));
 * ```
 */
export function bearerAuth(options: BearerAuthOptions): MiddlewareHandler<AuthEnv> {
  const admit = createAuthentication(options);

  return async function authenticateBearer(c, next) {
    const { method, url, headers } = c.req.raw;
    const admitted = await admit({ message: c, method, target: url, headers });
    if (admitted.refused !== undefined) return toResponse(admitted.refused);
    c.set('accessToken', admitted.context.user?.accessToken);
    c.set('auth', admitted.authInfo);
    await runInAuthContext(admitted.context, next);
    for (const [name, value] of Object.entries(admitted.headers)) c.header(name, value);
    return undefined;
  };
}

/**
 * Lets pass who was granted all of `scopes`; with none, whoever is authenticated. Others get 401, or 403 naming the
 * scopes of this operation (RFC 6750 §3.1).
 * @throws TypeError for a scope a resource must not ask for.
 */
export function requireScopes(...scopes: Scope): MiddlewareHandler {
  const judge = createScopeGate(scopes);

  return async function requireGrantedScopes(c, next) {
    const judged = judge(c);
    if (judged.refused !== undefined) return toResponse(judged.refused);
    await runInAuthContext(judged.context, next);
    return undefined;
  };
}

/**
 * Serves the protected resource metadata (RFC 9728 §3) and passes everything else on. Stands before `bearerAuth`, and not
 * below a path.
 * @throws TypeError for settings that cannot work.
 */
export function protectedResourceMetadata(options: MetadataOptions): MiddlewareHandler {
  const find = createMetadataAnswer(options);

  return async function serveProtectedResourceMetadata(c, next) {
    const found = find({ method: c.req.raw.method, target: c.req.raw.url });
    if (found !== undefined) return toResponse(found);
    await next();
    return undefined;
  };
}

/**
 * Lets pages of these origins call and read the answers, in browsers, and refuses those of all others with 403 (CORS; MCP
 * 2026-07-28, Streamable HTTP). The origin of the resource is allowed, and every page of this computer where the resource
 * is on it. Stands after `protectedResourceMetadata`, which every page may read, and before `bearerAuth`.
 * @throws TypeError for an origin or a host that is none.
 */
export function allowOrigins(options: OriginCheckOptions): MiddlewareHandler {
  const judge = createOriginGate(options);

  return async function allowListedOrigins(c, next) {
    const judged = judge({ method: c.req.raw.method, headers: pageHeaders(c.req.raw) });
    if (judged.refused !== undefined) return toResponse(judged.refused);
    await next();
    c.header('Vary', 'Origin', { append: true });
    for (const [name, value] of Object.entries(judged.headers)) c.header(name, value);
    return undefined;
  };
}
