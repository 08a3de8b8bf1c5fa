/**
 * guardmint/resource/koa: the validator as Koa middleware.
 */
import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { coversScope, type Scope } from '../oauth/index.ts';
import { type AuthContext, getAuthContext, runInAuthContext } from './auth-context.ts';
import { type AuthInfo, createAuthInfo } from './auth-info.ts';
import { authenticate, authorizationHeaders, schemeOf, type TokenVerifier } from './bearer.ts';
import { BearerError } from './bearer-error.ts';
import type { ChallengeOptions } from './challenge.ts';
import { MCP_REQUEST_HEADERS, MCP_RESPONSE_HEADERS } from './cors.ts';
import {
  checkResourceScopes,
  type ProtectedResourceOptions,
  protectedResourceDocument,
  protectedResourcePaths,
  requestUrl,
  resourceMetadataUrl,
} from './protected-resource.ts';
import { refusalAnswer } from './refusal-answer.ts';
import type { Verifier } from './verifier.ts';

/** How requests are authenticated. */
export interface BearerAuthOptions {
  readonly verifier: TokenVerifier & Pick<Verifier, 'resource'> & Partial<Pick<Verifier, 'dpopNonce'>>;
  /** The `resource_metadata` of challenges; by default the well-known URL of the verifier's resource. */
  readonly resourceMetadataUrl?: string;
  /**
   * The URL of a request as clients know it, which DPoP proofs name; by default the origin of the resource and the path of
   * the request. For servers behind a proxy that changes paths.
   */
  readonly requestUrl?: (ctx: Context) => string;
}

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
  const { verifier, resourceMetadataUrl: metadataUrl = resourceMetadataUrl(verifier.resource) } = options;
  const guard = { verifier, resourceMetadataUrl: metadataUrl };
  const urlOf = options.requestUrl ?? ((ctx: Context) => requestUrl(verifier.resource, ctx.originalUrl));

  return async function authenticateBearer(ctx, next) {
    let context: AuthContext;
    try {
      const headers = authorizationHeaders(ctx.req.rawHeaders);
      // Only a proof makes the URL matter.
      const request = headers.dpop.length === 0 ? { method: '', url: '' } : { method: ctx.method, url: urlOf(ctx) };
      const user = await authenticate(headers, { verifier, request });
      const nonce = headers.dpop.length === 0 ? undefined : verifier.dpopNonce?.();
      if (nonce !== undefined) ctx.set('DPoP-Nonce', nonce);
      exposeAuthInfo(ctx.req, createAuthInfo(user.accessToken, verifier.implies, metadataUrl));
      context = { user, guard };
    } catch (error) {
      if (!(error instanceof BearerError)) return answerRefusal(ctx, error, {});
      context = { user: undefined, refusal: error, guard };
    }
    await runInAuthContext(context, next);
  };
}

/**
 * Lets pass who was granted all of `scopes`; with none, whoever is authenticated. Others get 401, or 403 naming the
 * scopes of this operation (RFC 6750 §3.1).
 * @throws TypeError for a scope a resource must not ask for.
 */
export function requireScopes(...scopes: Scope): Middleware {
  checkResourceScopes(scopes);

  return async function requireGrantedScopes(ctx, next) {
    const { user, refusal, guard } = getAuthContext() ?? {};
    if (guard === undefined) throw new Error('requireScopes needs bearerAuth before it');
    if (user !== undefined && coversScope(user.scopes, scopes, guard.verifier.implies)) return next();
    const error =
      user === undefined
        ? refusal
        : new BearerError('insufficient_scope', { requiredScopes: scopes, scheme: schemeOf(user.accessToken) });
    const { resourceMetadataUrl: metadataUrl, verifier } = guard;
    answerRefusal(ctx, error, { requiredScopes: scopes, resourceMetadataUrl: metadataUrl, dpop: verifier.dpop });
  };
}

/** How the metadata document is served. */
export interface MetadataOptions extends ProtectedResourceOptions {
  /** Whether to serve it at the root too; not where several resources share an origin. */
  readonly atRoot?: boolean;
}

const METADATA_METHODS = 'GET, HEAD, OPTIONS';

/**
 * Serves the protected resource metadata (RFC 9728 §3) and passes everything else on. Stands before `bearerAuth`.
 * @throws TypeError for settings that cannot work.
 */
export function protectedResourceMetadata(options: MetadataOptions): Middleware {
  const body = JSON.stringify(protectedResourceDocument(options));
  const { path, root } = protectedResourcePaths(options.resource);
  const places = new Set([path, path.replace(/\/$/, ''), ...(options.atRoot === false ? [] : [root])]);

  return async function serveProtectedResourceMetadata(ctx, next) {
    if (!places.has(ctx.url) && !places.has(ctx.path)) return next();
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Access-Control-Expose-Headers', MCP_RESPONSE_HEADERS.join(', '));
    if (ctx.method === 'OPTIONS') {
      ctx.set('Access-Control-Allow-Methods', METADATA_METHODS);
      ctx.set('Access-Control-Allow-Headers', MCP_REQUEST_HEADERS.join(', '));
      ctx.set('Access-Control-Max-Age', '86400');
      ctx.status = 204;
    } else if (ctx.method === 'GET' || ctx.method === 'HEAD') {
      ctx.set('Cache-Control', 'public, max-age=300');
      ctx.type = 'application/json';
      ctx.body = body;
    } else {
      ctx.set('Allow', METADATA_METHODS);
      ctx.status = 405;
    }
  };
}

function answerRefusal(ctx: Context, error: unknown, options: ChallengeOptions): void {
  const answer = refusalAnswer(error, options);
  if (answer === undefined) throw error;
  ctx.status = answer.status;
  ctx.set(answer.headers);
  ctx.body = answer.body;
}

function exposeAuthInfo(req: IncomingMessage & { auth?: AuthInfo }, authInfo: AuthInfo): void {
  req.auth = authInfo;
}
