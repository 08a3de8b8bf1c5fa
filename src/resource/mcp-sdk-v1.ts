/**
 * guardmint/resource/mcp-sdk-v1: the validator for MCP servers built on the MCP SDK v1, an optional peer.
 *
 * The SDK v1 answers 401 only to errors that are instances of its own classes, so ours are derived from those.
 */
import {
  InsufficientScopeError,
  InvalidTokenError,
  type OAuthError,
  ServerError,
} from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { UnavailableError } from '../oauth/index.ts';
import type { McpTokenVerifier } from './mcp.ts';
import { BearerError } from './requests/bearer-error.ts';
import type { Verifier } from './tokens/verifier.ts';

type ErrorClass = new (message: string) => OAuthError;

/** The classes of `@modelcontextprotocol/sdk/server/auth/errors.js` that decide about the answer. */
export interface SdkErrorClasses {
  readonly InvalidTokenError: ErrorClass;
  readonly InsufficientScopeError: ErrorClass;
  readonly ServerError: ErrorClass;
}

/**
 * The verifier for `requireBearerAuth` of the MCP SDK v1; its errors are recognised by the SDK v2 too. `errors` is for an
 * application that loads the SDK as CommonJS, where the classes are others than those of the ES module.
 *
 * @example
 * ```ts
 * import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
 * import { mcpSdkV1Verifier } from 'guardmint/resource/mcp-sdk-v1';
 *
 * app.use(requireBearerAuth({ verifier: mcpSdkV1Verifier(verifier) }));
 * ```
 */
export function mcpSdkV1Verifier(
  verifier: Pick<Verifier, 'verifyAccessToken'>,
  errors: SdkErrorClasses = { InvalidTokenError, InsufficientScopeError, ServerError },
): McpTokenVerifier {
  return {
    async verifyAccessToken(token) {
      try {
        return await verifier.verifyAccessToken(token);
      } catch (error) {
        throw sdkError(error, errors);
      }
    },
  };
}

/** A refusal of ours as an error both MCP SDKs know: 401, 403, or 500 where the token cannot be judged. Others as they are. */
export function sdkError(
  error: unknown,
  errors: SdkErrorClasses = { InvalidTokenError, InsufficientScopeError, ServerError },
): unknown {
  if (error instanceof UnavailableError) {
    const message = 'The access token cannot be checked right now. Try again later.';
    return recognisable(new errors.ServerError(message), 'server_error');
  }
  if (!(error instanceof BearerError)) return error;
  if (error.code === 'insufficient_scope')
    return recognisable(new errors.InsufficientScopeError(error.message), error.code);
  return recognisable(new errors.InvalidTokenError(error.message), 'invalid_token');
}

/** Adds what the SDK v2 looks for: its brand and `code`. */
function recognisable(error: OAuthError, code: string): OAuthError {
  return Object.defineProperties(error, {
    code: { value: code, enumerable: true },
    [Symbol.for('mcp.sdk.errorBrands')]: { value: new Set(['mcp.OAuthError']) },
  });
}
