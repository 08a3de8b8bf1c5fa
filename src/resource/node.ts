/**
 * guardmint/resource/node: the validator for servers of node:http, and as middleware of the form `(request, response,
 * next)` that Connect and its like take.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
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
  admissionOf,
  createAuthentication,
  createScopeGate,
} from './requests/request-gate.ts';

export { getAccessToken } from './requests/auth-context.ts';
export type { AuthInfo } from './requests/auth-info.ts';
export type { MetadataOptions } from './requests/metadata-answer.ts';
export type { OriginCheckOptions } from './requests/origin-check.ts';
export { endWithToken } from './streams/node-end-with-token.ts';
export type { StreamEndOptions } from './streams/stream-end.ts';

/** How requests are authenticated. */
export type BearerAuthOptions = AnyBearerAuthOptions<IncomingMessage>;

/** One step before the listener: it answers, or goes on by `next`. `next(error)` is for what is neither. */
export type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => unknown,
) => void | Promise<void>;

/**
 * Puts steps before a listener, the first of them first. What a step cannot answer is answered with 500 and told as a
 * warning of the process; what the listener throws stays its own.
 *
 * @example
 * ```ts
 * import { bearerAuth, protect, protectedResourceMetadata, requireScopes } from 'guardmint/resource/node';
 *
 * createServer(protect(listener, protectedResourceMetadata({ … }), bearerAuth({ verifier }), requireScopes('mcp:read')));
 * ```
 */
export function protect(listener: RequestListener, ...middleware: readonly Middleware[]): RequestListener {
  return function protectedListener(request, response) {
    const go = (index: number): unknown => {
      const step = middleware[index];
      if (step === undefined) return listener(request, response);
      return step(request, response, (error) => {
        if (error === undefined) return go(index + 1);
        process.emitWarning(error instanceof Error ? error : new Error('a step failed', { cause: error }));
        return send(response, { status: 500, headers: {} });
      });
    };
    return go(0);
  };
}

/**
 * Finds out who sends a request and goes on in any case: below it `getAccessToken()` answers the token or nothing, and
 * the MCP SDKs find `req.auth`. Only a token that cannot be judged now ends here, with 503.
 */
export function bearerAuth(options: BearerAuthOptions): Middleware {
  const admit = createAuthentication(options);

  return async function authenticateBearer(request, response, next) {
    const headers = authorizationHeaders(request.rawHeaders);
    const arriving = { message: request, method: request.method ?? '', target: targetOf(request), headers };
    const admitted = await admit(arriving).catch((error: unknown) => void next(error));
    if (admitted === undefined) return;
    if (admitted.refused !== undefined) return send(response, admitted.refused);
    setHeaders(response, admitted.headers);
    exposeAuthInfo(request, admitted.authInfo);
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

  return async function requireGrantedScopes(request, response, next) {
    let judged: ReturnType<typeof judge>;
    try {
      judged = judge(request);
    } catch (error) {
      next(error);
      return;
    }
    if (judged.refused !== undefined) return send(response, judged.refused);
    await runInAuthContext(judged.context, next);
  };
}

/**
 * Serves the protected resource metadata (RFC 9728 §3) and passes everything else on. Stands before `bearerAuth`.
 * @throws TypeError for settings that cannot work.
 */
export function protectedResourceMetadata(options: MetadataOptions): Middleware {
  const find = createMetadataAnswer(options);

  return async function serveProtectedResourceMetadata(request, response, next) {
    const found = find({ method: request.method ?? '', target: targetOf(request) });
    if (found === undefined) await next();
    else send(response, found);
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

  return async function allowListedOrigins(request, response, next) {
    const judged = judge({ method: request.method ?? '', headers: request.headers });
    if (judged.refused !== undefined) return send(response, judged.refused);
    response.appendHeader('Vary', 'Origin');
    setHeaders(response, judged.headers);
    await next();
  };
}

/** What the MCP SDKs are told of the sender of a request, as in `req.auth`; `undefined` for nobody. */
export function getAuthInfo(request: IncomingMessage): AuthInfo | undefined {
  return admissionOf(request)?.authInfo;
}

/** What was asked for, also below a router that cuts off the front of `url`. */
function targetOf(request: IncomingMessage & { originalUrl?: string }): string {
  return request.originalUrl ?? request.url ?? '';
}

function send(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  response.writeHead(status, headers);
  response.end(body);
}

function setHeaders(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

function exposeAuthInfo(
  request: IncomingMessage & { auth?: AuthInfo | undefined },
  authInfo: AuthInfo | undefined,
): void {
  request.auth = authInfo;
}
