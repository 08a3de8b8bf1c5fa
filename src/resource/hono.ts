/**
 * guardmint/resource/hono: the validator as Hono middleware. Hono is an optional peer.
 */
import type { Context, MiddlewareHandler } from 'hono';
import type { Scope } from '../oauth/index.ts';
import type { AccessToken } from './access-token.ts';
import { runInAuthContext } from './auth-context.ts';
import type { AuthInfo } from './auth-info.ts';
import { toResponse } from './http-answer.ts';
import { createMetadataAnswer, type MetadataOptions } from './metadata-answer.ts';
import {
  type BearerAuthOptions as AnyBearerAuthOptions,
  createAuthentication,
  createScopeGate,
} from './request-gate.ts';

export { getAccessToken } from './auth-context.ts';
export type { AuthInfo } from './auth-info.ts';
export type { MetadataOptions } from './metadata-answer.ts';

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
    for (const name in admitted.headers) c.header(name, admitted.headers[name]);
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
