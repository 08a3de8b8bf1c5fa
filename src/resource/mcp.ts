/**
 * guardmint/resource/mcp: the validator for MCP servers built on the MCP SDK v2, which need not be installed.
 */
import { type Scope, UnavailableError } from '../oauth/index.ts';
import { type AuthInfo, createAuthInfo } from './auth-info.ts';
import { authenticate, type TokenVerifier } from './bearer.ts';
import type { ChallengeOptions } from './challenge.ts';
import { requestUrl, resourceMetadataUrl } from './protected-resource.ts';
import { refusalAnswer } from './refusal-answer.ts';
import type { Verifier } from './verifier.ts';

export type { AuthInfo } from './auth-info.ts';

/** `OAuthTokenVerifier` of both MCP SDKs. */
export interface McpTokenVerifier {
  verifyAccessToken(token: string): Promise<AuthInfo>;
}

/**
 * The verifier for `requireBearerAuth` and `verifyBearerToken` of the MCP SDK v2. What it throws is known to the SDK:
 * `invalid_token` becomes 401. Where keys cannot be had the SDK knows nothing better than 500; `bearerGate` answers 503.
 *
 * @example
 * ```ts
 * import { requireBearerAuth } from '@modelcontextprotocol/server';
 * import { mcpTokenVerifier } from 'guardmint/resource/mcp';
 *
 * const gate = requireBearerAuth({ verifier: mcpTokenVerifier(verifier), requiredScopes: ['mcp:read'] });
 * ```
 */
export function mcpTokenVerifier(verifier: Pick<Verifier, 'verifyAccessToken'>): McpTokenVerifier {
  return {
    async verifyAccessToken(token) {
      try {
        return await verifier.verifyAccessToken(token);
      } catch (error) {
        throw error instanceof UnavailableError ? new McpUnavailableError(error) : error;
      }
    },
  };
}

/** `UnavailableError` in the form the MCP SDK v2 knows, as `server_error`. */
class McpUnavailableError extends UnavailableError {
  readonly code = 'server_error';

  constructor(cause: UnavailableError) {
    super(cause.dependency, { cause, retryAfter: cause.retryAfter });
    Object.defineProperty(this, Symbol.for('mcp.sdk.errorBrands'), { value: new Set(['mcp.OAuthError']) });
  }

  toResponseObject(): { error: string; error_description: string } {
    return { error: this.code, error_description: 'The access token cannot be checked right now. Try again later.' };
  }
}

/**
 * A gate for web-standard handlers (`createMcpHandler` of the SDK v2, Hono, workers): who sent the request, or the answer
 * that refuses it. Unlike the SDK's own it answers 503 to an outage, honours scope hierarchies, and names no error to a
 * request without credentials (RFC 6750 §3.1).
 */
export function bearerGate(options: {
  verifier: TokenVerifier & Pick<Verifier, 'resource'>;
  requiredScopes?: Scope;
  resourceMetadataUrl?: string;
  /** The URL of a request as clients know it; by default the origin of the resource and the path of the request. */
  requestUrl?: (request: Request) => string;
}): (request: Request) => Promise<AuthInfo | Response> {
  const { verifier, requiredScopes = [] } = options;
  const metadataUrl = options.resourceMetadataUrl ?? resourceMetadataUrl(verifier.resource);
  const urlOf = options.requestUrl ?? ((request: Request) => requestUrl(verifier.resource, request.url));
  return async (request) => {
    try {
      const proving = { method: request.method, url: request.headers.has('dpop') ? urlOf(request) : '' };
      const user = await authenticate(request.headers, { verifier, requiredScopes, request: proving });
      return createAuthInfo(user.accessToken, verifier.implies, metadataUrl);
    } catch (error) {
      return refusalResponse(error, { requiredScopes, resourceMetadataUrl: metadataUrl, dpop: verifier.dpop });
    }
  };
}

/** The answer to what `authenticate` throws, as a web `Response`. Throws what is neither BearerError nor UnavailableError. */
export function refusalResponse(error: unknown, options: ChallengeOptions = {}): Response {
  const answer = refusalAnswer(error, options);
  if (answer === undefined) throw error;
  return Response.json(answer.body, { status: answer.status, headers: answer.headers });
}
