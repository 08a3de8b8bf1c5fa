/**
 * guardmint/resource/koa: the validator as Koa middleware.
 */
import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import type { Scope } from '../oauth/index.ts';
import { runInAuthContext } from './requests/auth-context.ts';
import type { AuthInfo } from './requests/auth-info.ts';
import { authorizationHeaders } from './requests/bearer.ts';
import type { HttpAnswer } from './requests/http-answer.ts';
import { createMetadataAnswer, type MetadataOptions } from './requests/metadata-answer.ts';
import type { OriginCheckOptions } from './requests/origin-check.ts';
import { createOriginGate } from './requests/origin-gate.ts';
import {
  type BearerAuthOptions as AnyBearerAuthOptions,
  createAuthentication,
  createScopeGate,
} from './requests/request-gate.ts';

export { getAccessToken } from './requests/auth-context.ts';
export type { MetadataOptions } from './requests/metadata-answer.ts';
export type { OriginCheckOptions } from './requests/origin-check.ts';

/** How requests are authenticated. */
export type BearerAuthOptions = AnyBearerAuthOptions<Context>;

/**
 * Finds out who sends a request and goes on in any case: below it `getAccessToken()` answers the token or nothing, and
 * the MCP SDKs find `req.auth`. Only a token that cannot be judged now ends here, with 503.
 *
 * @example
 * ```ts
 * import { bearerAuth, requireScopes } from 'guardmint/resource/koa';
 *
 * app.use(bearerAuth({ verifier }));
 * app.use(requireScopes('mcp:read'));
 * ```
 */
export function bearerAuth(options: BearerAuthOptions): Middleware {
  const admit = createAuthentication(options);

  return async function authenticateBearer(ctx, next) {
    const headers = authorizationHeaders(ctx.req.rawHeaders);
    const admitted = await admit({ message: ctx, method: ctx.method, target: ctx.originalUrl, headers });
    if (admitted.refused !== undefined) return answer(ctx, admitted.refused);
    ctx.set(admitted.headers);
    exposeAuthInfo(ctx.req, admitted.authInfo);
    await runInAuthContext(admitted.context, next);
  };
}

/**
 * Lets pass who was granted all of `scopes`; with none, whoever is authenticated. Others get 401, or 403 naming the
 * scopes of this operation (RFC 6750 §3.1).
 * @throws TypeError for a scope a resource must not ask for.
 */
export function requireScopes(...scopes: Scope): Middleware {
  const judge = createScopeGate(scopes);

  return async function requireGrantedScopes(ctx, next) {
    const judged = judge(ctx);
    if (judged.refused !== undefined) return answer(ctx, judged.refused);
    await runInAuthContext(judged.context, next);
  };
}

/**
 * Serves the protected resource metadata (RFC 9728 §3) and passes everything else on. Stands before `bearerAuth`.
 * @throws TypeError for settings that cannot work.
 */
export function protectedResourceMetadata(options: MetadataOptions): Middleware {
  const find = createMetadataAnswer(options);

  return async function serveProtectedResourceMetadata(ctx, next) {
    const found = find({ method: ctx.method, target: ctx.originalUrl });
    if (found === undefined) await next();
    else answer(ctx, found);
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

  return async function allowListedOrigins(ctx, next) {
    const judged = judge({ method: ctx.method, headers: ctx.req.headers });
    if (judged.refused !== undefined) return answer(ctx, judged.refused);
    ctx.vary('Origin');
    ctx.set(judged.headers);
    await next();
  };
}

function answer(ctx: Context, { status, headers, body }: HttpAnswer): void {
  ctx.status = status;
  ctx.body = body ?? null;
  // Koa gives a body without one 204, and a text a type of its own.
  ctx.status = status;
  ctx.set(headers);
}

function exposeAuthInfo(req: IncomingMessage & { auth?: AuthInfo | undefined }, authInfo: AuthInfo | undefined): void {
  req.auth = authInfo;
}
