/**
 * guardmint/resource/express: the validator as Express middleware. Express is an optional peer.
 */
import type { Request, RequestHandler } from 'express';
import type { Scope } from '../oauth/index.ts';
import {
  type BearerAuthOptions as NodeBearerAuthOptions,
  allowOrigins as nodeAllowOrigins,
  bearerAuth as nodeBearerAuth,
  protectedResourceMetadata as nodeProtectedResourceMetadata,
  requireScopes as nodeRequireScopes,
} from './node.ts';
import type { MetadataOptions } from './requests/metadata-answer.ts';
import type { OriginCheckOptions } from './requests/origin-check.ts';
import type { BearerAuthOptions as AnyBearerAuthOptions } from './requests/request-gate.ts';

export { getAuthInfo } from './node.ts';
export { getAccessToken } from './requests/auth-context.ts';
export type { AuthInfo } from './requests/auth-info.ts';
export type { MetadataOptions } from './requests/metadata-answer.ts';
export type { OriginCheckOptions } from './requests/origin-check.ts';

/** How requests are authenticated. */
export type BearerAuthOptions = AnyBearerAuthOptions<Request>;

/**
 * Finds out who sends a request and goes on in any case: below it `getAccessToken()` answers the token or nothing, and
 * the MCP SDKs find `req.auth`. Only a token that cannot be judged now ends here, with 503. Nothing about a token reaches
 * the error handlers of Express.
 *
 * @example
 * ```ts
 * import { bearerAuth, requireScopes } from 'guardmint/resource/express';
 *
 * app.use(bearerAuth({ verifier }));
 * app.post('/mcp', requireScopes('mcp:read'), (request, response) => transport.handleRequest(request, response));
 * ```
 */
export function bearerAuth(options: BearerAuthOptions): RequestHandler {
  // Express makes its requests of those of node:http.
  return nodeBearerAuth(options as NodeBearerAuthOptions);
}

/**
 * Lets pass who was granted all of `scopes`; with none, whoever is authenticated. Others get 401, or 403 naming the
 * scopes of this operation (RFC 6750 §3.1).
 * @throws TypeError for a scope a resource must not ask for.
 */
export function requireScopes(...scopes: Scope): RequestHandler {
  return nodeRequireScopes(...scopes);
}

/**
 * Serves the protected resource metadata (RFC 9728 §3) and passes everything else on. Stands before `bearerAuth`, and not
 * below a path.
 * @throws TypeError for settings that cannot work.
 */
export function protectedResourceMetadata(options: MetadataOptions): RequestHandler {
  return nodeProtectedResourceMetadata(options);
}

/**
 * Lets pages of these origins call and read the answers, in browsers, and refuses those of all others with 403 (CORS; MCP
 * 2026-07-28, Streamable HTTP). The origin of the resource is allowed, and every page of this computer where the resource
 * is on it. Stands after `protectedResourceMetadata`, which every page may read, and before `bearerAuth`.
 * @throws TypeError for an origin or a host that is none.
 */
export function allowOrigins(options: OriginCheckOptions): RequestHandler {
  return nodeAllowOrigins(options);
}
