/**
 * guardmint/resource/mcp: the validator for MCP servers built on the MCP SDK v2, which need not be installed.
 */
import { type Scope, UnavailableError } from '../oauth/index.ts';
import type { AuthInfo } from './requests/auth-info.ts';
import type { ChallengeOptions } from './requests/challenge.ts';
import { toResponse, writeRefusal } from './requests/http-answer.ts';
import { refusalAnswer } from './requests/refusal-answer.ts';
import { type BearerAuthOptions, createAuthentication, createScopeGate } from './requests/request-gate.ts';
import type { Verifier } from './tokens/verifier.ts';

export type { RequestContext, RequestStateCodec } from './principals/request-state.ts';
export { requestStateCodec } from './principals/request-state.ts';
export type { AuthInfo } from './requests/auth-info.ts';

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
export function bearerGate(
  options: BearerAuthOptions<Request> & { requiredScopes?: Scope },
): (request: Request) => Promise<AuthInfo | Response> {
  const admit = createAuthentication(options);
  const judge = createScopeGate(options.requiredScopes ?? []);

  return async function admitBearer(request) {
    const { method, url, headers } = request;
    const admitted = await admit({ message: request, method, target: url, headers });
    if (admitted.refused !== undefined) return toResponse(admitted.refused);
    const judged = judge(request);
    if (judged.refused !== undefined) return toResponse(judged.refused);
    if (admitted.authInfo === undefined) throw new Error('a request without a user was let in');
    return admitted.authInfo;
  };
}

/** The answer to what `authenticate` throws, as a web `Response`. Throws what is neither BearerError nor UnavailableError. */
export function refusalResponse(error: unknown, options: ChallengeOptions = {}): Response {
  const answer = refusalAnswer(error, options);
  if (answer === undefined) throw error;
  return toResponse(writeRefusal(answer));
}
